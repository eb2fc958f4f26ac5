package main

import (
	"fmt"
	"io"

	"convgraph/cmd/internal/training"
	"convgraph/train/dataset"
)

// images is convgraph images.
type images struct {
	Out  string       `short:"o" required:"" help:"Folder to write, new or empty." placeholder:"DIR"`
	As   dataset.Form `default:"folder" enum:"folder,parquet,tar,csv" help:"Format: folder, class folders of PNG pictures; parquet, as Hugging Face's datasets; tar, as WebDataset; csv, class folders and a list of them, images.csv."`
	Data string       `type:"given" want:"a folder or files" help:"Data in any form that convgraph train -data takes; pictures are copied unchanged (default: the embedded MNIST)." placeholder:"DIR"`
	training.IDXFlags
	Seed         uint64 `default:"1" help:"Selects the test images if the data has no test part."`
	TrainSamples int    `default:"0" help:"Write only this many training images (0: all)."`
	TestSamples  int    `default:"0" help:"Write only this many test images (0: all)."`
}

// Run writes the training and the test images.
func (c *images) Run(stdout io.Writer) error {
	train, test, err := c.open()
	if err != nil {
		return err
	}
	train, test = first(train, c.TrainSamples), first(test, c.TestSamples)
	if err := dataset.ExportAs(c.As, train, test, c.Out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%d training and %d test images in %s\n", train.Len(), test.Len(), c.Out)
	return err
}

func (c *images) open() (train, test dataset.Dataset, err error) {
	if c.Data == "" || dataset.HasIDX(c.Data) {
		return openData(c.Data, c.IDXFlags)
	}
	return dataset.Open(c.Data, dataset.PictureOptions{Seed: c.Seed})
}

// first returns the first n samples, or all if n is 0.
func first(ds dataset.Dataset, n int) dataset.Dataset {
	if n == 0 {
		return ds
	}
	return dataset.Take(ds, n)
}

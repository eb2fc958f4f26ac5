package main

import (
	"fmt"
	"io"

	"convgraph/train/dataset"
)

// images is convgraph images.
type images struct {
	Out          string `short:"o" required:"" help:"Folder to write, new or empty." placeholder:"DIR"`
	Data         string `type:"given" want:"a folder" help:"Folder of IDX files as MNIST has them, gz or not; without it the embedded MNIST." placeholder:"DIR"`
	TrainSamples int    `default:"0" help:"The first so many training images; 0 is all."`
	TestSamples  int    `default:"0" help:"The first so many test images; 0 is all."`
}

// Run writes DIR/train and DIR/test, a folder a class.
func (c *images) Run(stdout io.Writer) error {
	train, test, err := openData(c.Data)
	if err != nil {
		return err
	}
	train, test = first(train, c.TrainSamples), first(test, c.TestSamples)
	if err := dataset.ExportSplit(train, test, c.Out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%d training and %d test images in %s\n", train.Len(), test.Len(), c.Out)
	return err
}

// first is the first n samples, all of them if n is 0.
func first(ds dataset.Dataset, n int) dataset.Dataset {
	if n == 0 {
		return ds
	}
	return dataset.Take(ds, n)
}

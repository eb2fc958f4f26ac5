package main

import (
	"fmt"
	"io"
	"os"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
)

// source is the data, and the network that takes it.
type source struct {
	spec        *graph.Spec
	train, test dataset.Dataset
	validation  dataset.Dataset   // nil, or what epochs are judged by
	varies      bool              // training images look different each epoch
	folders     []*dataset.Folder // what there is to say about damaged images
}

// open opens the data that -data names and declares the network for it.
func (c *command) open(r models.Recipe) (*source, error) {
	s := &source{}
	if c.Data != "" && !dataset.HasIDX(c.Data) {
		return s, c.openFolder(s, r)
	}
	return s, c.openIDX(s, r)
}

func (c *command) openIDX(s *source, r models.Recipe) (err error) {
	if s.spec, err = c.spec(0, nil); err != nil {
		return err
	}
	if c.Data == "" {
		s.train, s.test, err = mnist.Load()
	} else {
		s.train, s.test, err = dataset.OpenIDX(c.Data)
	}
	if err != nil {
		return err
	}
	s.train, s.test = first(s.train, c.TrainSamples), first(s.test, c.TestSamples)
	return c.setApart(s, r)
}

// openFolder opens class folders of images in the size the network takes.
func (c *command) openFolder(s *source, r models.Recipe) error {
	spec, err := c.spec(0, nil)
	if err != nil {
		return err
	}
	if err := classify.TakesPictures(spec); err != nil {
		return err
	}
	options := dataset.FolderOptions{Shape: spec.Input, Preprocess: classify.FolderPreprocessing(spec), Strict: c.Strict, Seed: c.Seed}
	if c.Model == "alexnet" {
		var larger []int
		options.Preprocess, larger = options.Preprocess.Uncropped(spec.Input)
		options.Shape = larger
	}
	train, test, err := dataset.OpenFolder(c.Data, options)
	if err != nil {
		return fmt.Errorf("-data: no IDX files, so taken for a folder of class folders: %w", err)
	}
	s.folders = []*dataset.Folder{train, test}
	s.spec, s.train, s.test = spec, first(dataset.Mixed(train, c.Seed), c.TrainSamples), first(dataset.Mixed(test, c.Seed), c.TestSamples)
	if err := c.setApart(s, r); err != nil {
		return err
	}
	if c.Model == "alexnet" {
		if err := c.augment(s, spec.Input[1]); err != nil {
			return err
		}
	}
	s.spec.ClassNames = train.ClassNames()
	return nil
}

// augment is AlexNet's way with images (Krizhevsky et al. 2012, sections 2 and 4.1): random crops and mirror images of a larger image to
// train on, its centre to test on, the mean colour of the training set subtracted (by the network, so that it knows it).
func (c *command) augment(s *source, side int) error {
	if !c.Quiet {
		fmt.Fprintf(os.Stderr, "measuring the colours of %d images\n", s.train.Len())
	}
	statistics, err := dataset.Measure(s.train, 0)
	if err != nil {
		return err
	}
	if s.spec, err = c.spec(s.train.Classes(), statistics); err != nil {
		return err
	}
	training, err := statistics.AlexNetTraining(side, dataset.AlexNetOptions{Mirror: c.Mirror, PCA: c.PCA})
	if err != nil {
		return err
	}
	s.varies = true
	if s.train, err = dataset.Augment(s.train, c.Seed, training, dataset.AlexNetEvaluation(side)); err != nil {
		return err
	}
	if s.validation != nil {
		if s.validation, err = dataset.Transformed(s.validation, c.Seed, dataset.AlexNetEvaluation(side)...); err != nil {
			return err
		}
	}
	s.test, err = dataset.Transformed(s.test, c.Seed, dataset.AlexNetEvaluation(side)...)
	return err
}

// spec declares the network with the initialisation that -init names: for alexnet with the flags' size and width, the data's classes and its
// mean colour.
func (c *command) spec(classes int, statistics *dataset.Statistics) (*graph.Spec, error) {
	spec, err := c.network(classes, statistics)
	if err != nil || c.Init == "" {
		return spec, err
	}
	spec.Init, err = graph.ParseInit(c.Init)
	if err != nil {
		return nil, cli.Usage{Err: fmt.Errorf("-init: %w", err)}
	}
	return spec, nil
}

func (c *command) network(classes int, statistics *dataset.Statistics) (*graph.Spec, error) {
	if c.Model != "alexnet" {
		return models.Find(c.Model)
	}
	net := models.AlexNet{Size: c.Size, Width: c.Width, Classes: classes}
	if statistics != nil {
		for _, mean := range statistics.ChannelMean {
			net.Mean = append(net.Mean, float64(mean))
		}
	}
	return net.Spec(), nil
}

// first is the first n samples, all of them if n is 0.
func first(ds dataset.Dataset, n int) dataset.Dataset {
	if n == 0 {
		return ds
	}
	return dataset.Take(ds, n)
}

// reportDamage names the images that couldn't be decoded.
func (s *source) reportDamage(w io.Writer) {
	total := 0
	for _, f := range s.folders {
		for _, d := range f.Damaged() {
			total++
			fmt.Fprintf(w, "skipped: %v\n", d)
		}
	}
	if total > 0 {
		fmt.Fprintf(w, "%d damaged images were skipped; -strict fails on the first\n", total)
	}
}

package training

import (
	"fmt"
	"io"
	"os"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/picture"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
)

// source is the data and the network for them.
type source struct {
	spec        *graph.Spec
	train, test dataset.Dataset
	validation  dataset.Dataset     // held out of the training set, or nil
	varies      bool                // training images change with each epoch
	pictures    []*dataset.Pictures // the sets that may contain corrupt images
}

// open opens the data of -data and declares the network for them.
func (c *Command) open(r models.Recipe) (*source, error) {
	s := &source{}
	if err := c.loadBase(); err != nil {
		return nil, err
	}
	if c.Data != "" && !dataset.HasIDX(c.Data) {
		return s, c.openPictures(s, r)
	}
	return s, c.openIDX(s, r)
}

func (c *Command) openIDX(s *source, r models.Recipe) (err error) {
	if s.spec, err = c.spec(0, nil); err != nil {
		return err
	}
	if c.Data == "" {
		s.train, s.test, err = mnist.Load()
	} else {
		s.train, s.test, err = c.IDXFlags.Open(c.Data, c.notes())
	}
	if err != nil {
		return err
	}
	if c.Head {
		if s.spec, err = c.spec(s.train.Classes(), nil); err != nil {
			return err
		}
	}
	if err := c.declarePreprocess(s); err != nil {
		return err
	}
	s.train, s.test = first(s.train, c.TrainSamples), first(s.test, c.TestSamples)
	return c.setApart(s, r)
}

// notes returns where remarks on the data go.
func (c *Command) notes() io.Writer {
	if c.Quiet {
		return io.Discard
	}
	return os.Stderr
}

// declarePreprocess declares in the spec how a picture becomes like the set's images: as a digit of
// MNIST if the set is MNIST, and by scaling alone otherwise.
func (c *Command) declarePreprocess(s *source) error {
	if s.spec.Preprocess != nil || classify.TakesPictures(s.spec) != nil {
		return nil
	}
	s.spec.Preprocess = &picture.Preprocessing{}
	digits := c.Data == ""
	if !digits {
		own, err := isMNIST(s.train)
		if err != nil {
			return err
		}
		digits = own
	}
	if digits {
		*s.spec.Preprocess = picture.DefaultFor(s.spec.Input)
	}
	return nil
}

// isMNIST reports whether a training set is the embedded one.
func isMNIST(set dataset.Dataset) (bool, error) {
	mnist, _, err := mnist.Load()
	if err != nil || set.Len() != mnist.Len() || !set.Shape().Eq(mnist.Shape()) {
		return false, err
	}
	theirs, err := train.Fingerprint(set)
	if err != nil {
		return false, err
	}
	ours, err := train.Fingerprint(mnist)
	return ours == theirs, err
}

// openPictures opens pictures in any form, in the size that the network takes.
func (c *Command) openPictures(s *source, r models.Recipe) error {
	spec, err := c.spec(0, nil)
	if err != nil {
		return err
	}
	if err := classify.TakesPictures(spec); err != nil {
		return err
	}
	preprocess := classify.FolderPreprocessing(spec)
	options := dataset.PictureOptions{Shape: spec.Input, Preprocess: preprocess, Strict: c.Strict, Seed: c.Seed,
		AnyPath: c.AnyPath, LabelColumn: c.LabelColumn}
	if c.crops() {
		options.Preprocess, options.Shape = preprocess.Uncropped(spec.Input)
	}
	training, test, err := dataset.Open(c.Data, options)
	if err != nil {
		return fmt.Errorf("-data: %w", err)
	}
	s.pictures = []*dataset.Pictures{training, test}
	s.spec, s.train, s.test = spec, dataset.Some(training, c.TrainSamples, c.Seed),
		dataset.Some(test, c.TestSamples, c.Seed)
	if err := c.setApart(s, r); err != nil {
		return err
	}
	switch {
	case c.crops():
		err = c.augment(s, spec.Input[1])
	case c.fineTunes, models.Takes(c.Model, "classes"):
		s.spec, err = c.spec(training.Classes(), nil)
	}
	if err != nil {
		return err
	}
	s.spec.ClassNames, s.spec.Preprocess = training.ClassNames(), &preprocess
	return nil
}

// crops reports whether training images are crops of larger ones, as AlexNet's are.
func (c *Command) crops() bool { return !c.fineTunes && models.Takes(c.Model, "mean") }

// augment trains as AlexNet's authors did (Krizhevsky et al. 2012, sections 2 and 4.1): on random
// crops and mirror images of a larger image, tested on its center. The network subtracts the
// training set's mean colour, which its spec holds.
func (c *Command) augment(s *source, side int) error {
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
	if c.Cutout > 0 {
		training = append(training, dataset.Cutout{Size: c.Cutout})
	}
	s.varies = true
	if s.train, err = dataset.Augment(s.train, c.Seed, training, dataset.AlexNetEvaluation(side)); err != nil {
		return err
	}
	if s.validation != nil {
		if s.validation, err = dataset.Transformed(s.validation, c.Seed,
			dataset.AlexNetEvaluation(side)...); err != nil {
			return err
		}
	}
	s.test, err = dataset.Transformed(s.test, c.Seed, dataset.AlexNetEvaluation(side)...)
	return err
}

// spec declares the network with the initialisation of -init. For alexnet it uses the flags' size
// and width, the number of classes and the mean colour of the data.
func (c *Command) spec(classes int, statistics *dataset.Statistics) (*graph.Spec, error) {
	spec, err := c.network(classes, statistics)
	if err != nil {
		return nil, err
	}
	if c.Loss != "" {
		spec.Loss = graph.Loss(c.Loss)
	}
	if c.Init == "" {
		return spec, nil
	}
	spec.Init, err = graph.ParseInit(c.Init)
	if err != nil {
		return nil, cli.Usage{Err: fmt.Errorf("-init: %w", err)}
	}
	return spec, nil
}

func (c *Command) network(classes int, statistics *dataset.Statistics) (*graph.Spec, error) {
	switch {
	case c.fineTunes:
		return c.fineTuned(classes)
	case models.IsFile(c.Model):
		return models.Find(c.Model)
	}
	options := models.Options{Classes: classes, Size: c.Size, Width: c.Width}
	if statistics != nil {
		for _, mean := range statistics.ChannelMean {
			options.Mean = append(options.Mean, float64(mean))
		}
	}
	return models.Build(c.Model, options)
}

// first returns the first n samples, or all if n is 0.
func first(ds dataset.Dataset, n int) dataset.Dataset {
	if n == 0 {
		return ds
	}
	return dataset.Take(ds, n)
}

// reportLeftOut names what the data contain besides the set.
func (s *source) reportLeftOut(w io.Writer) {
	for _, line := range dataset.LeftOutLines(s.pictures...) {
		fmt.Fprintln(w, line)
	}
}

// reportCorrupt names the images that couldn't be read, and what was left out.
func (s *source) reportCorrupt(w io.Writer) {
	s.reportLeftOut(w)
	total := 0
	for _, f := range s.pictures {
		for _, d := range f.CorruptImages() {
			total++
			fmt.Fprintf(w, "skipped: %v\n", d)
		}
	}
	if total > 0 {
		fmt.Fprintf(w, "%d corrupt images were skipped; -strict fails on the first\n", total)
	}
}

package main

import (
	"fmt"
	"io"
	"slices"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
)

// predict is convgraph predict.
type predict struct {
	Params string   `arg:"" help:"A trained model's params.safetensors, or squeezenet (built in). If this is a picture or a folder, squeezenet classifies it."`
	Images []string `arg:"" optional:"" name:"image" help:"Pictures to classify, and folders of pictures with all their subfolders."`
	Net    string   `type:"given" want:"squeezenet or a parameter file" help:"The model, instead of PARAMS: squeezenet or a params.safetensors." placeholder:"NET"`
	pictureFlags

	Top       int      `default:"3" help:"Number of classes to print for each picture."`
	AtLeast   *float64 `help:"Print only pictures whose top class has at least this probability." placeholder:"P"`
	Below     *float64 `help:"Print only pictures whose top class has less than this probability, to review them." placeholder:"P"`
	Threshold *float64 `help:"Print the labels with a higher probability than this, for a multi-label model (default 0.5)." placeholder:"P"`

	JSON      bool `name:"json" xor:"form" help:"Print a JSON array with an object for each image that could be read."`
	JSONLines bool `name:"json-lines" xor:"form" help:"Print a JSON object on each line, as soon as it is known."`
	CSV       bool `name:"csv" xor:"form" help:"Print CSV: image, class, name, probability, then the next classes."`

	Embed string `type:"given" want:"a layer" help:"Also write this layer's output to -o: an array with a row for each printed picture." placeholder:"LAYER"`
	Out   string `short:"o" type:"given" want:"a file" help:"NumPy .npy file for -embed." placeholder:"X.npy"`
}

// Help returns the text below a command's usage.
func (predict) Help() string {
	return `Prints a line for each IMAGE: the top class with its probability, the next two classes, and the ink of a ` +
		`digit. An IMAGE that can't be read is reported on stderr, and the exit code is then 1. "convgraph predict ` +
		`photo.jpg" classifies a photograph into ImageNet's 1000 classes by the built-in SqueezeNet 1.0 (S. Han et ` +
		`al., BSD license; pretrained/README.md).

` + picturesHelp
}

// Run predicts the pictures in order. A picture that can't be read doesn't stop it.
func (c *predict) Run(stdout io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	net, images := c.named()
	if len(images) == 0 {
		return cli.Usagef("no pictures: want at least one, or a folder")
	}
	m, err := loadFinite(net)
	if err != nil {
		return err
	}
	preprocess, err := c.preprocessing(m.Spec())
	if err != nil {
		return err
	}
	if err := c.checkModel(m); err != nil {
		return err
	}
	paths, err := picturePaths(images)
	if err != nil {
		return err
	}
	w, err := c.writer(stdout, m, len(paths))
	if err != nil {
		return err
	}
	bad := cli.Failures{}
	bar := newBar(len(paths), "pictures")
	for s := range readSamples(paths, preprocess, m.Spec().Input) {
		for _, err := range s.bad {
			bad = append(bad, err)
		}
		if err := c.answer(m, w, s); err != nil {
			return append(bad, err)
		}
		bar.add(len(s.paths) + len(s.bad))
	}
	bar.end()
	if err := w.end(); err != nil {
		return append(bad, err)
	}
	return bad.OrNil()
}

// named returns the network and the pictures that the arguments name.
func (c *predict) named() (net string, images []string) {
	switch {
	case c.Net != "":
		return c.Net, append([]string{c.Params}, c.Images...)
	case isPicture(c.Params):
		return squeezeNet, append([]string{c.Params}, c.Images...)
	}
	return c.Params, c.Images
}

func (c *predict) check() error {
	if c.Top < 1 {
		return cli.Usagef("-top: got %d, want at least 1", c.Top)
	}
	for _, share := range []struct {
		flag string
		p    *float64
	}{{"at-least", c.AtLeast}, {"below", c.Below}, {"threshold", c.Threshold}} {
		if share.p != nil && !(*share.p >= 0 && *share.p <= 1) {
			return cli.Usagef("-%s: got %g, want 0 to 1", share.flag, *share.p)
		}
	}
	if (c.Embed == "") != (c.Out == "") {
		return cli.Usagef("got one of -embed and -o, want both, or neither")
	}
	return nil
}

// checkModel refuses flags that don't suit the model.
func (c *predict) checkModel(m *graph.Model) error {
	if err := classify.TakesPictures(m.Spec()); err != nil {
		return err
	}
	if (c.AtLeast != nil || c.Below != nil) && !m.HasProbabilities() {
		return cli.Usagef("-at-least and -below are for models that give probabilities: %q gives numbers",
			m.Spec().Name)
	}
	if c.Threshold != nil && !(m.HasProbabilities() && m.TrainingLoss() == graph.BinaryCrossEntropy) {
		return cli.Usagef("-threshold is for multi-label models: %q isn't one; -at-least and -below choose pictures",
			m.Spec().Name)
	}
	return nil
}

// answer predicts some of the pictures and writes those that the flags select.
func (c *predict) answer(m *graph.Model, w *predictionWriter, s samples) error {
	outputs := make([]float32, len(s.paths)*m.Classes())
	if err := m.OutputsInto(outputs, s.pixels); err != nil {
		return err
	}
	var wanted []int
	for i, path := range s.paths {
		row := outputs[i*m.Classes():][:m.Classes()]
		if err := classify.CheckFinite(row); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !c.wants(m, row) {
			continue
		}
		wanted = append(wanted, i)
		if err := w.write(c.prediction(m, path, s, i, row), row); err != nil {
			return err
		}
	}
	return w.embed(m, s, wanted)
}

// wants reports whether the top class's probability is within -at-least and -below.
func (c *predict) wants(m *graph.Model, outputs []float32) bool {
	if !m.HasProbabilities() {
		return true
	}
	surest := float64(slices.Max(outputs))
	return (c.AtLeast == nil || surest >= *c.AtLeast) && (c.Below == nil || surest < *c.Below)
}

func (c *predict) prediction(m *graph.Model, path string, s samples, i int, outputs []float32) *classify.Prediction {
	p := classify.NewPrediction(m, path, s.inks[i], outputs)
	if p.Guess != nil {
		p.Top = classify.Top(m.Spec(), outputs, c.Top)
		p.Guess = &p.Top[0]
	}
	if c.Threshold != nil {
		p.Labels = classify.LabelsAbove(m.Spec(), outputs, float32(*c.Threshold))
	}
	return p
}

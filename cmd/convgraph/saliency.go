package main

import (
	"fmt"
	"io"
	"path/filepath"

	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/picture"
	"convgraph/viz"
)

// saliency is convgraph saliency.
type saliency struct {
	Params string  `arg:"" help:"The params.safetensors of a model."`
	Image  string  `arg:"" help:"Picture to show the model."`
	Out    pngFile `short:"o" required:"" help:"Picture to write." placeholder:"PNG"`
	Class  *int    `help:"Explain this class instead of the predicted one." placeholder:"N"`
	JSON   bool    `name:"json" help:"The prediction as JSON."`
	pictureFlags
}

// decision is what saliency -json prints.
type decision struct {
	*classify.Prediction           // nil if the model has no probabilities
	Outputs              []float32 `json:"outputs,omitempty"` // of a model that gives numbers instead
	HeatOf               int       `json:"heat_of"`           // the class that the picture explains
}

// Help is the longer help.
func (saliency) Help() string {
	return `Which pixels the decision hangs on: the gradient of the winning class's score (before softmax or sigmoid) with respect to every pixel, its size as heat; of ` +
		`a colour image the largest of the three channels (Simonyan, Vedaldi and Zisserman 2013).

` + picturesHelp
}

// Run draws the heat.
func (c *saliency) Run(stdout io.Writer) error {
	m, err := graph.Load(c.Params)
	if err != nil {
		return err
	}
	if c.Class != nil && (*c.Class < 0 || *c.Class >= m.Classes()) {
		return cli.Usagef("-class is %d: model %q has classes 0 to %d", *c.Class, m.Spec().Name, m.Classes()-1)
	}
	if shape := m.LogitsNode().Shape; shape.Dims() != 1 {
		return fmt.Errorf("model %q gives maps (%s): a picture of what it hangs on needs single outputs", m.Spec().Name, shapeText(shape))
	}
	s, err := c.read(m, c.Image)
	if err != nil {
		return err
	}
	a, err := newAnswer(m, c.Image, s)
	if err != nil {
		return err
	}
	class := a.class()
	if c.Class != nil {
		class = *c.Class
	}
	heat, err := heatOf(m, s, class)
	if err != nil {
		return err
	}
	input, err := pictureOf(s.Pixels, m.Spec().Input)
	if err != nil {
		return err
	}
	note := "predicted " + a.text
	if class != a.class() || a.independent(m) {
		note += fmt.Sprintf("; the heat is for %s", classify.ClassName(m.Spec(), class))
	}
	err = viz.WritePNG(string(c.Out), viz.Saliency{
		Title: fmt.Sprintf("%s on %s: what it hangs on", m.Spec().Name, filepath.Base(c.Image)),
		Input: input, Heat: heat, Unit: "|∂ score / ∂ pixel|", Note: note,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(stdout, decision{a.prediction, a.values, class})
	}
	_, err = fmt.Fprintln(stdout, note)
	return err
}

// heatOf is the size of the gradient of a class's score at every pixel.
func heatOf(m *graph.Model, s *picture.Sample, class int) (viz.Planes, error) {
	a, err := m.NewAscent(m.LogitsNode().Name, class)
	if err != nil {
		return viz.Planes{}, err
	}
	defer a.Close()
	_, gradient, err := a.Run(asBatch(s.Pixels, m.Spec().Input))
	if err != nil {
		return viz.Planes{}, err
	}
	return largestOfChannels(gradient), nil
}

func largestOfChannels(gradient *tensor.Dense) viz.Planes {
	g := planes(gradient.Float32s(), gradient.Shape()[1:])
	heat := viz.Planes{Count: 1, Height: g.Height, Width: g.Width, Data: make([]float32, g.Height*g.Width)}
	for channel := range g.Count {
		for i, v := range g.Plane(channel) {
			heat.Data[i] = max(heat.Data[i], v, -v)
		}
	}
	return heat
}

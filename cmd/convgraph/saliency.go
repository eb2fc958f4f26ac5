package main

import (
	"fmt"
	"io"
	"path/filepath"

	"convgraph/classify"
	"convgraph/insight"
	"convgraph/internal/cli"
	"convgraph/viz"
)

// saliency is convgraph saliency.
type saliency struct {
	Params string  `arg:"" help:"A model's params.safetensors, or squeezenet (built in)."`
	Image  string  `arg:"" help:"The picture."`
	Out    pngFile `short:"o" required:"" help:"Picture to write." placeholder:"PNG"`
	Class  *int    `help:"Explain this class instead of the predicted one." placeholder:"N"`

	Method  string  `default:"gradient" enum:"${methods}" help:"Method: ${methods}."`
	Layer   string  `type:"given" want:"a layer with maps" help:"Layer whose maps grad-cam uses (default: the last maps before the classes)." placeholder:"NAME"`
	Steps   int     `default:"50" help:"Steps of integrated-gradients."`
	Samples int     `default:"30" help:"Noisy copies for smoothgrad."`
	Noise   float64 `default:"0.15" help:"Standard deviation of smoothgrad's noise, relative to the range of the picture's values."`
	Seed    uint64  `default:"1" help:"Seed of smoothgrad's noise."`
	Window  int     `default:"0" help:"Side of occlusion's blank square in pixels (0: a sixth of the picture)."`
	Stride  int     `default:"0" help:"Pixels between occlusion's squares (0: a third of the window)."`

	JSON bool `name:"json" help:"Print the prediction as JSON."`
	pictureFlags
}

// decision is what saliency -json prints.
type decision struct {
	*classify.Prediction           // nil without probabilities
	Outputs              []float32 `json:"outputs,omitempty"` // without probabilities
	HeatOf               int       `json:"heat_of"`           // the explained class
}

// Help returns the text below a command's usage.
func (saliency) Help() string {
	return `Draws heat over the picture where the class's score, before softmax or sigmoid, depends on it.

gradient: the absolute gradient of the score with respect to each pixel, the largest of the color channels ` +
		`(Simonyan, Vedaldi and Zisserman 2013). grad-cam: a late layer's maps, weighted by the score's gradient; ` +
		`coarse, and easy to read (Selvaraju et al. 2017). integrated-gradients: the mean gradient on the line from ` +
		`a blank picture, times the difference from it; red speaks for the class, blue against it (Sundararajan, ` +
		`Taly and Yan 2017). smoothgrad: the mean gradient of noisy copies (Smilkov et al. 2017). occlusion: how ` +
		`much the score falls when a square is blank (Zeiler and Fergus 2014). Blank is the mean color if the ` +
		`preprocessing subtracts one, else black.

` + picturesHelp
}

// heatUnits name what each method's heat measures.
var heatUnits = map[insight.Method]string{
	insight.Gradient:            "|∂ score / ∂ pixel|",
	insight.GradCAM:             "Grad-CAM",
	insight.IntegratedGradients: "share of the score",
	insight.SmoothGrad:          "|mean ∂ score / ∂ pixel|",
	insight.Occlusion:           "fall of the score",
}

// clips are the shares of hottest pixels to draw in one color, for methods with scattered heat.
var clips = map[insight.Method]float64{
	insight.Gradient: 0.005, insight.IntegratedGradients: 0.01, insight.SmoothGrad: 0.01,
}

func (c *saliency) check() error {
	switch {
	case c.Steps < 1:
		return cli.Usagef("-steps: got %d, want at least 1", c.Steps)
	case c.Samples < 1:
		return cli.Usagef("-samples: got %d, want at least 1", c.Samples)
	case !(c.Noise > 0):
		return cli.Usagef("-noise: got %g, want more than 0", c.Noise)
	case c.Window < 0 || c.Stride < 0:
		return cli.Usagef("-window and -stride: got %d and %d, want at least 0", c.Window, c.Stride)
	case c.Layer != "" && insight.Method(c.Method) != insight.GradCAM:
		return cli.Usagef("-layer is for -method %s, got %s", insight.GradCAM, c.Method)
	}
	return nil
}

func (c *saliency) options() insight.Options {
	return insight.Options{
		Layer: c.Layer, Steps: c.Steps, Samples: c.Samples, Noise: c.Noise, Seed: c.Seed,
		Window: c.Window, Stride: c.Stride,
	}
}

// Run draws the heat.
func (c *saliency) Run(stdout io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	m, err := loadFinite(c.Params)
	if err != nil {
		return err
	}
	if c.Class != nil && (*c.Class < 0 || *c.Class >= m.Classes()) {
		return cli.Usagef("-class is %d: model %q has classes 0 to %d", *c.Class, m.Spec().Name, m.Classes()-1)
	}
	if shape := m.LogitsNode().Shape; shape.Dims() != 1 {
		return fmt.Errorf("model %q gives maps (%s): want single outputs to explain", m.Spec().Name, shapeText(shape))
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
	method := insight.Method(c.Method)
	heat, err := method.Heat(m, s.Pixels, class, c.options())
	if err != nil {
		return err
	}
	input, err := pictureOf(m.Spec(), s.Pixels)
	if err != nil {
		return err
	}
	note := "predicted " + a.text
	if class != a.class() || a.independent(m) {
		note += fmt.Sprintf("; heat for %s", classify.ClassName(m.Spec(), class))
	}
	err = viz.WritePNG(string(c.Out), viz.Saliency{
		Title: fmt.Sprintf("%s on %s: the pixels that decide (%s)", m.Spec().Name, filepath.Base(c.Image), c.Method),
		Input: input, Heat: heatPlanes(heat), Unit: heatUnits[method], Note: note, Clip: clips[method],
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

func heatPlanes(h *insight.Heat) viz.Planes {
	return viz.Planes{Count: 1, Height: h.Height, Width: h.Width, Data: h.Values}
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/cmd/internal/training"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/train/dataset"
	"convgraph/viz"
)

// maximize is convgraph maximize.
type maximize struct {
	Params string  `arg:"" help:"A model's params.safetensors, or squeezenet (built in)."`
	Layer  string  `required:"" help:"The unit's layer, as convgraph summary lists it." placeholder:"NAME"`
	Unit   int     `required:"" help:"The unit, from 0: a map, or an output of a layer without maps." placeholder:"K"`
	Out    pngFile `short:"o" required:"" help:"Picture to write." placeholder:"PNG"`
	Data   string  `type:"given" want:"a folder or files" help:"Data whose training images are searched, in any form that convgraph train -data takes (default: the embedded MNIST)." placeholder:"PATH"`
	training.IDXFlags
	Images int     `default:"0" help:"Search only this many training images, from the first (0: all)."`
	Steps  int     `default:"200" help:"Steps of gradient ascent."`
	Rate   float64 `default:"0.05" help:"Length of the first step: the root mean square change of the pixels, which range from 0 to 1."`
	Blur   float64 `default:"0.1" help:"Blur of the first step: the share of a pixel that its neighbours get."`
	Seed   uint64  `default:"1" help:"Seed of the noise that the ascent starts from. It also selects the test images if the data has no test part: give the training's -seed."`
	JSON   bool    `name:"json" help:"Print the responses as JSON."`
}

// excitement is what maximize -json prints.
type excitement struct {
	Layer  string       `json:"layer"`
	Unit   int          `json:"unit"`
	Ascent float64      `json:"ascent"`           // the response to the painted input
	Images []excitation `json:"images,omitempty"` // the training images that excite the unit most
}

// Help returns the text below a command's usage.
func (maximize) Help() string {
	return `Draws the input that excites a unit most, found by gradient ascent, and the nine training images that ` +
		`excite it most. A map's response is its middle value in the ascent, and its largest value for a training ` +
		`image. The same arguments give the same picture.`
}

func (c *maximize) check() error {
	switch {
	case c.Steps < 1:
		return cli.Usagef("-steps is %d: want at least 1", c.Steps)
	case !(c.Rate > 0):
		return cli.Usagef("-rate is %g: want more than 0", c.Rate)
	case !(c.Blur >= 0 && c.Blur <= 1):
		return cli.Usagef("-blur is %g: want 0 to 1", c.Blur)
	case c.Images < 0:
		return cli.Usagef("-images is %d: want at least 0", c.Images)
	}
	return nil
}

// Run ascends, searches the images and draws.
func (c *maximize) Run(stdout io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	m, err := loadFinite(c.Params)
	if err != nil {
		return err
	}
	if err := checkUnit(m, c.Layer, c.Unit); err != nil {
		return err
	}
	ideal, answer, err := ascent{steps: c.Steps, rate: c.Rate, blur: c.Blur, seed: c.Seed}.climb(m, c.Layer, c.Unit)
	if err != nil {
		return err
	}
	portrait := viz.Portrait{
		Title:   fmt.Sprintf("%s, %s, unit %d", m.Spec().Name, c.Layer, c.Unit),
		Caption: fmt.Sprintf("by gradient ascent: %.4g", answer),
	}
	if portrait.Ideal, err = planes(ideal.Float32s(), m.Spec().Input).Image(viz.Range{Min: 0, Max: 1}); err != nil {
		return err
	}
	best, err := c.addImages(&portrait, m)
	if err != nil {
		return err
	}
	if err := viz.WritePNG(string(c.Out), portrait); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(stdout, excitement{c.Layer, c.Unit, answer, best})
	}
	_, err = fmt.Fprintf(stdout, "%s, unit %d: %.4g by gradient ascent; %s\n", c.Layer, c.Unit, answer, portrait.Note)
	return err
}

// checkUnit returns an error if the model has no such unit.
func checkUnit(m *graph.Model, layer string, unit int) error {
	var names []string
	for _, n := range m.Nodes() {
		names = append(names, n.Name)
		if n.Name != layer {
			continue
		}
		if unit < 0 || unit >= n.Shape[0] {
			return cli.Usagef("-unit is %d: layer %q of model %q has units 0 to %d", unit, layer, m.Spec().Name,
				n.Shape[0]-1)
		}
		return nil
	}
	return cli.Usagef("-layer is %q: the layers of model %q are %v", layer, m.Spec().Name, names)
}

// addImages adds the training images that excite the unit most, and returns them. There are none
// for a model of other images than MNIST's without -data.
func (c *maximize) addImages(p *viz.Portrait, m *graph.Model) ([]excitation, error) {
	opened, err := (&evaluated{Data: c.Data, IDXFlags: c.IDXFlags, Train: true, Seed: c.Seed}).open(m)
	if err != nil {
		return nil, err
	}
	defer opened.reportCorrupt(os.Stderr)
	set := opened.Dataset
	if input := m.Spec().Input; !set.Shape().Eq(input) {
		if c.Data != "" {
			return nil, fmt.Errorf("model %q takes %s, the images in %s are %s", m.Spec().Name, shapeText(input),
				c.Data, shapeText(set.Shape()))
		}
		p.Note = "no training images: give -data for a model of other images than MNIST's"
		return nil, nil
	}
	set = first(set, c.Images)
	best, err := mostExciting(m, c.Layer, c.Unit, set)
	if err != nil {
		return nil, err
	}
	if len(best) == 0 {
		p.Note = fmt.Sprintf("all %d training images excite it alike", set.Len())
		return nil, nil
	}
	pixels := make([]float32, set.Shape().TotalSize())
	for _, e := range best {
		if _, err := set.Sample(e.Index, pixels); err != nil {
			return nil, err
		}
		img, err := pictureOf(m.Spec(), pixels)
		if err != nil {
			return nil, err
		}
		p.Items = append(p.Items, viz.Item{Image: img, Caption: fmt.Sprintf("%.4g\nNo. %d", e.Answer, e.Index)})
	}
	p.Note = fmt.Sprintf("the %d of %d training images that excite it most: %.4g to %.4g", len(best), set.Len(),
		best[0].Answer, best[len(best)-1].Answer)
	return best, nil
}

// excitation is a unit's response to an image of a set.
type excitation struct {
	Index  int     `json:"index"` // in the set, from 0
	Answer float64 `json:"answer"`
}

// mostExciting returns the nine images that excite a unit most, the most exciting first. There are
// none if the unit's response is the same for all images.
func mostExciting(m *graph.Model, layer string, unit int, set dataset.Dataset) ([]excitation, error) {
	const most = 9
	part, err := m.UpTo(layer)
	if err != nil {
		return nil, err
	}
	shape := part.Output().Shape
	var all []excitation
	for b, err := range dataset.InOrder(set, 256) {
		if err != nil {
			return nil, err
		}
		output, err := part.Predict(tensor.New(
			tensor.WithShape(append(tensor.Shape{len(b.Labels)}, set.Shape()...)...), tensor.WithBacking(b.X)))
		if err != nil {
			return nil, err
		}
		values := output.Float32s()
		for i, index := range b.Indices {
			all = append(all, excitation{index, largest(planes(values[i*shape.TotalSize():][:shape.TotalSize()],
				shape).Plane(unit))})
		}
	}
	slices.SortStableFunc(all, func(a, b excitation) int { return cmp.Compare(b.Answer, a.Answer) })
	if len(all) == 0 || all[0].Answer == all[len(all)-1].Answer {
		return nil, nil
	}
	return all[:min(most, len(all))], nil
}

func largest(values []float32) float64 { return float64(slices.Max(values)) }

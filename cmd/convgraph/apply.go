package main

import (
	"fmt"
	"image"
	"io"
	"path/filepath"
	"slices"

	"golang.org/x/image/draw"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/picture"
	"convgraph/viz"
)

// apply is convgraph apply.
type apply struct {
	Params string  `arg:"" help:"The params.safetensors of a model that starts with a convolution, or squeezenet (built in)."`
	Image  string  `arg:"" optional:"" help:"Picture to apply the filters to (default: a test image with edges of every direction)."`
	Out    pngFile `short:"o" required:"" help:"Picture to write." placeholder:"PNG"`
	Filter []int   `help:"Show only these filters, in this order: 14,24." placeholder:"N,…"`
	Most   int     `default:"64" help:"Show at most this many filters."`
	Sort   string  `enum:"orientation,number" default:"orientation" help:"orientation: vertical edges first, then horizontal, diagonal, and blobs; number: by index."`
}

// Help returns the text below a command's usage.
func (apply) Help() string {
	return `Shows each filter of the first convolution beside its response to IMAGE, as the book does: no bias, ` +
		`stride 1, no padding, no activation. White is where the picture resembles the filter, black where it ` +
		`resembles its negative. Each filter has its number and the edges it responds to most: vertical, horizontal, ` +
		`diagonal, or blob if it prefers none, by its response to waves of all directions. A picture with a side ` +
		`above 512 pixels is scaled down.`
}

// longestApplied bounds time and memory: the responses of 96 filters to 512x512 pixels take 100 MB.
const longestApplied = 512

// Run draws the responses.
func (c *apply) Run(stdout io.Writer) error {
	if c.Most < 1 {
		return cli.Usagef("-most is %d: want at least 1", c.Most)
	}
	m, err := loadFinite(c.Params)
	if err != nil {
		return err
	}
	conv, normalize, err := firstConvolution(m)
	if err != nil {
		return err
	}
	name, img, err := c.image()
	if err != nil {
		return err
	}
	shown := reduced(img, longestApplied)
	if shown.Bounds().Size() != img.Bounds().Size() {
		fmt.Fprintf(stdout, "%s: %d×%d pixels reduced to %d×%d\n", name,
			img.Bounds().Dx(), img.Bounds().Dy(), shown.Bounds().Dx(), shown.Bounds().Dy())
	}
	title := fmt.Sprintf("%s, %s applied to %s", m.Spec().Name, conv.node.Name, name)
	all := conv.filters()
	numbers, note, err := c.numbers(all)
	if err != nil {
		return err
	}
	title += note
	f := picked(all, numbers)
	seen := channelsOf(shown, f.In)
	answers, err := respond(f, normalize, seen)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	input, err := seen.Image(viz.Range{Min: 0, Max: 1})
	if err != nil {
		return err
	}
	return viz.WritePNG(string(c.Out), viz.Responses{Title: title, Input: input, Filters: f, Maps: answers,
		Numbers: numbers, Named: true})
}

// numbers returns the indices of the filters to show, in order, and a note for the title.
func (c *apply) numbers(f viz.Filters) (numbers []int, note string, err error) {
	for _, n := range c.Filter {
		if n < 0 || n >= f.Out {
			return nil, "", cli.Usagef("-filter has %d: there are filters 0 to %d", n, f.Out-1)
		}
	}
	if len(c.Filter) > 0 {
		return c.Filter, "", nil
	}
	numbers = make([]int, f.Out)
	for i := range numbers {
		numbers[i] = i
	}
	if c.Most < f.Out {
		numbers, note = numbers[:c.Most], fmt.Sprintf(", the first %d of %d filters", c.Most, f.Out)
	}
	if c.Sort == "orientation" {
		viz.ByOrientation(f, numbers)
	}
	return numbers, note, nil
}

// picked returns the filters with these indices.
func picked(f viz.Filters, numbers []int) viz.Filters {
	some := viz.Filters{Out: len(numbers), In: f.In, Height: f.Height, Width: f.Width}
	for _, n := range numbers {
		some.Data = append(some.Data, f.Filter(n).Data...)
	}
	return some
}

func (c *apply) image() (name string, img image.Image, err error) {
	if c.Image == "" {
		return "a test image", viz.TestPattern(), nil
	}
	img, err = picture.Read(c.Image)
	return filepath.Base(c.Image), img, err
}

// firstConvolution returns the model's first convolution, and the layers that normalize the image
// before it.
func firstConvolution(m *graph.Model) (conv *convolution, normalize []graph.Part, err error) {
	if conv, err = findConvolution(m, ""); err != nil {
		return nil, nil, err
	}
	for n := conv.node.Inputs[0]; !n.IsInput(); n = n.Inputs[0] {
		if _, ok := n.Layer.(graph.Normalize); !ok {
			return nil, nil, fmt.Errorf("model %q has %s before its first convolution: its filters don't see the image",
				m.Spec().Name, layerText(n))
		}
		normalize = append(normalize, n.Layer)
	}
	slices.Reverse(normalize)
	if conv.channels() != 1 && conv.channels() != 3 {
		return nil, nil,
			fmt.Errorf("model %q: filters of %d channels: want 1 (grey) or 3 (colour) to apply them to an image",
				m.Spec().Name, conv.channels())
	}
	return conv, normalize, nil
}

func channelsOf(img image.Image, channels int) viz.Planes {
	if channels == 1 {
		return viz.GreyPlane(img)
	}
	return viz.RGBPlanes(img)
}

// respond convolves the image by a network of one convolution.
func respond(f viz.Filters, normalize []graph.Part, img viz.Planes) (viz.Planes, error) {
	layer := graph.Conv2D{Name: "filters", Filters: f.Out, Kernel: graph.Pair{f.Height, f.Width}}
	input := tensor.Shape{img.Count, img.Height, img.Width}
	m, err := graph.New(graph.Sequential("apply", input, graph.He(), graph.Serial(normalize...), layer))
	if err != nil {
		return viz.Planes{}, err
	}
	err = m.SetParams([]formats.Array{
		{Name: "filters.weight", Value: tensor.New(tensor.WithShape(f.Out, f.In, f.Height, f.Width),
			tensor.WithBacking(f.Data))},
		{Name: "filters.bias", Value: tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(f.Out))},
	})
	if err != nil {
		return viz.Planes{}, err
	}
	answers, err := m.Predict(asBatch(img.Data, input))
	if err != nil {
		return viz.Planes{}, err
	}
	return viz.Planes{Count: f.Out, Height: img.Height - f.Height + 1, Width: img.Width - f.Width + 1,
		Data: answers.Float32s()}, nil
}

// reduced scales an image down to the given length of the longer side.
func reduced(img image.Image, longest int) image.Image {
	b := img.Bounds()
	longer := max(b.Dx(), b.Dy())
	if longer <= longest {
		return img
	}
	small := image.NewRGBA(image.Rect(0, 0, max(1, b.Dx()*longest/longer), max(1, b.Dy()*longest/longer)))
	draw.BiLinear.Scale(small, small.Bounds(), img, b, draw.Src, nil)
	return small
}

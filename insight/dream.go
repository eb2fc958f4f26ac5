package insight

import (
	"fmt"
	"image"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/picture"
)

// DreamOptions are the settings of [Dream]. The zero value has usable defaults.
type DreamOptions struct {
	Steps int     // of gradient ascent; 0 is 160
	Rate  float64 // of Adam; 0 is 0.05
	Seed  uint64  // of the noise it begins with, and of the moves
	Side  int     // the longest side of the picture that is painted; 0 is 128

	Preprocessing picture.Preprocessing // of the model's pictures
}

// A Picture has intensities from 0 to 1 in planes: 1 is gray, 3 are red, green and blue.
type Picture struct {
	Channels, Height, Width int
	Values                  []float32
	Answer                  float64 // of the unit
}

// Dream paints the picture that excites a unit most, cut to the unit's receptive field. It ascends
// the gradient with respect to the picture's frequencies, and moves the picture a little in each
// step (Olah, Mordvintsev and Schubert 2017). A unit of a layer with maps is the middle cell of a
// map, with the cells around it if its receptive field is large; a class whose score is the mean of
// a map is that mean. The same options give the same picture.
func Dream(m *graph.Model, layer string, unit int, o DreamOptions) (*Picture, error) {
	if m.Dtype() != tensor.Float32 {
		return nil, fmt.Errorf("model %q is of %v, want float32", m.Spec().Name, m.Dtype())
	}
	if err := picture.TakesPictures(m.Spec().Input); err != nil {
		return nil, fmt.Errorf("model %q takes no pictures: %w", m.Spec().Name, err)
	}
	n, err := m.Node(layer)
	if err != nil {
		return nil, err
	}
	if unit < 0 || unit >= n.Shape[0] {
		return nil, fmt.Errorf("model %q: layer %q has units 0 to %d, there is no %d", m.Spec().Name, layer,
			n.Shape[0]-1, unit)
	}
	d := &dreamer{DreamOptions: o.withDefaults(), source: SourceOf(n, unit),
		random: rand.New(rand.NewPCG(o.Seed, uint64(unit)))}
	if err := d.prepare(m); err != nil {
		return nil, err
	}
	defer d.pullback.Close()
	return d.paint()
}

func (o DreamOptions) withDefaults() DreamOptions {
	if o.Steps <= 0 {
		o.Steps = 160
	}
	if !(o.Rate > 0) {
		o.Rate = 0.05
	}
	if o.Side <= 0 {
		o.Side = 128
	}
	return o
}

// A Source is the unit that a unit is computed from, before rectifiers: where those give 0, their
// gradient doesn't show the way up.
type Source struct {
	Node *graph.Node
	Unit int
	Mean bool // of the map, not its middle cell
}

// SourceOf returns the unit before activations, dropout, means of maps and concatenations.
func SourceOf(n *graph.Node, unit int) Source {
	s := Source{Node: n, Unit: unit}
	for {
		in := s.Node.Inputs[0]
		switch s.Node.Layer.(type) {
		case graph.GlobalAvgPool:
			s.Mean = true
		case graph.Concat:
			for i := 0; s.Unit >= in.Shape[0]; i++ {
				s.Unit -= in.Shape[0]
				in = s.Node.Inputs[i+1]
			}
		case graph.ActivationFunction, graph.Dropout, graph.Softmax:
		default:
			return s
		}
		if in.IsInput() {
			return s
		}
		s.Node = in
	}
}

// dreamer paints a picture for one unit.
type dreamer struct {
	DreamOptions
	source   Source
	random   *rand.Rand
	pullback *graph.Pullback
	input    tensor.Shape    // the picture's
	shown    image.Rectangle // what is cut out of it
	amount   float64         // of the moves
	around   int             // how many cells around the middle one count, too
}

// prepare chooses the picture's size: a little more than the receptive field, if the layers take
// pictures of any size.
func (d *dreamer) prepare(m *graph.Model) error {
	part, err := m.UpTo(d.source.Node.Name)
	if err != nil {
		return err
	}
	row, column := middleCell(part.Output().Shape)
	field := Sees(m, d.source.Node, row, column)
	side := max(field.Dx(), field.Dy())
	if d.source.Mean {
		side = d.Side
	}
	d.amount = min(1, float64(side)/48) // so that edges stay where they are
	if side >= textured {
		d.around = 1
	}
	side = min((side+side/3+2+7)/8*8, d.Side) // Fourier transforms of multiples of 8 are quick
	if smaller := sized(part, side); smaller != nil {
		part = smaller
	}
	d.input = part.Spec().Input
	out := part.Output().Shape
	if d.pullback, err = part.NewPullback(1, part.Output().Name); err != nil {
		return err
	}
	d.weigh(out)
	row, column = middleCell(out)
	d.shown = image.Rect(0, 0, d.input[2], d.input[1])
	if !d.source.Mean {
		d.shown = d.shown.Intersect(Sees(part, part.Output(), row, column))
	}
	return nil
}

// weigh sets the weights of the layer's values in the response.
func (d *dreamer) weigh(out tensor.Shape) {
	weights := d.pullback.Weights().Float32s()
	plane := len(weights) / out[0]
	if d.source.Mean {
		for i := range plane {
			weights[d.source.Unit*plane+i] = 1 / float32(plane)
		}
		return
	}
	row, column := middleCell(out)
	if out.Dims() != 3 {
		weights[d.source.Unit] = 1
		return
	}
	for y := max(row-d.around, 0); y <= min(row+d.around, out[1]-1); y++ {
		for x := max(column-d.around, 0); x <= min(column+d.around, out[2]-1); x++ {
			weights[d.source.Unit*plane+y*out[2]+x] = 1 / float32((2*d.around+1)*(2*d.around+1))
		}
	}
}

// textured is the receptive field in pixels from which a cell's neighbors count, too. Such units
// look for textures and parts, of which one cell would show only a spot.
const textured = 40

func middleCell(s tensor.Shape) (row, column int) {
	if s.Dims() != 3 {
		return 0, 0
	}
	return s[1] / 2, s[2] / 2
}

// sized returns the same model for square pictures of another size, or nil if it can't take them.
func sized(part *graph.Model, side int) *graph.Model {
	spec := *part.Spec()
	if side >= spec.Input[1] && side >= spec.Input[2] {
		return nil
	}
	spec.Input, spec.Preprocess = tensor.Shape{spec.Input[0], side, side}, nil
	m, err := graph.New(&spec)
	if err != nil {
		return nil
	}
	var arrays []formats.Array
	for _, p := range part.Params() {
		arrays = append(arrays, formats.Array{Name: p.Name, Value: p.Value})
	}
	if m.SetParams(arrays) != nil { // an affine layer has other weights then
		return nil
	}
	return m
}

// paint runs the ascent.
func (d *dreamer) paint() (*Picture, error) {
	side := max(d.input[1], d.input[2])
	offset := 0.0
	if d.Preprocessing.Digit != picture.NoInk {
		offset = -2 // paper is black
	}
	c := newCanvas(side, d.input[0], offset, d.random.NormFloat64)
	moved, gradient := make([]float64, len(c.pixels)), make([]float64, len(c.pixels))
	x := tensor.New(tensor.WithShape(append(tensor.Shape{1}, d.input...)...), tensor.Of(tensor.Float32))
	plane := side * side
	for range d.Steps {
		j := newJiggle(side, d.amount, sigmoid(offset), d.random)
		pixels := c.paint()
		for channel := range c.channels {
			j.apply(moved[channel*plane:][:plane], pixels[channel*plane:][:plane])
		}
		d.read(x, moved, side)
		_, g, err := d.pullback.Run(x)
		if err != nil {
			return nil, err
		}
		clear(gradient)
		d.unread(moved, g.Float32s(), side)
		for channel := range c.channels {
			j.back(gradient[channel*plane:][:plane], moved[channel*plane:][:plane])
		}
		c.climb(gradient, d.Rate)
	}
	d.read(x, c.paint(), side)
	values, _, err := d.pullback.Run(x)
	if err != nil {
		return nil, err
	}
	return d.cut(c, values.Float32s()), nil
}

// read converts the middle of a square picture to the model's input: minus the mean, divided by the
// std.
func (d *dreamer) read(x *tensor.Dense, pixels []float64, side int) {
	values, top, left := x.Float32s(), (side-d.input[1])/2, (side-d.input[2])/2
	for i := range values {
		channel, row, column := i/(d.input[1]*d.input[2]), i/d.input[2]%d.input[1], i%d.input[2]
		mean, std := d.meanStd(channel)
		values[i] = float32((pixels[(channel*side+row+top)*side+column+left] - mean) / std)
	}
}

// unread is the transpose of read: it carries a gradient back to the square picture.
func (d *dreamer) unread(pixels []float64, gradient []float32, side int) {
	clear(pixels)
	top, left := (side-d.input[1])/2, (side-d.input[2])/2
	for i, g := range gradient {
		channel, row, column := i/(d.input[1]*d.input[2]), i/d.input[2]%d.input[1], i%d.input[2]
		_, std := d.meanStd(channel)
		pixels[(channel*side+row+top)*side+column+left] = float64(g) / std
	}
}

func (d *dreamer) meanStd(channel int) (mean, std float64) {
	std = 1
	if d.Preprocessing.Mean != nil {
		mean = d.Preprocessing.Mean[channel]
	}
	if d.Preprocessing.Std != nil {
		std = d.Preprocessing.Std[channel]
	}
	return mean, std
}

// cut returns the receptive field's part of the picture.
func (d *dreamer) cut(c *canvas, values []float32) *Picture {
	p := &Picture{Channels: c.channels, Height: d.shown.Dy(), Width: d.shown.Dx()}
	top, left := (c.side-d.input[1])/2, (c.side-d.input[2])/2
	for channel := range c.channels {
		for y := d.shown.Min.Y; y < d.shown.Max.Y; y++ {
			for x := d.shown.Min.X; x < d.shown.Max.X; x++ {
				p.Values = append(p.Values, float32(c.pixels[(channel*c.side+y+top)*c.side+x+left]))
			}
		}
	}
	for i, w := range d.pullback.Weights().Float32s() {
		p.Answer += float64(w) * float64(values[i])
	}
	return p
}

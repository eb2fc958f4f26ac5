package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
)

// ascent is gradient ascent on the input: from noise, many small steps along the gradient of a
// unit's response (Simonyan, Vedaldi and Zisserman 2013). Blur after each step and bounds on the
// pixels prevent patterns that no picture has (Yosinski et al. 2015, section 4). The result depends
// on the start, so it tries several starts and continues from the best.
type ascent struct {
	steps int
	rate  float64 // root mean square change of the pixels in the first step; it decays to 0
	blur  float64 // share of a pixel that its four neighbours get in the first step; it decays to 0 earlier
	seed  uint64  // of the noise
}

// starts are the means and stds of the noise to start from. Mean 0 is MNIST's black. A unit that a
// rectifier silences in weak noise may respond to stronger noise.
var starts = []struct{ mean, std float64 }{{0.5, 0.02}, {0.5, 0.3}, {0, 0.02}, {0, 0.3}}

// slope computes gradients with respect to intensities from 0 to 1, before the model's mean and
// std.
type slope struct {
	*graph.ActivationMaximization
	preprocess picture.Preprocessing
}

// Run computes the response to the intensities and its gradient with respect to them.
func (s *slope) Run(x *tensor.Dense) (answer float64, gradient *tensor.Dense, err error) {
	if s.preprocess.Mean == nil && s.preprocess.Std == nil {
		return s.ActivationMaximization.Run(x)
	}
	shape := x.Shape()
	values := s.preprocess.Normalized(x.Float32s(), shape[1])
	answer, gradient, err = s.ActivationMaximization.Run(tensor.New(tensor.WithShape(shape...),
		tensor.WithBacking(values)))
	if err != nil || s.preprocess.Std == nil {
		return answer, gradient, err
	}
	plane := shape[2] * shape[3]
	for i := range gradient.Float32s() {
		gradient.Float32s()[i] /= float32(s.preprocess.Std[i/plane])
	}
	return answer, gradient, nil
}

// climb returns the input (1, C, H, W), from 0 to 1, and the unit's response. A rectified unit may
// have gradient 0 for all noise; then the ascent first excites the same unit of the layer before.
func (a ascent) climb(m *graph.Model, layer string, unit int) (*tensor.Dense, float64, error) {
	ascent, err := m.NewActivationMaximization(layer, unit)
	if err != nil {
		return nil, 0, err
	}
	up := &slope{ActivationMaximization: ascent, preprocess: classify.Preprocessing(m.Spec())}
	defer up.Close()
	x, err := a.bestStart(up, m.Spec().Input)
	if err != nil {
		return nil, 0, err
	}
	silent := x == nil
	if silent {
		if x, err = a.climbBefore(m, layer, unit); err != nil {
			return nil, 0, err
		}
	}
	moved, err := a.follow(up, x, a.steps)
	if err != nil {
		return nil, 0, err
	}
	if silent && !moved {
		return nil, 0, deadUnit(layer, unit)
	}
	answer, _, err := up.Run(x)
	return x, answer, err
}

func (a ascent) climbBefore(m *graph.Model, layer string, unit int) (*tensor.Dense, error) {
	before, same, ok := sameUnitBefore(m, layer, unit)
	if !ok {
		return nil, deadUnit(layer, unit)
	}
	x, _, err := a.climb(m, before, same)
	return x, err
}

func deadUnit(layer string, unit int) error {
	return fmt.Errorf(
		"layer %q, unit %d is dead: it responds to none of the inputs that were tried, and has no gradient there",
		layer, unit)
}

// sameUnitBefore returns the unit of the previous layer that this unit is computed from, for a
// layer that works on each unit separately. If the layer has several inputs, it is a unit of the
// first.
func sameUnitBefore(m *graph.Model, layer string, unit int) (name string, same int, ok bool) {
	n, err := m.Node(layer)
	if err != nil {
		return "", 0, false
	}
	in := n.Inputs[0]
	switch l := n.Layer.(type) {
	case graph.Conv2D, graph.Affine, graph.Flatten, graph.Softmax:
		return "", 0, false
	case graph.Slice:
		unit += l.Begin
	case graph.PadChannels:
		unit -= l.Begin
	case graph.ChannelShuffle: // map g·each + i became map i·groups + g
		unit = unit%l.Groups*(in.Shape[0]/l.Groups) + unit/l.Groups
	case graph.Concat:
		for i := 0; unit >= in.Shape[0]; i++ {
			unit -= in.Shape[0]
			in = n.Inputs[i+1]
		}
	}
	return in.Name, unit, !in.IsInput() && unit >= 0 && unit < in.Shape[0]
}

// bestStart takes a tenth of the steps from every start and returns the best result, or nil if none
// moved.
func (a ascent) bestStart(up *slope, shape tensor.Shape) (best *tensor.Dense, err error) {
	farthest := math.Inf(-1)
	for i := range starts {
		x := a.noise(i, shape)
		moved, err := a.follow(up, x, a.steps/10+1)
		if err != nil {
			return nil, err
		}
		answer, _, err := up.Run(x)
		if err != nil {
			return nil, err
		}
		if moved && answer > farthest {
			best, farthest = x, answer
		}
	}
	return best, nil
}

func (a ascent) noise(start int, shape tensor.Shape) *tensor.Dense {
	r := rand.New(rand.NewPCG(a.seed, uint64(start)))
	pixels := make([]float32, shape.TotalSize())
	for i := range pixels {
		pixels[i] = float32(min(max(starts[start].mean+starts[start].std*r.NormFloat64(), 0), 1))
	}
	return asBatch(pixels, shape)
}

// follow takes this many steps, or fewer if the gradient becomes 0, and reports whether it took
// any.
func (a ascent) follow(up *slope, x *tensor.Dense, steps int) (moved bool, err error) {
	for step := range steps {
		_, gradient, err := up.Run(x)
		if err != nil {
			return moved, err
		}
		size := rootMeanSquare(gradient.Float32s())
		if !(size > 0) {
			return moved, nil
		}
		moved = true
		left := 1 - float64(step)/float64(steps)
		move(x.Float32s(), gradient.Float32s(), float32(a.rate*left/size))
		if blurred := left - unblurred; blurred > 0 {
			soften(x, float32(a.blur*blurred/(1-unblurred)))
		}
	}
	return moved, nil
}

// unblurred is the share of steps at the end without blur, which recover the response that blur
// costs.
const unblurred = 0.3

// move changes the pixels along the gradient, within 0 to 1.
func move(x, gradient []float32, rate float32) {
	for i, g := range gradient {
		x[i] = min(max(x[i]+rate*g, 0), 1)
	}
}

func rootMeanSquare(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(values)))
}

// soften blurs: each pixel gets a share from its four neighbours, of which the pixel itself
// replaces those outside the picture.
func soften(x *tensor.Dense, share float32) {
	p := planes(x.Float32s(), x.Shape()[1:])
	was := make([]float32, p.Height*p.Width)
	for channel := range p.Count {
		plane := p.Plane(channel)
		copy(was, plane)
		for y := range p.Height {
			for x := range p.Width {
				i := y*p.Width + x
				around := was[max(y-1, 0)*p.Width+x] + was[min(y+1, p.Height-1)*p.Width+x] + was[y*p.Width+max(x-1,
					0)] + was[y*p.Width+min(x+1, p.Width-1)]
				plane[i] = (1-share)*was[i] + share*around/4
			}
		}
	}
}

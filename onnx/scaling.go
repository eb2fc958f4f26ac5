package onnx

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// mul is by one number. Next to a Tanh it is the A or B of A·tanh(B·x);
// elsewhere it goes into the weight and bias of a layer before it.
func (im *importer) mul(n *schema.Node, _ *attributes) error {
	name, err := im.other(n)
	if err != nil {
		return err
	}
	factor, err := im.scalar(name)
	if err != nil {
		return err
	}
	if factor == 0 || math.IsInf(factor, 0) || math.IsNaN(factor) {
		return fmt.Errorf("by %g is not supported", factor)
	}
	if last := im.last(); last != nil {
		if t, ok := last.layer.(graph.Tanh); ok && t.A == 0 {
			t.A = factor
			last.layer = t
			return nil
		}
	}
	im.scale = factor
	return nil
}

// other returns the input of a commutative operator that is not the chain's.
func (im *importer) other(n *schema.Node) (string, error) {
	if len(n.Inputs) != 2 {
		return "", fmt.Errorf("expected 2 inputs, found %d", len(n.Inputs))
	}
	if n.Inputs[0] == im.value {
		return n.Inputs[1], nil
	}
	return n.Inputs[0], nil
}

func (im *importer) tanh(*schema.Node, *attributes) error {
	t := graph.Tanh{B: im.scale}
	im.scale = 0
	return im.add(step{layer: t})
}

// foldScale multiplies the layer that a waiting factor s can go back to. What
// lies between must let it through: f(s·x) = s·f(x), for any s where f is
// linear, for s > 0 where it takes maxima.
func (im *importer) foldScale() error {
	if im.scale == 0 {
		return nil
	}
	factor := im.scale
	im.scale = 0
	for i := len(im.steps) - 1; i >= 0; i-- {
		s := &im.steps[i]
		switch s.layer.(type) {
		case graph.Conv2D, graph.Affine:
			scaleBy(s.weight, factor)
			scaleBy(s.bias, factor)
			return nil
		case graph.Flatten, graph.AvgPool, graph.Dropout:
			continue
		case graph.ReLU, graph.MaxPool:
			if factor > 0 {
				continue
			}
		}
		return fmt.Errorf("a Mul by %g does not fold: before it stands %v", factor, s.layer)
	}
	return fmt.Errorf("a Mul by %g does not fold: no layer with a weight stands before it", factor)
}

// scaleBy multiplies in place.
func scaleBy(d *tensor.Dense, factor float64) {
	if factor == 1 {
		return
	}
	switch data := d.Data().(type) {
	case []float32:
		for i := range data {
			data[i] *= float32(factor)
		}
	case []float64:
		for i := range data {
			data[i] *= factor
		}
	}
}

// sub, of a number for each channel, is the first half of a Normalize; a div
// may follow.
func (im *importer) sub(n *schema.Node, _ *attributes) error {
	mean, err := im.perChannel(n)
	if err != nil {
		return err
	}
	ones := make([]float64, len(mean))
	for i := range ones {
		ones[i] = 1
	}
	return im.add(step{layer: graph.Normalize{Mean: mean, Deviation: ones}, openDeviation: true})
}

// div, by a number for each channel, is the second half of a Normalize, or all
// of it.
func (im *importer) div(n *schema.Node, _ *attributes) error {
	deviation, err := im.perChannel(n)
	if err != nil {
		return err
	}
	normalize := graph.Normalize{Mean: make([]float64, len(deviation)), Deviation: deviation}
	last := im.last()
	if last == nil || !last.openDeviation {
		return im.add(step{layer: normalize})
	}
	normalize.Mean = last.layer.(graph.Normalize).Mean
	if _, err := normalize.Output(im.shape); err != nil {
		return err
	}
	*last = step{layer: normalize}
	return nil
}

// perChannel reads a constant (C, 1, 1), with 1s before, or of one number.
func (im *importer) perChannel(n *schema.Node) ([]float64, error) {
	if len(n.Inputs) != 2 || im.shape.Dims() != 3 {
		return nil, fmt.Errorf("is supported only on images (N, C, H, W), with a number for each channel")
	}
	value, err := im.parameter(n.Inputs[1])
	if err != nil {
		return nil, err
	}
	shape, channels := value.Shape(), im.shape[0]
	total, rank := shape.TotalSize(), len(shape)
	if total != 1 && (total != channels || rank < 3 || shape[rank-1] != 1 || shape[rank-2] != 1) {
		return nil, fmt.Errorf("by a tensor of shape %v is not supported: want (%d, 1, 1)", shape, channels)
	}
	out := make([]float64, channels)
	for i := range out {
		switch v := value.Get(min(i, total-1)).(type) {
		case float32:
			out[i] = float64(v)
		case float64:
			out[i] = v
		}
	}
	return out, nil
}

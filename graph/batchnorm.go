package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// BatchNorm normalizes each channel of (C, H, W) or (C) by its mean and variance over the batch,
// then scales and shifts it (Ioffe and Szegedy 2015):
//
//	y = weight·(x-mean)/√(variance+Eps) + bias
//
// "weight" and "bias" are trained. "running_mean" and "running_var" are estimated in training and
// used in prediction:
//
//	running = (1-Momentum)·running + Momentum·batch
//
// As in PyTorch, the running variance is the unbiased one. A batch needs at least two values for
// each channel.
type BatchNorm struct {
	Name     string  `json:"name,omitempty"`
	Momentum float64 `json:"momentum,omitempty"` // 0 is 0.1
	Eps      float64 `json:"eps,omitempty"`      // 0 is 1e-5
	Frozen   bool    `json:"frozen,omitempty"`   // training uses the running statistics and doesn't change them
}

// Label returns the layer's own name.
func (b BatchNorm) Label() string { return b.Name }

// Output returns the input's shape.
func (b BatchNorm) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if !(b.Momentum >= 0 && b.Momentum <= 1) {
		return nil, fmt.Errorf("momentum: got %g, want a number from 0 to 1", b.Momentum)
	}
	return in[0], checkEps(b.Eps)
}

// Parameters returns the scale, the shift and the running statistics of each channel.
func (b BatchNorm) Parameters(in ...tensor.Shape) []Parameter {
	channels := tensor.Shape{in[0][0]}
	return []Parameter{
		{Name: "weight", Shape: channels, Start: 1},
		{Name: "bias", Shape: channels},
		{Name: "running_mean", Shape: channels, Running: true},
		{Name: "running_var", Shape: channels, Start: 1, Running: true},
	}
}

// MultiplyAdds returns one for each value.
func (BatchNorm) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Lower adds a BatchNorm op, or a FrozenBatchNorm op in prediction and for frozen statistics.
func (b BatchNorm) Lower(l *Lowering) (*G.Node, error) {
	return b.lower(l, ops.BatchNorm, ops.FrozenBatchNorm)
}

// lowerReLU is Lower followed by a rectifier, as one op.
func (b BatchNorm) lowerReLU(l *Lowering) (*G.Node, error) {
	return b.lower(l, ops.BatchNormReLU, ops.FrozenBatchNormReLU)
}

// lowerClip is Lower followed by a clipping, as one op.
func (b BatchNorm) lowerClip(l *Lowering, low, high float64) (*G.Node, error) {
	return b.lower(l,
		func(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
			return ops.BatchNormClip(x, weight, bias, eps, low, high)
		},
		func(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error) {
			return ops.FrozenBatchNormClip(x, weight, bias, mean, variance, eps, low, high)
		})
}

// lowerAddReLU is Lower followed by a sum with another value and a rectifier. It is one op in
// training.
func (b BatchNorm) lowerAddReLU(l *Lowering) (*G.Node, error) {
	other := l.Inputs[1]
	return b.lower(l,
		func(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
			return ops.BatchNormAddReLU(x, weight, bias, other, eps)
		},
		func(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error) {
			y, err := ops.FrozenBatchNorm(x, weight, bias, mean, variance, eps)
			if err != nil {
				return nil, err
			}
			if y, err = ops.Add(y, other); err != nil {
				return nil, err
			}
			return ops.ReLU(y)
		})
}

func (b BatchNorm) lower(
	l *Lowering,
	trained func(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error),
	frozen func(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error),
) (*G.Node, error) {
	weight, bias := l.Param("weight"), l.Param("bias")
	if !l.Training || b.Frozen || l.Frozen("running_mean") || l.Frozen("running_var") {
		return frozen(l.X(), weight, bias, l.Param("running_mean"), l.Param("running_var"), b.eps())
	}
	y, mean, variance, err := trained(l.X(), weight, bias, b.eps())
	if err != nil {
		return nil, err
	}
	l.Estimate("running_mean", mean, b.momentum())
	l.Estimate("running_var", variance, b.momentum())
	return y, nil
}

func (b BatchNorm) momentum() float64 { return orDefault(b.Momentum, 0.1) }
func (b BatchNorm) eps() float64      { return orDefault(b.Eps, 1e-5) }

// checkEps refuses an eps that is 0 or less in float32; 0 itself is the default.
func checkEps(eps float64) error {
	if eps != 0 && !(eps > 0 && float32(eps) > 0) {
		return fmt.Errorf("eps: got %g, want a number above 0 in float32", eps)
	}
	return nil
}

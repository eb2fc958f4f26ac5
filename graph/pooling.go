package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// MaxPool takes the largest value of each window of each channel of (C, H, W).
type MaxPool struct {
	Name   string `json:"name,omitempty"`
	Kernel Pair   `json:"kernel"`
	Stride Pair   `json:"stride,omitzero"` // 0 is the kernel: windows side by side
	Pad    Pair   `json:"pad,omitzero"`    // smaller than the kernel; never wins
}

// AvgPool takes the mean of each window of each channel of (C, H, W); padding counts as zeros.
type AvgPool struct {
	Name   string `json:"name,omitempty"`
	Kernel Pair   `json:"kernel"`
	Stride Pair   `json:"stride,omitzero"` // 0 is the kernel: windows side by side
	Pad    Pair   `json:"pad,omitzero"`    // smaller than the kernel
}

// Subsample is the trainable pooling of LeCun et al. 1998: each window's sum times a coefficient plus a bias, one of each for a channel.
// Its parameters are "coefficient" and "bias".
type Subsample struct {
	Name        string  `json:"name,omitempty"`
	Kernel      Pair    `json:"kernel"`
	Stride      Pair    `json:"stride,omitzero"`       // 0 is the kernel: windows side by side
	Coefficient float64 `json:"coefficient,omitempty"` // where the coefficients start; 0 is 1/(kh·kw), the mean
}

// Label is the layer's own name.
func (p MaxPool) Label() string { return p.Name }

// Label is the layer's own name.
func (p AvgPool) Label() string { return p.Name }

// Label is the layer's own name.
func (p Subsample) Label() string { return p.Name }

func (p MaxPool) String() string {
	return fmt.Sprintf("MaxPool %v/%s", p.Kernel, p.Stride.or(p.Kernel).short())
}
func (p AvgPool) String() string {
	return fmt.Sprintf("AvgPool %v/%s", p.Kernel, p.Stride.or(p.Kernel).short())
}
func (p Subsample) String() string {
	return fmt.Sprintf("Subsample %v/%s", p.Kernel, p.Stride.or(p.Kernel).short())
}

// Output is (C, OH, OW).
func (p MaxPool) Output(in tensor.Shape) (tensor.Shape, error) {
	return pooledShape(in, p.Kernel, p.Stride, p.Pad)
}

// Output is (C, OH, OW).
func (p AvgPool) Output(in tensor.Shape) (tensor.Shape, error) {
	return pooledShape(in, p.Kernel, p.Stride, p.Pad)
}

// Output is (C, OH, OW).
func (p Subsample) Output(in tensor.Shape) (tensor.Shape, error) {
	return pooledShape(in, p.Kernel, p.Stride, Pair{})
}

func pooledShape(in tensor.Shape, kernel, stride, pad Pair) (tensor.Shape, error) {
	if err := wantImage(in); err != nil {
		return nil, err
	}
	if pad[0] > 0 && pad[0] >= kernel[0] || pad[1] > 0 && pad[1] >= kernel[1] {
		return nil, fmt.Errorf("pad %v isn't smaller than the kernel %v: a window would see only padding", pad, kernel)
	}
	plane, err := slide(in, kernel, stride.or(kernel), pad, Square(1))
	if err != nil {
		return nil, err
	}
	return tensor.Shape{in[0], plane[0], plane[1]}, nil
}

// Parameters are none.
func (MaxPool) Parameters(tensor.Shape) []Parameter { return nil }

// Parameters are none.
func (AvgPool) Parameters(tensor.Shape) []Parameter { return nil }

// Parameters are the coefficients and the biases.
func (p Subsample) Parameters(in tensor.Shape) []Parameter {
	return []Parameter{
		{Name: "coefficient", Shape: tensor.Shape{in[0]}, Value: p.coefficient()},
		{Name: "bias", Shape: tensor.Shape{in[0]}},
	}
}

func (p Subsample) coefficient() float64 {
	if p.Coefficient != 0 {
		return p.Coefficient
	}
	return 1 / float64(p.Kernel[0]*p.Kernel[1])
}

// MultiplyAdds are none: comparisons only.
func (MaxPool) MultiplyAdds(tensor.Shape) int64 { return 0 }

// MultiplyAdds is an addition for each value of each window.
func (p AvgPool) MultiplyAdds(in tensor.Shape) int64 { return windowReads(p, p.Kernel, in) }

// MultiplyAdds is an addition for each value of each window.
func (p Subsample) MultiplyAdds(in tensor.Shape) int64 { return windowReads(p, p.Kernel, in) }

func windowReads(l Layer, kernel Pair, in tensor.Shape) int64 {
	out, err := l.Output(in)
	if err != nil {
		return 0
	}
	return int64(out.TotalSize()) * int64(kernel[0]) * int64(kernel[1])
}

// Lower adds a MaxPool2D op.
func (p MaxPool) Lower(x *G.Node, _ []*G.Node, _ Mode) (*G.Node, error) {
	return ops.MaxPool2D(x, p.op())
}

func (p MaxPool) op() ops.Pool {
	return ops.Pool{Kernel: p.Kernel.op(), Stride: p.Stride.op(), Pad: p.Pad.op()}
}

// Lower adds an AvgPool2D op.
func (p AvgPool) Lower(x *G.Node, _ []*G.Node, _ Mode) (*G.Node, error) {
	return ops.AvgPool2D(x, ops.Pool{Kernel: p.Kernel.op(), Stride: p.Stride.op(), Pad: p.Pad.op()})
}

// Lower adds a Subsample2D op.
func (p Subsample) Lower(x *G.Node, params []*G.Node, _ Mode) (*G.Node, error) {
	return ops.Subsample2D(x, params[0], params[1], ops.Pool{Kernel: p.Kernel.op(), Stride: p.Stride.op()})
}

package graph

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// MaxPool takes the largest value of each window of each channel of (C, H, W).
type MaxPool struct {
	Name     string `json:"name,omitempty"`
	Kernel   Pair   `json:"kernel"`
	Stride   Pair   `json:"stride,omitzero"`    // 0 is the kernel: windows side by side
	Pad      Pair   `json:"pad,omitzero"`       // smaller than the window; padding is never the maximum
	PadBegin Pair   `json:"pad_begin,omitzero"` // additional rows above, additional columns left
	PadEnd   Pair   `json:"pad_end,omitzero"`   // additional rows below, additional columns right
	Dilation Pair   `json:"dilation,omitzero"`  // 0 is 1
	Ceil     bool   `json:"ceil,omitempty"`     // the number of windows is rounded up
	plain
}

// Label returns the layer's own name.
func (p MaxPool) Label() string { return p.Name }

// Output returns (C, OH, OW).
func (p MaxPool) Output(in ...tensor.Shape) (tensor.Shape, error) { return pooledShape(in[0], p.op()) }

// Lower adds a MaxPool2D op.
func (p MaxPool) Lower(l *Lowering) (*G.Node, error) { return ops.MaxPool2D(l.X(), p.op()) }

func (p MaxPool) op() ops.Pool {
	return ops.Pool{
		Kernel: p.Kernel.op(), Stride: p.Stride.op(), Pad: p.Pad.op(), PadBegin: p.PadBegin.op(), PadEnd: p.PadEnd.op(),
		Dilation: p.Dilation.op(), Ceil: p.Ceil,
	}
}

// AvgPool takes the mean of each window of each channel of (C, H, W). Padding counts as zeros,
// unless ExcludePad leaves it out of the mean.
type AvgPool struct {
	Name       string `json:"name,omitempty"`
	Kernel     Pair   `json:"kernel"`
	Stride     Pair   `json:"stride,omitzero"`    // 0 is the kernel: windows side by side
	Pad        Pair   `json:"pad,omitzero"`       // smaller than the window
	PadBegin   Pair   `json:"pad_begin,omitzero"` // additional rows above, additional columns left
	PadEnd     Pair   `json:"pad_end,omitzero"`   // additional rows below, additional columns right
	Dilation   Pair   `json:"dilation,omitzero"`  // 0 is 1
	Ceil       bool   `json:"ceil,omitempty"`     // the number of windows is rounded up
	ExcludePad bool   `json:"exclude_pad,omitempty"`
	plain
}

// Label returns the layer's own name.
func (p AvgPool) Label() string { return p.Name }

// Output returns (C, OH, OW).
func (p AvgPool) Output(in ...tensor.Shape) (tensor.Shape, error) { return pooledShape(in[0], p.op()) }

// MultiplyAdds returns an addition for each value of each window.
func (p AvgPool) MultiplyAdds(in ...tensor.Shape) int64 { return windowReads(p, p.Kernel, in[0]) }

// Lower adds an AvgPool2D op.
func (p AvgPool) Lower(l *Lowering) (*G.Node, error) { return ops.AvgPool2D(l.X(), p.op()) }

func (p AvgPool) op() ops.Pool {
	return ops.Pool{
		Kernel: p.Kernel.op(), Stride: p.Stride.op(), Pad: p.Pad.op(), PadBegin: p.PadBegin.op(), PadEnd: p.PadEnd.op(),
		Dilation: p.Dilation.op(), Ceil: p.Ceil, ExcludePad: p.ExcludePad,
	}
}

// Subsample is the trainable pooling of LeCun et al. 1998: the sum of each window, times a
// coefficient, plus a bias; each channel has one of both. Its parameters are "coefficient" and
// "bias".
type Subsample struct {
	Name        string  `json:"name,omitempty"`
	Kernel      Pair    `json:"kernel"`
	Stride      Pair    `json:"stride,omitzero"`       // 0 is the kernel: windows side by side
	Coefficient float64 `json:"coefficient,omitempty"` // initial value of the coefficients; 0 is 1/(kh·kw), the mean
}

// Label returns the layer's own name.
func (p Subsample) Label() string { return p.Name }

// Output returns (C, OH, OW).
func (p Subsample) Output(in ...tensor.Shape) (tensor.Shape, error) {
	return pooledShape(in[0], p.op())
}

// Parameters returns the coefficients and the biases.
func (p Subsample) Parameters(in ...tensor.Shape) []Parameter {
	return []Parameter{
		{Name: "coefficient", Shape: tensor.Shape{in[0][0]}, Start: p.coefficient()},
		{Name: "bias", Shape: tensor.Shape{in[0][0]}},
	}
}

// MultiplyAdds returns an addition for each value of each window.
func (p Subsample) MultiplyAdds(in ...tensor.Shape) int64 { return windowReads(p, p.Kernel, in[0]) }

// Lower adds a Subsample2D op.
func (p Subsample) Lower(l *Lowering) (*G.Node, error) {
	return ops.Subsample2D(l.X(), l.Param("coefficient"), l.Param("bias"), p.op())
}

func (p Subsample) coefficient() float64 {
	if p.Coefficient != 0 {
		return p.Coefficient
	}
	return 1 / float64(p.Kernel[0]*p.Kernel[1])
}

func (p Subsample) op() ops.Pool { return ops.Pool{Kernel: p.Kernel.op(), Stride: p.Stride.op()} }

func pooledShape(in tensor.Shape, p ops.Pool) (tensor.Shape, error) {
	if err := wantImage(in); err != nil {
		return nil, err
	}
	for _, pair := range []ops.Pair{p.Kernel, p.Stride, p.Pad, p.PadBegin, p.PadEnd, p.Dilation} {
		if err := checkWindow(Pair(pair)); err != nil {
			return nil, err
		}
	}
	plane, err := p.OutputSize(ops.Pair{in[1], in[2]})
	if err != nil {
		return nil, err
	}
	return tensor.Shape{in[0], plane[0], plane[1]}, nil
}

func windowReads(l Layer, kernel Pair, in tensor.Shape) int64 {
	out, err := l.Output(in)
	if err != nil {
		return 0
	}
	return int64(out.TotalSize()) * int64(kernel[0]) * int64(kernel[1])
}

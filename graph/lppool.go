package graph

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// LpPool is (Σ |x|^P)^(1/P) over each window of each channel of (C, H, W) (Sermanet, Chintala and
// LeCun 2012). If a window reaches beyond the padding, its sum is scaled by the window's size
// divided by the number of cells that don't, as in PyTorch.
type LpPool struct {
	Name     string  `json:"name,omitempty"`
	P        float64 `json:"p,omitempty"` // 0 is 2
	Kernel   Pair    `json:"kernel"`
	Stride   Pair    `json:"stride,omitzero"`    // 0 is the kernel: windows side by side
	Pad      Pair    `json:"pad,omitzero"`       // smaller than the window
	PadBegin Pair    `json:"pad_begin,omitzero"` // additional rows above, additional columns left
	PadEnd   Pair    `json:"pad_end,omitzero"`   // additional rows below, additional columns right
	Dilation Pair    `json:"dilation,omitzero"`  // 0 is 1
	Ceil     bool    `json:"ceil,omitempty"`     // the number of windows is rounded up
	plain
}

// Label returns the layer's own name.
func (p LpPool) Label() string { return p.Name }

// Output returns (C, OH, OW).
func (p LpPool) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if p.P != 0 && !(p.P >= 1 && p.P <= 64) {
		return nil, fmt.Errorf("p: got %g, want a number from 1 to 64", p.P)
	}
	return p.mean().Output(in...)
}

// MultiplyAdds returns an addition for each value of each window.
func (p LpPool) MultiplyAdds(in ...tensor.Shape) int64 { return windowReads(p, p.Kernel, in[0]) }

// Lower adds a power, an AvgPool2D op, the factor from means to sums, and a root.
func (p LpPool) Lower(l *Lowering) (*G.Node, error) {
	exponent := orDefault(p.P, 2)
	powers, err := absolutePower(exponent).Apply(l.X())
	if err != nil {
		return nil, err
	}
	means, err := ops.AvgPool2D(powers, p.mean().op())
	if err != nil {
		return nil, err
	}
	sums, err := ops.Scale(means, float64(p.Kernel[0]*p.Kernel[1]))
	if err != nil {
		return nil, err
	}
	return absolutePower(1 / exponent).Apply(sums)
}

func (p LpPool) mean() AvgPool {
	return AvgPool{
		Kernel: p.Kernel, Stride: p.Stride, Pad: p.Pad, PadBegin: p.PadBegin, PadEnd: p.PadEnd,
		Dilation: p.Dilation, Ceil: p.Ceil,
	}
}

// absolutePower is |x|^p. Its slope is p·|x|^(p-1) with the sign of x; a root's slope at 0 is
// defined as 0.
func absolutePower(p float64) ops.Function {
	return ops.Function{
		Name: "Power", Formula: "|x|^p", Constants: []ops.Constant{{Name: "p", Value: p}},
		Value: func(x float64) float64 { return math.Pow(math.Abs(x), p) },
		Slope: func(x float64) float64 {
			if x == 0 {
				return 0
			}
			return math.Copysign(p*math.Pow(math.Abs(x), p-1), x)
		},
	}
}

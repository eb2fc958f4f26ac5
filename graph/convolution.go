package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Conv2D is a convolution over (C, H, W) with Filters kernels and a bias for each. Its parameters
// are "weight" (filters, C/groups, kh, kw), or (total connections, kh, kw) with Connections, and
// "bias" (filters).
type Conv2D struct {
	Name        string  `json:"name,omitempty"`
	Filters     int     `json:"filters"`
	Kernel      Pair    `json:"kernel"`
	Stride      Pair    `json:"stride,omitzero"`      // 0 is 1
	Pad         Pair    `json:"pad,omitzero"`         // rows of zeros above and below, columns left and right
	PadBegin    Pair    `json:"pad_begin,omitzero"`   // additional rows above, additional columns left
	PadEnd      Pair    `json:"pad_end,omitzero"`     // additional rows below, additional columns right
	Dilation    Pair    `json:"dilation,omitzero"`    // 0 is 1
	Groups      int     `json:"groups,omitempty"`     // 0 is 1
	Connections [][]int `json:"connections,omitzero"` // input channels of each filter, increasing; none: all
	Init        Init    `json:"init,omitzero"`
	Bias        float64 `json:"bias,omitempty"`    // initial value of the biases
	NoBias      bool    `json:"no_bias,omitempty"` // leaves out the biases, which a following BatchNorm would cancel
}

// Label returns the layer's own name.
func (c Conv2D) Label() string { return c.Name }

// Output returns (filters, OH, OW).
func (c Conv2D) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if c.Filters < 1 {
		return nil, fmt.Errorf("got %d filters, want at least 1", c.Filters)
	}
	if err := c.checkChannels(in[0][0]); err != nil {
		return nil, err
	}
	if c.NoBias && c.Bias != 0 {
		return nil, fmt.Errorf("bias: got %g, want 0 for a convolution without biases", c.Bias)
	}
	if err := checkWindow(c.Kernel, c.Stride, c.Pad, c.PadBegin, c.PadEnd, c.Dilation); err != nil {
		return nil, err
	}
	plane, err := c.op().OutputSize(ops.Pair{in[0][1], in[0][2]}, c.Kernel.op())
	if err != nil {
		return nil, err
	}
	return tensor.Shape{c.Filters, plane[0], plane[1]}, nil
}

func (c Conv2D) checkChannels(channels int) error {
	if c.Groups < 0 || channels%c.groups() != 0 || c.Filters%c.groups() != 0 {
		return fmt.Errorf("got %d input channels and %d filters for %d groups, want multiples",
			channels, c.Filters, c.Groups)
	}
	if c.Connections == nil {
		return nil
	}
	if c.groups() != 1 || len(c.Connections) != c.Filters {
		return fmt.Errorf("got connections for %d filters in %d groups, want %d filters in 1 group",
			len(c.Connections), c.groups(), c.Filters)
	}
	return ops.CheckConnections(c.Connections, channels)
}

// Parameters returns the weight and the bias.
func (c Conv2D) Parameters(in ...tensor.Shape) []Parameter {
	taps := c.Kernel[0] * c.Kernel[1]
	channels := in[0][0] / c.groups()
	shape := tensor.Shape{c.Filters, channels, c.Kernel[0], c.Kernel[1]}
	weight := Parameter{Name: "weight", Shape: shape, FanIn: channels * taps, Init: c.Init}
	if c.Connections != nil {
		n := c.connectionCount()
		weight.Shape, weight.FanIn = tensor.Shape{n, c.Kernel[0], c.Kernel[1]}, n*taps/c.Filters
	}
	return withBias(weight, c.NoBias, c.Bias, c.Filters)
}

func (c Conv2D) connectionCount() (n int) {
	for _, inputs := range c.Connections {
		n += len(inputs)
	}
	return n
}

func (c Conv2D) groups() int { return max(c.Groups, 1) }

// MultiplyAdds returns one for each weight at each position of the output.
func (c Conv2D) MultiplyAdds(in ...tensor.Shape) int64 {
	out, err := c.Output(in...)
	if err != nil {
		return 0
	}
	return int64(c.Parameters(in...)[0].Shape.TotalSize()) * int64(out[1]) * int64(out[2])
}

// Lower adds a Conv2D or PartialConv2D op.
func (c Conv2D) Lower(l *Lowering) (*G.Node, error) {
	if c.Connections != nil {
		return ops.PartialConv2D(l.X(), l.Param("weight"), l.Param("bias"), c.Connections, c.op())
	}
	return ops.Conv2D(l.X(), l.Param("weight"), l.Param("bias"), c.op())
}

func (c Conv2D) op() ops.Conv {
	return ops.Conv{
		Stride: c.Stride.op(), Pad: c.Pad.op(), PadBegin: c.PadBegin.op(), PadEnd: c.PadEnd.op(),
		Dilation: c.Dilation.op(), Groups: c.Groups,
	}
}

package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Conv2D is a convolution of Filters kernels with a bias each, over (C, H, W). Its weight is (filters, C/groups, kh, kw); with Connections
// it is (total connections, kh, kw).
type Conv2D struct {
	Name        string  `json:"name,omitempty"`
	Filters     int     `json:"filters"`
	Kernel      Pair    `json:"kernel"`
	Stride      Pair    `json:"stride,omitzero"`      // 0 is 1
	Pad         Pair    `json:"pad,omitzero"`         // zeros on each side
	Dilation    Pair    `json:"dilation,omitzero"`    // 0 is 1
	Groups      int     `json:"groups,omitempty"`     // 0 is 1
	Connections [][]int `json:"connections,omitzero"` // for each filter the input channels it sees, in increasing order; none: all
	Init        Init    `json:"init,omitzero"`
	Bias        float64 `json:"bias,omitempty"` // where the biases start
}

// Label is the layer's own name.
func (c Conv2D) Label() string { return c.Name }

func (c Conv2D) String() string { return fmt.Sprintf("Conv2D %d@%v", c.Filters, c.Kernel) }

// Output is (filters, OH, OW).
func (c Conv2D) Output(in tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in); err != nil {
		return nil, err
	}
	if c.Filters < 1 {
		return nil, fmt.Errorf("%d filters: want at least 1", c.Filters)
	}
	if err := c.checkChannels(in[0]); err != nil {
		return nil, err
	}
	plane, err := slide(in, c.Kernel, c.Stride.or(Square(1)), c.Pad, c.Dilation.or(Square(1)))
	if err != nil {
		return nil, err
	}
	return tensor.Shape{c.Filters, plane[0], plane[1]}, nil
}

func (c Conv2D) checkChannels(channels int) error {
	if c.Groups < 0 || channels%c.groups() != 0 || c.Filters%c.groups() != 0 {
		return fmt.Errorf("%d input channels and %d filters don't divide into %d groups", channels, c.Filters, c.Groups)
	}
	if c.Connections == nil {
		return nil
	}
	if c.groups() != 1 || len(c.Connections) != c.Filters {
		return fmt.Errorf("connections for %d filters in %d groups: want %d filters in 1 group", len(c.Connections), c.groups(), c.Filters)
	}
	for i, inputs := range c.Connections {
		if len(inputs) == 0 {
			return fmt.Errorf("filter %d is connected to no input channel", i)
		}
		for j, ch := range inputs {
			if ch < 0 || ch >= channels || j > 0 && ch <= inputs[j-1] {
				return fmt.Errorf("filter %d is connected to %v: want input channels from 0 to %d in increasing order", i, inputs, channels-1)
			}
		}
	}
	return nil
}

// Parameters are the weight and the bias.
func (c Conv2D) Parameters(in tensor.Shape) []Parameter {
	taps := c.Kernel[0] * c.Kernel[1]
	bias := Parameter{Name: "bias", Shape: tensor.Shape{c.Filters}, Value: c.Bias}
	if c.Connections != nil {
		n := c.connectionCount()
		shape := tensor.Shape{n, c.Kernel[0], c.Kernel[1]}
		return []Parameter{{Name: "weight", Shape: shape, FanIn: n * taps / c.Filters, Init: c.Init}, bias}
	}
	channels := in[0] / c.groups()
	shape := tensor.Shape{c.Filters, channels, c.Kernel[0], c.Kernel[1]}
	return []Parameter{{Name: "weight", Shape: shape, FanIn: channels * taps, Init: c.Init}, bias}
}

func (c Conv2D) connectionCount() (n int) {
	for _, inputs := range c.Connections {
		n += len(inputs)
	}
	return n
}

func (c Conv2D) groups() int { return max(c.Groups, 1) }

// MultiplyAdds is a multiplication and an addition for each weight at each place.
func (c Conv2D) MultiplyAdds(in tensor.Shape) int64 {
	out, err := c.Output(in)
	if err != nil {
		return 0
	}
	return int64(c.Parameters(in)[0].Shape.TotalSize()) * int64(out[1]) * int64(out[2])
}

// Lower adds a Conv2D or PartialConv2D op.
func (c Conv2D) Lower(x *G.Node, params []*G.Node, _ Mode) (*G.Node, error) {
	if c.Connections != nil {
		return ops.PartialConv2D(x, params[0], params[1], c.Connections, c.op())
	}
	return ops.Conv2D(x, params[0], params[1], c.op())
}

func (c Conv2D) op() ops.Conv {
	return ops.Conv{Stride: c.Stride.op(), Pad: c.Pad.op(), Dilation: c.Dilation.op(), Groups: c.Groups}
}

func wantImage(in tensor.Shape) error {
	if in.Dims() != 3 {
		return fmt.Errorf("input is %v: want (channels, height, width)", in)
	}
	return nil
}

func (p Pair) or(fallback Pair) Pair {
	for i := range p {
		if p[i] == 0 {
			p[i] = fallback[i]
		}
	}
	return p
}

// slide is the plane of places that a window has on an image.
func slide(in tensor.Shape, kernel, stride, pad, dilation Pair) (Pair, error) {
	var out Pair
	for axis, name := range [2]string{"height", "width"} {
		if max(kernel[axis], stride[axis], pad[axis], dilation[axis]) > maxSide {
			return out, fmt.Errorf("%s: kernel %d, stride %d, pad %d, dilation %d: want at most %d",
				name, kernel[axis], stride[axis], pad[axis], dilation[axis], maxSide)
		}
		n, err := ops.OutputSize(in[1+axis], kernel[axis], stride[axis], pad[axis], dilation[axis])
		if err != nil {
			return out, fmt.Errorf("%s: %w", name, err)
		}
		out[axis] = n
	}
	return out, nil
}

package ops

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// PartialConv2D is a convolution whose output channels each read only some of the input channels:
// connections[k] lists, in increasing order, the inputs of output channel k (LeCun et al. 1998,
// Table I). The weight is (total connections, kh, kw), ordered by output channel. x, b and the
// result are those of [Conv2D]; b may be nil. Groups must be 0 or 1.
func PartialConv2D(x, w, b *G.Node, connections [][]int, c Conv) (*G.Node, error) {
	c = c.withDefaults()
	f32, f64 := partialConv2D[float32](connections, c), partialConv2D[float64](connections, c)
	return apply("PartialConv2D", f32, f64, withBias(x, w, b)...)
}

// partialConv2D is the full convolution with a weight W that is zero where nothing is connected: W
// = scatter(w), a linear map whose transpose is gather. So dx is computed from W, and dw =
// gather(dW).
func partialConv2D[T kernel.Float](connections [][]int, c Conv) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x, w := in[0], in[1]
		if err := checkConnections(x, w, connections, c); err != nil {
			return rule[T]{}, err
		}
		full := tensor.Shape{len(connections), x[1], w[1], w[2]}
		shape, err := convShape(append([]tensor.Shape{x, full}, in[2:]...), c)
		if err != nil {
			return rule[T]{}, err
		}
		k := kernel.NewConv[T](shape)
		weight := sync.OnceValue(func() []T { return make([]T, full.TotalSize()) })
		dweight := sync.OnceValue(func() []T { return make([]T, full.TotalSize()) })
		starts := connectionStarts(connections, x[1], w[1]*w[2])
		data := func(w, dy, dx []T) error {
			scatter(weight(), w, starts)
			k.BackwardData(weight(), dy, dx)
			return nil
		}
		weights := func(x, dy, dw []T) error {
			k.BackwardWeights(x, dy, dweight())
			gather(dw, dweight(), starts)
			return nil
		}
		convolve := func(x, w, b, y []T) error {
			scatter(weight(), w, starts)
			k.Forward(x, weight(), b, y)
			return nil
		}
		f := form[T]{name: "PartialConv2D", slots: []tensor.Shape{x, w, convOutput(shape)}, partials: []partial[T]{
			func(in, _ [][]T, dx []T) error { return data(in[1], in[2], dx) },
			func(in, _ [][]T, dw []T) error { return weights(in[0], in[2], dw) },
			func(in, _ [][]T, y []T) error { return convolve(in[0], in[1], nil, y) },
		}}
		return rule[T]{
			attributes: fmt.Sprintf("%d of %d connections, %v", w[0], full[0]*full[1], c),
			output:     convOutput(shape),
			split:      splits(k.Split),
			forward:    func(in [][]T, y []T) error { return convolve(in[0], in[1], biasOf(in), y) },
			vjps: []vjp[T]{
				{
					reads:  []operand{1},
					apply:  func(saved [][]T, dy, dx []T) error { return data(saved[0], dy, dx) },
					second: f.second(0, 2, 1),
				},
				{
					reads:  []operand{0},
					apply:  func(saved [][]T, dy, dw []T) error { return weights(saved[0], dy, dw) },
					second: f.second(1, 2, 0),
				},
				{
					apply:  func(_ [][]T, dy, db []T) error { k.BackwardBias(dy, db); return nil },
					second: biasForm[T](convOutput(shape)).second(0, 1),
				},
			}[:len(in)],
		}, nil
	}
}

func checkConnections(x, w tensor.Shape, connections [][]int, c Conv) error {
	if err := checkImages(x); err != nil {
		return err
	}
	if c.Groups != 1 {
		return fmt.Errorf("%d groups: want 1, because the connections replace groups", c.Groups)
	}
	if err := CheckConnections(connections, x[1]); err != nil {
		return err
	}
	total := 0
	for _, inputs := range connections {
		total += len(inputs)
	}
	if w.Dims() != 3 || w[0] != total {
		return fmt.Errorf("weight has shape %v: want (%d connections, height, width)", w, total)
	}
	return nil
}

// CheckConnections returns an error unless each output channel is connected to input channels below
// the given number, in increasing order.
func CheckConnections(connections [][]int, channels int) error {
	for k, inputs := range connections {
		if len(inputs) == 0 {
			return fmt.Errorf("output channel %d is connected to no input", k)
		}
		for i, ch := range inputs {
			if ch < 0 || ch >= channels || i > 0 && ch <= inputs[i-1] {
				return fmt.Errorf(
					"connections of output channel %d are %v: want channels 0 to %d in increasing order",
					k, inputs, channels-1,
				)
			}
		}
	}
	return nil
}

// connectionStarts returns the index in the full weight at which each connection's kernel starts.
func connectionStarts(connections [][]int, channels, taps int) (starts []int) {
	for k, inputs := range connections {
		for _, ch := range inputs {
			starts = append(starts, (k*channels+ch)*taps)
		}
	}
	return starts
}

func scatter[T kernel.Float](full, compact []T, starts []int) {
	taps := len(compact) / len(starts)
	for i, p := range starts {
		copy(full[p:p+taps], compact[i*taps:])
	}
}

func gather[T kernel.Float](compact, full []T, starts []int) {
	taps := len(compact) / len(starts)
	for i, p := range starts {
		copy(compact[i*taps:(i+1)*taps], full[p:])
	}
}

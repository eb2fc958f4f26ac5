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
		taps := w[1] * w[2]
		starts := connectionStarts(connections, x[1], taps)
		data := func(w, dy, dx []T) {
			scatter(weight(), w, starts, taps)
			k.BackwardData(weight(), dy, dx)
		}
		weights := func(x, dy, dw []T) {
			k.BackwardWeights(x, dy, dweight())
			gather(dw, dweight(), starts, taps)
		}
		convolve := func(x, w, b, y []T) {
			scatter(weight(), w, starts, taps)
			k.Forward(x, weight(), b, y)
		}
		y := convOutput(shape)
		dx, dw := bilinear(x, w, y, func(x, w, y []T) { convolve(x, w, nil, y) }, data, weights)
		return rule[T]{
			attributes: fmt.Sprintf("%d of %d connections, %v", w[0], full[0]*full[1], c),
			output:     y,
			split:      splits(k.Split),
			forward:    func(in [][]T, y []T) { convolve(in[0], in[1], biasOf(in), y) },
			vjps:       []vjp[T]{dx, dw, biasVJP(y, k.BackwardBias)}[:len(in)],
		}, nil
	}
}

func checkConnections(x, w tensor.Shape, connections [][]int, c Conv) error {
	if err := checkImages(x); err != nil {
		return err
	}
	if c.Groups != 1 {
		return fmt.Errorf("groups: got %d, want 1, because the connections replace groups", c.Groups)
	}
	if err := CheckConnections(connections, x[1]); err != nil {
		return err
	}
	total := 0
	for _, inputs := range connections {
		total += len(inputs)
	}
	if w.Dims() != 3 || w[0] != total {
		return fmt.Errorf("weight: got shape %v, want (%d connections, height, width)", w, total)
	}
	return nil
}

// CheckConnections returns an error unless each output channel is connected to input channels below
// the given number, in increasing order.
func CheckConnections(connections [][]int, channels int) error {
	for k, inputs := range connections {
		if len(inputs) == 0 {
			return fmt.Errorf("connections of output channel %d: got none, want at least one", k)
		}
		for i, ch := range inputs {
			if ch < 0 || ch >= channels || i > 0 && ch <= inputs[i-1] {
				return fmt.Errorf(
					"connections of output channel %d: got %v, want channels 0 to %d in increasing order",
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

func scatter[T kernel.Float](full, compact []T, starts []int, taps int) {
	for i, p := range starts {
		copy(full[p:p+taps], compact[i*taps:(i+1)*taps])
	}
}

func gather[T kernel.Float](compact, full []T, starts []int, taps int) {
	for i, p := range starts {
		copy(compact[i*taps:(i+1)*taps], full[p:])
	}
}

package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Softmax turns each row of logits (N, classes) into probabilities: y[c] = e^x[c] / Σk e^x[k]. Of
// images (N, C, H, W) it does so at each place, over the channels.
func Softmax(x *G.Node) (*G.Node, error) {
	return apply("Softmax", softmax[float32], softmax[float64], x)
}

// softmax: ∂y[c]/∂x[k] = y[c]·(1[c=k] - y[k]), so dx[k] = y[k]·(dy[k] - Σc dy[c]·y[c]).
func softmax[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x := in[0]
	if x.Dims() != 2 && x.Dims() != 4 || x.TotalSize() == 0 {
		return rule[T]{}, fmt.Errorf("input has shape %v: want (N, classes) or (N, C, H, W)", x)
	}
	if planeOf(x) > 1 {
		return channelSoftmax[T](x), nil
	}
	n, classes := x[0], x[1]
	return rule[T]{
		output:  x,
		forward: func(in [][]T, y []T) error { kernel.Softmax(n, classes, in[0], y); return nil },
		vjps: []vjp[T]{{
			reads: []operand{result},
			apply: func(saved [][]T, dy, dx []T) error { kernel.SoftmaxBackward(n, classes, saved[0], dy, dx); return nil },
		}},
	}, nil
}

func channelSoftmax[T kernel.Float](x tensor.Shape) rule[T] {
	k := kernel.NewChannelSoftmax[T](x[0], x[1], planeOf(x))
	return rule[T]{
		output:  x,
		inPlace: true,
		forward: func(in [][]T, y []T) error { k.Forward(in[0], y); return nil },
		vjps: []vjp[T]{{
			reads:   []operand{result},
			inPlace: true,
			apply:   func(saved [][]T, dy, dx []T) error { k.Backward(saved[0], dy, dx); return nil },
		}},
	}
}

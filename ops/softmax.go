package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Softmax turns each row of logits (N, classes) into probabilities: y[c] = e^x[c] / Σk e^x[k]. For
// images (N, C, H, W) it works on each pixel, over the channels.
func Softmax(x *G.Node) (*G.Node, error) {
	return apply("Softmax", softmax[float32], softmax[float64], x)
}

// softmax: ∂y[c]/∂x[k] = y[c]·(1[c=k] - y[k]), so dx[k] = y[k]·(dy[k] - Σc dy[c]·y[c]). The
// Jacobian is symmetric. With u for dx,
//
//	⟨u, dx⟩ = Σ u·dy·y - (Σ u·y)·(Σ dy·y)
//	d(dy)   = y·(u - Σ u·y)
//	d(y)    = u·dy - u·Σ dy·y - dy·Σ u·y
func softmax[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x := in[0]
	if x.Dims() != 2 && x.Dims() != 4 || x.TotalSize() == 0 {
		return rule[T]{}, fmt.Errorf("input has shape %v: want (N, classes) or (N, C, H, W)", x)
	}
	if planeOf(x) > 1 {
		return channelSoftmax[T](x), nil
	}
	n, classes := x[0], x[1]
	back := func(saved [][]T, dy, dx []T) error {
		kernel.SoftmaxBackward(n, classes, saved[0], dy, dx)
		return nil
	}
	return rule[T]{
		output:  x,
		forward: func(in [][]T, y []T) error { kernel.Softmax(n, classes, in[0], y); return nil },
		vjps: []vjp[T]{{
			reads:  []operand{result},
			apply:  back,
			second: softmaxSecond(x, back),
		}},
	}, nil
}

func channelSoftmax[T kernel.Float](x tensor.Shape) rule[T] {
	k := kernel.NewChannelSoftmax[T](x[0], x[1], planeOf(x))
	back := func(saved [][]T, dy, dx []T) error { k.Backward(saved[0], dy, dx); return nil }
	return rule[T]{
		output:  x,
		inPlace: true,
		forward: func(in [][]T, y []T) error { k.Forward(in[0], y); return nil },
		vjps: []vjp[T]{{
			reads:   []operand{result},
			inPlace: true,
			apply:   back,
			second:  softmaxSecond(x, back),
		}},
	}
}

func softmaxSecond[T kernel.Float](x tensor.Shape, back func(saved [][]T, dy, dx []T) error) second {
	f := symmetric("Softmax", x, back)
	f.curved = true
	return f.second(0, 1).with(bend{0, func(n around) (*G.Node, error) {
		return bent("Softmax", x, func(in [][]T, out []T) error {
			y, dy, u := in[0], in[1], in[2]
			eachRow(x, func(first, step int) {
				var ofDY, ofU float64
				for c, i := 0, first; c < x[1]; c, i = c+1, i+step {
					ofDY += float64(dy[i]) * float64(y[i])
					ofU += float64(u[i]) * float64(y[i])
				}
				for c, i := 0, first; c < x[1]; c, i = c+1, i+step {
					v, d := float64(u[i]), float64(dy[i])
					out[i] = T(v*d - v*ofDY - d*ofU)
				}
			})
			return nil
		}, n.saved[0], n.dout, n.u)
	}})
}

// eachRow calls f for each pixel of each sample of x (N, C, …), with the index of its first channel
// and the step to the next one.
func eachRow(x tensor.Shape, f func(first, step int)) {
	plane := planeOf(x)
	for i := range x[0] * plane {
		f(i/plane*x[1]*plane+i%plane, plane)
	}
}

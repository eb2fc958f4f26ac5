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
		return rule[T]{}, fmt.Errorf("input: got shape %v, want (N, classes) or (N, C, H, W)", x)
	}
	if planeOf(x) > 1 {
		return channelSoftmax[T](x), nil
	}
	n, classes := x[0], x[1]
	return rule[T]{
		output:  x,
		forward: func(in [][]T, y []T) { kernel.Softmax(n, classes, in[0], y) },
		vjps: []vjp[T]{vjp[T]{
			reads: []operand{result},
			apply: func(_ [][]T, y, dy, dx []T) { kernel.SoftmaxBackward(n, classes, y, dy, dx) },
		}.symmetric(x, softmaxBend[T](x))},
	}, nil
}

func channelSoftmax[T kernel.Float](x tensor.Shape) rule[T] {
	k := kernel.NewChannelSoftmax[T](x[0], x[1], planeOf(x))
	return rule[T]{
		output:  x,
		inPlace: true,
		forward: func(in [][]T, y []T) { k.Forward(in[0], y) },
		vjps: []vjp[T]{vjp[T]{
			reads:   []operand{result},
			inPlace: true,
			apply:   func(_ [][]T, y, dy, dx []T) { k.Backward(y, dy, dx) },
		}.symmetric(x, softmaxBend[T](x))},
	}
}

// softmaxBend is d(y) of softmax.
func softmaxBend[T kernel.Float](x tensor.Shape) bend {
	return bend{result, func(n around) (*G.Node, error) {
		return bent(n.name, x, func(in [][]T, out []T) {
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
		}, n.y, n.dy, n.u)
	}}
}

// eachRow calls f for each pixel of each sample of x (N, C, …), with the index of its first channel
// and the step to the next one.
func eachRow(x tensor.Shape, f func(first, step int)) {
	plane := planeOf(x)
	for i := range x[0] * plane {
		f(i/plane*x[1]*plane+i%plane, plane)
	}
}

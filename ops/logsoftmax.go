package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// LogSoftmax is the logarithm of [Softmax], row by row of logits (N, classes): y[c] = x[c] - log Σk
// e^x[k]. Large logits don't overflow, and a probability too small for the element type still has a
// finite logarithm. For images (N, C, H, W) it works on each pixel, over the channels.
func LogSoftmax(x *G.Node) (*G.Node, error) {
	return apply("LogSoftmax", logSoftmax[float32], logSoftmax[float64], x)
}

// logSoftmax: ∂y[c]/∂x[k] = 1[c=k] - e^y[k], so dx[k] = dy[k] - e^y[k]·Σc dy[c]. With u for dx,
//
//	⟨u, dx⟩ = Σ u·dy - (Σ u·e^y)·(Σ dy)
//	d(dy)   = u - Σ u·e^y
//	d(y)    = -u·e^y·Σ dy
func logSoftmax[T kernel.Float](in []tensor.Shape) (rule[T], error) {
	x := in[0]
	if x.Dims() != 2 && x.Dims() != 4 || x.TotalSize() == 0 {
		return rule[T]{}, fmt.Errorf("input: got shape %v, want (N, classes) or (N, C, H, W)", x)
	}
	if planeOf(x) > 1 {
		return channelLogSoftmax[T](x), nil
	}
	n, classes := x[0], x[1]
	return rule[T]{
		output:  in[0],
		forward: func(in [][]T, y []T) { kernel.LogSoftmax(n, classes, in[0], y) },
		vjps: []vjp[T]{{
			reads:  []operand{result},
			apply:  func(_ [][]T, y, dy, dx []T) { kernel.LogSoftmaxBackward(n, classes, y, dy, dx) },
			second: logSoftmaxSecond[T](x),
		}},
	}, nil
}

func channelLogSoftmax[T kernel.Float](x tensor.Shape) rule[T] {
	channels, plane := x[1], planeOf(x)
	// each calls f for each pixel of each image, with the index of its first channel.
	each := func(f func(first int)) {
		for i := range x[0] * plane {
			f(i/plane*channels*plane + i%plane)
		}
	}
	return rule[T]{
		output:  x,
		inPlace: true,
		forward: func(in [][]T, y []T) {
			x := in[0]
			each(func(first int) {
				largest := x[first]
				for c := range channels {
					largest = max(largest, x[first+c*plane])
				}
				var sum float64
				for c := range channels {
					sum += math.Exp(float64(x[first+c*plane] - largest))
				}
				rest := T(math.Log(sum))
				for c := range channels {
					y[first+c*plane] = x[first+c*plane] - largest - rest
				}
			})
		},
		vjps: []vjp[T]{{
			reads:   []operand{result},
			inPlace: true,
			apply: func(_ [][]T, y, dy, dx []T) {
				each(func(first int) {
					var sum float64
					for c := range channels {
						sum += float64(dy[first+c*plane])
					}
					for c := range channels {
						i := first + c*plane
						dx[i] = dy[i] - T(math.Exp(float64(y[i]))*sum)
					}
				})
			},
			second: logSoftmaxSecond[T](x),
		}},
	}
}

func logSoftmaxSecond[T kernel.Float](x tensor.Shape) second {
	return second{
		transposed: func(n around) (*G.Node, error) {
			return bent(n.name, x, func(in [][]T, out []T) {
				y, u := in[0], in[1]
				eachRow(x, func(first, step int) {
					var sum float64
					for c, i := 0, first; c < x[1]; c, i = c+1, i+step {
						sum += float64(u[i]) * math.Exp(float64(y[i]))
					}
					for c, i := 0, first; c < x[1]; c, i = c+1, i+step {
						out[i] = T(float64(u[i]) - sum)
					}
				})
			}, n.y, n.u)
		},
		bends: []bend{{result, func(n around) (*G.Node, error) {
			return bent(n.name, x, func(in [][]T, out []T) {
				y, dy, u := in[0], in[1], in[2]
				eachRow(x, func(first, step int) {
					var sum float64
					for c, i := 0, first; c < x[1]; c, i = c+1, i+step {
						sum += float64(dy[i])
					}
					for c, i := 0, first; c < x[1]; c, i = c+1, i+step {
						out[i] = T(-float64(u[i]) * math.Exp(float64(y[i])) * sum)
					}
				})
			}, n.y, n.dy, n.u)
		}}},
	}
}

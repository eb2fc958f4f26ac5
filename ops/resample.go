package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
	"convgraph/internal/xmath"
)

// A Tap is the index of a row or column that an interpolation reads, and its weight.
type Tap struct {
	Index  int
	Weight float64
}

// Resample interpolates each plane of x (N, C, H, W): row i of the result is the weighted sum of
// the rows of x in rows[i], and column j that of the columns in columns[j]. Every separable
// resizing has this form: nearest, linear, cubic, with antialiasing or without.
func Resample(x *G.Node, rows, columns [][]Tap) (*G.Node, error) {
	return apply("Resample", resample[float32](rows, columns), resample[float64](rows, columns), x)
}

// resample: y = R·x·Cᵀ for each plane, with the matrices R and C of the weights, so dx = Rᵀ·dy·C.
func resample[T kernel.Float](rows, columns [][]Tap) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkImages(x); err != nil {
			return rule[T]{}, err
		}
		if err := checkTaps("row", rows, x[2]); err != nil {
			return rule[T]{}, err
		}
		if err := checkTaps("column", columns, x[3]); err != nil {
			return rule[T]{}, err
		}
		planes, height, width := x[0]*x[1], len(rows), len(columns)
		buffer := make([]float64, max(x[3], width))
		forward := func(v, y []T) {
			for p := range planes {
				from, to := v[p*x[2]*x[3]:][:x[2]*x[3]], y[p*height*width:][:height*width]
				for i, taps := range rows {
					clear(buffer)
					for _, t := range taps {
						for j, v := range from[t.Index*x[3]:][:x[3]] {
							buffer[j] += t.Weight * float64(v)
						}
					}
					for j, taps := range columns {
						var sum float64
						for _, t := range taps {
							sum += t.Weight * buffer[t.Index]
						}
						to[i*width+j] = T(sum)
					}
				}
			}
		}
		back := func(dy, dx []T) {
			clear(dx)
			for p := range planes {
				from, to := dy[p*height*width:][:height*width], dx[p*x[2]*x[3]:][:x[2]*x[3]]
				for i, taps := range rows {
					clear(buffer)
					for j, taps := range columns {
						for _, t := range taps {
							buffer[t.Index] += t.Weight * float64(from[i*width+j])
						}
					}
					for _, t := range taps {
						for j := range x[3] {
							to[t.Index*x[3]+j] += T(t.Weight * buffer[j])
						}
					}
				}
			}
		}
		output := tensor.Shape{x[0], x[1], height, width}
		return rule[T]{
			attributes: fmt.Sprintf("%dx%d to %dx%d", x[2], x[3], height, width),
			output:     output,
			forward:    func(in [][]T, y []T) { forward(in[0], y) },
			vjps:       []vjp[T]{transposed(x, output, forward, back)},
		}, nil
	}
}

func checkTaps(what string, lines [][]Tap, size int) error {
	if len(lines) == 0 {
		return fmt.Errorf("%ss of the result: got none, want at least one", what)
	}
	for i, taps := range lines {
		for _, t := range taps {
			if t.Index < 0 || t.Index >= size {
				return fmt.Errorf("%s %d: got %s %d of the input, want 0 to %d", what, i, what, t.Index, size-1)
			}
			if !xmath.IsFinite(t.Weight) {
				return fmt.Errorf("%s %d: got a weight of %g, want a finite number", what, i, t.Weight)
			}
		}
	}
	return nil
}

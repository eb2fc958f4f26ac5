package ops

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Pad adds rows above and below and columns left and right of each plane of x (N, C, H, W), filled
// with a constant, which may be infinite: minus infinity suits a max pooling.
func Pad(x *G.Node, top, bottom, left, right int, value float64) (*G.Node, error) {
	b := border{top, bottom, left, right, value}
	return apply("Pad", pad[float32](b), pad[float64](b), x)
}

// border is what Pad adds around a plane.
type border struct {
	top, bottom, left, right int
	value                    float64
}

func (b border) String() string {
	return fmt.Sprintf("top %d, bottom %d, left %d, right %d, value %g", b.top, b.bottom, b.left, b.right, b.value)
}

// pad: y[n,c, h+top, w+left] = x[n,c,h,w], so dx is that part of dy.
func pad[T kernel.Float](b border) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		height, width, err := b.around(x)
		if err != nil {
			return rule[T]{}, err
		}
		value := T(b.value)
		if value != value || math.IsInf(float64(value), 0) && !math.IsInf(b.value, 0) {
			return rule[T]{}, fmt.Errorf("value: got %g, want a number in the range of %v", b.value, dtypeOf[T]())
		}
		rows, start := x[2], func(i int) int { return (i/x[2]*height+b.top+i%x[2])*width + b.left }
		inside := kernel.NewCopy[T](x[0]*x[1]*rows, x[3], every(x[3], 0), start)
		back := inside.Reversed()
		return rule[T]{
			attributes: b.String(),
			output:     tensor.Shape{x[0], x[1], height, width},
			forward: func(in [][]T, y []T) {
				for i := range y {
					y[i] = value
				}
				inside.Run(in[0], y)
			},
			vjps: []vjp[T]{transposed(x, tensor.Shape{x[0], x[1], height, width},
				func(v, out []T) { clear(out); inside.Run(v, out) }, back.Run)},
		}, nil
	}
}

// around returns the height and width of the planes of x with the border.
func (b border) around(x tensor.Shape) (height, width int, err error) {
	if err := checkImages(x); err != nil {
		return 0, 0, err
	}
	if min(b.top, b.bottom, b.left, b.right) < 0 {
		return 0, 0, fmt.Errorf("border: got %v, want sizes of at least 0", b)
	}
	const most = math.MaxInt / 3
	if max(b.top, b.bottom, b.left, b.right, x[2], x[3]) > most {
		return 0, 0, fmt.Errorf("%v around %v: sizes overflow int", b, x)
	}
	return x[2] + b.top + b.bottom, x[3] + b.left + b.right, nil
}

package ops

import (
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

func reluCurve[T kernel.Float]() kernel.Curve[T] {
	return kernel.Curve[T]{Forward: kernel.ReLU[T], Backward: kernel.ReLUBackward[T]}
}

// reluVJP is the gradient of the rectifier at the end of a fused op: dx = dy·1[y > 0].
func reluVJP[T kernel.Float](y tensor.Shape) vjp[T] {
	return vjp[T]{
		reads:   []operand{result},
		inPlace: true,
		apply:   func(saved [][]T, dy, dx []T) error { kernel.ReLUBackward(saved[0], dy, dx); return nil },
		second: symmetric("ReLU", y, func(saved [][]T, v, out []T) error {
			kernel.ReLUBackward(saved[0], v, out)
			return nil
		}).second(0, 1),
	}
}

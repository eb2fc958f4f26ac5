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
	dx := func(_ [][]T, y, dy, dx []T) { kernel.ReLUBackward(y, dy, dx) }
	return vjp[T]{reads: []operand{result}, inPlace: true, apply: dx}.symmetric(y)
}

package ops

import "convgraph/internal/kernel"

func reluCurve[T kernel.Float]() kernel.Curve[T] {
	return kernel.Curve[T]{Forward: kernel.ReLU[T], Backward: kernel.ReLUBackward[T]}
}

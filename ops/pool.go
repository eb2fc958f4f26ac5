package ops

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

func poolShape(x tensor.Shape, p Pool) (kernel.PoolShape, error) {
	if err := checkImages(x); err != nil {
		return kernel.PoolShape{}, err
	}
	if p.Pad[0] >= p.Kernel[0] && p.Pad[0] > 0 || p.Pad[1] >= p.Kernel[1] && p.Pad[1] > 0 {
		return kernel.PoolShape{}, fmt.Errorf("pad %s isn't smaller than the kernel %s: a window would see only padding",
			pairString(p.Pad), pairString(p.Kernel))
	}
	if _, err := outputPlane(x, p.Kernel, p.Stride, p.Pad, Pair{1, 1}); err != nil {
		return kernel.PoolShape{}, err
	}
	return kernel.PoolShape{
		Batch: x[0], Channels: x[1], InHeight: x[2], InWidth: x[3],
		KernelH: p.Kernel[0], KernelW: p.Kernel[1], StrideH: p.Stride[0], StrideW: p.Stride[1], PadH: p.Pad[0], PadW: p.Pad[1],
	}, nil
}

func pooled(s kernel.PoolShape) tensor.Shape {
	return tensor.Shape{s.Batch, s.Channels, s.OutHeight(), s.OutWidth()}
}

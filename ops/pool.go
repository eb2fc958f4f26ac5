package ops

import (
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

func poolShape(x tensor.Shape, p Pool) (kernel.PoolShape, error) {
	if err := checkImages(x); err != nil {
		return kernel.PoolShape{}, err
	}
	if _, err := p.OutputSize(Pair{x[2], x[3]}); err != nil {
		return kernel.PoolShape{}, err
	}
	axes := p.axes(Pair{})
	return kernel.PoolShape{
		Batch: x[0], Channels: x[1], InHeight: x[2], InWidth: x[3],
		KernelH: p.Kernel[0], KernelW: p.Kernel[1], StrideH: p.Stride[0], StrideW: p.Stride[1],
		PadTop: axes[0].pad.before(), PadBottom: axes[0].pad.after(),
		PadLeft: axes[1].pad.before(), PadRight: axes[1].pad.after(),
		DilationH: p.Dilation[0], DilationW: p.Dilation[1], Ceil: p.Ceil, ExcludePad: p.ExcludePad,
	}, nil
}

func pooled(s kernel.PoolShape) tensor.Shape {
	return tensor.Shape{s.Batch, s.Channels, s.OutHeight(), s.OutWidth()}
}

package models

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/picture"
)

// EfficientNetLite0 is the smallest of Google's EfficientNet-Lite networks (2020): EfficientNet-B0
// (Tan and Le 2019, table 1) without squeeze-and-excitation, and with ReLU6 instead of swish. The
// names are those of the Python package efficientnet_lite_pytorch. Unlike that package, it doesn't
// drop blocks at random in training (drop-connect).
type EfficientNetLite0 struct {
	Classes int // 0 is 1000
	Size    int // height and width of the images; 0 is 224
}

// mobileBlocks are the rows of the table: the kernel, the stride of the first block, the expansion,
// the channels and the number of blocks.
var mobileBlocks = []struct{ kernel, stride, expansion, channels, blocks int }{
	{3, 1, 1, 16, 1},
	{3, 2, 6, 24, 2},
	{5, 2, 6, 40, 2},
	{3, 2, 6, 80, 3},
	{5, 1, 6, 112, 3},
	{5, 2, 6, 192, 4},
	{3, 1, 6, 320, 1},
}

// Spec declares the network: 4,652,008 trained parameters with 1000 classes.
func (n EfficientNetLite0) Spec() *graph.Spec {
	size := orElse(n.Size, 224)
	side := size
	stem := sameConvNorm("_conv_stem", "_bn0", graph.Conv2D{Filters: 32}, 3, 2, &side)
	parts := []graph.Part{stem, graph.Clip{Max: 6}}
	in, block := 32, 0
	for _, row := range mobileBlocks {
		for i := range row.blocks {
			stride := 1
			if i == 0 {
				stride = row.stride
			}
			parts = append(parts, mobileBlock(fmt.Sprintf("_blocks.%d",
				block), in, row.expansion, row.channels, row.kernel, stride, &side))
			in = row.channels
			block++
		}
	}
	parts = append(parts,
		sameConvNorm("_conv_head", "_bn1", graph.Conv2D{Filters: 1280}, 1, 1, &side), graph.Clip{Max: 6},
		graph.GlobalAvgPool{},
		graph.Dropout{Rate: 0.2},
		graph.Affine{Name: "_fc", Units: orElse(n.Classes, 1000)},
		graph.Softmax{},
	)
	spec := graph.Sequential("efficientnet_lite0", tensor.Shape{3, size, size}, graph.He(), parts...)
	spec.Preprocess = &picture.Preprocessing{
		Fit: picture.Shorter, Resize: resized(size), Interpolation: picture.Bicubic,
		Mean: []float64{127. / 255, 127. / 255, 127. / 255},
		Std:  []float64{128. / 255, 128. / 255, 128. / 255},
	}
	return spec
}

// mobileBlock is an expansion, a depthwise convolution and a linear projection, with a shortcut if
// the shape doesn't change.
func mobileBlock(name string, in, expansion, channels, kernel, stride int, side *int) graph.Part {
	hidden := in * expansion
	var parts []graph.Part
	if expansion != 1 {
		expand := sameConvNorm("_expand_conv", "_bn0", graph.Conv2D{Filters: hidden}, 1, 1, side)
		parts = append(parts, expand, graph.Clip{Max: 6})
	}
	parts = append(parts,
		sameConvNorm("_depthwise_conv", "_bn1", graph.Conv2D{Filters: hidden, Groups: hidden}, kernel, stride, side),
		graph.Clip{Max: 6},
		sameConvNorm("_project_conv", "_bn2", graph.Conv2D{Filters: channels}, 1, 1, side))
	body := graph.Block(name, parts...)
	if stride != 1 || in != channels {
		return body
	}
	return graph.Residual(body)
}

// sameConvNorm is a convolution with TensorFlow's SAME padding, and BatchNorm. If the padding is
// odd the bottom gets the extra row. side becomes the output's height and width.
func sameConvNorm(name, norm string, c graph.Conv2D, kernel, stride int, side *int) graph.Part {
	out := (*side + stride - 1) / stride
	pad := max(0, (out-1)*stride+kernel-*side)
	*side = out
	c.Name, c.Kernel, c.Stride, c.NoBias = name, graph.Square(kernel), graph.Square(stride), true
	c.Pad, c.PadEnd = graph.Square(pad/2), graph.Square(pad%2)
	return graph.Serial(c, graph.BatchNorm{Name: norm, Eps: 1e-3, Momentum: 0.01})
}

package models

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// MobileNetV2 is the network of Sandler, Howard, Zhu, Zhmoginov and Chen 2018, table 2, with
// torchvision's names.
type MobileNetV2 struct {
	Classes int // 0 is 1000
	Size    int // height and width of the images; 0 is 224
}

// invertedResiduals are the rows of the paper's table: the expansion t, the channels c, the number
// of blocks n and the stride s of the first.
var invertedResiduals = []struct{ t, c, n, s int }{
	{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
}

// Spec declares the network: 3,504,872 trained parameters with 1000 classes.
func (n MobileNetV2) Spec() *graph.Spec {
	size := orElse(n.Size, 224)
	features := []graph.Part{convNormReLU6(32, 3, 2, 1)}
	in := 32
	for _, row := range invertedResiduals {
		for i := range row.n {
			stride := 1
			if i == 0 {
				stride = row.s
			}
			features = append(features, invertedResidual(in, row.t, row.c, stride))
			in = row.c
		}
	}
	features = append(features, convNormReLU6(1280, 1, 1, 1))
	return forImageNet(graph.Sequential("mobilenet_v2", tensor.Shape{3, size, size}, graph.He(),
		graph.Numbered("features", features...),
		graph.GlobalAvgPool{},
		graph.Numbered("classifier",
			graph.Dropout{Rate: 0.2},
			graph.Affine{Units: orElse(n.Classes, 1000), Init: graph.Gaussian(0.01)}),
		graph.Softmax{},
	))
}

// invertedResidual is the paper's figure 4d: expansion, depthwise convolution, linear projection,
// and a shortcut if the shape doesn't change.
func invertedResidual(in, expansion, channels, stride int) graph.Part {
	hidden := in * expansion
	var parts []graph.Part
	if expansion != 1 {
		parts = append(parts, convNormReLU6(hidden, 1, 1, 1))
	}
	parts = append(parts, convNormReLU6(hidden, 3, stride, hidden), convolution(channels, 1, 1), graph.BatchNorm{})
	body := graph.Numbered("conv", parts...)
	if stride != 1 || in != channels {
		return graph.Serial(body)
	}
	return graph.Residual(body)
}

// convNormReLU6 is a convolution without bias, BatchNorm and min(max(x, 0), 6).
func convNormReLU6(filters, kernel, stride, groups int) graph.Part {
	c := convolution(filters, kernel, stride)
	c.Groups = groups
	return graph.Numbered("", c, graph.BatchNorm{}, graph.Clip{Max: 6})
}

package models

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// SqueezeNet is the network of Iandola et al. 2016, table 1, with torchvision's names: version 1.1
// of the authors' repository, which needs 2.4 times less arithmetic, or the paper's version.
type SqueezeNet struct {
	Classes int  // 0 is 1000
	Size    int  // height and width of the images; 0 is 224
	Paper   bool // version 1.0: larger filters in the first layer, and later poolings
}

// Spec declares the network. It has 1,235,496 parameters with 1000 classes; version 1.0 has
// 1,248,424.
func (n SqueezeNet) Spec() *graph.Spec {
	name, features := "squeezenet1_1", squeezeNet11
	if n.Paper {
		name, features = "squeezenet1_0", squeezeNet10
	}
	size := orElse(n.Size, 224)
	return forImageNet(graph.Sequential(name, tensor.Shape{3, size, size}, graph.He(),
		graph.Numbered("features", features...),
		graph.Numbered("classifier",
			graph.Dropout{Rate: 0.5},
			graph.Conv2D{Filters: orElse(n.Classes, 1000), Kernel: graph.Square(1), Init: graph.Gaussian(0.01)},
			graph.ReLU{},
			graph.GlobalAvgPool{}),
		graph.Flatten{},
		graph.Softmax{},
	))
}

var (
	squeezePool  = graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(2), Ceil: true}
	squeezeNet10 = []graph.Part{
		graph.Conv2D{Filters: 96, Kernel: graph.Square(7), Stride: graph.Square(2)}, graph.ReLU{}, squeezePool,
		fire(16, 64), fire(16, 64), fire(32, 128), squeezePool,
		fire(32, 128), fire(48, 192), fire(48, 192), fire(64, 256), squeezePool,
		fire(64, 256),
	}
	squeezeNet11 = []graph.Part{
		graph.Conv2D{Filters: 64, Kernel: graph.Square(3), Stride: graph.Square(2)}, graph.ReLU{}, squeezePool,
		fire(16, 64), fire(16, 64), squeezePool,
		fire(32, 128), fire(32, 128), squeezePool,
		fire(48, 192), fire(48, 192), fire(64, 256), fire(64, 256),
	}
)

// fire is the paper's figure 1: a 1x1 convolution squeezes the channels, then parallel 1x1 and 3x3
// convolutions expand them.
func fire(squeeze, expand int) graph.Part {
	return graph.Serial(
		graph.Conv2D{Name: "squeeze", Filters: squeeze, Kernel: graph.Square(1)}, graph.ReLU{},
		graph.Branches(graph.Concat{},
			graph.Serial(graph.Conv2D{Name: "expand1x1", Filters: expand, Kernel: graph.Square(1)}, graph.ReLU{}),
			graph.Serial(
				graph.Conv2D{Name: "expand3x3", Filters: expand, Kernel: graph.Square(3), Pad: graph.Square(1)},
				graph.ReLU{})))
}

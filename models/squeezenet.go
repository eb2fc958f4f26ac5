package models

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// SqueezeNet is SqueezeNet 1.1 (Iandola et al. 2016, table 1, in the version of its authors' repository
// that needs 2.4 times less arithmetic), under torchvision's names.
type SqueezeNet struct {
	Classes int // 0 is 1000
	Size    int // height and width of the images; 0 is 224
}

// Spec declares the network: 1,235,496 parameters with 1000 classes.
func (n SqueezeNet) Spec() *graph.Spec {
	size := orElse(n.Size, 224)
	pool := graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(2), Ceil: true}
	return forImageNet(graph.Sequential("squeezenet1_1", tensor.Shape{3, size, size}, graph.He(),
		graph.Numbered("features",
			graph.Conv2D{Filters: 64, Kernel: graph.Square(3), Stride: graph.Square(2)}, graph.ReLU{}, pool,
			fire(16, 64), fire(16, 64), pool,
			fire(32, 128), fire(32, 128), pool,
			fire(48, 192), fire(48, 192), fire(64, 256), fire(64, 256)),
		graph.Numbered("classifier",
			graph.Dropout{Rate: 0.5},
			graph.Conv2D{Filters: orElse(n.Classes, 1000), Kernel: graph.Square(1), Init: graph.Gaussian(0.01)}, graph.ReLU{},
			graph.GlobalAvgPool{}),
		graph.Flatten{},
		graph.Softmax{},
	))
}

// fire is the paper's figure 1: a 1x1 convolution squeezes the channels, then 1x1 and 3x3 convolutions
// expand them side by side.
func fire(squeeze, expand int) graph.Part {
	return graph.Serial(
		graph.Conv2D{Name: "squeeze", Filters: squeeze, Kernel: graph.Square(1)}, graph.ReLU{},
		graph.Branches(graph.Concat{},
			graph.Serial(graph.Conv2D{Name: "expand1x1", Filters: expand, Kernel: graph.Square(1)}, graph.ReLU{}),
			graph.Serial(graph.Conv2D{Name: "expand3x3", Filters: expand, Kernel: graph.Square(3), Pad: graph.Square(1)}, graph.ReLU{})))
}

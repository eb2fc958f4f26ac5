package models

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// GoogLeNet is the network of Szegedy et al. 2014, table 1, with a BatchNorm after each convolution
// and without the auxiliary classifiers, with torchvision's names. As in torchvision, the branch of
// 5x5 convolutions has 3x3 ones. torchvision's pretrained weights need inputs from -1 to 1 (its
// transform_input): a mean and a std of 0.5 in the spec's preprocessing.
type GoogLeNet struct {
	Classes int // 0 is 1000
	Size    int // height and width of the images; 0 is 224
}

// Spec declares the network: 6,624,904 trained parameters with 1000 classes.
func (n GoogLeNet) Spec() *graph.Spec {
	size := orElse(n.Size, 224)
	pool := graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(2), Ceil: true}
	return forImageNet(graph.Sequential("googlenet", tensor.Shape{3, size, size}, graph.He(),
		convNormReLU("conv1", 64, 7, 2), pool,
		convNormReLU("conv2", 64, 1, 1), convNormReLU("conv3", 192, 3, 1), pool,
		inception("inception3a", 64, 96, 128, 16, 32, 32),
		inception("inception3b", 128, 128, 192, 32, 96, 64), pool,
		inception("inception4a", 192, 96, 208, 16, 48, 64),
		inception("inception4b", 160, 112, 224, 24, 64, 64),
		inception("inception4c", 128, 128, 256, 24, 64, 64),
		inception("inception4d", 112, 144, 288, 32, 64, 64),
		inception("inception4e", 256, 160, 320, 32, 128, 128),
		graph.MaxPool{Kernel: graph.Square(2), Stride: graph.Square(2), Ceil: true},
		inception("inception5a", 256, 160, 320, 32, 128, 128),
		inception("inception5b", 384, 192, 384, 48, 128, 128),
		graph.GlobalAvgPool{},
		graph.Dropout{Rate: 0.2},
		graph.Affine{Name: "fc", Units: orElse(n.Classes, 1000)},
		graph.Softmax{},
	))
}

// inception is the paper's figure 2b, with the widths in the order of its table 1.
func inception(name string, one, reduce3, three, reduce5, five, project int) graph.Part {
	pool := graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(1), Pad: graph.Square(1), Ceil: true}
	return graph.Block(name, graph.Branches(graph.Concat{},
		convNormReLU("branch1", one, 1, 1),
		graph.Numbered("branch2", convNormReLU("", reduce3, 1, 1), convNormReLU("", three, 3, 1)),
		graph.Numbered("branch3", convNormReLU("", reduce5, 1, 1), convNormReLU("", five, 3, 1)),
		graph.Numbered("branch4", pool, convNormReLU("", project, 1, 1))))
}

// convNormReLU is a convolution without bias, BatchNorm and ReLU.
func convNormReLU(name string, filters, kernel, stride int) graph.Part {
	c := convolution(filters, kernel, stride)
	c.Name = "conv"
	return graph.Block(name, c, graph.BatchNorm{Name: "bn", Eps: 1e-3}, graph.ReLU{})
}

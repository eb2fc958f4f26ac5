package models

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// SimpleConvNet is the network of Deep Learning from Scratch, section 7.5, with its constructor's
// arguments:
//
//	conv - relu - pool - affine - relu - affine - softmax
type SimpleConvNet struct {
	Input       tensor.Shape // (C, H, W)
	FilterNum   int
	FilterSize  int
	Pad, Stride int
	HiddenSize  int
	OutputSize  int
	// WeightInitStd is graph.Gaussian(0.01) by default, He for the book's "he" or "relu", Xavier
	// for its "xavier" or "sigmoid".
	WeightInitStd graph.Init
}

// DefaultSimpleConvNet returns the network with the book's arguments for MNIST.
func DefaultSimpleConvNet() SimpleConvNet {
	return SimpleConvNet{
		Input:     tensor.Shape{1, 28, 28},
		FilterNum: 30, FilterSize: 5, Pad: 0, Stride: 1,
		HiddenSize: 100, OutputSize: 10,
		WeightInitStd: graph.Gaussian(0.01),
	}
}

// Spec declares the network.
func (n SimpleConvNet) Spec() *graph.Spec {
	return graph.Sequential("simpleconvnet", n.Input, n.WeightInitStd,
		graph.Conv2D{
			Filters: n.FilterNum, Kernel: graph.Square(n.FilterSize),
			Stride: graph.Square(n.Stride), Pad: graph.Square(n.Pad),
		},
		graph.ReLU{},
		graph.MaxPool{Kernel: graph.Square(2)},
		graph.Affine{Units: n.HiddenSize},
		graph.ReLU{},
		graph.Affine{Units: n.OutputSize},
		graph.Softmax{},
	)
}

// GradientCheckNet returns the small network of the book's gradient check (ch07/gradient_check.py):
// 1x10x10 images, ten 3x3 filters, ten hidden units.
func GradientCheckNet() SimpleConvNet {
	n := DefaultSimpleConvNet()
	n.Input, n.FilterNum, n.FilterSize, n.HiddenSize = tensor.Shape{1, 10, 10}, 10, 3, 10
	return n
}

package models

import (
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/picture"
)

// AlexNet is the network of Krizhevsky, Sutskever and Hinton 2012, section 3.5, with its two halves
// as two groups. The zero value is the paper's network: 227x227 images of 1000 classes, 60,965,224
// parameters. (The paper's figure says 224, but its strides need 227.)
type AlexNet struct {
	Size    int     // height and width of the images; 0 is 227, the minimum 67
	Classes int     // 0 is 1000
	Width   float64 // fraction of the paper's filters and units; 0 is 1

	// Mean is the mean color of the training set, with values from 0 to 1. If set, a first layer
	// subtracts it from the image.
	Mean []float64
}

// Spec declares the network with the paper's initial parameters (section 5): weights from a
// Gaussian of std 0.01; biases 1 in the second, fourth and fifth convolution and in the hidden
// fully connected layers, otherwise 0. With a Mean, the first layer maps values from 0 to 1 to the
// range that the paper's initial weights and learning rate assume: 0 to 255, minus the mean.
func (n AlexNet) Spec() *graph.Spec {
	norm := graph.LRN{Size: 5, K: 2, Alpha: 1e-4, Beta: 0.75}
	pool := graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(2)}
	spec := graph.Sequential("alexnet", n.input(), graph.Gaussian(0.01),
		graph.Conv2D{Filters: n.width(96), Kernel: graph.Square(11), Stride: graph.Square(4)},
		graph.ReLU{}, norm, pool,
		graph.Conv2D{Filters: n.width(256), Kernel: graph.Square(5), Pad: graph.Square(2), Groups: 2, Bias: 1},
		graph.ReLU{}, norm, pool,
		graph.Conv2D{Filters: n.width(384), Kernel: graph.Square(3), Pad: graph.Square(1)},
		graph.ReLU{},
		graph.Conv2D{Filters: n.width(384), Kernel: graph.Square(3), Pad: graph.Square(1), Groups: 2, Bias: 1},
		graph.ReLU{},
		graph.Conv2D{Filters: n.width(256), Kernel: graph.Square(3), Pad: graph.Square(1), Groups: 2, Bias: 1},
		graph.ReLU{}, pool,
		graph.Affine{Units: n.width(4096), Bias: 1}, graph.ReLU{}, graph.Dropout{Rate: 0.5},
		graph.Affine{Units: n.width(4096), Bias: 1}, graph.ReLU{}, graph.Dropout{Rate: 0.5},
		graph.Affine{Units: orElse(n.Classes, 1000)},
		graph.Softmax{},
	)
	preprocess := picture.AlexNet(n.input())
	spec.Preprocess = &preprocess
	if n.Mean != nil {
		scale := graph.Normalize{Mean: n.Mean, Std: []float64{1. / 255, 1. / 255, 1. / 255}}
		spec.Layers = slices.Insert(spec.Layers, 0, graph.Layer(scale))
	}
	return spec
}

func (n AlexNet) input() tensor.Shape {
	size := orElse(n.Size, 227)
	return tensor.Shape{3, size, size}
}

// width scales a number of filters or units and keeps it even for the two groups. For an invalid
// width it returns 0, which graph.New refuses.
func (n AlexNet) width(full int) int {
	switch {
	case n.Width == 0:
		return full
	case !(n.Width > 0 && n.Width <= 1<<20):
		return 0
	}
	return 2 * max(1, int(math.Round(n.Width*float64(full)/2)))
}

func orElse(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}

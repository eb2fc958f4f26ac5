package models

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// LeNet is LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998, section II.B), with an affine layer and
// softmax instead of the paper's ten radial basis units. The paper's 32x32 input is the 28x28 image
// with two rows and columns of zeros around it, here the padding of C1.
type LeNet struct {
	Activation string // "sigmoid" (default), or "tanh" for the paper's 1.7159·tanh(2x/3)
	Modern     bool   // today's version: C3 reads all maps of S2, with ReLU and max pooling
	Wide       bool   // the modern network with more maps, for higher accuracy
}

// tableI is the paper's Table I, by maps of C3: the maps of S2 that each of its sixteen maps reads.
var tableI = [][]int{
	{0, 1, 2}, {1, 2, 3}, {2, 3, 4}, {3, 4, 5}, {0, 4, 5}, {0, 1, 5},
	{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {0, 3, 4, 5}, {0, 1, 4, 5}, {0, 1, 2, 5},
	{0, 1, 3, 4}, {1, 2, 4, 5}, {0, 2, 3, 5},
	{0, 1, 2, 3, 4, 5},
}

// Spec declares the network: 60,850 parameters, 61,706 if modern, 117,066 if wide. Contradictory
// fields are an error.
func (n LeNet) Spec() (*graph.Spec, error) {
	switch {
	case n.Modern && n.Wide:
		return nil, fmt.Errorf("lenet: both Modern and Wide are set: want one of them")
	case (n.Modern || n.Wide) && n.Activation != "":
		return nil, fmt.Errorf(
			"lenet: activation: got %q, want none for the modern and the wide network, which have ReLU", n.Activation)
	case n.Wide:
		return wideLeNet(), nil
	case n.Modern:
		return modernLeNet(), nil
	}
	switch n.Activation {
	case "", "sigmoid":
		return classicLeNet("lenet", graph.Sigmoid{}, graph.XavierSigmoid(), 1), nil
	case "tanh":
		return classicLeNet("lenet-tanh", graph.Tanh{A: 1.7159, B: 2. / 3}, graph.Xavier(), 0.25), nil
	}
	return nil, fmt.Errorf("lenet: activation: got %q, want sigmoid or tanh", n.Activation)
}

// classicLeNet has the activation f, initial weights from init, and the given initial subsampling
// coefficients. With the sigmoid they are larger than the mean's, because its slope is only 1/4.
//
//	layer   maps@size  parameters
//	c1      6@28x28           156
//	s2      6@14x14            12
//	c3      16@10x10        1,516
//	s4      16@5x5             32
//	c5      120@1x1        48,120
//	f6      84             10,164
//	output  10                850
func classicLeNet(name string, f graph.Layer, init graph.Init, coefficient float64) *graph.Spec {
	return graph.Sequential(name, tensor.Shape{1, 28, 28}, init,
		graph.Conv2D{Name: "c1", Filters: 6, Kernel: graph.Square(5), Pad: graph.Square(2)},
		f,
		graph.Subsample{Name: "s2", Kernel: graph.Square(2), Coefficient: coefficient},
		f,
		graph.Conv2D{Name: "c3", Filters: 16, Kernel: graph.Square(5), Connections: tableI},
		f,
		graph.Subsample{Name: "s4", Kernel: graph.Square(2), Coefficient: coefficient},
		f,
		graph.Conv2D{Name: "c5", Filters: 120, Kernel: graph.Square(5)},
		f,
		graph.Affine{Name: "f6", Units: 84},
		f,
		graph.Affine{Name: "output", Units: 10, Init: graph.Xavier()},
		graph.Softmax{},
	)
}

func modernLeNet() *graph.Spec {
	return graph.Sequential("lenet-modern", tensor.Shape{1, 28, 28}, graph.He(),
		graph.Conv2D{Name: "c1", Filters: 6, Kernel: graph.Square(5), Pad: graph.Square(2)},
		graph.ReLU{},
		graph.MaxPool{Name: "s2", Kernel: graph.Square(2)},
		graph.Conv2D{Name: "c3", Filters: 16, Kernel: graph.Square(5)},
		graph.ReLU{},
		graph.MaxPool{Name: "s4", Kernel: graph.Square(2)},
		graph.Conv2D{Name: "c5", Filters: 120, Kernel: graph.Square(5)},
		graph.ReLU{},
		graph.Affine{Name: "f6", Units: 84},
		graph.ReLU{},
		graph.Affine{Name: "output", Units: 10},
		graph.Softmax{},
	)
}

// wideLeNet is the network of the recipe best: the smallest tried that reaches its accuracy.
func wideLeNet() *graph.Spec {
	return graph.Sequential("lenet-wide", tensor.Shape{1, 28, 28}, graph.He(),
		graph.Conv2D{Name: "c1", Filters: 16, Kernel: graph.Square(5), Pad: graph.Square(2)},
		graph.ReLU{},
		graph.MaxPool{Name: "s2", Kernel: graph.Square(2)},
		graph.Conv2D{Name: "c3", Filters: 32, Kernel: graph.Square(5)},
		graph.ReLU{},
		graph.MaxPool{Name: "s4", Kernel: graph.Square(2)},
		graph.Affine{Name: "f5", Units: 128},
		graph.ReLU{},
		graph.Affine{Name: "output", Units: 10},
		graph.Softmax{},
	)
}

package models

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// CIFARResNet is the residual network for small images of He et al. 2015, section 4.2, with 6n+2
// layers and shortcuts without parameters (option A): where a block halves the sides and doubles
// the channels, its shortcut takes every second row and column and adds channels of zeros.
type CIFARResNet struct {
	Input   tensor.Shape // (C, H, W); nil is MNIST's (1, 28, 28)
	Blocks  int          // n; 0 is 3, for 20 layers
	Classes int          // 0 is 10
}

// Spec declares the network: 269,722 trained parameters for n = 3, color images and ten classes.
func (n CIFARResNet) Spec() *graph.Spec {
	input, blocks := n.Input, orElse(n.Blocks, 3)
	if input == nil {
		input = tensor.Shape{1, 28, 28}
	}
	return graph.Sequential(fmt.Sprintf("resnet%d", 6*blocks+2), input, graph.He(),
		convolution(16, 3, 1), graph.BatchNorm{}, graph.ReLU{},
		cifarStage("layer1", blocks, 16, 1),
		cifarStage("layer2", blocks, 32, 2),
		cifarStage("layer3", blocks, 64, 2),
		graph.GlobalAvgPool{},
		graph.Affine{Name: "fc", Units: orElse(n.Classes, 10)},
		graph.Softmax{},
	)
}

func cifarStage(name string, blocks, channels, stride int) graph.Part {
	first := basicBlock(channels, stride)
	if stride != 1 {
		first = basicBlock(channels, stride,
			graph.MaxPool{Kernel: graph.Square(1), Stride: graph.Square(stride)},
			graph.PadChannels{End: channels / 2})
	}
	parts := []graph.Part{first}
	for range blocks - 1 {
		parts = append(parts, basicBlock(channels, 1))
	}
	return graph.Numbered(name, parts...)
}

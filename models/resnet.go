package models

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// ResNet is a residual network for ImageNet (He, Zhang, Ren and Sun 2015, table 1), with
// torchvision's names. As in torchvision ("ResNet V1.5"), a bottleneck has its stride of two in the
// second convolution; in the paper it is in the first.
type ResNet struct {
	Depth   int // 18, 34 or 50
	Classes int // 0 is 1000
	Size    int // height and width of the images; 0 is 224
}

// resNetStages are the numbers of blocks with 64, 128, 256 and 512 channels.
var resNetStages = map[int][4]int{18: {2, 2, 2, 2}, 34: {3, 4, 6, 3}, 50: {3, 4, 6, 3}}

// Spec declares the network: 11,689,512, 21,797,672 or 25,557,032 trained parameters with 1000
// classes.
func (n ResNet) Spec() (*graph.Spec, error) {
	blocks, ok := resNetStages[n.Depth]
	if !ok {
		return nil, fmt.Errorf("resnet: depth: got %d, want 18, 34 or 50", n.Depth)
	}
	block, expansion := basicBlock, 1
	if n.Depth == 50 {
		block, expansion = bottleneck, 4
	}
	size := orElse(n.Size, 224)
	return forImageNet(graph.Sequential(fmt.Sprintf("resnet%d", n.Depth), tensor.Shape{3, size, size}, graph.He(),
		convolution(64, 7, 2), graph.BatchNorm{}, graph.ReLU{},
		graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(2), Pad: graph.Square(1)},
		resNetStage("layer1", block, expansion, blocks[0], 64, 1),
		resNetStage("layer2", block, expansion, blocks[1], 128, 2),
		resNetStage("layer3", block, expansion, blocks[2], 256, 2),
		resNetStage("layer4", block, expansion, blocks[3], 512, 2),
		graph.GlobalAvgPool{},
		graph.Affine{Name: "fc", Units: orElse(n.Classes, 1000)},
		graph.Softmax{},
	)), nil
}

// resNetStage is a row of the paper's table: blocks of one width. The first one has the stride, and
// a projection as its shortcut if it changes the shape.
func resNetStage(name string, block residualBlock, expansion, blocks, channels, stride int) graph.Part {
	var parts []graph.Part
	for i := range blocks {
		if i > 0 {
			parts = append(parts, block(channels, 1))
			continue
		}
		var shortcut []graph.Part
		if stride != 1 || expansion != 1 {
			projection := convolution(channels*expansion, 1, stride)
			shortcut = append(shortcut, graph.Numbered("downsample", projection, graph.BatchNorm{}))
		}
		parts = append(parts, block(channels, stride, shortcut...))
	}
	return graph.Numbered(name, parts...)
}

type residualBlock func(channels, stride int, shortcut ...graph.Part) graph.Part

// basicBlock is the paper's figure 5, left.
func basicBlock(channels, stride int, shortcut ...graph.Part) graph.Part {
	body := graph.Serial(
		convolution(channels, 3, stride), graph.BatchNorm{}, graph.ReLU{},
		convolution(channels, 3, 1), graph.BatchNorm{})
	return graph.Serial(graph.Residual(body, shortcut...), graph.ReLU{})
}

// bottleneck is the paper's figure 5, right.
func bottleneck(channels, stride int, shortcut ...graph.Part) graph.Part {
	body := graph.Serial(
		convolution(channels, 1, 1), graph.BatchNorm{}, graph.ReLU{},
		convolution(channels, 3, stride), graph.BatchNorm{}, graph.ReLU{},
		convolution(4*channels, 1, 1), graph.BatchNorm{})
	return graph.Serial(graph.Residual(body, shortcut...), graph.ReLU{})
}

// convolution keeps the size of the plane, except for the stride. It has no bias because a
// BatchNorm follows.
func convolution(filters, kernel, stride int) graph.Conv2D {
	return graph.Conv2D{
		Filters: filters, NoBias: true,
		Kernel: graph.Square(kernel), Stride: graph.Square(stride), Pad: graph.Square(kernel / 2),
	}
}

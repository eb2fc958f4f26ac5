package explore_test

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// residual is a small network with a branch of each sort that the page must make clear: a residual
// block with BatchNorm, and two convolutions side by side.
func residual(input tensor.Shape) *graph.Spec {
	conv := func(filters, kernel int) graph.Part {
		return graph.Serial(
			graph.Conv2D{Filters: filters, Kernel: graph.Square(kernel), Pad: graph.Square(kernel / 2), NoBias: true},
			graph.BatchNorm{})
	}
	return graph.Sequential("residual", input, graph.He(),
		graph.Block("stem", conv(8, 3), graph.ReLU{}, graph.MaxPool{Kernel: graph.Square(2)}),
		graph.Block("block1", graph.Residual(graph.Serial(conv(8, 3), graph.ReLU{}, conv(8, 3))), graph.ReLU{}),
		graph.Block("block2", graph.Branches(graph.Concat{},
			graph.Serial(conv(4, 1), graph.ReLU{}),
			graph.Serial(conv(8, 3), graph.ReLU{}),
			graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(1), Pad: graph.Square(1)})),
		graph.GlobalAvgPool{}, graph.Affine{Units: 10}, graph.Softmax{})
}

// branched are networks whose layers read any earlier ones. Between them they have every kind of layer that the networks before didn't.
func branched() map[string]*graph.Spec {
	square, pair := graph.Square, func(h, w int) graph.Pair { return graph.Pair{h, w} }
	spec := func(name string, input tensor.Shape, parts ...graph.Part) *graph.Spec {
		return graph.Sequential(name, input, graph.He(), parts...)
	}
	return map[string]*graph.Spec{
		"residual": residual(tensor.Shape{1, 12, 10}),
		"activations": spec("activations", tensor.Shape{2, 5, 4},
			graph.BatchNorm{Frozen: true}, graph.LeakyReLU{}, graph.BatchNorm{}, graph.PReLU{}, graph.PReLU{Shared: true, Start: -0.1},
			graph.BatchNorm{}, graph.ELU{}, graph.CELU{Alpha: 2}, graph.SELU{}, graph.BatchNorm{}, graph.SiLU{}, graph.GELU{},
			graph.GELU{Approximate: true}, graph.BatchNorm{}, graph.Mish{}, graph.Softsign{}, graph.HardSwish{}, graph.BatchNorm{},
			graph.HardSigmoid{}, graph.Softplus{}, graph.Clip{Max: 6}, graph.Dropout2D{Rate: 0.5}),
		"gates": spec("gates", tensor.Shape{6, 7, 5},
			graph.Gate(graph.GlobalAvgPool{}, graph.Conv2D{Filters: 6, Kernel: square(1)}, graph.Sigmoid{}),
			graph.Gate(graph.GlobalMaxPool{}, graph.Affine{Units: 6, NoBias: true}, graph.Sigmoid{}),
			graph.GroupNorm{Groups: 3},
			graph.Branches(graph.Multiply{}, graph.Tanh{}, graph.Conv2D{Filters: 6, Kernel: square(3), Pad: square(1), Groups: 6, NoBias: true}),
			graph.Residual(graph.Serial(graph.LayerNorm{Eps: 1e-3}, graph.StochasticDepth{Rate: 0.2})),
			graph.Flatten{}, graph.LayerNorm{}),
		"channels": spec("channels", tensor.Shape{6, 9, 8},
			graph.Branches(graph.Concat{}, graph.Slice{End: 2},
				graph.Serial(graph.Slice{Begin: 2, End: 6}, graph.ChannelShuffle{Groups: 2})),
			graph.Conv2D{Filters: 6, Kernel: pair(3, 2), PadBegin: pair(2, 0), PadEnd: pair(1, 1), Stride: pair(2, 1), Groups: 3},
			graph.PadChannels{Begin: 1, End: 2},
			graph.Branches(graph.Add{},
				graph.MaxPool{Kernel: square(2), Stride: square(1), Dilation: square(2), PadBegin: square(1), PadEnd: square(1)},
				graph.AvgPool{Kernel: square(3), Stride: square(1), Pad: square(1), ExcludePad: true},
				graph.AvgPool{Kernel: square(3), Stride: square(1), PadBegin: pair(2, 2)}),
			graph.AvgPool{Kernel: square(2), Stride: square(2), Ceil: true},
			graph.ChannelShuffle{Groups: 3}, graph.LRN{Size: 3, K: 1, Alpha: 0.5, Beta: 0.75}),
	}
}

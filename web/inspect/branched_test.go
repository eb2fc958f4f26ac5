package inspect_test

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// residual is a small network with a residual block with BatchNorm, and two convolutions side by
// side.
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

// branched returns networks with branches. Together they have every kind of layer that the
// sequential networks lack.
func branched() map[string]*graph.Spec {
	square, pair := graph.Square, func(h, w int) graph.Pair { return graph.Pair{h, w} }
	spec := func(name string, input tensor.Shape, parts ...graph.Part) *graph.Spec {
		return graph.Sequential(name, input, graph.He(), parts...)
	}
	return map[string]*graph.Spec{
		"residual": residual(tensor.Shape{1, 12, 10}),
		"activations": spec("activations", tensor.Shape{2, 5, 4},
			graph.BatchNorm{Frozen: true}, graph.LeakyReLU{}, graph.BatchNorm{}, graph.PReLU{},
			graph.PReLU{Shared: true, Start: -0.1},
			graph.BatchNorm{}, graph.ELU{}, graph.CELU{Alpha: 2}, graph.SELU{}, graph.BatchNorm{}, graph.SiLU{},
			graph.GELU{},
			graph.GELU{Approximate: true}, graph.BatchNorm{}, graph.Mish{}, graph.Softsign{}, graph.HardSwish{},
			graph.BatchNorm{},
			graph.HardSigmoid{}, graph.Softplus{}, graph.Clip{Max: 6}, graph.Dropout2D{Rate: 0.5}),
		"gates": spec("gates", tensor.Shape{6, 7, 5},
			graph.Gate(graph.GlobalAvgPool{}, graph.Conv2D{Filters: 6, Kernel: square(1)}, graph.Sigmoid{}),
			graph.Gate(graph.GlobalMaxPool{}, graph.Affine{Units: 6, NoBias: true}, graph.Sigmoid{}),
			graph.GroupNorm{Groups: 3},
			graph.Branches(graph.Multiply{}, graph.Tanh{},
				graph.Conv2D{Filters: 6, Kernel: square(3), Pad: square(1), Groups: 6, NoBias: true}),
			graph.Residual(graph.Serial(graph.LayerNorm{Eps: 1e-3}, graph.StochasticDepth{Rate: 0.2})),
			graph.Flatten{}, graph.LayerNorm{}),
		"arithmetic": spec("arithmetic", tensor.Shape{4, 6, 5},
			graph.Scale{Shape: []int{4, 1, 1}}, graph.Erf{}, graph.Scale{Shape: []int{1, 6, 5}, NoBias: true},
			graph.Scale{Shape: []int{1, 1, 5}, NoWeight: true},
			graph.Branches(graph.Subtract{}, graph.Tanh{}, graph.Conv2D{Filters: 4, Kernel: square(3), Pad: square(1)}),
			graph.Branches(graph.Divide{}, graph.Conv2D{Filters: 4, Kernel: square(1)}, graph.Softplus{}),
			graph.Branches(graph.Maximum{}, graph.Conv2D{Filters: 4, Kernel: square(3), Pad: square(1)}, graph.Tanh{}),
			graph.Branches(graph.Minimum{}, graph.Tanh{}, graph.Conv2D{Filters: 4, Kernel: square(1)}),
			graph.Softmax{Axis: 2}, graph.LogSoftmax{Axis: 1}, graph.Flatten{}, graph.Scale{Shape: []int{1}},
			graph.LogSoftmax{}),
		"places": spec("places", tensor.Shape{4, 6, 5},
			graph.Take{Indices: []int{3, 0, 2, 2}}, graph.Take{Axis: 1, Indices: []int{5, 0, 1, 4, 4, 2}},
			graph.Rearrange{Order: []int{2, 0, 1}, Shape: []int{5, 4, 6}},
			graph.Rearrange{Dims: []int{5, 2, 2, 3, 2}, Order: []int{1, 0, 3, 4, 2}, Shape: []int{10, 6, 2}},
			graph.Pad{Begin: pair(1, 0), End: pair(0, 3), Value: 0.5},
			graph.Resize{Size: pair(9, 4), Mode: "linear"},
			graph.Resize{Size: pair(5, 7), Mode: "cubic", Antialias: true},
			graph.Resize{Size: pair(6, 6), Mode: "linear", Coordinates: "tf_crop_and_resize",
				Region: [4]float64{-0.2, 0, 0.8, 1.1}},
			graph.Resize{Size: pair(8, 7)},
			graph.LpPool{P: 3, Kernel: square(3), Stride: square(2), Pad: square(1)},
			graph.LpPool{Kernel: square(2), Stride: square(2), PadBegin: pair(1, 0), Ceil: true},
			graph.Flatten{}, graph.Take{Indices: []int{7, 1, 0}}),
		"channels": spec("channels", tensor.Shape{6, 9, 8},
			graph.Branches(graph.Concat{}, graph.Slice{End: 2},
				graph.Serial(graph.Slice{Begin: 2, End: 6}, graph.ChannelShuffle{Groups: 2})),
			graph.Conv2D{Filters: 6, Kernel: pair(3, 2), PadBegin: pair(2, 0), PadEnd: pair(1, 1), Stride: pair(2, 1),
				Groups: 3},
			graph.PadChannels{Begin: 1, End: 2},
			graph.Branches(graph.Add{},
				graph.MaxPool{Kernel: square(2), Stride: square(1), Dilation: square(2), PadBegin: square(1),
					PadEnd: square(1)},
				graph.AvgPool{Kernel: square(3), Stride: square(1), Pad: square(1), ExcludePad: true},
				graph.AvgPool{Kernel: square(3), Stride: square(1), PadBegin: pair(2, 2)}),
			graph.AvgPool{Kernel: square(2), Stride: square(2), Ceil: true},
			graph.ChannelShuffle{Groups: 3}, graph.LRN{Size: 3, K: 1, Alpha: 0.5, Beta: 0.75}),
	}
}

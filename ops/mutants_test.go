package ops

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
	"convgraph/ops/gradcheck"
)

// This file tests the tests: with a realistic mistake in its gradient, an op must fail the check
// that it passes without.

// A subject is an op whose gradients are spoilt.
type subject struct {
	name   string
	build  builder[float64]
	inputs []tensor.Shape // of those that have a gradient
	target *tensor.Dense  // a last input that has none
	spread float64        // standard deviation of the inputs; 0 is 1
}

var subjects = []subject{
	{name: "Conv2D", build: conv2D[float64](padded), inputs: []tensor.Shape{{2, 2, 5, 5}, {3, 2, 3, 3}, {3}}},
	{name: "Conv2D, uneven", build: conv2D[float64](uneven), inputs: []tensor.Shape{{2, 2, 5, 5}, {3, 2, 3, 3}, {3}}},
	{name: "Conv2D, depthwise", build: conv2D[float64](Conv{Groups: 2}.withDefaults()),
		inputs: []tensor.Shape{{2, 2, 5, 5}, {4, 1, 3, 3}}},
	{name: "PartialConv2D", build: partialConv2D[float64]([][]int{{0, 1}, {1, 2}}, Conv{}.withDefaults()),
		inputs: []tensor.Shape{{2, 3, 4, 4}, {4, 2, 2}, {2}}},
	{name: "ConvReLU2D", build: limitedConv2D[float64](padded, rectifier()),
		inputs: []tensor.Shape{{2, 2, 5, 5}, {3, 2, 3, 3}, {3}}},
	{name: "ConvClip2D", build: limitedConv2D[float64](padded, clipper(-2, 3)),
		inputs: []tensor.Shape{{2, 2, 5, 5}, {3, 2, 3, 3}, {3}}},
	{name: "ConvReLUPool2D", build: convReLUPool2D[float64](padded, pairs),
		inputs: []tensor.Shape{{2, 2, 6, 6}, {3, 2, 3, 3}, {3}}},
	{name: "AffineReLU", build: affineReLU[float64], inputs: []tensor.Shape{{4, 5}, {3, 5}, {3}}},
	{name: "MaxPool2D", build: maxPool2D[float64](overlapping), inputs: []tensor.Shape{{2, 2, 6, 6}}},
	{name: "AvgPool2D", build: avgPool2D[float64](overlapping), inputs: []tensor.Shape{{2, 2, 6, 6}}},
	{name: "MaxPool2D, rounded up", build: maxPool2D[float64](roundedUp), inputs: []tensor.Shape{{2, 2, 6, 6}}},
	{name: "AvgPool2D, rounded up", build: avgPool2D[float64](roundedUp), inputs: []tensor.Shape{{2, 2, 6, 6}}},
	{name: "AvgPool2D, dilated", build: avgPool2D[float64](dilated), inputs: []tensor.Shape{{2, 2, 6, 6}}},
	{name: "Subsample2D", build: subsample2D[float64](overlapping), inputs: []tensor.Shape{{2, 3, 5, 5}, {3}, {3}}},
	{name: "LRN", build: lrn[float64](strongNorm), inputs: []tensor.Shape{{2, 5, 2, 3}}},
	{name: "Normalize", build: normalize[float64]([]float64{0.5, -1}, []float64{2, 3}),
		inputs: []tensor.Shape{{2, 2, 3, 3}}},
	{name: "Select", build: selectValue[float64](1, 2), inputs: []tensor.Shape{{3, 2, 2, 2}}},
	{name: "Scale", build: scale[float64](3), inputs: []tensor.Shape{{4, 5}}},
	functionSubject(ReLUFunction()),
	functionSubject(SigmoidFunction()),
	functionSubject(TanhFunction(1.7159, 2.0/3)),
	functionSubject(LeakyReLUFunction(0.2)),
	functionSubject(ClipFunction(-1, 6)),
	functionSubject(ELUFunction(1.5)),
	functionSubject(SELUFunction()),
	functionSubject(CELUFunction(2)),
	functionSubject(HardSigmoidFunction(0.4, 0.5)),
	functionSubject(SoftsignFunction()),
	functionSubject(ErfFunction()),
	functionSubject(SiLUFunction()),
	functionSubject(HardSwishFunction()),
	functionSubject(MishFunction()),
	functionSubject(GELUFunction()),
	functionSubject(GELUTanhFunction()),
	functionSubject(SoftplusFunction()),
	{name: "PReLU", build: prelu[float64], inputs: []tensor.Shape{{2, 3, 2, 2}, {3}}},
	{name: "Softmax", build: softmax[float64], inputs: []tensor.Shape{{4, 5}}},
	{name: "Softmax over channels", build: softmax[float64], inputs: []tensor.Shape{{2, 3, 2, 2}}},
	{name: "LogSoftmax", build: logSoftmax[float64], inputs: []tensor.Shape{{4, 5}}},
	{name: "BatchNorm", build: (&batchNorm[float64]{eps: 1e-3}).normalize,
		inputs: []tensor.Shape{{3, 2, 2, 3}, {2}, {2}}},
	{name: "BatchNormReLU", build: (&batchNorm[float64]{eps: 1e-3, limiter: rectifier()}).normalize,
		inputs: []tensor.Shape{{3, 2, 2, 3}, {2}, {2}}},
	{name: "BatchNormClip", build: (&batchNorm[float64]{eps: 1e-3, limiter: clipper(-0.5, 0.75)}).normalize,
		inputs: []tensor.Shape{{3, 2, 2, 3}, {2}, {2}}},
	{name: "BatchNormAddReLU", build: (&batchNorm[float64]{eps: 1e-3, limiter: rectifier()}).normalize,
		inputs: []tensor.Shape{{3, 2, 2, 3}, {2}, {2}, {3, 2, 2, 3}}},
	{name: "FrozenBatchNorm", build: frozen, inputs: []tensor.Shape{{3, 2, 2, 3}, {2}, {2}}},
	{name: "GroupNorm", build: groupNorm[float64](2, 1e-3), inputs: []tensor.Shape{{2, 4, 2, 2}, {4}, {4}}},
	{name: "LayerNorm", build: layerNorm[float64](1e-3), inputs: []tensor.Shape{{2, 4, 2, 3}, {4}, {4}}},
	{name: "SoftmaxCrossEntropy", build: crossEntropy[float64], inputs: []tensor.Shape{{4, 5}},
		target: tensor.New(tensor.WithBacking([]float64{3, 0, 4, 1}))},
	{name: "Affine", build: affine[float64], inputs: []tensor.Shape{{4, 5}, {3, 5}, {3}}},
	{name: "Affine, no bias", build: affine[float64], inputs: []tensor.Shape{{4, 5}, {3, 5}}},
	{name: "Add", build: add[float64], inputs: []tensor.Shape{{4, 5}, {4, 5}, {4, 5}}},
	{name: "Multiply", build: product[float64], inputs: []tensor.Shape{{4, 5}, {4, 5}}},
	{name: "Multiply by channel", build: product[float64], inputs: []tensor.Shape{{2, 3, 2, 3}, {2, 3}}},
	{name: "Subtract", build: subtract[float64], inputs: []tensor.Shape{{4, 5}, {4, 5}}},
	{name: "Divide", build: divide[float64], inputs: []tensor.Shape{{4, 5}, {4, 5}}},
	{name: "Maximum", build: maximum[float64], inputs: []tensor.Shape{{4, 5}, {4, 5}}},
	{name: "Minimum", build: minimum[float64], inputs: []tensor.Shape{{4, 5}, {4, 5}}},
	{name: "ScaleShift", build: scaleShift[float64], inputs: []tensor.Shape{{2, 3, 2, 4}, {3, 1, 4}, {3, 1, 4}}},
	{name: "Scale by channel", build: scaleOnly[float64], inputs: []tensor.Shape{{2, 3, 2, 4}, {3, 1, 1}}},
	{name: "Shift", build: shiftOnly[float64], inputs: []tensor.Shape{{2, 3, 2, 4}, {1, 2, 1}}},
	{name: "Rearrange", build: rearrange[float64]([]int{3, 2, 4}, []int{1, 2, 0}, tensor.Shape{2, 4, 3}),
		inputs: []tensor.Shape{{2, 3, 2, 4}}},
	{name: "Take", build: take[float64](2, []int{1, 0, 1}), inputs: []tensor.Shape{{2, 3, 2, 4}}},
	{name: "Resample", build: resample[float64]([][]Tap{{{0, 0.25}, {1, 0.75}}, {{2, 1}}},
		[][]Tap{{{3, 2}}, {{1, -0.5}, {0, 1}}}), inputs: []tensor.Shape{{2, 2, 3, 4}}},
	{name: "LogSoftmax over channels", build: logSoftmax[float64], inputs: []tensor.Shape{{2, 3, 2, 2}}},
	{name: "Concat", build: concat[float64], inputs: []tensor.Shape{{2, 3, 2, 3}, {2, 2, 2, 3}}},
	{name: "Slice", build: channelSlice[float64](1, 3), inputs: []tensor.Shape{{2, 4, 2, 3}}},
	{name: "ChannelShuffle", build: shuffle[float64](2), inputs: []tensor.Shape{{2, 6, 2, 3}}},
	{name: "Pad", build: pad[float64](border{1, 2, 0, 1, 0.5}), inputs: []tensor.Shape{{2, 2, 3, 4}}},
	{name: "GlobalAvgPool", build: globalAvgPool[float64], inputs: []tensor.Shape{{2, 3, 4, 5}}},
	{name: "GlobalMaxPool", build: globalMaxPool[float64], inputs: []tensor.Shape{{2, 3, 4, 5}}},
	{name: "Dropout2D", build: dropChannels[float64](0.5, func() uint64 { return 42 }),
		inputs: []tensor.Shape{{4, 5, 2, 3}}},
	{name: "StochasticDepth", build: dropSamples[float64](0.5, func() uint64 { return 42 }),
		inputs: []tensor.Shape{{12, 4}}},
	{name: "BinaryCrossEntropy", build: binaryCrossEntropy[float64], inputs: []tensor.Shape{{2, 3}},
		target: tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float64{0, 1, 0.3, 1, 0.5, 0}))},
	{name: "MeanSquaredError", build: meanSquaredError[float64], inputs: []tensor.Shape{{2, 3}},
		target: tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float64{3, -1, 0.3, 1, 0.5, 2}))},
	{name: "SoftmaxCrossEntropy of distributions", build: crossEntropy[float64], inputs: []tensor.Shape{{2, 3}},
		target: tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float64{0.5, 0.25, 0.25, 0, 0.9, 0.1}))},
	{name: "WeightedCrossEntropy", build: weightedCrossEntropy[float64], inputs: []tensor.Shape{{2, 3}},
		target: tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float64{0.5, 0, 2, 0, 0.3, 0.1}))},
	{name: "Flatten", build: flatten[float64], inputs: []tensor.Shape{{4, 3, 2}}},
	{name: "Dropout", build: dropout[float64](0.5, func() uint64 { return 42 }), inputs: []tensor.Shape{{6, 6}}},
}

// functionSubject has inputs on both sides of every kink.
func functionSubject(f Function) subject {
	return subject{name: f.Name, build: elementwise[float64](f), inputs: []tensor.Shape{{5, 6}}, spread: 3}
}

var (
	padded      = Conv{Pad: Pair{1, 1}}.withDefaults()
	uneven      = Conv{Stride: Pair{1, 2}, PadBegin: Pair{1, 0}, PadEnd: Pair{0, 2}}.withDefaults()
	overlapping = Pool{Kernel: Pair{3, 3}, Stride: Pair{2, 2}, Pad: Pair{1, 1}}.withDefaults()
	roundedUp   = Pool{Kernel: Pair{3, 3}, Stride: Pair{2, 2}, Pad: Pair{1, 1}, Ceil: true}.withDefaults()
	dilated     = Pool{Kernel: Pair{2, 2}, Stride: Pair{1, 1}, PadBegin: Pair{1, 0}, Dilation: Pair{2, 2},
		ExcludePad: true}.withDefaults()
	pairs      = Pool{Kernel: Pair{1, 2}}.withDefaults()
	strongNorm = Norm{Size: 3, K: 2, Alpha: 0.5, Beta: 0.75}
)

// frozen is FrozenBatchNorm with a constant mean and variance instead of inputs.
func frozen(in []tensor.Shape) (rule[float64], error) {
	r, err := frozenBatchNorm[float64](1e-3)(append(slices.Clone(in), in[1], in[1]))
	if err != nil {
		return r, err
	}
	mean, variance := []float64{1, -1}, []float64{0.5, 2}
	forward := r.forward
	given := func(in [][]float64) [][]float64 { return append(slices.Clone(in), mean, variance) }
	r.forward = func(in [][]float64, y []float64) { forward(given(in), y) }
	spare := func(vjps []vjp[float64]) []vjp[float64] {
		data, weights := vjps[0].apply, vjps[1].apply
		vjps[0].reads, vjps[1].reads = []operand{1}, []operand{0}
		vjps[0].apply = func(in [][]float64, y, dy, dx []float64) { data(given(in), y, dy, dx) }
		vjps[1].apply = func(in [][]float64, y, dy, dw []float64) { weights(given(in), y, dy, dw) }
		vjps[0].second = withInputs(vjps[0].second, mean, variance)
		vjps[1].second = withInputs(vjps[1].second, mean, variance)
		return vjps[:3]
	}
	r.vjps = spare(r.vjps)
	again := r.again
	r.again = func() []vjp[float64] { return spare(again()) }
	return r, nil
}

func constantNodes(g *G.ExprGraph, constants ...[]float64) (nodes G.Nodes) {
	for _, c := range constants {
		value := tensor.New(tensor.WithBacking(slices.Clone(c)))
		nodes = append(nodes, G.NodeFromAny(g, value, G.WithName(fmt.Sprint(c))))
	}
	return nodes
}

// withInputs adds constants to the inputs of a gradient's op.
func withInputs(s second, constants ...[]float64) second {
	given := func(right nodeFunc) nodeFunc {
		return func(n around) (*G.Node, error) {
			n.in = append(slices.Clone(n.in), constantNodes(n.u.Graph(), constants...)...)
			return right(n)
		}
	}
	s.transposed = given(s.transposed)
	s.bends = slices.Clone(s.bends)
	for i, b := range s.bends {
		s.bends[i].node = given(b.node)
	}
	return s
}

// A mutation spoils one gradient: right computes it, and the mutation writes something else to din.
type mutation func(shapes []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64)

type gradientFunc = func(in [][]float64, y, dy, dx []float64)

// with returns the values with another one for input i.
func with(in [][]float64, i int, v []float64) [][]float64 {
	in = slices.Clone(in)
	in[i] = v
	return in
}

// after returns a mutation that changes the right gradient.
func after(spoil func(shapes []tensor.Shape, dx []float64)) mutation {
	return func(shapes []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
		right(in, y, dy, dx)
		spoil(shapes, dx)
	}
}

// general mutations apply to every gradient.
var general = map[string]mutation{
	"scaled by 1.001": after(func(_ []tensor.Shape, din []float64) { multiply(din, 1.001) }),
	"zero":            after(func(_ []tensor.Shape, din []float64) { clear(din) }),
	"of wrong sign":   after(func(_ []tensor.Shape, din []float64) { multiply(din, -1) }),
	"without its steepest element": after(func(_ []tensor.Shape, din []float64) {
		steepest := 0
		for i, d := range din {
			if d*d > din[steepest]*din[steepest] {
				steepest = i
			}
		}
		din[steepest] = 0
	}),
}

// special mutations are mistakes of one op, in the gradient of one input.
var special = []struct {
	op    string
	input int
	name  string
	spoil mutation
}{
	{"Conv2D", 0, "kernel flipped", func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
		right(with(in, 1, flipped(in[1], 9)), y, dy, dx)
	}},
	{"Conv2D", 1, "kernel flipped", after(func(_ []tensor.Shape, dw []float64) { copy(dw, flipped(dw, 9)) })},
	{"Conv2D", 0, "padding row dropped",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(in, y, withoutFirstRows(dy, 5, 5), dx)
		}},
	{"Conv2D", 1, "padding row dropped",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(in, y, withoutFirstRows(dy, 5, 5), dx)
		}},
	{"Conv2D", 1, "channels swapped", after(func(_ []tensor.Shape, dw []float64) { swap(dw[:9], dw[9:18]) })},
	{"Conv2D", 1, "last image forgotten",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(in, y, withoutSecondHalf(dy), dx)
		}},
	{"Conv2D", 2, "last image forgotten",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(in, y, withoutSecondHalf(dy), dx)
		}},
	{"Conv2D, uneven", 0, "padding on the wrong side",
		func(shapes []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			k := mirrored(shapes)
			k.BackwardData(in[1], dy, dx)
		}},
	{"Conv2D, uneven", 1, "padding on the wrong side",
		func(shapes []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			k := mirrored(shapes)
			k.BackwardWeights(in[0], dy, dx)
		}},
	{"Conv2D, depthwise", 0, "filters of a channel swapped",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			w := slices.Clone(in[1])
			swap(w[:9], w[9:18])
			right(with(in, 1, w), y, dy, dx)
		}},
	{"Conv2D, depthwise", 1, "channels swapped", after(func(_ []tensor.Shape, dw []float64) {
		swap(dw[:18], dw[18:])
	})},
	{"PartialConv2D", 1, "connections swapped", after(func(_ []tensor.Shape, dw []float64) { swap(dw[:4], dw[4:8]) })},
	{"ConvReLUPool2D", 0, "ReLU forgotten",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(in, ones(len(dy)), dy, dx)
		}},
	{"ConvReLUPool2D", 1, "channels swapped", after(func(_ []tensor.Shape, dw []float64) { swap(dw[:9], dw[9:18]) })},
	{"ConvReLUPool2D", 2, "off by one", after(func(_ []tensor.Shape, db []float64) { shift(db) })},
	{"MaxPool2D", 0, "argmax off by one", after(func(_ []tensor.Shape, dx []float64) { shift(dx) })},
	{"MaxPool2D", 0, "spread over the window",
		func(shapes []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			shape := must(poolShape(shapes[0], overlapping))
			kernel.NewAvgPool[float64](shape).Backward(dy, dx)
		}},
	{"AvgPool2D", 0, "padding not counted",
		func(shapes []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			dy = slices.Clone(dy)
			for i := range dy {
				if row, column := i/3%3, i%3; row == 0 || column == 0 {
					dy[i] *= 1.5
				}
			}
			right(in, y, dy, dx)
		}},
	{"AvgPool2D, rounded up", 0, "divided by the full window",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			dy = slices.Clone(dy)
			for i := range dy { // 4x4 windows, of the last of each axis a row or a column lies beyond the padding
				if i/4%4 == 3 {
					dy[i] *= 2. / 3
				}
				if i%4 == 3 {
					dy[i] *= 2. / 3
				}
			}
			right(in, y, dy, dx)
		}},
	{"AvgPool2D, rounded up", 0, "last window dropped", withoutLastWindows},
	{"MaxPool2D, rounded up", 0, "last window dropped", withoutLastWindows},
	{"AvgPool2D, dilated", 0, "padding counted",
		func(shapes []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			p := dilated
			p.ExcludePad = false
			shape := must(poolShape(shapes[0], p))
			kernel.NewAvgPool[float64](shape).Backward(dy, dx)
		}},
	{"AvgPool2D, dilated", 0, "dilation forgotten",
		func(shapes []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			shape := must(poolShape(shapes[0], dilated))
			shape.DilationH, shape.PadBottom = 1, shape.PadBottom-1
			kernel.NewAvgPool[float64](shape).Backward(dy, dx)
		}},
	{"Subsample2D", 0, "coefficient forgotten",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(with(in, 1, []float64{1, 1, 1}), y, dy, dx)
		}},
	{"Subsample2D", 1, "mean for sum", after(func(_ []tensor.Shape, da []float64) { multiply(da, 1.0/9) })},
	{"LRN", 0, "neighbors forgotten",
		func(shapes []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			x := in[0]
			for i := range dx {
				dx[i] = dy[i] * y[i] / x[i]
			}
		}},
	{"ReLU", 0, "passes everything", func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
		copy(dx, dy)
	}},
	{"Sigmoid", 0, "y for y(1-y)", func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
		for i, y := range y {
			dx[i] = dy[i] * y
		}
	}},
	{"Tanh", 0, "a and b forgotten", func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
		kernel.TanhBackward(1, 1, y, dy, dx)
	}},
	{"LeakyReLU", 0, "0 below 0", slope(func(y float64) float64 { return either(y > 0, 1, 0) })},
	{"Clip", 0, "beyond the limits too", slope(func(float64) float64 { return 1 })},
	{"ELU", 0, "y for y+alpha", slope(func(y float64) float64 { return either(y > 0, 1, y) })},
	{"SELU", 0, "of ELU", slope(ELUFunction(1.6732632423543772).SlopeFromResult)},
	{"CELU", 0, "of ELU", slope(ELUFunction(2).SlopeFromResult)},
	{"HardSigmoid", 0, "beyond the kinks too", slope(func(float64) float64 { return 0.4 })},
	{"Softsign", 0, "not squared", slope(func(y float64) float64 { return 1 - math.Abs(y) })},
	{"Erf", 0, "without 2/√π", slope(func(x float64) float64 { return math.Exp(-x * x) })},
	{"SiLU", 0, "of the gate forgotten", slope(logistic)},
	{"HardSwish", 0, "of the gate forgotten", slope(HardSigmoidFunction(1.0/6, 0.5).Value)},
	{"Mish", 0, "of SiLU", slope(SiLUFunction().Slope)},
	{"GELU", 0, "of GELUTanh", slope(GELUTanhFunction().Slope)},
	{"GELUTanh", 0, "of GELU", slope(GELUFunction().Slope)},
	{"Softplus", 0, "read from x", slope(logistic)},
	{"PReLU", 0, "of wrong channel", func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
		slopes := slices.Clone(in[1])
		shift(slopes)
		right(with(in, 1, slopes), y, dy, dx)
	}},
	{"PReLU", 1, "above 0 too", func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, da []float64) {
		clear(da)
		for i, x := range in[0] {
			da[i/4%3] += x * dy[i]
		}
	}},
	{"PReLU", 1, "last image forgotten",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, da []float64) {
			right(in, y, withoutSecondHalf(dy), da)
		}},
	{"Softmax", 0, "only the diagonal", func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
		for i, y := range y {
			dx[i] = dy[i] * y * (1 - y)
		}
	}},
	{"Softmax over channels", 0, "over the rows of the plane",
		func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			kernel.SoftmaxBackward(12, 2, y, dy, dx)
		}},
	{"LogSoftmax", 0, "sum forgotten", func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
		copy(dx, dy)
	}},
	{"BatchNorm", 0, "mean and variance taken as constants", constantStatistics},
	{"BatchNorm", 0, "variance taken as a constant",
		func(shapes []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			constantStatistics(shapes, right, in, y, dy, dx)
			for c := range shapes[0][1] {
				mean := 0.0
				eachOfChannel(shapes[0], c, func(i int) { mean += dx[i] / 18 })
				eachOfChannel(shapes[0], c, func(i int) { dx[i] -= mean })
			}
		}},
	{"BatchNorm", 0, "weight forgotten",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(with(in, 1, []float64{1, 1}), y, dy, dx)
		}},
	{"BatchNorm", 1, "x for its normalized value",
		func(shapes []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(in, y, dy, dx) // the other gradients use its sums
			for c := range dx {
				dx[c] = 0
				eachOfChannel(shapes[0], c, func(i int) { dx[c] += dy[i] * in[0][i] })
			}
		}},
	{"BatchNorm", 1, "last image forgotten", after(func(shapes []tensor.Shape, dw []float64) { multiply(dw, 2.0/3) })},
	{"FrozenBatchNorm", 0, "variance for std",
		func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			variance := []float64{0.5, 2}
			for i, d := range dy {
				c := i / 6 % 2
				dx[i] = d * in[1][c] / (variance[c] + 1e-3)
			}
		}},
	{"FrozenBatchNorm", 1, "channels swapped", after(func(_ []tensor.Shape, dw []float64) { swap(dw[:1], dw[1:]) })},
	{"GroupNorm", 0, "weights of another channel",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			w := slices.Clone(in[1])
			shift(w)
			right(with(in, 1, w), y, dy, dx)
		}},
	{"GroupNorm", 1, "off by one", after(func(_ []tensor.Shape, dw []float64) { shift(dw) })},
	{"LayerNorm", 0, "weight forgotten",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(with(in, 1, ones(4)), y, dy, dx)
		}},
	{"LayerNorm", 2, "off by one", after(func(_ []tensor.Shape, db []float64) { shift(db) })},
	{"SoftmaxCrossEntropy", 0, "sum for mean", after(func(shapes []tensor.Shape, dx []float64) {
		multiply(dx, float64(shapes[0][0]))
	})},
	{"WeightedCrossEntropy", 0, "sum for mean", after(func(shapes []tensor.Shape, dx []float64) {
		multiply(dx, float64(shapes[0][0]))
	})},
	{"WeightedCrossEntropy", 0, "weight of the second row forgotten", after(func(_ []tensor.Shape, dx []float64) {
		multiply(dx[3:], 2.5)
	})},
	{"Affine", 1, "row dropped", after(func(shapes []tensor.Shape, dw []float64) { clear(dw[:shapes[1][1]]) })},
	{"Affine", 2, "off by one", after(func(_ []tensor.Shape, db []float64) { shift(db) })},
	{"Flatten", 0, "two elements swapped", after(func(_ []tensor.Shape, dx []float64) { swap(dx[1:2], dx[2:3]) })},
	{"Multiply", 0, "own value for the other's",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(with(in, 1, ones(len(dy))), y, dy, dx)
		}},
	{"Multiply by channel", 1, "mean for sum", after(func(_ []tensor.Shape, dg []float64) { multiply(dg, 1.0/6) })},
	{"Multiply by channel", 1, "channel off by one", after(func(_ []tensor.Shape, dg []float64) { shift(dg) })},
	{"Multiply by channel", 0, "gate forgotten",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(with(in, 1, ones(6)), y, dy, dx)
		}},
	{"Concat", 0, "second image shifted", after(func(_ []tensor.Shape, dx []float64) { shift(dx[18:]) })},
	{"Concat", 1, "another input's part",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			dy = slices.Clone(dy)
			shift(dy)
			right(in, y, dy, dx)
		}},
	{"Slice", 0, "one channel early", after(func(_ []tensor.Shape, dx []float64) {
		copy(dx, append(dx[6:len(dx):len(dx)], dx[:6]...))
	})},
	{"Slice", 0, "other channels not cleared", after(func(_ []tensor.Shape, dx []float64) { dx[0] = 0.01 })},
	{"ChannelShuffle", 0, "shuffled again instead of back",
		func(shapes []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			r := must(shuffle[float64](2)(shapes))
			r.forward([][]float64{dy}, dx)
		}},
	{"Pad", 0, "one row late", func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
		right(in, y, append(dy[5:len(dy):len(dy)], dy[:5]...), dx)
	}},
	{"GlobalAvgPool", 0, "sum for mean", after(func(_ []tensor.Shape, dx []float64) { multiply(dx, 20) })},
	{"GlobalMaxPool", 0, "argmax off by one", after(func(_ []tensor.Shape, dx []float64) { shift(dx) })},
	{"GlobalMaxPool", 0, "spread over the plane",
		func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			kernel.FillRows(6, 20, dy, 1.0/20, dx)
		}},
	{"Dropout2D", 0, "a mask for each element",
		func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			kernel.DropoutBackward(dy, dx, 0.5, 42, 0)
		}},
	{"Dropout2D", 0, "not scaled", after(func(_ []tensor.Shape, dx []float64) { multiply(dx, 0.5) })},
	{"StochasticDepth", 0, "not scaled", after(func(_ []tensor.Shape, dx []float64) { multiply(dx, 0.5) })},
	{"StochasticDepth", 0, "nothing dropped",
		func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			for i, d := range dy {
				dx[i] = 2 * d
			}
		}},
	{"BinaryCrossEntropy", 0, "mean over rows alone", after(func(shapes []tensor.Shape, dx []float64) {
		multiply(dx, float64(shapes[0][1]))
	})},
	{"BinaryCrossEntropy", 0, "hard target",
		func(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
			right(with(in, 1, []float64{0, 1, 0, 1, 1, 0}), y, dy, dx)
		}},
	{"BinaryCrossEntropy", 0, "logits for probabilities",
		func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
			kernel.ScaledDifference(in[0], in[1], dy[0]/6, dx)
		}},
	{"MeanSquaredError", 0, "factor 2 forgotten", after(func(_ []tensor.Shape, dx []float64) { multiply(dx, 0.5) })},
	{"MeanSquaredError", 0, "sum for mean", after(func(_ []tensor.Shape, dx []float64) { multiply(dx, 6) })},
	{"Dropout", 0, "another mask", func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
		kernel.DropoutBackward(dy, dx, 0.5, 43, 0)
	}},
	{"Dropout", 0, "not scaled", after(func(_ []tensor.Shape, dx []float64) { multiply(dx, 0.5) })},
}

// slope returns a mutation with another slope of the value that the gradient reads.
func slope(of func(float64) float64) mutation {
	return func(_ []tensor.Shape, _ gradientFunc, in [][]float64, y, dy, dx []float64) {
		read := y
		if y == nil {
			read = in[0]
		}
		for i, v := range read {
			dx[i] = dy[i] * of(v)
		}
	}
}

// constantStatistics is BatchNorm's dx without the terms of the mean and the variance.
func constantStatistics(shapes []tensor.Shape, _ gradientFunc, in [][]float64, _, dy, dx []float64) {
	x, w := in[0], in[1]
	for c := range shapes[0][1] {
		sum, squares, n := 0.0, 0.0, 0.0
		eachOfChannel(shapes[0], c, func(i int) { sum, squares, n = sum+x[i], squares+x[i]*x[i], n+1 })
		variance := squares/n - sum/n*sum/n
		eachOfChannel(shapes[0], c, func(i int) { dx[i] = dy[i] * w[c] / math.Sqrt(variance+1e-3) })
	}
}

// eachOfChannel calls f with the indices of the elements of one channel.
func eachOfChannel(x tensor.Shape, channel int, f func(i int)) {
	for i := range x.TotalSize() {
		if i/planeOf(x)%x[1] == channel {
			f(i)
		}
	}
}

var (
	everyElement = gradcheck.Options{}
	projected    = gradcheck.Options{Directions: 2, Samples: 1}
)

func TestMutantsAreCaught(t *testing.T) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			require.NoError(t, s.check(t, s.build, everyElement))
			require.NoError(t, s.check(t, s.build, projected))
			for input := range s.inputs {
				for name, m := range general {
					s.requireCaught(t, input, name, m, projected)
				}
			}
		})
	}
}

func TestMistakesOfEachOpAreCaught(t *testing.T) {
	for _, m := range special {
		t.Run(fmt.Sprintf("%s/input %d/%s", m.op, m.input, m.name), func(t *testing.T) {
			i := slices.IndexFunc(subjects, func(s subject) bool { return s.name == m.op })
			require.GreaterOrEqual(t, i, 0)
			subjects[i].requireCaught(t, m.input, m.name, m.spoil, everyElement)
			subjects[i].requireCaught(t, m.input, m.name, m.spoil, projected)
		})
	}
}

// TestForgottenReadsAreCaught doesn't declare an operand that a gradient reads. The operand is nil
// then: the run fails, or the gradient is wrong.
func TestForgottenReadsAreCaught(t *testing.T) {
	for _, s := range subjects {
		for input := range s.inputs {
			r := must(s.build(append(slices.Clone(s.inputs), s.targetShape()...)))
			for i, o := range r.vjps[input].reads {
				forgetful := func(in []tensor.Shape) (rule[float64], error) {
					r, err := s.build(in)
					if err == nil {
						r.vjps[input].reads = slices.Delete(slices.Clone(r.vjps[input].reads), i, i+1)
					}
					return r, err
				}
				report, err := gradcheck.Check(s.random(), s.with(forgetful), everyElement)
				if err == nil {
					err = report.Err()
				}
				assert.Error(t, err, "%s: gradient of input %d doesn't declare operand %d", s.name, input, o)
			}
		}
	}
}

// requireCaught wants the report to call the spoilt input's gradient wrong, and no other.
func (s subject) requireCaught(t *testing.T, input int, name string, m mutation, o gradcheck.Options) {
	t.Helper()
	err := s.check(t, mutant(s.build, input, m), o)
	require.Error(t, err, "gradient of input %d %s, %+v", input, name, o)
	for i := range s.inputs {
		if i == input {
			require.ErrorContains(t, err, inputName(i))
			continue
		}
		require.NotContains(t, err.Error(), inputName(i))
	}
}

func (s subject) check(t *testing.T, build builder[float64], o gradcheck.Options) error {
	t.Helper()
	report, err := gradcheck.Check(s.random(), s.with(build), o)
	require.NoError(t, err)
	return report.Err()
}

// with returns a function that adds the subject to a graph, by another builder.
func (s subject) with(build builder[float64]) gradcheck.Build {
	return func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
		if s.target != nil {
			in = append(slices.Clone(in), G.NodeFromAny(g, s.target.Clone(), G.WithName("target")))
		}
		return apply(s.name, nil, build, in...)
	}
}

// random returns the subject's inputs, the same in every check.
func (s subject) random() (inputs []gradcheck.Input) {
	r := rand.New(rand.NewPCG(5, 0))
	for i, shape := range s.inputs {
		value, data := newValue[float64](shape)
		for j := range data {
			data[j] = r.NormFloat64() * cmp.Or(s.spread, 1)
		}
		inputs = append(inputs, gradcheck.Input{Name: inputName(i), Value: value.(*tensor.Dense)})
	}
	return inputs
}

func inputName(i int) string { return fmt.Sprintf("input %d", i) }

// mutant is the rule with the gradient of one input spoilt.
func mutant(build builder[float64], input int, m mutation) builder[float64] {
	return func(in []tensor.Shape) (rule[float64], error) {
		r, err := build(in)
		if err != nil {
			return r, err
		}
		right := r.vjps[input].apply
		r.vjps[input].apply = func(values [][]float64, y, dy, dx []float64) { m(in, right, values, y, dy, dx) }
		return r, nil
	}
}

// mirrored is the uneven convolution with its padding on the opposite sides.
func mirrored(in []tensor.Shape) *kernel.Conv[float64] {
	s := must(convShape(in, uneven))
	s.PadTop, s.PadBottom, s.PadLeft, s.PadRight = s.PadBottom, s.PadTop, s.PadRight, s.PadLeft
	return kernel.NewConv[float64](s)
}

// withoutLastWindows drops the last row and the last column of 4x4 windows.
func withoutLastWindows(_ []tensor.Shape, right gradientFunc, in [][]float64, y, dy, dx []float64) {
	dy = slices.Clone(dy)
	for i := range dy {
		if i/4%4 == 3 || i%4 == 3 {
			dy[i] = 0
		}
	}
	right(in, y, dy, dx)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func multiply(xs []float64, by float64) {
	for i := range xs {
		xs[i] *= by
	}
}

// shift moves every element to the next index.
func shift(xs []float64) { copy(xs, append(xs[len(xs)-1:len(xs):len(xs)], xs[:len(xs)-1]...)) }

func swap(a, b []float64) {
	for i := range a {
		a[i], b[i] = b[i], a[i]
	}
}

func ones(n int) []float64 { return slices.Repeat([]float64{1}, n) }

// flipped turns every kernel of the given number of taps by 180 degrees.
func flipped(w []float64, taps int) []float64 {
	out := slices.Clone(w)
	for i := 0; i < len(out); i += taps {
		slices.Reverse(out[i : i+taps])
	}
	return out
}

// withoutFirstRows clears the first row of each image: the outputs of a padded convolution that
// read the padding above.
func withoutFirstRows(images []float64, height, width int) []float64 {
	out := slices.Clone(images)
	for i := 0; i < len(out); i += height * width {
		clear(out[i : i+width])
	}
	return out
}

func withoutSecondHalf(images []float64) []float64 {
	out := slices.Clone(images)
	clear(out[len(out)/2:])
	return out
}

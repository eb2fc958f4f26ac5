package ops_test

import (
	"fmt"
	"math"
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// An opCase is one op on one geometry: how to build it, and the same function as plain loops over
// float64.
type opCase struct {
	name   string
	inputs []tensor.Shape
	conv   ops.Conv // of a convolution
	single bool     // normalizes sets of one value each, to 0
	kinked bool     // float32's steps are so long that they cross a rectifier's 0 too often
	build  func(g *G.ExprGraph, in []*G.Node) (*G.Node, error)
	naive  func(in []array) array
}

// allCases are small geometries of every op, because each element is differentiated numerically.
func allCases() []opCase {
	var all []opCase
	for _, group := range [][]opCase{convCases(), fusedCases(), partialConvCases(), maxPoolCases(), avgPoolCases(),
		subsampleCases(), lrnCases(), normalizeCases(),
		elementwiseCases(), preluCases(), rowCases(), affineCases(), dropoutCases(), joinCases(), moveCases(),
		arithmeticCases(), dropRowsCases(), lossCases(), normCases()} {
		all = append(all, group...)
	}
	return all
}

func convCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x, w tensor.Shape
		conv ops.Conv
	}{
		{tensor.Shape{2, 1, 5, 5}, tensor.Shape{2, 1, 3, 3}, ops.Conv{}},
		{tensor.Shape{1, 2, 4, 6}, tensor.Shape{3, 2, 2, 3}, ops.Conv{}},
		{tensor.Shape{1, 1, 1, 1}, tensor.Shape{1, 1, 1, 1}, ops.Conv{}},
		{tensor.Shape{2, 3, 3, 4}, tensor.Shape{2, 3, 1, 1}, ops.Conv{}},
		{tensor.Shape{2, 3, 5, 4}, tensor.Shape{2, 3, 1, 1}, ops.Conv{Stride: ops.Pair{2, 3}}},
		{tensor.Shape{2, 2, 4, 3}, tensor.Shape{3, 2, 4, 3}, ops.Conv{}},
		{tensor.Shape{1, 2, 5, 7}, tensor.Shape{2, 2, 1, 5}, ops.Conv{}},
		{tensor.Shape{1, 2, 7, 5}, tensor.Shape{2, 2, 5, 1}, ops.Conv{Pad: ops.Pair{1, 0}}},
		{tensor.Shape{2, 1, 5, 5}, tensor.Shape{2, 1, 3, 3}, ops.Conv{Pad: ops.Pair{1, 1}}},
		{tensor.Shape{1, 2, 4, 4}, tensor.Shape{2, 2, 3, 3}, ops.Conv{Pad: ops.Pair{0, 2}}},
		{tensor.Shape{1, 2, 4, 4}, tensor.Shape{2, 2, 3, 3}, ops.Conv{Pad: ops.Pair{2, 0}}},
		{tensor.Shape{1, 1, 1, 1}, tensor.Shape{2, 1, 3, 3}, ops.Conv{Pad: ops.Pair{1, 1}}},
		{tensor.Shape{1, 1, 2, 3}, tensor.Shape{1, 1, 5, 5}, ops.Conv{Pad: ops.Pair{2, 2}}},
		{tensor.Shape{1, 1, 3, 3}, tensor.Shape{1, 1, 2, 2}, ops.Conv{Pad: ops.Pair{3, 4}}},
		{tensor.Shape{2, 1, 7, 6}, tensor.Shape{2, 1, 3, 3}, ops.Conv{Stride: ops.Pair{2, 2}}},
		{tensor.Shape{1, 2, 6, 7}, tensor.Shape{2, 2, 3, 2}, ops.Conv{Stride: ops.Pair{1, 3}}},
		{tensor.Shape{1, 2, 8, 5}, tensor.Shape{2, 2, 2, 2}, ops.Conv{Stride: ops.Pair{3, 3}}},
		{tensor.Shape{1, 2, 6, 6}, tensor.Shape{2, 2, 3, 3}, ops.Conv{Stride: ops.Pair{2, 2}, Pad: ops.Pair{1, 1}}},
		{tensor.Shape{1, 1, 9, 8}, tensor.Shape{2, 1, 5, 4}, ops.Conv{Stride: ops.Pair{4, 3}, Pad: ops.Pair{2, 1}}},
		{tensor.Shape{1, 2, 6, 5}, tensor.Shape{2, 2, 2, 2}, ops.Conv{Dilation: ops.Pair{2, 1}}},
		{tensor.Shape{1, 1, 5, 7}, tensor.Shape{2, 1, 2, 3}, ops.Conv{Dilation: ops.Pair{1, 3}}},
		{tensor.Shape{1, 1, 7, 7}, tensor.Shape{2, 1, 3, 3},
			ops.Conv{Stride: ops.Pair{2, 1}, Pad: ops.Pair{2, 2}, Dilation: ops.Pair{2, 2}}},
		{tensor.Shape{1, 2, 4, 4}, tensor.Shape{2, 1, 3, 3}, ops.Conv{Groups: 2}},
		{tensor.Shape{2, 4, 4, 3}, tensor.Shape{6, 2, 2, 2}, ops.Conv{Groups: 2, Pad: ops.Pair{1, 0}}},
		{tensor.Shape{1, 3, 5, 5}, tensor.Shape{3, 1, 3, 3},
			ops.Conv{Groups: 3, Stride: ops.Pair{2, 2}, Pad: ops.Pair{1, 1}}},
		{tensor.Shape{1, 3, 5, 4}, tensor.Shape{6, 1, 2, 2}, ops.Conv{Groups: 3, Dilation: ops.Pair{2, 2}}},
		{tensor.Shape{1, 2, 5, 6}, tensor.Shape{2, 2, 3, 3}, ops.Conv{PadBegin: ops.Pair{1, 2}}},
		{tensor.Shape{1, 2, 6, 6}, tensor.Shape{2, 2, 3, 3}, ops.Conv{Stride: ops.Pair{2, 2}, PadEnd: ops.Pair{1, 1}}},
		{tensor.Shape{1, 2, 4, 5}, tensor.Shape{2, 2, 2, 3},
			ops.Conv{Pad: ops.Pair{1, 0}, PadBegin: ops.Pair{0, 4}, PadEnd: ops.Pair{3, 2}}},
		{tensor.Shape{1, 1, 5, 6}, tensor.Shape{2, 1, 3, 2}, ops.Conv{Stride: ops.Pair{3, 2}, Dilation: ops.Pair{2, 1},
			PadBegin: ops.Pair{3, 0}, PadEnd: ops.Pair{0, 1}}},
		{tensor.Shape{2, 2, 5, 6}, tensor.Shape{2, 1, 3, 3},
			ops.Conv{Groups: 2, Stride: ops.Pair{2, 2}, PadEnd: ops.Pair{1, 1}}},
		{tensor.Shape{1, 2, 6, 5}, tensor.Shape{4, 1, 3, 3},
			ops.Conv{Groups: 2, Stride: ops.Pair{1, 2}, Pad: ops.Pair{1, 0}, PadBegin: ops.Pair{0, 1}}},
		{tensor.Shape{1, 2, 5, 5}, tensor.Shape{6, 1, 5, 5}, ops.Conv{Groups: 2, Pad: ops.Pair{2, 2}}},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Conv2D/%vx%v,%v", c.x, c.w, c.conv),
			inputs: []tensor.Shape{c.x, c.w, {c.w[0]}},
			conv:   c.conv,
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Conv2D(in[0], in[1], third(in), c.conv)
			},
			naive: func(in []array) array { return naiveConv2D(in[0], in[1], third(in), c.conv) },
		})
	}
	for i := 0; i < len(cases); i += 5 {
		cases = append(cases, cases[i].withoutBias())
	}
	return cases
}

// third returns the bias among the operands, or nil.
func third[E any](in []E) (bias E) {
	if len(in) > 2 {
		bias = in[2]
	}
	return bias
}

func (c opCase) withoutBias() opCase {
	c.name += ",no bias"
	c.inputs = c.inputs[:2]
	return c
}

// fusedCases are some of the convolutions' geometries, followed by a rectifier, and by a pooling.
// fused_test.go has all of them.
func fusedCases() []opCase {
	var cases []opCase
	pool := ops.Pool{Kernel: ops.Pair{2, 1}, Stride: ops.Pair{1, 2}, Pad: ops.Pair{1, 0}}
	for i, c := range convCases() {
		if i%3 != 0 {
			continue
		}
		geometry, naive := strings.TrimPrefix(c.name, "Conv2D/"), rectified(c).naive
		clipping := clipped(c)
		cases = append(cases,
			opCase{
				name: "ConvClip2D/" + geometry, inputs: c.inputs, kinked: true, naive: clipping.naive,
				build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
					return ops.ConvClip2D(in[0], in[1], third(in), c.conv, lowClip, highClip)
				},
			},
			opCase{
				name: "ConvReLU2D/" + geometry, inputs: c.inputs, kinked: true, naive: naive,
				build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
					return ops.ConvReLU2D(in[0], in[1], third(in), c.conv)
				},
			},
			opCase{
				name: "ConvReLUPool2D/" + geometry, inputs: c.inputs, kinked: true,
				build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
					return ops.ConvReLUPool2D(in[0], in[1], third(in), c.conv, pool)
				},
				naive: func(in []array) array { return naivePool(naive(in), pool, largest) },
			})
	}
	return cases
}

func partialConvCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x           tensor.Shape
		connections [][]int
		kernel      ops.Pair
		conv        ops.Conv
	}{
		{tensor.Shape{1, 3, 4, 4}, [][]int{{0, 1}, {1, 2}, {0, 1, 2}, {2}}, ops.Pair{3, 3}, ops.Conv{}},
		{tensor.Shape{2, 2, 5, 4}, [][]int{{1}, {0}}, ops.Pair{2, 3},
			ops.Conv{Stride: ops.Pair{2, 1}, Pad: ops.Pair{1, 0}}},
		{tensor.Shape{1, 4, 5, 5}, [][]int{{0, 3}, {1, 2, 3}}, ops.Pair{2, 2}, ops.Conv{Dilation: ops.Pair{2, 2}}},
		{tensor.Shape{1, 2, 4, 4}, [][]int{{0}, {0, 1}}, ops.Pair{3, 2},
			ops.Conv{PadBegin: ops.Pair{0, 1}, PadEnd: ops.Pair{2, 0}}},
	} {
		total := 0
		for _, inputs := range c.connections {
			total += len(inputs)
		}
		cases = append(cases, opCase{
			name:   fmt.Sprintf("PartialConv2D/%v,%v,%v,%v", c.x, c.connections, c.kernel, c.conv),
			inputs: []tensor.Shape{c.x, {total, c.kernel[0], c.kernel[1]}, {len(c.connections)}},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.PartialConv2D(in[0], in[1], third(in), c.connections, c.conv)
			},
			naive: func(in []array) array { return naivePartialConv2D(in[0], in[1], third(in), c.connections, c.conv) },
		})
	}
	return append(cases, cases[0].withoutBias())
}

// poolGeometries are windows side by side, overlapping, with gaps, over the whole image, of one
// element, and with padding.
func poolGeometries() []poolGeometry {
	return []poolGeometry{
		{tensor.Shape{2, 2, 4, 4}, ops.Pool{Kernel: ops.Pair{2, 2}}},
		{tensor.Shape{1, 2, 5, 7}, ops.Pool{Kernel: ops.Pair{2, 2}}},
		{tensor.Shape{1, 2, 5, 7}, ops.Pool{Kernel: ops.Pair{3, 3}, Stride: ops.Pair{2, 2}}},
		{tensor.Shape{1, 1, 6, 5}, ops.Pool{Kernel: ops.Pair{3, 2}, Stride: ops.Pair{1, 1}}},
		{tensor.Shape{1, 2, 7, 8}, ops.Pool{Kernel: ops.Pair{2, 2}, Stride: ops.Pair{3, 4}}},
		{tensor.Shape{2, 3, 3, 4}, ops.Pool{Kernel: ops.Pair{3, 4}}},
		{tensor.Shape{1, 2, 3, 3}, ops.Pool{Kernel: ops.Pair{1, 1}}},
		{tensor.Shape{1, 2, 3, 5}, ops.Pool{Kernel: ops.Pair{1, 1}, Stride: ops.Pair{2, 3}}},
		{tensor.Shape{1, 2, 5, 5}, ops.Pool{Kernel: ops.Pair{3, 3}, Stride: ops.Pair{2, 2}, Pad: ops.Pair{1, 1}}},
		{tensor.Shape{1, 2, 4, 5}, ops.Pool{Kernel: ops.Pair{2, 3}, Stride: ops.Pair{1, 2}, Pad: ops.Pair{1, 2}}},
		{tensor.Shape{1, 1, 1, 1}, ops.Pool{Kernel: ops.Pair{3, 3}, Pad: ops.Pair{1, 1}}},
		{tensor.Shape{1, 2, 6, 4}, ops.Pool{Kernel: ops.Pair{4, 2}, Stride: ops.Pair{3, 2}, Pad: ops.Pair{0, 1}}},
	}
}

// furtherPoolGeometries have padding on one side or unevenly, rounding up, or dilation; or are
// averages that don't count the padding.
func furtherPoolGeometries() []poolGeometry {
	one, two, three := ops.Pair{1, 1}, ops.Pair{2, 2}, ops.Pair{3, 3}
	return []poolGeometry{
		{tensor.Shape{1, 2, 6, 6}, ops.Pool{Kernel: three, Stride: two, PadEnd: one}},
		{tensor.Shape{1, 2, 6, 6}, ops.Pool{Kernel: three, Stride: two, PadBegin: one}},
		{tensor.Shape{1, 2, 5, 4}, ops.Pool{Kernel: ops.Pair{2, 3}, Stride: one, Pad: ops.Pair{0, 1},
			PadBegin: ops.Pair{1, 0}, PadEnd: ops.Pair{0, 1}}},
		{tensor.Shape{1, 2, 6, 6}, ops.Pool{Kernel: three, Stride: two, Ceil: true}},
		{tensor.Shape{1, 2, 6, 6}, ops.Pool{Kernel: three, Stride: two, Pad: one, Ceil: true}},
		{tensor.Shape{1, 2, 5, 6}, ops.Pool{Kernel: two, Ceil: true}},
		// a window would begin in the padding at the end
		{tensor.Shape{1, 2, 5, 5}, ops.Pool{Kernel: two, Stride: three, Pad: one, Ceil: true}},
		{tensor.Shape{1, 2, 2, 1}, ops.Pool{Kernel: ops.Pair{3, 2}, Ceil: true}}, // larger than the input
		{tensor.Shape{1, 2, 7, 6}, ops.Pool{Kernel: three, Stride: three, PadEnd: two, Ceil: true}},
		{tensor.Shape{1, 2, 5, 5}, ops.Pool{Kernel: three, Stride: two, Pad: one, ExcludePad: true}},
		{tensor.Shape{1, 2, 6, 5}, ops.Pool{Kernel: three, Stride: two, Pad: one, Ceil: true, ExcludePad: true}},
		{tensor.Shape{1, 2, 5, 4},
			ops.Pool{Kernel: ops.Pair{2, 3}, Stride: one, PadEnd: ops.Pair{1, 2}, ExcludePad: true}},
		{tensor.Shape{1, 2, 6, 7}, ops.Pool{Kernel: two, Stride: one, Dilation: ops.Pair{2, 3}}},
		{tensor.Shape{1, 2, 6, 7}, ops.Pool{Kernel: three, Stride: two, Pad: two, Dilation: two}},
		{tensor.Shape{1, 2, 6, 7},
			ops.Pool{Kernel: three, Stride: two, Pad: one, Dilation: two, Ceil: true, ExcludePad: true}},
		{tensor.Shape{1, 2, 6, 7}, ops.Pool{Kernel: ops.Pair{1, 3}, Stride: ops.Pair{2, 4}, PadBegin: ops.Pair{0, 3},
			Dilation: ops.Pair{1, 2}, Ceil: true}},
	}
}

type poolGeometry struct {
	x    tensor.Shape
	pool ops.Pool
}

func (p poolGeometry) name(op string) string { return fmt.Sprintf("%s/%v,%v", op, p.x, p.pool) }

func maxPoolCases() []opCase {
	var cases []opCase
	for _, p := range append(poolGeometries(), furtherPoolGeometries()...) {
		cases = append(cases, opCase{
			name:   p.name("MaxPool2D"),
			inputs: []tensor.Shape{p.x},
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.MaxPool2D(in[0], p.pool) },
			naive:  func(in []array) array { return naivePool(in[0], p.pool, largest) },
		})
	}
	return cases
}

func avgPoolCases() []opCase {
	var cases []opCase
	for _, p := range append(poolGeometries(), furtherPoolGeometries()...) {
		cases = append(cases, opCase{
			name:   p.name("AvgPool2D"),
			inputs: []tensor.Shape{p.x},
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.AvgPool2D(in[0], p.pool) },
			naive:  func(in []array) array { return naiveAvgPool(in[0], p.pool) },
		})
	}
	return cases
}

func subsampleCases() []opCase {
	var cases []opCase
	for _, p := range poolGeometries() {
		channels := p.x[1]
		cases = append(cases, opCase{
			name:   p.name("Subsample2D"),
			inputs: []tensor.Shape{p.x, {channels}, {channels}},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Subsample2D(in[0], in[1], in[2], p.pool)
			},
			naive: func(in []array) array {
				return naivePool(in[0], p.pool, func(c int, window []float64) float64 {
					return in[1].data[c]*sum(window) + in[2].data[c]
				})
			},
		})
	}
	return cases
}

func lrnCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x    tensor.Shape
		norm ops.Norm
	}{
		{tensor.Shape{1, 7, 2, 2}, ops.AlexNetNorm},
		{tensor.Shape{2, 5, 2, 1}, ops.Norm{Size: 5, K: 2, Alpha: 0.3, Beta: 0.75}},
		{tensor.Shape{1, 6, 1, 3}, ops.Norm{Size: 3, K: 1, Alpha: 0.5, Beta: 0.5}},
		{tensor.Shape{1, 5, 2, 2}, ops.Norm{Size: 4, K: 1.5, Alpha: 0.2, Beta: 1}},
		{tensor.Shape{1, 3, 2, 2}, ops.Norm{Size: 1, K: 1, Alpha: 1, Beta: 0.6}},
		{tensor.Shape{1, 2, 2, 2}, ops.Norm{Size: 9, K: 2, Alpha: 0.4, Beta: 0.75}},
		{tensor.Shape{2, 1, 2, 2}, ops.Norm{Size: 5, K: 2, Alpha: 0.4, Beta: 0.75}},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("LRN/%v,%+v", c.x, c.norm),
			inputs: []tensor.Shape{c.x},
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.LRN(in[0], c.norm) },
			naive:  func(in []array) array { return naiveLRN(in[0], c.norm) },
		})
	}
	return cases
}

func normalizeCases() []opCase {
	mean, deviation := []float64{0.5, -1, 2}, []float64{0.25, 1, 3}
	return []opCase{{
		name:   "Normalize",
		inputs: []tensor.Shape{{2, 3, 2, 3}},
		build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Normalize(in[0], mean, deviation) },
		naive: func(in []array) array {
			return newArray(in[0].shape...).each(func(n, c, h, w int) float64 {
				return (in[0].at(n, c, h, w) - mean[c]) / deviation[c]
			})
		},
	}}
}

func elementwiseCases() []opCase {
	var cases []opCase
	for name, f := range elementwise {
		for _, x := range []tensor.Shape{{1, 1}, {3, 7}, {2, 3, 3, 5}, {5}} {
			cases = append(cases, opCase{
				name:   fmt.Sprintf("%s/%v", name, x),
				inputs: []tensor.Shape{x},
				build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return f.build(in[0]) },
				naive:  func(in []array) array { return in[0].apply(f.naive) },
			})
		}
	}
	return cases
}

func preluCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x      tensor.Shape
		slopes int
	}{
		{tensor.Shape{2, 3, 2, 4}, 3}, {tensor.Shape{2, 3, 2, 4}, 1}, {tensor.Shape{1, 2, 1, 1}, 2},
		{tensor.Shape{4, 5}, 5}, {tensor.Shape{4, 1, 3}, 1}, {tensor.Shape{7}, 1},
	} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("PReLU/%v,%d", c.x, c.slopes),
			inputs: []tensor.Shape{c.x, {c.slopes}},
			kinked: true,
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.PReLU(in[0], in[1]) },
			naive:  func(in []array) array { return naivePReLU(in[0], in[1]) },
		})
	}
	return cases
}

// rowCases are the ops on (N, classes), and the softmax over channels.
func rowCases() []opCase {
	var cases []opCase
	for _, x := range []tensor.Shape{{2, 3, 2, 2}, {1, 4, 3, 5}, {3, 5, 1, 1}, {1, 1, 2, 3}, {1, 2, 9, 31}} {
		cases = append(cases, channelLogSoftmaxCase(x))
		cases = append(cases, softmaxCase(x))
	}
	for _, x := range []tensor.Shape{{1, 2}, {4, 10}, {3, 1}, {5, 3}} {
		cases = append(cases,
			softmaxCase(x),
			opCase{
				name:   fmt.Sprintf("LogSoftmax/%v", x),
				inputs: []tensor.Shape{x},
				build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.LogSoftmax(in[0]) },
				naive:  func(in []array) array { return naiveSoftmax(in[0]).apply(math.Log) },
			},
			crossEntropyCase(x, "classes", classTargets(x)),
		)
		if x[1] > 1 {
			cases = append(cases, crossEntropyCase(x, "distributions", distributionTargets(x)))
		}
		cases = append(cases, weightedCrossEntropyCase(x))
	}
	return cases
}

func softmaxCase(x tensor.Shape) opCase {
	return opCase{
		name:   fmt.Sprintf("Softmax/%v", x),
		inputs: []tensor.Shape{x},
		build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Softmax(in[0]) },
		naive:  func(in []array) array { return naiveSoftmax(in[0]) },
	}
}

func crossEntropyCase(x tensor.Shape, kind string, target array) opCase {
	return opCase{
		name:   fmt.Sprintf("SoftmaxCrossEntropy/%v,%s", x, kind),
		inputs: []tensor.Shape{x},
		build: func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			t := G.NodeFromAny(g, target.dense(in[0].Dtype()), G.WithName("target"))
			return ops.SoftmaxCrossEntropy(in[0], t)
		},
		naive: func(in []array) array { return naiveCrossEntropy(in[0], target) },
	}
}

// weightedCrossEntropyCase has targets with different sums; one row sums to 0.
func weightedCrossEntropyCase(x tensor.Shape) opCase {
	target := newArray(x...)
	for i := range target.data {
		target.data[i] = []float64{0.5, 0, 2, 1.25, 0.1}[i%5] * float64(i/x[1])
	}
	return opCase{
		name:   fmt.Sprintf("WeightedCrossEntropy/%v", x),
		inputs: []tensor.Shape{x},
		build: func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			t := G.NodeFromAny(g, target.dense(in[0].Dtype()), G.WithName("target"))
			return ops.WeightedCrossEntropy(in[0], t)
		},
		naive: func(in []array) array { return naiveCrossEntropy(in[0], target) },
	}
}

func affineCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x   tensor.Shape
		out int
	}{
		{tensor.Shape{1, 1}, 1},
		{tensor.Shape{3, 5}, 4},
		{tensor.Shape{1, 9}, 3},
		{tensor.Shape{4, 2}, 7},
		{tensor.Shape{2, 2, 3, 2}, 3},
	} {
		features := c.x.TotalSize() / c.x[0]
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Affine/%v to %d", c.x, c.out),
			inputs: []tensor.Shape{c.x, {c.out, features}, {c.out}},
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Affine(in[0], in[1], third(in)) },
			naive:  func(in []array) array { return naiveAffine(in[0], in[1], third(in)) },
		}, opCase{
			name:   fmt.Sprintf("AffineReLU/%v to %d", c.x, c.out),
			inputs: []tensor.Shape{c.x, {c.out, features}, {c.out}},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.AffineReLU(in[0], in[1], third(in))
			},
			naive: func(in []array) array {
				return naiveAffine(in[0], in[1], third(in)).apply(func(x float64) float64 { return math.Max(x, 0) })
			},
		})
	}
	cases = append(cases, cases[2].withoutBias(), cases[3].withoutBias(), cases[len(cases)-2].withoutBias(),
		cases[len(cases)-1].withoutBias())
	for _, x := range []tensor.Shape{{2, 3, 2, 2}, {1, 4}, {3, 2, 5}} {
		cases = append(cases, opCase{
			name:   fmt.Sprintf("Flatten/%v", x),
			inputs: []tensor.Shape{x},
			build:  func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) { return ops.Flatten(in[0]) },
			naive:  func(in []array) array { return array{tensor.Shape{x[0], x.TotalSize() / x[0]}, in[0].data} },
		})
	}
	return cases
}

// Dropout's mask is random, so TestDropoutForward checks its forward pass.
func dropoutCases() []opCase {
	var cases []opCase
	for _, rate := range []float64{0, 0.25, 0.5, 0.9} {
		for _, x := range []tensor.Shape{{4, 9}, {2, 2, 3, 3}} {
			cases = append(cases, opCase{
				name:   fmt.Sprintf("Dropout/%v,%g", x, rate),
				inputs: []tensor.Shape{x},
				build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
					return ops.Dropout(in[0], rate, &ops.RNG{Seed: 3, Step: 7})
				},
			})
		}
	}
	return cases
}

// normCases are the normalizations with weight and bias. They have planes of one element, odd
// planes, one channel, one image, and no plane at all.
func normCases() []opCase {
	var cases []opCase
	for _, c := range []struct {
		x   tensor.Shape
		eps float64
	}{
		{tensor.Shape{2, 3, 4, 5}, 1e-5},
		{tensor.Shape{4, 2, 1, 1}, 0.1}, // two channels: a small eps would bend y too much for central differences
		{tensor.Shape{3, 1, 3, 3}, 1e-3},
		{tensor.Shape{1, 4, 2, 3}, 1e-5},
		{tensor.Shape{5, 2, 1, 7}, 0.1},
		{tensor.Shape{1, 1, 5, 1}, 1e-3},
		{tensor.Shape{2, 6, 3, 1}, 1e-5},
		{tensor.Shape{6, 4}, 0.1},
		{tensor.Shape{3, 1}, 1e-3},
		{tensor.Shape{1, 2, 17, 16}, 0.1}, // more places than the tile of a kernel has
	} {
		x, eps := c.x, c.eps
		cases = append(cases,
			batchNormCase("BatchNorm", ops.BatchNorm, x, eps),
			rectified(batchNormCase("BatchNormReLU", ops.BatchNormReLU, x, eps)),
			clipped(batchNormCase("BatchNormClip",
				func(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
					return ops.BatchNormClip(x, weight, bias, eps, lowClip, highClip)
				}, x, eps)),
			batchNormAddCase(x, eps),
			frozenBatchNormCase("FrozenBatchNorm", ops.FrozenBatchNorm, x, eps),
			rectified(frozenBatchNormCase("FrozenBatchNormReLU", ops.FrozenBatchNormReLU, x, eps)),
			clipped(frozenBatchNormCase("FrozenBatchNormClip",
				func(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error) {
					return ops.FrozenBatchNormClip(x, weight, bias, mean, variance, eps, lowClip, highClip)
				}, x, eps)),
			layerNormCase(x, eps))
		for groups := 1; groups <= x[1]; groups++ {
			if x[1]%groups == 0 {
				cases = append(cases, groupNormCase(x, groups, eps))
			}
		}
	}
	return cases
}

func batchNormCase(
	name string, op func(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error), x tensor.Shape,
	eps float64,
) opCase {
	return opCase{
		name:   fmt.Sprintf("%s/%v,eps %g", name, x, eps),
		inputs: []tensor.Shape{x, {x[1]}, {x[1]}},
		build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			y, _, _, err := op(in[0], in[1], in[2], eps)
			return y, err
		},
		naive: func(in []array) array {
			return naiveNorm(in[0], in[1], in[2], eps, func(_, c, _ int) int { return c })
		},
	}
}

func batchNormAddCase(x tensor.Shape, eps float64) opCase {
	c := batchNormCase("BatchNormAddReLU", ops.BatchNorm, x, eps)
	c.inputs = append(c.inputs, x)
	c.build = func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
		y, _, _, err := ops.BatchNormAddReLU(in[0], in[1], in[2], in[3], eps)
		return y, err
	}
	norm := c.naive
	c.naive = func(in []array) array {
		sum := norm(in[:3])
		for i, v := range in[3].data {
			sum.data[i] += v
		}
		return sum
	}
	return rectified(c)
}

// rectified is a case whose op ends with a rectifier.
func rectified(c opCase) opCase {
	return c.then(func(x float64) float64 { return math.Max(x, 0) })
}

// The limits of the cases whose ops end with a clipping. The results of some are outside.
const lowClip, highClip = -0.25, 0.5

// clipped is a case whose op ends with a clipping.
func clipped(c opCase) opCase {
	return c.then(func(x float64) float64 { return min(max(x, lowClip), highClip) })
}

// then is a case whose op ends with an activation that has kinks.
func (c opCase) then(activation func(x float64) float64) opCase {
	parts := c.naive
	c.kinked = true
	c.naive = func(in []array) array { return parts(in).apply(activation) }
	return c
}

// The mean and the variance are constants of the case: they have no gradient.
func frozenBatchNormCase(
	name string, op func(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error), x tensor.Shape,
	eps float64,
) opCase {
	mean, variance := newArray(x[1]), newArray(x[1])
	for c := range x[1] {
		mean.data[c], variance.data[c] = float64(c)/2-1, 0.25+float64(c)
	}
	return opCase{
		name:   fmt.Sprintf("%s/%v,eps %g", name, x, eps),
		inputs: []tensor.Shape{x, {x[1]}, {x[1]}},
		build: func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			m := G.NodeFromAny(g, mean.dense(in[0].Dtype()), G.WithName("mean"))
			v := G.NodeFromAny(g, variance.dense(in[0].Dtype()), G.WithName("variance"))
			return op(in[0], in[1], in[2], m, v, eps)
		},
		naive: func(in []array) array {
			y := newArray(x...)
			for i := range y.data {
				_, c, _ := coordinatesIn(x, i)
				h := (in[0].data[i] - mean.data[c]) / math.Sqrt(variance.data[c]+eps)
				y.data[i] = h*in[1].data[c] + in[2].data[c]
			}
			return y
		},
	}
}

func layerNormCase(x tensor.Shape, eps float64) opCase {
	places := x.TotalSize() / (x[0] * x[1])
	return opCase{
		name:   fmt.Sprintf("LayerNorm/%v,eps %g", x, eps),
		single: x[1] == 1,
		inputs: []tensor.Shape{x, {x[1]}, {x[1]}},
		build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return ops.LayerNorm(in[0], in[1], in[2], eps)
		},
		naive: func(in []array) array {
			return naiveNorm(in[0], in[1], in[2], eps, func(n, _, place int) int { return n*places + place })
		},
	}
}

func groupNormCase(x tensor.Shape, groups int, eps float64) opCase {
	return opCase{
		name:   fmt.Sprintf("GroupNorm/%v,groups %d,eps %g", x, groups, eps),
		single: x.TotalSize() == x[0]*groups,
		inputs: []tensor.Shape{x, {x[1]}, {x[1]}},
		build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return ops.GroupNorm(in[0], in[1], in[2], groups, eps)
		},
		naive: func(in []array) array {
			return naiveNorm(in[0], in[1], in[2], eps, func(n, c, _ int) int { return n*groups + c*groups/x[1] })
		},
	}
}

package ops_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Invalid inputs are errors that name the op, got and want; none makes an op panic.
func TestOpsRefuse(t *testing.T) {
	g := G.NewGraph()
	of := func(dt tensor.Dtype, shape ...int) *G.Node {
		return G.NewTensor(g, dt, len(shape), G.WithShape(shape...), G.WithName("n"))
	}
	f32 := func(shape ...int) *G.Node { return of(tensor.Float32, shape...) }
	x, w, b := f32(2, 4, 5, 5), f32(6, 4, 3, 3), f32(6)
	scalar, shapeless := G.NewScalar(g, tensor.Float32, G.WithName("s")),
		G.NewTensor(g, tensor.Float32, 4, G.WithName("n"))
	pairs := ops.Pool{Kernel: ops.Pair{2, 2}}
	rng := &ops.RNG{}
	batchNorm := func(x, weight, bias *G.Node, eps float64) (*G.Node, error) {
		y, mean, variance, err := ops.BatchNorm(x, weight, bias, eps)
		assert.Nil(t, mean)
		assert.Nil(t, variance)
		return y, err
	}
	for want, build := range map[string]func() (*G.Node, error){
		"ReLU: input 0: got nil, want a node":    func() (*G.Node, error) { return ops.ReLU(nil) },
		"Sigmoid: input 0: got nil, want a node": func() (*G.Node, error) { return ops.Sigmoid(new(G.Node)) },
		"Tanh: input 0 (n): got int":             func() (*G.Node, error) { return ops.Tanh(of(tensor.Int, 2)) },
		"ReLU: input 0 (n): got no shape":        func() (*G.Node, error) { return ops.ReLU(shapeless) },
		"Flatten: input: got shape ()":           func() (*G.Node, error) { return ops.Flatten(scalar) },
		"Flatten: input: got shape (3)":          func() (*G.Node, error) { return ops.Flatten(f32(3)) },
		"Softmax: input: got shape (3)":          func() (*G.Node, error) { return ops.Softmax(f32(3)) },

		"Conv2D: input 1: got nil, want a node": func() (*G.Node, error) { return ops.Conv2D(x, nil, b, ops.Conv{}) },
		"Conv2D: input 1 (n): got float64, want float32 like input 0": func() (*G.Node, error) {
			return ops.Conv2D(x, of(tensor.Float64, 6, 4, 3, 3), b, ops.Conv{})
		},
		"Conv2D: input: got shape (4, 5, 5), want (N, C, H, W)": func() (*G.Node, error) {
			return ops.Conv2D(f32(4, 5, 5), w, b, ops.Conv{})
		},
		"Conv2D: input: got shape (0, 4, 5, 5), want (N, C, H, W)": func() (*G.Node, error) {
			return ops.Conv2D(f32(0, 4, 5, 5), w, b, ops.Conv{})
		},
		"Conv2D: weight: got shape (6, 4, 3)": func() (*G.Node, error) {
			return ops.Conv2D(x, f32(6, 4, 3), b, ops.Conv{})
		},
		"Conv2D: input: got 4 channels (shape (2, 4, 5, 5)), want 3 for the weight (6, 3, 3, 3) in 1 " +
			"groups": func() (*G.Node, error) {
			return ops.Conv2D(x, f32(6, 3, 3, 3), b, ops.Conv{})
		},
		"Conv2D: groups: got 4 for 4 input and 6 output channels, want a divisor of both": func() (*G.Node, error) {
			return ops.Conv2D(x, w, b, ops.Conv{Groups: 4})
		},
		"Conv2D: groups: got -2, want at least 1": func() (*G.Node, error) {
			return ops.Conv2D(x, w, b, ops.Conv{Groups: -2})
		},
		"Conv2D: bias: got shape (6, 1), want (6)": func() (*G.Node, error) {
			return ops.Conv2D(x, w, f32(6, 1), ops.Conv{})
		},
		"Conv2D: bias: got shape (), want (6)": func() (*G.Node, error) {
			return ops.Conv2D(x, w, scalar, ops.Conv{})
		},
		"Conv2D: width: window: got kernel 3, stride -1": func() (*G.Node, error) {
			return ops.Conv2D(x, w, b, ops.Conv{Stride: ops.Pair{1, -1}})
		},
		"Conv2D: height: window: got kernel 3, stride 1, dilation 1, pad -1": func() (*G.Node, error) {
			return ops.Conv2D(x, w, b, ops.Conv{Pad: ops.Pair{-1, 0}})
		},
		"Conv2D: height: a window of 7 doesn't fit an input of 5": func() (*G.Node, error) {
			return ops.Conv2D(x, w, b, ops.Conv{Dilation: ops.Pair{3, 1}})
		},
		"Conv2D: height: size 5, kernel 3, dilation 9223372036854775807, pad 0: " +
			"sizes overflow int": func() (*G.Node, error) {
			return ops.Conv2D(x, w, b, ops.Conv{Dilation: ops.Pair{math.MaxInt, 1}})
		},
		"Conv2D: height: size 5, kernel 3, dilation 1, pad 4611686018427387903: " +
			"sizes overflow int": func() (*G.Node, error) {
			return ops.Conv2D(x, w, b, ops.Conv{Pad: ops.Pair{math.MaxInt / 2, 0}})
		},
		"Conv2D: the result would have shape (2, 6, 2199023255555, 2199023255555)": func() (*G.Node, error) {
			return ops.Conv2D(x, w, b, ops.Conv{Pad: ops.Pair{1 << 40, 1 << 40}})
		},
		"ConvReLU2D: input 2: got nil, want a node": func() (*G.Node, error) {
			return ops.ConvReLU2D(x, w, new(G.Node), ops.Conv{})
		},
		"ConvClip2D: low and high: got 6 and 0, want a low below high": func() (*G.Node, error) {
			return ops.ConvClip2D(x, w, b, ops.Conv{}, 6, 0)
		},
		"ConvClip2D: low and high: got NaN and 6": func() (*G.Node, error) {
			return ops.ConvClip2D(x, w, b, ops.Conv{}, math.NaN(), 6)
		},
		"Conv2D: width: window: got kernel 3, stride 1, dilation 1, " +
			"pad -1 before and 0 after": func() (*G.Node, error) {
			return ops.Conv2D(x, w, nil, ops.Conv{PadBegin: ops.Pair{0, -1}})
		},
		"Conv2D: width: window: got kernel 3, stride 1, dilation 1, pad 1 before and 0 after, " +
			"want kernel, stride and dilation": func() (*G.Node, error) {
			// less than nothing, though the sum isn't
			return ops.Conv2D(x, w, nil, ops.Conv{Pad: ops.Pair{0, 1}, PadEnd: ops.Pair{0, -1}})
		},
		"Conv2D: height: size 5, kernel 3, dilation 1, pad 0 before and 9223372036854775807 after: " +
			"sizes overflow int": func() (*G.Node, error) {
			return ops.Conv2D(x, w, nil, ops.Conv{PadEnd: ops.Pair{math.MaxInt, 0}})
		},
		"Conv2D: height: size 5, kernel 3, dilation 1, pad 4611686018427387900 before": func() (*G.Node, error) {
			return ops.Conv2D(x, w, nil,
				ops.Conv{Pad: ops.Pair{math.MaxInt/2 - 3, 0}, PadEnd: ops.Pair{math.MaxInt/2 - 3, 0}})
		},
		"ConvReLUPool2D: height: window: got kernel 0": func() (*G.Node, error) {
			return ops.ConvReLUPool2D(x, w, b, ops.Conv{}, ops.Pool{})
		},
		"PartialConv2D: weight: got shape (6, 4, 3, 3), " +
			"want (0 connections, height, width)": func() (*G.Node, error) {
			return ops.PartialConv2D(x, w, b, nil, ops.Conv{})
		},
		"PartialConv2D: connections of output channel 1: got [4], want channels 0 to 3": func() (*G.Node, error) {
			return ops.PartialConv2D(x, f32(2, 3, 3), f32(2), [][]int{{0}, {4}}, ops.Conv{})
		},
		"PartialConv2D: connections of output channel 0: got none, want at least one": func() (*G.Node, error) {
			return ops.PartialConv2D(x, f32(1, 3, 3), f32(2), [][]int{{}, {0}}, ops.Conv{})
		},
		"PartialConv2D: groups: got -1": func() (*G.Node, error) {
			return ops.PartialConv2D(x, f32(2, 3, 3), f32(2), [][]int{{0}, {3}}, ops.Conv{Groups: -1})
		},

		"MaxPool2D: height: window: got kernel 0": func() (*G.Node, error) { return ops.MaxPool2D(x, ops.Pool{}) },
		"MaxPool2D: height: pad: got 2, want less than the kernel 2": func() (*G.Node, error) {
			return ops.MaxPool2D(x, ops.Pool{Kernel: ops.Pair{2, 2}, Pad: ops.Pair{2, 2}})
		},
		"MaxPool2D: width: pad: got 0 before and 2 after, want less than the kernel 2": func() (*G.Node, error) {
			return ops.MaxPool2D(x, ops.Pool{Kernel: ops.Pair{2, 2}, PadEnd: ops.Pair{0, 2}})
		},
		"MaxPool2D: height: pad: got 3, want less than the kernel 2 of dilation 2": func() (*G.Node, error) {
			return ops.MaxPool2D(x, ops.Pool{Kernel: ops.Pair{2, 2}, Pad: ops.Pair{3, 0}, Dilation: ops.Pair{2, 1}})
		},
		"MaxPool2D: height: a window of dilation 6 would step over an input of 5 with pad 1": func() (*G.Node, error) {
			return ops.MaxPool2D(x, ops.Pool{Kernel: ops.Pair{2, 2}, Pad: ops.Pair{1, 0}, Dilation: ops.Pair{6, 1}})
		},
		"AvgPool2D: height: a window of dilation 6 would step over an input of 5 with pad 7": func() (*G.Node, error) {
			return ops.AvgPool2D(x,
				ops.Pool{Kernel: ops.Pair{3, 1}, Stride: ops.Pair{1, 1}, Pad: ops.Pair{7, 0}, Dilation: ops.Pair{6, 1}})
		},
		"AvgPool2D: width: window: got kernel 2, stride 2, dilation -1": func() (*G.Node, error) {
			return ops.AvgPool2D(x, ops.Pool{Kernel: ops.Pair{2, 2}, Dilation: ops.Pair{1, -1}})
		},
		"AvgPool2D: height: a window of 9 doesn't fit an input of 5 padded to 5": func() (*G.Node, error) {
			// one of stride 5 would
			return ops.AvgPool2D(x, ops.Pool{Kernel: ops.Pair{9, 1}, Stride: ops.Pair{4, 1}, Ceil: true})
		},
		"Subsample2D: windows: got kernel 2, stride 2, ceil, want only kernel, stride and pad: " +
			"kernel 2, stride 2": func() (*G.Node, error) {
			return ops.Subsample2D(x, f32(4), f32(4), ops.Pool{Kernel: ops.Pair{2, 2}, Ceil: true})
		},
		"AvgPool2D: input: got shape (), want (N, C, H, W)": func() (*G.Node, error) {
			return ops.AvgPool2D(scalar, pairs)
		},
		"AvgPool2D: height: a window of 6 doesn't fit": func() (*G.Node, error) {
			return ops.AvgPool2D(x, ops.Pool{Kernel: ops.Pair{6, 1}})
		},
		"Subsample2D: bias: got shape (5), want (4)": func() (*G.Node, error) {
			return ops.Subsample2D(x, f32(4), f32(5), pairs)
		},
		"LRN: constants: got size 0, k 2": func() (*G.Node, error) {
			return ops.LRN(x, ops.Norm{K: 2})
		},
		"LRN: constants: got size 3, k NaN": func() (*G.Node, error) {
			return ops.LRN(x, ops.Norm{Size: 3, K: math.NaN()})
		},
		"beta NaN, want size at least 1": func() (*G.Node, error) {
			return ops.LRN(x, ops.Norm{Size: 3, K: 1, Beta: math.NaN()})
		},
		"LogSoftmax: input: got shape (3, 0), want (N, classes)": func() (*G.Node, error) {
			return ops.LogSoftmax(f32(3, 0))
		},
		"BatchNorm: input: got shape (4, 5, 5), want (N, C, H, W) or (N, C)": func() (*G.Node, error) {
			return batchNorm(f32(4, 5, 5), f32(5), f32(5), 1e-5)
		},
		"BatchNorm: input: got shape (0, 4), want (N, C, H, W) or (N, C)": func() (*G.Node, error) {
			return batchNorm(f32(0, 4), f32(4), f32(4), 1e-5)
		},
		"BatchNorm: weight: got shape (5), want (4), one for each channel": func() (*G.Node, error) {
			return batchNorm(x, f32(5), f32(4), 1e-5)
		},
		"BatchNorm: bias: got shape (), want (4), one for each channel": func() (*G.Node, error) {
			return batchNorm(x, f32(4), scalar, 1e-5)
		},
		"BatchNorm: input 1: got nil, want a node": func() (*G.Node, error) {
			return batchNorm(x, nil, f32(4), 1e-5)
		},
		"BatchNorm: eps: got 0, want a finite number above 0": func() (*G.Node, error) {
			return batchNorm(x, f32(4), f32(4), 0)
		},
		"BatchNorm: eps: got NaN, want a finite number above 0": func() (*G.Node, error) {
			return batchNorm(x, f32(4), f32(4), math.NaN())
		},
		"BatchNorm: input: got shape (1, 4, 1, 1), want more than one": func() (*G.Node, error) {
			return batchNorm(f32(1, 4, 1, 1), f32(4), f32(4), 1e-5)
		},
		"BatchNorm: input: got shape (1, 4), want more than one": func() (*G.Node, error) {
			return batchNorm(f32(1, 4), f32(4), f32(4), 1e-5)
		},
		"BatchNormReLU: eps: got 0, want a finite number above 0": func() (*G.Node, error) {
			y, _, _, err := ops.BatchNormReLU(x, f32(4), f32(4), 0)
			return y, err
		},
		"BatchNormAddReLU: other: got shape (4), want ": func() (*G.Node, error) {
			y, _, _, err := ops.BatchNormAddReLU(x, f32(4), f32(4), f32(4), 1e-5)
			return y, err
		},
		"BatchNormAddReLU: bias: got shape (3), want (4), one for each channel": func() (*G.Node, error) {
			y, _, _, err := ops.BatchNormAddReLU(x, f32(4), f32(3), x, 1e-5)
			return y, err
		},
		"FrozenBatchNormReLU: mean: got shape (3), want (4), one for each channel": func() (*G.Node, error) {
			return ops.FrozenBatchNormReLU(x, f32(4), f32(4), f32(3), f32(4), 1e-5)
		},
		"BatchNormClip: low and high: got 0 and 0, want a low below high": func() (*G.Node, error) {
			y, _, _, err := ops.BatchNormClip(x, f32(4), f32(4), 1e-5, 0, 0)
			return y, err
		},
		"FrozenBatchNormClip: low and high: got 0 and NaN": func() (*G.Node, error) {
			return ops.FrozenBatchNormClip(x, f32(4), f32(4), f32(4), f32(4), 1e-5, 0, math.NaN())
		},
		"FrozenBatchNorm: mean: got shape (3), want (4), one for each channel": func() (*G.Node, error) {
			return ops.FrozenBatchNorm(x, f32(4), f32(4), f32(3), f32(4), 1e-5)
		},
		"FrozenBatchNorm: variance: got shape (4, 1), want (4), one for each channel": func() (*G.Node, error) {
			return ops.FrozenBatchNorm(x, f32(4), f32(4), f32(4), f32(4, 1), 1e-5)
		},
		"FrozenBatchNorm: eps: got -1": func() (*G.Node, error) {
			return ops.FrozenBatchNorm(x, f32(4), f32(4), f32(4), f32(4), -1)
		},
		"GroupNorm: groups: got 3, want a number that divides the 4 channels": func() (*G.Node, error) {
			return ops.GroupNorm(x, f32(4), f32(4), 3, 1e-5)
		},
		"GroupNorm: groups: got 0, want a number that divides": func() (*G.Node, error) {
			return ops.GroupNorm(x, f32(4), f32(4), 0, 1e-5)
		},
		"GroupNorm: groups: got 8, want a number that divides": func() (*G.Node, error) {
			return ops.GroupNorm(x, f32(4), f32(4), 8, 1e-5)
		},
		"GroupNorm: eps: got +Inf": func() (*G.Node, error) {
			return ops.GroupNorm(x, f32(4), f32(4), 2, math.Inf(1))
		},
		"LayerNorm: bias: got shape (5), want (4), one for each channel": func() (*G.Node, error) {
			return ops.LayerNorm(x, f32(4), f32(5), 1e-5)
		},
		"LayerNorm: input: got shape (3), want (N, C, H, W) or (N, C)": func() (*G.Node, error) {
			return ops.LayerNorm(f32(3), f32(3), f32(3), 1e-5)
		},
		"LayerNorm: eps: got 0": func() (*G.Node, error) {
			return ops.LayerNorm(x, f32(4), f32(4), 0)
		},

		"Dropout: rate: got NaN":  func() (*G.Node, error) { return ops.Dropout(x, math.NaN(), rng) },
		"Dropout: rng: got nil":   func() (*G.Node, error) { return ops.Dropout(x, 0.5, nil) },
		"Scale: factor: got +Inf": func() (*G.Node, error) { return ops.Scale(x, math.Inf(1)) },
		"Tanh: a and b: got 1e-60 and 1": func() (*G.Node, error) {
			return ops.ScaledTanh(x, 1e-60, 1) // 0 in float32
		},
		"Tanh: a and b: got 1 and NaN": func() (*G.Node, error) { return ops.ScaledTanh(x, 1, math.NaN()) },

		"LeakyReLU: alpha: got -0.1, want a finite number of at least 0": func() (*G.Node, error) {
			return ops.LeakyReLU(x, -0.1)
		},
		"LeakyReLU: alpha: got 1e+300": func() (*G.Node, error) { return ops.LeakyReLU(x, 1e300) }, // +Inf in float32
		"Clip: low and high: got 1 and 1, want a low below high": func() (*G.Node, error) {
			return ops.Clip(x, 1, 1)
		},
		"Clip: low and high: got NaN and 6": func() (*G.Node, error) {
			return ops.Clip(x, math.NaN(), 6)
		},
		"ELU: alpha: got -1": func() (*G.Node, error) {
			return ops.ELU(x, -1)
		},
		"ELU: alpha: got NaN": func() (*G.Node, error) {
			return ops.ELU(x, math.NaN())
		},
		"CELU: alpha: got 0, want a number above 0": func() (*G.Node, error) {
			return ops.CELU(x, 0)
		},
		"CELU: alpha: got 1e-40": func() (*G.Node, error) {
			return ops.CELU(x, 1e-40)
		},
		"HardSigmoid: alpha and beta: got 0.2 and +Inf, want finite numbers": func() (*G.Node, error) {
			return ops.HardSigmoid(x, 0.2, math.Inf(1))
		},
		"SiLU: input 0 (n): got int": func() (*G.Node, error) {
			return ops.SiLU(of(tensor.Int, 2))
		},
		"GELU: input 0: got nil, want a node": func() (*G.Node, error) {
			return ops.GELU(nil)
		},
		"Function: got no name, want one": func() (*G.Node, error) {
			return ops.Function{}.Apply(x)
		},
		"Half: got no value or no slope, want both": func() (*G.Node, error) {
			return ops.Function{Name: "Half", Value: math.Abs}.Apply(x)
		},
		"PReLU: slope: got shape (3), want (1) or (4), " +
			"one for each channel of (2, 4, 5, 5)": func() (*G.Node, error) {
			return ops.PReLU(x, f32(3))
		},
		"PReLU: slope: got shape (4, 1), want (1) or (4)": func() (*G.Node, error) {
			return ops.PReLU(x, f32(4, 1))
		},
		"PReLU: input and slope: got shapes (4) and (4), want (N, C, …)": func() (*G.Node, error) {
			return ops.PReLU(f32(4), f32(4))
		},
		"PReLU: input and slope: got shapes () and (2)": func() (*G.Node, error) {
			return ops.PReLU(scalar, f32(2))
		},
		"PReLU: input 1: got nil, want a node": func() (*G.Node, error) {
			return ops.PReLU(x, nil)
		},

		"Affine: input: got shape (3), want (N, features)": func() (*G.Node, error) {
			return ops.Affine(f32(3), f32(4, 3), f32(4))
		},
		"Affine: input: got 100 features (shape (2, 4, 5, 5)), " +
			"want 99 for the weight (4, 99)": func() (*G.Node, error) {
			return ops.Affine(x, f32(4, 99), f32(4))
		},
		"Affine: weight: got shape (4, 0), want (out, in)": func() (*G.Node, error) {
			return ops.Affine(f32(2, 3), f32(4, 0), f32(4))
		},
		"Affine: input: got shape (2, 0), want (N, features)": func() (*G.Node, error) {
			return ops.Affine(f32(2, 0), f32(4, 0), f32(4))
		},
		"Softmax: input: got shape (3, 0), want (N, classes)": func() (*G.Node, error) {
			return ops.Softmax(f32(3, 0))
		},
		"SoftmaxCrossEntropy: logits: got shape (0, 3)": func() (*G.Node, error) {
			return ops.SoftmaxCrossEntropy(f32(0, 3), f32(0))
		},
		"AffineReLU: bias: got shape (3), want (4)": func() (*G.Node, error) {
			return ops.AffineReLU(f32(2, 3), f32(4, 3), f32(3))
		},
		"WeightedCrossEntropy: logits: got shape (0, 3)": func() (*G.Node, error) {
			return ops.WeightedCrossEntropy(f32(0, 3), f32(0, 3))
		},
		"WeightedCrossEntropy: target: got shape (3), want (3, 4)": func() (*G.Node, error) {
			return ops.WeightedCrossEntropy(f32(3, 4), f32(3))
		},
		"SoftmaxCrossEntropy: input 1: got nil, want a node": func() (*G.Node, error) {
			return ops.SoftmaxCrossEntropy(f32(3, 4), nil)
		},
		"SoftmaxCrossEntropy: target: got shape (4), want (3)": func() (*G.Node, error) {
			return ops.SoftmaxCrossEntropy(f32(3, 4), f32(4))
		},
		"SoftmaxCrossEntropy: input 1 (n): got int": func() (*G.Node, error) {
			return ops.SoftmaxCrossEntropy(f32(3, 4), of(tensor.Int, 3))
		},
	} {
		n, err := build()
		assert.Nil(t, n, want)
		assert.ErrorContains(t, err, want)
	}
}

// Wrong operands of a run are errors, too.
func TestDoRefuses(t *testing.T) {
	op := G.Must(ops.ReLU(node(G.NewGraph(), "x", tensor.Shape{2}, 1, 2))).Op()
	for want, operands := range map[string][]G.Value{
		"ReLU: got 0 operands, want 1":             nil,
		"ReLU: operand 0: value: got a <nil>":      {nil},
		"ReLU: operand 0: value: got nil":          {(*tensor.Dense)(nil)},
		"ReLU: operand 0: value: got float32":      {tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2))},
		"ReLU: operand 0: got shape (3), want (2)": {tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(3))},
		"ReLU: operand 0: got shape (), want (2)":  {G.NewF64(1)},
	} {
		_, err := op.Do(operands...)
		assert.ErrorContains(t, err, want)
	}
}

// An empty batch keeps its images' size.
func TestFlattenOfNothing(t *testing.T) {
	y := G.Must(ops.Flatten(G.NewTensor(G.NewGraph(), tensor.Float32, 3, G.WithShape(0, 3, 2), G.WithName("x"))))
	assert.Equal(t, tensor.Shape{0, 6}, y.Shape())
}

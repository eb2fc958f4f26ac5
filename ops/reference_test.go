package ops

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// A referenceCase is an op on one geometry, written by testdata/make_reference.py with PyTorch's
// numbers in float64.
type referenceCase struct {
	Op                            string
	Kernel, Stride, Pad, Dilation Pair
	PadBegin, PadEnd              Pair
	Ceil, ExcludePad              bool
	Groups                        int
	Connections                   [][]int
	Size                          int
	K, Alpha, Beta                float64
	A, B                          float64
	Channels                      Pair
	Border                        [4]int
	Value                         float64
	Eps                           float64
	Low, High                     float64
	Axis                          int
	Indices, Dims, Order          []int
	Shape                         tensor.Shape
	Rows, Columns                 [][]Tap

	Inputs []*referenceTensor
	Y, DY  *referenceTensor
	Grads  []*referenceTensor // nil where the input has no gradient

	Statistics []*referenceTensor // of BatchNorm: mean and unbiased variance
}

type referenceTensor struct {
	Shape tensor.Shape
	Data  []float64
}

func (c referenceCase) String() string {
	s := c.Op
	for _, in := range c.Inputs {
		s += fmt.Sprint(in.Shape)
	}
	return fmt.Sprintf("%s %v; %v", s, c.conv(), c.pool())
}

func (c referenceCase) conv() Conv {
	return Conv{Stride: c.Stride, Pad: c.Pad, PadBegin: c.PadBegin, PadEnd: c.PadEnd, Dilation: c.Dilation,
		Groups: c.Groups}
}

func (c referenceCase) pool() Pool {
	return Pool{
		Kernel: c.Kernel, Stride: c.Stride, Pad: c.Pad, PadBegin: c.PadBegin, PadEnd: c.PadEnd, Dilation: c.Dilation,
		Ceil: c.Ceil, ExcludePad: c.ExcludePad,
	}
}

// plain reports whether gorgonia's own op has all of the case's window options.
func (c referenceCase) plain() bool {
	return c.PadBegin == Pair{} && c.PadEnd == Pair{} && !c.Ceil && (c.Op == "Conv2D" || c.Dilation == Pair{})
}

// third returns the case's bias among its operands, or nil.
func third(in G.Nodes) *G.Node {
	if len(in) < 3 {
		return nil
	}
	return in[2]
}

// build adds the case's op to the graph of its inputs.
func (c referenceCase) build(in G.Nodes) (*G.Node, error) {
	switch c.Op {
	case "Conv2D":
		return Conv2D(in[0], in[1], third(in), c.conv())
	case "PartialConv2D":
		return PartialConv2D(in[0], in[1], in[2], c.Connections, c.conv())
	case "MaxPool2D":
		return MaxPool2D(in[0], c.pool())
	case "AvgPool2D":
		return AvgPool2D(in[0], c.pool())
	case "Subsample2D":
		return Subsample2D(in[0], in[1], in[2], c.pool())
	case "LRN":
		return LRN(in[0], Norm{Size: c.Size, K: c.K, Alpha: c.Alpha, Beta: c.Beta})
	case "WeightedCrossEntropy":
		return WeightedCrossEntropy(in[0], in[1])
	case "SoftmaxCrossEntropy":
		return SoftmaxCrossEntropy(in[0], in[1])
	case "Add":
		return Add(in...)
	case "Multiply":
		return Multiply(in[0], in[1])
	case "Subtract":
		return Subtract(in[0], in[1])
	case "Divide":
		return Divide(in[0], in[1])
	case "Maximum":
		return Maximum(in[0], in[1])
	case "Minimum":
		return Minimum(in[0], in[1])
	case "ScaleShift":
		return ScaleShift(in[0], in[1], third(in))
	case "Shift":
		return ScaleShift(in[0], nil, in[1])
	case "Take":
		return Take(in[0], c.Axis, c.Indices)
	case "Rearrange":
		return Rearrange(in[0], c.Dims, c.Order, c.Shape)
	case "Resample":
		return Resample(in[0], c.Rows, c.Columns)
	case "Concat":
		return Concat(in...)
	case "Slice":
		return Slice(in[0], c.Channels[0], c.Channels[1])
	case "ChannelShuffle":
		return ChannelShuffle(in[0], c.Groups)
	case "Pad":
		return Pad(in[0], c.Border[0], c.Border[1], c.Border[2], c.Border[3], c.Value)
	case "GlobalAvgPool":
		return GlobalAvgPool(in[0])
	case "GlobalMaxPool":
		return GlobalMaxPool(in[0])
	case "BinaryCrossEntropy":
		return BinaryCrossEntropy(in[0], in[1])
	case "MeanSquaredError":
		return MeanSquaredError(in[0], in[1])
	case "Affine":
		return Affine(in[0], in[1], third(in))
	case "Softmax":
		return Softmax(in[0])
	case "LogSoftmax":
		return LogSoftmax(in[0])
	case "BatchNorm":
		y, _, _, err := BatchNorm(in[0], in[1], in[2], c.Eps)
		return y, err
	case "FrozenBatchNorm":
		return FrozenBatchNorm(in[0], in[1], in[2], in[3], in[4], c.Eps)
	case "GroupNorm":
		return GroupNorm(in[0], in[1], in[2], c.Groups, c.Eps)
	case "LayerNorm":
		return LayerNorm(in[0], in[1], in[2], c.Eps)
	case "PReLU":
		return PReLU(in[0], in[1])
	}
	if f, ok := c.function(); ok {
		return f.Apply(in[0])
	}
	return nil, fmt.Errorf("reference case for an unknown op %q", c.Op)
}

// function returns the case's activation, if it is one.
func (c referenceCase) function() (Function, bool) {
	switch c.Op {
	case "Tanh":
		return TanhFunction(c.A, c.B), true
	case "LeakyReLU":
		return LeakyReLUFunction(c.Alpha), true
	case "Clip":
		return ClipFunction(c.Low, c.High), true
	case "ELU":
		return ELUFunction(c.Alpha), true
	case "CELU":
		return CELUFunction(c.Alpha), true
	case "HardSigmoid":
		return HardSigmoidFunction(c.Alpha, c.Beta), true
	}
	for _, f := range Functions() {
		if f.Name == c.Op {
			return f, true
		}
	}
	return Function{}, false
}

func readReference(t *testing.T) []referenceCase {
	t.Helper()
	f, err := os.Open("testdata/reference.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var file struct {
		Torch string
		Cases []referenceCase
	}
	require.NoError(t, json.NewDecoder(z).Decode(&file))
	require.NotEmpty(t, file.Torch)
	return file.Cases
}

// Every op agrees with PyTorch, output and gradients, when gorgonia differentiates it and its tape
// machine runs it.
func TestReference(t *testing.T) {
	cases := readReference(t)
	require.GreaterOrEqual(t, len(cases), 300)
	for i, c := range cases {
		t.Run(fmt.Sprintf("%03d %v", i, c), func(t *testing.T) {
			compareWithReference[float64](t, c, 1e-12)
			compareWithReference[float32](t, c, 1e-4)
		})
	}
}

func compareWithReference[T kernel.Float](t *testing.T, c referenceCase, tolerance float64) {
	t.Helper()
	y, grads := differentiate[T](t, c, c.build)
	dtype := dtypeOf[T]()
	requireClose(t, fmt.Sprintf("%v output", dtype), tolerance, y, c.Y.Data)
	for i, want := range c.Grads {
		if want != nil {
			requireClose(t, fmt.Sprintf("%v gradient of input %d", dtype, i), tolerance, grads[i], want.Data)
		}
	}
}

// Gorgonia's own convolution, which has no bias and no groups, agrees with ours.
func TestConv2DAgreesWithGorgonia(t *testing.T) {
	compared := 0
	for i, c := range readReference(t) {
		if c.Op != "Conv2D" || c.Groups != 1 || !c.plain() {
			continue
		}
		compared++
		clear(c.Inputs[2].Data)
		t.Run(fmt.Sprintf("%03d %v", i, c), func(t *testing.T) {
			compareWithStock(t, c, func(in G.Nodes) (*G.Node, error) {
				window := tensor.Shape{c.Inputs[1].Shape[2], c.Inputs[1].Shape[3]}
				return G.Conv2d(in[0], in[1], window, c.Pad[:], c.Stride[:], c.Dilation[:])
			})
		})
	}
	assert.Greater(t, compared, 30)
}

// Gorgonia's own max pooling agrees with ours.
func TestMaxPool2DAgreesWithGorgonia(t *testing.T) {
	compared := 0
	for i, c := range readReference(t) {
		if c.Op != "MaxPool2D" || !c.plain() {
			continue
		}
		compared++
		t.Run(fmt.Sprintf("%03d %v", i, c), func(t *testing.T) {
			compareWithStock(t, c, func(in G.Nodes) (*G.Node, error) {
				return G.MaxPool2D(in[0], tensor.Shape(c.Kernel[:]), c.Pad[:], c.Stride[:])
			})
		})
	}
	assert.Greater(t, compared, 20)
}

// compareWithStock compares our op with gorgonia's: the outputs, and the gradients of the inputs
// that gorgonia's op reads.
func compareWithStock(t *testing.T, c referenceCase, stock func(G.Nodes) (*G.Node, error)) {
	t.Helper()
	y, grads := differentiate[float64](t, c, c.build)
	c.Grads = c.Grads[:min(len(c.Grads), 2)] // the bias isn't gorgonia's
	wantY, wantGrads := differentiate[float64](t, c, stock)
	requireClose(t, "output", 1e-12, y, wantY)
	for i, want := range wantGrads {
		requireClose(t, fmt.Sprintf("gradient of input %d", i), 1e-12, grads[i], want)
	}
}

// differentiate returns y = build(inputs) and the gradients of the cost Σ y·dy for the inputs that
// the case has gradients of: the incoming gradient of y is dy.
func differentiate[T kernel.Float](t require.TestingT, c referenceCase,
	build func(G.Nodes) (*G.Node, error)) (y []float64, grads [][]float64) {
	g := G.NewGraph()
	inputs := leaves[T](g, c.Inputs)
	var wrt G.Nodes
	for i, n := range inputs {
		if i < len(c.Grads) && c.Grads[i] != nil {
			wrt = append(wrt, n)
		}
	}
	out, err := build(inputs)
	require.NoError(t, err)
	cost, err := Dot(out, leaf[T](g, "dy", c.DY))
	require.NoError(t, err)
	dnodes, err := G.Grad(cost, wrt...)
	require.NoError(t, err)

	machine := G.NewTapeMachine(g)
	defer machine.Close()
	require.NoError(t, machine.RunAll())
	for _, d := range dnodes {
		grads = append(grads, float64s[T](t, d))
	}
	return float64s[T](t, out), grads
}

func leaves[T kernel.Float](g *G.ExprGraph, inputs []*referenceTensor) (nodes G.Nodes) {
	for i, x := range inputs {
		nodes = append(nodes, leaf[T](g, fmt.Sprintf("input %d", i), x))
	}
	return nodes
}

func leaf[T kernel.Float](g *G.ExprGraph, name string, x *referenceTensor) *G.Node {
	value, data := newValue[T](x.Shape)
	for i, v := range x.Data {
		data[i] = T(v)
	}
	return G.NodeFromAny(g, value, G.WithName(name))
}

func float64s[T kernel.Float](t require.TestingT, n *G.Node) []float64 {
	data, err := elements[T](n.Value())
	require.NoError(t, err)
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}

// requireClose fails at the first number whose error exceeds the tolerance, relative to the wanted
// number or, if that is smaller, to the root mean square of all: a sum that cancels is no more
// accurate than its terms.
func requireClose(t *testing.T, what string, tolerance float64, got, want []float64) {
	t.Helper()
	require.Len(t, got, len(want), what)
	squares := 0.0
	for _, w := range want {
		squares += w * w
	}
	rms := math.Sqrt(squares / float64(len(want)))
	for i, w := range want {
		if bound := tolerance * max(math.Abs(w), rms); !(math.Abs(got[i]-w) <= bound) {
			require.Failf(t, "differs", "%s: element %d is %v, want %v within %.2g", what, i, got[i], w, bound)
		}
	}
}

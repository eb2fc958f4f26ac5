package ops_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// The ops combine with gorgonia's own in any graph: here a stock Square and Sum follow a
// convolution and a rectifier. gorgonia's Grad differentiates the graph and its tape machine runs
// it.
func Example() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 2, 3}, 1, -2, 3, 4, 5, -6)
	w := node(g, "w", tensor.Shape{1, 1, 2, 2}, 1, 0, 0, 1)
	b := node(g, "b", tensor.Shape{1}, 0.5)

	y := G.Must(ops.ReLU(G.Must(ops.Conv2D(x, w, b, ops.Conv{}))))
	cost := G.Must(G.Sum(G.Must(G.Square(y))))
	grads, err := G.Grad(cost, w, b)
	if err != nil {
		fmt.Println(err)
		return
	}
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("y   ", y.Value().Data())
	fmt.Println("cost", cost.Value())
	fmt.Println("dw  ", grads[0].Value().Data())
	fmt.Println("db  ", grads[1].Value().Data())
	// Output:
	// y    [6.5 0]
	// cost 42.25
	// dw   [13 -26 52 65]
	// db   [13]
}

// node is an input of a graph with its value. Every input needs a name of its own.
func node(g *G.ExprGraph, name string, shape tensor.Shape, values ...float64) *G.Node {
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(values))
	return G.NewTensor(g, tensor.Float64, shape.Dims(), G.WithShape(shape...), G.WithName(name), G.WithValue(v))
}

// show runs the graph of a node and prints the node's value and the gradient of its elements' sum
// with respect to others.
func show(y *G.Node, wrt ...*G.Node) {
	grads, err := G.Grad(G.Must(G.Sum(y)), wrt...)
	if err != nil {
		fmt.Println(err)
		return
	}
	machine := G.NewTapeMachine(y.Graph())
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("y %v: %.4g\n", y.Shape(), y.Value().Data())
	for i, n := range grads {
		fmt.Printf("d%s: %.4g\n", wrt[i].Name(), n.Value().Data())
	}
}

// A convolution of two groups: each filter sees one of the two channels.
func ExampleConv2D() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 3}, 1, 2, 3, 10, 20, 30)
	w := node(g, "w", tensor.Shape{2, 1, 1, 2}, 1, -1, 0.5, 0.5)
	b := node(g, "b", tensor.Shape{2}, 0, 100)
	show(G.Must(ops.Conv2D(x, w, b, ops.Conv{Pad: ops.Pair{0, 1}, Stride: ops.Pair{1, 3}, Groups: 2})), x, w, b)
	// Output:
	// y (1, 2, 1, 2): [-1 3 105 115]
	// dx: [-1 0 1 0.5 0 0.5]
	// dw: [3 1 30 10]
	// db: [2 2]
}

// SAME_UPPER of an image of even size: the one row and column of padding are at the end.
func ExampleConv_OutputSize() {
	c := ops.Conv{Stride: ops.Pair{2, 2}, PadEnd: ops.Pair{1, 1}}
	fmt.Println(c.OutputSize(ops.Pair{224, 112}, ops.Pair{3, 3}))
	// Output: [112 56] <nil>
}

// Rounded up, a pooling without padding leaves no row or column out.
func ExamplePool_OutputSize() {
	fmt.Println(ops.Pool{Kernel: ops.Pair{3, 3}, Stride: ops.Pair{2, 2}}.OutputSize(ops.Pair{112, 112}))
	fmt.Println(ops.Pool{Kernel: ops.Pair{3, 3}, Stride: ops.Pair{2, 2}, Ceil: true}.OutputSize(ops.Pair{112, 112}))
	// Output:
	// [55 55] <nil>
	// [56 56] <nil>
}

// The first output sees both input channels, the second only the last one.
func ExamplePartialConv2D() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 2}, 1, 2, 10, 20)
	w := node(g, "w", tensor.Shape{3, 1, 1}, 1, 2, 3)
	b := node(g, "b", tensor.Shape{2}, 0, 0)
	show(G.Must(ops.PartialConv2D(x, w, b, [][]int{{0, 1}, {1}}, ops.Conv{})), x, w)
	// Output:
	// y (1, 2, 1, 2): [21 42 30 60]
	// dx: [1 1 5 5]
	// dw: [3 30 30]
}

// Of the convolution's [6.5 -2] the rectifier keeps the first, so only its window gets a gradient.
func ExampleConvReLU2D() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 2, 3}, 1, -2, 3, 4, 5, 1)
	w := node(g, "w", tensor.Shape{1, 1, 2, 2}, 1, 0, 0, 1)
	b := node(g, "b", tensor.Shape{1}, 0.5)
	show(G.Must(ops.ConvReLU2D(x, w, b, ops.Conv{})), x, w, b)
	// Output:
	// y (1, 1, 1, 2): [6.5 0]
	// dx: [1 0 0 0 1 0]
	// dw: [1 -2 4 5]
	// db: [1]
}

// Of the convolution's [6.5 -2 3] only the last is between the limits and gets a gradient.
func ExampleConvClip2D() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 1, 3}, 6, -2.5, 2.5)
	w := node(g, "w", tensor.Shape{1, 1, 1, 1}, 1)
	b := node(g, "b", tensor.Shape{1}, 0.5)
	show(G.Must(ops.ConvClip2D(x, w, b, ops.Conv{}, 0, 6)), x, w, b)
	// Output:
	// y (1, 1, 1, 3): [6 0 3]
	// dx: [0 0 1]
	// dw: [2.5]
	// db: [1]
}

// The larger of the convolution's two values is the one that learns.
func ExampleConvReLUPool2D() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 1, 3}, 1, 2, 4)
	w := node(g, "w", tensor.Shape{1, 1, 1, 2}, 1, 1)
	b := node(g, "b", tensor.Shape{1}, -1)
	show(G.Must(ops.ConvReLUPool2D(x, w, b, ops.Conv{}, ops.Pool{Kernel: ops.Pair{1, 2}})), x, w, b)
	// Output:
	// y (1, 1, 1, 1): [5]
	// dx: [0 1 1]
	// dw: [2 4]
	// db: [1]
}

func ExampleAffineReLU() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2}, 1, 2)
	w := node(g, "w", tensor.Shape{2, 2}, 3, 1, -3, 1)
	b := node(g, "b", tensor.Shape{2}, 0, 0)
	show(G.Must(ops.AffineReLU(x, w, b)), x, w, b)
	// Output:
	// y (1, 2): [5 0]
	// dx: [3 1]
	// dw: [1 2 0 0]
	// db: [1 0]
}

func ExampleMaxPool2D() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 3, 3}, 1, 2, 3, 4, 9, 5, 6, 7, 8)
	show(G.Must(ops.MaxPool2D(x, ops.Pool{Kernel: ops.Pair{2, 2}, Stride: ops.Pair{1, 1}})), x)
	// Output:
	// y (1, 1, 2, 2): [9 9 9 9]
	// dx: [0 0 0 0 4 0 0 0 0]
}

func ExampleAvgPool2D() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 2, 4}, 1, 2, 3, 4, 5, 6, 7, 8)
	show(G.Must(ops.AvgPool2D(x, ops.Pool{Kernel: ops.Pair{2, 2}})), x)
	// Output:
	// y (1, 1, 1, 2): [3.5 5.5]
	// dx: [0.25 0.25 0.25 0.25 0.25 0.25 0.25 0.25]
}

func ExampleSubsample2D() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 1, 2, 4}, 1, 2, 3, 4, 5, 6, 7, 8)
	coefficient, bias := node(g, "coefficient", tensor.Shape{1}, 0.5), node(g, "bias", tensor.Shape{1}, 1)
	show(G.Must(ops.Subsample2D(x, coefficient, bias, ops.Pool{Kernel: ops.Pair{2, 2}})), coefficient, bias)
	// Output:
	// y (1, 1, 1, 2): [8 12]
	// dcoefficient: [36]
	// dbias: [2]
}

func ExampleAffine() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{2, 3}, 1, 2, 3, 4, 5, 6)
	w := node(g, "w", tensor.Shape{2, 3}, 1, 0, 0, 0, 1, 1)
	b := node(g, "b", tensor.Shape{2}, 0.5, -1)
	show(G.Must(ops.Affine(x, w, b)), x, w, b)
	// Output:
	// y (2, 2): [1.5 4 4.5 10]
	// dx: [1 1 1 1 1 1]
	// dw: [5 7 9 5 7 9]
	// db: [2 2]
}

func ExampleFlatten() {
	x := node(G.NewGraph(), "x", tensor.Shape{2, 1, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	show(G.Must(ops.Flatten(x)), x)
	// Output:
	// y (2, 4): [1 2 3 4 5 6 7 8]
	// dx: [1 1 1 1 1 1 1 1]
}

// A residual connection: the gradient of the sum reaches both ways.
func ExampleAdd() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.Add(x, G.Must(ops.ReLU(x)))), x)
	// Output:
	// y (1, 3): [-1 0 4]
	// dx: [1 1 2]
}

// One factor for each channel, as in a squeeze-and-excite block.
func ExampleMultiply() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 2}, 1, 2, 3, 4)
	gate := node(g, "gate", tensor.Shape{1, 2}, 10, 0.5)
	show(G.Must(ops.Multiply(x, gate)), x, gate)
	// Output:
	// y (1, 2, 1, 2): [10 20 1.5 2]
	// dx: [10 10 0.5 0.5]
	// dgate: [3 7]
}

func ExampleConcat() {
	g := G.NewGraph()
	a := node(g, "a", tensor.Shape{2, 1, 1, 2}, 1, 2, 3, 4)
	b := node(g, "b", tensor.Shape{2, 2, 1, 2}, 10, 20, 30, 40, 50, 60, 70, 80)
	show(G.Must(ops.Concat(a, b)), a, b)
	// Output:
	// y (2, 3, 1, 2): [1 2 10 20 30 40 3 4 50 60 70 80]
	// da: [1 1 1 1]
	// db: [1 1 1 1 1 1 1 1]
}

func ExampleSlice() {
	x := node(G.NewGraph(), "x", tensor.Shape{2, 3}, 1, 2, 3, 4, 5, 6)
	show(G.Must(ops.Slice(x, 1, 3)), x)
	// Output:
	// y (2, 2): [2 3 5 6]
	// dx: [0 1 1 0 1 1]
}

// Two groups of three channels.
func ExampleChannelShuffle() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 6}, 1, 2, 3, 10, 20, 30)
	show(G.Must(ops.ChannelShuffle(x, 2)), x)
	// Output:
	// y (1, 6): [1 10 2 20 3 30]
	// dx: [1 1 1 1 1 1]
}

func ExamplePad() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 1, 2, 2}, 1, 2, 3, 4)
	show(G.Must(ops.Pad(x, 0, 1, 1, 0, 9)), x)
	// Output:
	// y (1, 1, 3, 3): [9 1 2 9 3 4 9 9 9]
	// dx: [1 1 1 1]
}

func ExampleGlobalAvgPool() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 2, 1, 2}, 1, 2, 3, 5)
	show(G.Must(ops.GlobalAvgPool(x)), x)
	// Output:
	// y (1, 2, 1, 1): [1.5 4]
	// dx: [0.5 0.5 0.5 0.5]
}

// Of two equal values the first one gets the gradient.
func ExampleGlobalMaxPool() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 2, 1, 3}, 1, 2, 2, 3, -1, 0)
	show(G.Must(ops.GlobalMaxPool(x)), x)
	// Output:
	// y (1, 2, 1, 1): [2 3]
	// dx: [0 1 0 1 0 0]
}

// Four channels of two values each: a channel is kept and doubled, or dropped as a whole.
func ExampleDropout2D() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 4, 1, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	show(G.Must(ops.Dropout2D(x, 0.5, &ops.RNG{Seed: 1})), x)
	// Output:
	// y (1, 4, 1, 2): [0 0 6 8 10 12 0 0]
	// dx: [0 0 2 2 2 2 0 0]
}

// Four samples of two values each: the residual branch of a sample is kept and doubled, or dropped
// as a whole.
func ExampleStochasticDepth() {
	x := node(G.NewGraph(), "x", tensor.Shape{4, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	show(G.Must(ops.StochasticDepth(x, 0.5, &ops.RNG{Seed: 1})), x)
	// Output:
	// y (4, 2): [0 0 6 8 10 12 0 0]
	// dx: [0 0 2 2 2 2 0 0]
}

// Two questions about each of two images. Large logits don't overflow.
func ExampleBinaryCrossEntropy() {
	g := G.NewGraph()
	logits := node(g, "logits", tensor.Shape{2, 2}, 0, 0, 1000, -1000)
	answers := node(g, "answers", tensor.Shape{2, 2}, 1, 0, 1, 0)
	showLoss(G.Must(ops.BinaryCrossEntropy(logits, answers)), logits)
	// Output:
	// loss 0.3466
	// dlogits [-0.125 0.125 0 0]
}

func ExampleMeanSquaredError() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{2, 1}, 1, 5)
	target := node(g, "target", tensor.Shape{2, 1}, 2, 2)
	showLoss(G.Must(ops.MeanSquaredError(x, target)), x)
	// Output:
	// loss 5.0000
	// dx [-1 3]
}

// showLoss runs the graph of a loss and prints it and its gradient.
func showLoss(loss, wrt *G.Node) {
	grads, err := G.Grad(loss, wrt)
	if err != nil {
		fmt.Println(err)
		return
	}
	machine := G.NewTapeMachine(loss.Graph())
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("loss %.4f\nd%s %v\n", loss.Value().Data(), wrt.Name(), grads[0].Value().Data())
}

func ExampleNormalize() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 2, 1, 2}, 0, 1, 0, 1)
	show(G.Must(ops.Normalize(x, []float64{0.5, 0}, []float64{0.25, 2})), x)
	// Output:
	// y (1, 2, 1, 2): [-2 2 0 0.5]
	// dx: [4 4 0.5 0.5]
}

func ExampleReLU() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.ReLU(x)), x)
	// Output:
	// y (1, 3): [0 0 2]
	// dx: [0 0 1]
}

func ExampleSigmoid() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -2, 0, 2)
	show(G.Must(ops.Sigmoid(x)), x)
	// Output:
	// y (1, 3): [0.1192 0.5 0.8808]
	// dx: [0.105 0.25 0.105]
}

func ExampleTanh() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 1)
	show(G.Must(ops.Tanh(x)), x)
	// Output:
	// y (1, 3): [-0.7616 0 0.7616]
	// dx: [0.42 1 0.42]
}

// The squashing function of LeCun et al. 1998 maps 1 to 1 and -1 to -1.
func ExampleScaledTanh() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 1)
	show(G.Must(ops.ScaledTanh(x, 1.7159, 2./3)), x)
	// Output:
	// y (1, 3): [-1 0 1]
	// dx: [0.7554 1.144 0.7554]
}

// An activation that the package doesn't have.
func ExampleFunction() {
	square := ops.Function{
		Name: "Square", Formula: "x²",
		Value: func(x float64) float64 { return x * x },
		Slope: func(x float64) float64 { return 2 * x },
	}
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(square.Apply(x)), x)
	// Output:
	// y (1, 3): [1 0 4]
	// dx: [-2 0 4]
}

// A function knows its values without a graph.
func ExampleFunctions() {
	for _, f := range ops.Functions() {
		fmt.Printf("%v: %s is %.3g at -1, with slope %.3g\n", f, f.Formula, f.Value(-1), f.Slope(-1))
	}
	// Output:
	// ReLU: max(x, 0) is 0 at -1, with slope 0
	// LeakyReLU(alpha 0.01): x if x > 0, else alpha·x is -0.01 at -1, with slope 0.01
	// Clip(low 0, high 6): min(max(x, low), high) is 0 at -1, with slope 0
	// ELU(alpha 1): x if x > 0, else alpha·(e^x - 1) is -0.632 at -1, with slope 0.368
	// SELU: λ·x if x > 0, else λ·α·(e^x - 1) is -1.11 at -1, with slope 0.647
	// CELU(alpha 1): x if x > 0, else alpha·(e^(x/alpha) - 1) is -0.632 at -1, with slope 0.368
	// Sigmoid: 1/(1 + e^-x) is 0.269 at -1, with slope 0.197
	// HardSigmoid(alpha 0.16667, beta 0.5): min(max(alpha·x + beta, 0), 1) is 0.333 at -1, with slope 0.167
	// Tanh: tanh(x) is -0.762 at -1, with slope 0.42
	// Softsign: x/(1 + |x|) is -0.5 at -1, with slope 0.25
	// Erf: erf(x) is -0.843 at -1, with slope 0.415
	// SiLU: x·σ(x) is -0.269 at -1, with slope 0.0723
	// HardSwish: x·min(max(x/6 + 1/2, 0), 1) is -0.333 at -1, with slope 0.167
	// Mish: x·tanh(log(1 + e^x)) is -0.303 at -1, with slope 0.0592
	// GELU: x·Φ(x) is -0.159 at -1, with slope -0.0833
	// GELUTanh: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))) is -0.159 at -1, with slope -0.083
	// Softplus: log(1 + e^x) is 0.313 at -1, with slope 0.269
}

func ExampleLeakyReLU() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.LeakyReLU(x, 0.01)), x)
	// Output:
	// y (1, 3): [-0.01 0 2]
	// dx: [0.01 0.01 1]
}

func ExampleClip() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.Clip(x, -0.5, 1)), x)
	// Output:
	// y (1, 3): [-0.5 0 1]
	// dx: [0 1 0]
}

func ExampleELU() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.ELU(x, 1)), x)
	// Output:
	// y (1, 3): [-0.6321 0 2]
	// dx: [0.3679 1 1]
}

func ExampleSELU() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.SELU(x)), x)
	// Output:
	// y (1, 3): [-1.111 0 2.101]
	// dx: [0.6468 1.758 1.051]
}

func ExampleCELU() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.CELU(x, 2)), x)
	// Output:
	// y (1, 3): [-0.7869 0 2]
	// dx: [0.6065 1 1]
}

func ExampleHardSigmoid() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.HardSigmoid(x, 0.2, 0.5)), x)
	// Output:
	// y (1, 3): [0.3 0.5 0.9]
	// dx: [0.2 0.2 0.2]
}

func ExampleSoftsign() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.Softsign(x)), x)
	// Output:
	// y (1, 3): [-0.5 0 0.6667]
	// dx: [0.25 1 0.1111]
}

func ExampleErf() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.Erf(x)), x)
	// Output:
	// y (1, 3): [-0.8427 0 0.9953]
	// dx: [0.4151 1.128 0.02067]
}

func ExampleSiLU() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.SiLU(x)), x)
	// Output:
	// y (1, 3): [-0.2689 0 1.762]
	// dx: [0.07233 0.5 1.091]
}

func ExampleHardSwish() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.HardSwish(x)), x)
	// Output:
	// y (1, 3): [-0.3333 0 1.667]
	// dx: [0.1667 0.5 1.167]
}

func ExampleMish() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.Mish(x)), x)
	// Output:
	// y (1, 3): [-0.3034 0 1.944]
	// dx: [0.05922 0.6 1.069]
}

func ExampleGELU() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.GELU(x)), x)
	// Output:
	// y (1, 3): [-0.1587 0 1.954]
	// dx: [-0.08332 0.5 1.085]
}

func ExampleGELUTanh() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.GELUTanh(x)), x)
	// Output:
	// y (1, 3): [-0.1588 0 1.955]
	// dx: [-0.08296 0.5 1.086]
}

func ExampleSoftplus() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 2)
	show(G.Must(ops.Softplus(x)), x)
	// Output:
	// y (1, 3): [0.3133 0.6931 2.127]
	// dx: [0.2689 0.5 0.8808]
}

// Each of the two channels has its own slope.
func ExamplePReLU() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 2}, -1, 2, -3, 4)
	slope := node(g, "slope", tensor.Shape{2}, 0.25, -0.5)
	show(G.Must(ops.PReLU(x, slope)), x, slope)
	// Output:
	// y (1, 2, 1, 2): [-0.25 2 1.5 4]
	// dx: [0.25 1 -0.5 1]
	// dslope: [-1 -3]
}

func ExampleLeakyReLUFunction() {
	f := ops.LeakyReLUFunction(0.01)
	fmt.Printf("%v = %s; f(-2) = %.4g, f'(-2) = %.4g\n", f, f.Formula, f.Value(-2), f.Slope(-2))
	// Output:
	// LeakyReLU(alpha 0.01) = x if x > 0, else alpha·x; f(-2) = -0.02, f'(-2) = 0.01
}

func ExampleClipFunction() {
	f := ops.ClipFunction(0, 6)
	fmt.Printf("%v = %s; f(-2) = %.4g, f'(-2) = %.4g\n", f, f.Formula, f.Value(-2), f.Slope(-2))
	// Output:
	// Clip(low 0, high 6) = min(max(x, low), high); f(-2) = 0, f'(-2) = 0
}

func ExampleELUFunction() {
	f := ops.ELUFunction(0.5)
	fmt.Printf("%v = %s; f(-2) = %.4g, f'(-2) = %.4g\n", f, f.Formula, f.Value(-2), f.Slope(-2))
	// Output:
	// ELU(alpha 0.5) = x if x > 0, else alpha·(e^x - 1); f(-2) = -0.4323, f'(-2) = 0.06767
}

func ExampleCELUFunction() {
	f := ops.CELUFunction(2)
	fmt.Printf("%v = %s; f(-2) = %.4g, f'(-2) = %.4g\n", f, f.Formula, f.Value(-2), f.Slope(-2))
	// Output:
	// CELU(alpha 2) = x if x > 0, else alpha·(e^(x/alpha) - 1); f(-2) = -1.264, f'(-2) = 0.3679
}

func ExampleHardSigmoidFunction() {
	f := ops.HardSigmoidFunction(0.2, 0.5)
	fmt.Printf("%v = %s; f(-2) = %.4g, f'(-2) = %.4g\n", f, f.Formula, f.Value(-2), f.Slope(-2))
	// Output:
	// HardSigmoid(alpha 0.2, beta 0.5) = min(max(alpha·x + beta, 0), 1); f(-2) = 0.1, f'(-2) = 0.2
}

func ExampleTanhFunction() {
	f := ops.TanhFunction(1.7159, 2.0/3)
	fmt.Printf("%v = %s; f(-2) = %.4g, f'(-2) = %.4g\n", f, f.Formula, f.Value(-2), f.Slope(-2))
	// Output:
	// Tanh(a 1.7159, b 0.66667) = a·tanh(b·x); f(-2) = -1.493, f'(-2) = 0.278
}

func ExampleScale() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3}, -1, 0, 1)
	show(G.Must(ops.Scale(x, 0.5)), x)
	// Output:
	// y (1, 3): [-0.5 0 0.5]
	// dx: [0.5 0.5 0.5]
}

func ExampleLRN() {
	x := node(G.NewGraph(), "x", tensor.Shape{1, 3, 1, 1}, 1, 2, 3)
	show(G.Must(ops.LRN(x, ops.Norm{Size: 3, K: 1, Alpha: 1, Beta: 0.5})), x)
	// Output:
	// y (1, 3, 1, 1): [0.4082 0.5164 0.8018]
	// dx: [0.3058 -0.06128 -0.007829]
}

// Running estimates take a tenth of each batch's mean and variance.
func ExampleBatchNorm() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{3, 1}, 1, 2, 6)
	weight, bias := node(g, "weight", tensor.Shape{1}, 10), node(g, "bias", tensor.Shape{1}, 5)
	y, mean, variance, err := ops.BatchNorm(x, weight, bias, 1e-5)
	if err != nil {
		fmt.Println(err)
		return
	}
	show(y, weight, bias)
	const momentum = 0.1
	m, v := mean.Value().Data().([]float64)[0], variance.Value().Data().([]float64)[0]
	fmt.Printf("batch mean %.4g, variance %.4g\n", m, v)
	fmt.Printf("running mean %.4g, variance %.4g\n", (1-momentum)*0+momentum*m, (1-momentum)*1+momentum*v)
	// Output:
	// y (3, 1): [-4.258 0.3709 18.89]
	// dweight: [0]
	// dbias: [3]
	// batch mean 3, variance 7
	// running mean 0.3, variance 1.6
}

func ExampleFrozenBatchNorm() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{3, 1}, 1, 2, 6)
	weight, bias := node(g, "weight", tensor.Shape{1}, 10), node(g, "bias", tensor.Shape{1}, 15)
	mean, variance := node(g, "mean", tensor.Shape{1}, 2), node(g, "variance", tensor.Shape{1}, 4)
	show(G.Must(ops.FrozenBatchNorm(x, weight, bias, mean, variance, 1e-5)), x, weight, bias)
	// Output:
	// y (3, 1): [10 15 35]
	// dx: [5 5 5]
	// dweight: [1.5]
	// dbias: [3]
}

func ExampleBatchNormReLU() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{3, 1}, 1, 2, 6)
	weight, bias := node(g, "weight", tensor.Shape{1}, 10), node(g, "bias", tensor.Shape{1}, 5)
	y, _, _, err := ops.BatchNormReLU(x, weight, bias, 1e-5)
	if err != nil {
		fmt.Println(err)
		return
	}
	show(y, bias)
	// Output:
	// y (3, 1): [0 0.3709 18.89]
	// dbias: [2]
}

func ExampleBatchNormAddReLU() {
	g := G.NewGraph()
	x, other := node(g, "x", tensor.Shape{3, 1}, 1, 2, 6), node(g, "other", tensor.Shape{3, 1}, 5, -1, 1)
	weight, bias := node(g, "weight", tensor.Shape{1}, 10), node(g, "bias", tensor.Shape{1}, 5)
	y, _, _, err := ops.BatchNormAddReLU(x, weight, bias, other, 1e-5)
	if err != nil {
		fmt.Println(err)
		return
	}
	show(y, bias, other)
	// Output:
	// y (3, 1): [0.7418 0 19.89]
	// dbias: [2]
	// dother: [1 0 1]
}

func ExampleBatchNormClip() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{3, 1}, 1, 2, 6)
	weight, bias := node(g, "weight", tensor.Shape{1}, 10), node(g, "bias", tensor.Shape{1}, 5)
	y, _, _, err := ops.BatchNormClip(x, weight, bias, 1e-5, 0, 6)
	if err != nil {
		fmt.Println(err)
		return
	}
	show(y, bias)
	// Output:
	// y (3, 1): [0 0.3709 6]
	// dbias: [1]
}

func ExampleFrozenBatchNormClip() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{3, 1}, 1, 2.5, 6)
	weight, bias := node(g, "weight", tensor.Shape{1}, 10), node(g, "bias", tensor.Shape{1}, -1)
	mean, variance := node(g, "mean", tensor.Shape{1}, 2), node(g, "variance", tensor.Shape{1}, 4)
	show(G.Must(ops.FrozenBatchNormClip(x, weight, bias, mean, variance, 1e-5, 0, 6)), x, weight, bias)
	// Output:
	// y (3, 1): [0 1.5 6]
	// dx: [0 5 0]
	// dweight: [0.25]
	// dbias: [1]
}

func ExampleFrozenBatchNormReLU() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{3, 1}, 1, 2, 6)
	weight, bias := node(g, "weight", tensor.Shape{1}, 10), node(g, "bias", tensor.Shape{1}, -3)
	mean, variance := node(g, "mean", tensor.Shape{1}, 2), node(g, "variance", tensor.Shape{1}, 4)
	show(G.Must(ops.FrozenBatchNormReLU(x, weight, bias, mean, variance, 1e-5)), x, weight, bias)
	// Output:
	// y (3, 1): [0 0 17]
	// dx: [0 0 5]
	// dweight: [2]
	// dbias: [1]
}

// The two channels of a group share one mean and one variance.
func ExampleGroupNorm() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 4, 1, 2}, 0, 2, 4, 6, 7, 7, 9, 9)
	weight, bias := node(g, "weight", tensor.Shape{4}, 1, 1, 1, 10), node(g, "bias", tensor.Shape{4}, 0, 0, 0, 0)
	show(G.Must(ops.GroupNorm(x, weight, bias, 2, 1e-5)), weight)
	// Output:
	// y (1, 4, 1, 2): [-1.342 -0.4472 0.4472 1.342 -1 -1 10 10]
	// dweight: [-1.789 1.789 -2 2]
}

// Each pixel is normalized over its channels.
func ExampleLayerNorm() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 2}, 0, 10, 4, 20)
	weight, bias := node(g, "weight", tensor.Shape{2}, 1, 2), node(g, "bias", tensor.Shape{2}, 0, 1)
	show(G.Must(ops.LayerNorm(x, weight, bias, 1e-5)), weight, bias)
	// Output:
	// y (1, 2, 1, 2): [-1 -1 3 3]
	// dweight: [-2 2]
	// dbias: [2 2]
}

// The second class of the second row has probability e^-1000, which is 0 in any float.
func ExampleLogSoftmax() {
	x := node(G.NewGraph(), "x", tensor.Shape{2, 2}, 0, 0, 1000, 0)
	show(G.Must(ops.LogSoftmax(x)), x)
	// Output:
	// y (2, 2): [-0.6931 -0.6931 0 -1000]
	// dx: [0 0 -1 1]
}

// For an image, each pixel gets a distribution over the channels.
func ExampleSoftmax_channels() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{1, 2, 1, 2}, 0, 1000, 0, 1001)
	weights := node(g, "weights", tensor.Shape{1, 2, 1, 2}, 1, 1, 0, 0)
	show(G.Must(G.HadamardProd(G.Must(ops.Softmax(x)), weights)), x)
	// Output:
	// y (1, 2, 1, 2): [0.5 0.2689 0 0]
	// dx: [0.25 0.1966 -0.25 -0.1966]
}

// Large logits don't overflow.
func ExampleSoftmax() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{2, 2}, 0, 0, 1000, 1001)
	weights := node(g, "weights", tensor.Shape{2, 2}, 1, 0, 1, 0)
	show(G.Must(G.HadamardProd(G.Must(ops.Softmax(x)), weights)), x)
	// Output:
	// y (2, 2): [0.5 0 0.2689 0]
	// dx: [0.25 -0.25 0.1966 -0.1966]
}

func ExampleSoftmaxCrossEntropy() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{2, 2}, 0, 0, 1000, 0)
	labels := node(g, "labels", tensor.Shape{2}, 1, 0)
	showLoss(G.Must(ops.SoftmaxCrossEntropy(x, labels)), x)
	// Output:
	// loss 0.3466
	// dx [0.25 -0.25 0 0]
}

// The first row counts twice, and the second not at all.
func ExampleWeightedCrossEntropy() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{2, 2}, 0, 0, 3, 1)
	weights := node(g, "weights", tensor.Shape{2, 2}, 0, 2, 0, 0)
	showLoss(G.Must(ops.WeightedCrossEntropy(x, weights)), x)
	// Output:
	// loss 0.6931
	// dx [0.5 -0.5 0 0]
}

// The same seed and step drop the same values.
func ExampleDropout() {
	rng := &ops.RNG{Seed: 1}
	x := node(G.NewGraph(), "x", tensor.Shape{1, 8}, 1, 1, 1, 1, 1, 1, 1, 1)
	y := G.Must(ops.Dropout(x, 0.5, rng))
	machine := G.NewTapeMachine(x.Graph())
	defer machine.Close()
	for _, step := range []uint64{0, 1, 0} {
		rng.Step = step
		machine.Reset()
		if err := machine.RunAll(); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(step, y.Value().Data())
	}
	// Output:
	// 0 [0 2 2 0 2 2 2 2]
	// 1 [0 0 2 0 0 0 2 0]
	// 0 [0 2 2 0 2 2 2 2]
}

func ExampleDot() {
	g := G.NewGraph()
	a := node(g, "a", tensor.Shape{3}, 1, 2, 3)
	b := node(g, "b", tensor.Shape{3}, 4, 5, 6)
	showLoss(G.Must(ops.Dot(a, b)), a)
	// Output:
	// loss 32.0000
	// da [4 5 6]
}

package ops_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
	"convgraph/ops/gradcheck"
)

// Every op's second derivatives agree with differences of its gradients, at every element, and are
// symmetric. The op's result is squared, because a linear op alone has none.
func TestSecondDerivatives(t *testing.T) {
	for _, c := range append(allCases(), secondCases()...) {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "ConvReLUPool2D") {
				t.Skip("it is refused")
			}
			if c.single {
				t.Skip("no value changes the result")
			}
			squared := func(g *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				y, err := c.build(g, in)
				if err != nil {
					return nil, err
				}
				return ops.Multiply(y, y)
			}
			gradcheck.TestSecond(t, c.named(tensor.Float64), squared, gradcheck.Options{})
		})
	}
}

// TestSecondDerivatives covers every op of the package.
func TestNoOpIsLeftOut(t *testing.T) {
	checked := map[string]bool{"BatchMean": true, "BatchVariance": true} // nothing flows through them
	for _, c := range append(allCases(), secondCases()...) {
		g := G.NewGraph()
		var inputs G.Nodes
		for _, in := range c.named(tensor.Float64) {
			inputs = append(inputs, G.NodeFromAny(g, in.Value, G.WithName(in.Name)))
		}
		y, err := c.build(g, inputs)
		require.NoError(t, err)
		info, ours := ops.Describe(y.Op())
		require.True(t, ours)
		checked[info.Name] = true
	}
	for _, name := range opNames(t) {
		assert.True(t, checked[name], name)
	}
}

// opNames returns the names of all ops of the package, found as arguments of apply in its source,
// and of the built-in functions.
func opNames(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	call := regexp.MustCompile(`\bapply\("(\w+)"`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range call.FindAllStringSubmatch(string(source), -1) {
			names = append(names, match[1])
		}
	}
	for _, f := range ops.Functions() {
		names = append(names, f.Name)
	}
	require.Greater(t, len(names), 60)
	return names
}

// secondCases are the ops that allCases lacks.
func secondCases() []opCase {
	images := []tensor.Shape{{3, 2, 2, 3}}
	rng := func() *ops.RNG { return &ops.RNG{Seed: 3, Step: 7} }
	return []opCase{
		{name: "Scale", inputs: images, build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return ops.Scale(in[0], -1.5)
		}},
		{name: "Select", inputs: images, build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return ops.Select(in[0], 1, 4)
		}},
		{name: "Dot", inputs: []tensor.Shape{{3, 4}, {3, 4}},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Dot(in[0], in[1])
			}},
		{name: "Divide", inputs: []tensor.Shape{{3, 4}, {3, 4}},
			build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
				return ops.Divide(in[0], G.Must(ops.Softplus(in[1]))) // away from 0
			}},
		{name: "Dropout2D", inputs: images, build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return ops.Dropout2D(in[0], 0.5, rng())
		}},
		{name: "StochasticDepth", inputs: images, build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return ops.StochasticDepth(in[0], 0.5, rng())
		}},
		{name: "PadChannels", inputs: images, build: func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
			return ops.PadChannels(in[0], 1, 2)
		}},
	}
}

// An op without second derivatives is an error that names it, when the graph is built.
func TestSecondDerivativesAreRefused(t *testing.T) {
	own := ops.Function{
		Name: "Cube", Value: func(x float64) float64 { return x * x * x }, Slope: func(x float64) float64 {
			return 3 * x * x
		},
	}
	for want, build := range map[string]func(x, w *G.Node) (*G.Node, error){
		"dConvReLUPool2D(stride 1; pool kernel 2, stride 2): " +
			"it has no declared gradient": func(x, w *G.Node) (*G.Node, error) {
			return ops.ConvReLUPool2D(x, w, nil, ops.Conv{}, ops.Pool{Kernel: ops.Pair{2, 2}})
		},
		"dCube: it has no declared gradient": func(x, _ *G.Node) (*G.Node, error) { return own.Apply(x) },
	} {
		g := G.NewGraph()
		x := node(g, "x", tensor.Shape{1, 1, 3, 3}, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		w := node(g, "w", tensor.Shape{1, 1, 2, 2}, 1, 2, 3, 4)
		y, err := build(x, w)
		require.NoError(t, err)
		grads, err := G.Grad(G.Must(ops.Dot(y, y)), x)
		require.NoError(t, err)
		_, err = G.Grad(G.Must(ops.Dot(grads[0], grads[0])), x)
		assert.ErrorContains(t, err, want)
	}
}

// Undeclared third derivatives are refused. Those of a convolution are right: the op and its
// gradients are a closed family.
func TestThirdDerivatives(t *testing.T) {
	third := func(build func(x *G.Node) (*G.Node, error)) (*G.Node, error) {
		g := G.NewGraph()
		x := node(g, "x", tensor.Shape{1, 1, 2, 2}, 1, 2, 3, 4)
		y := G.Must(build(x))
		y = G.Must(ops.Dot(G.Must(ops.Multiply(y, y)), y))
		for range 3 {
			grads, err := G.Grad(y, x)
			if err != nil {
				return nil, err
			}
			y = G.Must(ops.Dot(grads[0], grads[0]))
		}
		machine := G.NewTapeMachine(g)
		defer machine.Close()
		return y, machine.RunAll()
	}
	_, err := third(ops.Sigmoid)
	assert.ErrorContains(t, err, "it has no declared gradient for input")

	// y = Σ c³ with c = 2·x; |∇y|² = Σ (24·x²)² = 576·Σ x⁴, its gradient's squared length is
	// Σ (2304·x³)², the gradient of that 6·2304²·x⁵, whose squared length is 36·2304⁴·Σ x¹⁰.
	y, err := third(func(x *G.Node) (*G.Node, error) {
		return ops.Conv2D(x, node(x.Graph(), "w", tensor.Shape{1, 1, 1, 1}, 2), nil, ops.Conv{})
	})
	require.NoError(t, err)
	sum := 1.0 + 1024 + 59049 + 1048576
	assert.InEpsilon(t, 36*2304.*2304*2304*2304*sum, float64(*y.Value().(*G.F64)), 1e-12)
}

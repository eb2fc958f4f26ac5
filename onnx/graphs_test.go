package onnx_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/onnx"
	"convgraph/onnx/schema"
)

// spelledOut are the layers of graphs whose nodes are more.
var spelledOut = map[string]string{
	"se":                 "pool conv relu conv sigmoid multiply",
	"se_mean":            "pool conv relu conv sigmoid multiply",
	"se_dense":           "pool fc relu fc sigmoid multiply",
	"shuffle":            "shuffle conv",
	"shuffle_by_shape":   "shuffle conv",
	"dense_of_means":     "pool fc",
	"tf2onnx":            "rearrange conv relu conv bn clip pool fc softmax",
	"keras":              "rearrange conv relu pool fc softmax",
	"keras_pad_nhwc":     "rearrange conv scale pool rearrange",
	"paddle":             "conv swish pool fc softmax",
	"paddle_hardsigmoid": "swish",
	"function_nested":    "conv silu conv silu",
	"sequence_of_shapes": "relu flatten",
	"loop_of_constants":  "relu",
	"torch_view":         "fc",
	"cntk":               "scale conv relu pool fc",
}

func stems(m *graph.Model) (stems []string) {
	for _, l := range m.Spec().Layers {
		stems = append(stems, graph.Stem(l))
	}
	return stems
}

// Small graphs as other exporters write them, in all operator sets, with the answers of onnx's
// reference evaluator (testdata/make_graphs.py).
func TestGraphs(t *testing.T) {
	const folder = "testdata/graphs"
	answers, err := npz.ReadFile(folder + ".npz")
	require.NoError(t, err)
	paths, err := filepath.Glob(folder + "/*.onnx")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".onnx")
		t.Run(name, func(t *testing.T) {
			m, err := onnx.ReadFile(path)
			require.NoError(t, err)
			x, ok := formats.Find(answers, name+".x")
			require.True(t, ok)
			y, ok := formats.Find(answers, name+".y")
			require.True(t, ok)
			assertAnswer(t, m, x.Value, y.Value)
			if strings.HasPrefix(name, "one_") {
				assert.Len(t, m.Spec().Layers, 1)
			}
			if want, ok := spelledOut[name]; ok {
				assert.Equal(t, strings.Fields(want), stems(m))
			}
		})
	}
}

// A file of channels last becomes a network of images, without a layer that moves them.
func TestReaderPutsChannelsFirst(t *testing.T) {
	answers, err := npz.ReadFile("testdata/graphs.npz")
	require.NoError(t, err)
	m, err := onnx.Reader{ChannelsFirst: true}.ReadFile("testdata/graphs/keras.onnx")
	require.NoError(t, err)
	assert.Equal(t, tensor.Shape{3, 8, 6}, m.Spec().Input)
	assert.Equal(t, strings.Fields("conv relu pool fc softmax"), stems(m))
	x, _ := formats.Find(answers, "keras.x")
	y, _ := formats.Find(answers, "keras.y")
	images := x.Value.Clone().(*tensor.Dense)
	require.NoError(t, images.T(0, 3, 1, 2))
	require.NoError(t, images.Transpose())
	assertAnswer(t, m, images, y.Value)
	flat := net(node("Relu", "y", []string{"x"}))
	flat.Graph.Inputs[0].Shape = flat.Graph.Inputs[0].Shape[:2]
	_, err = onnx.Reader{ChannelsFirst: true}.Decode(encode(t, flat))
	assert.ErrorContains(t, err, "got 2 dimensions, want (N, H, W, C)")
}

// functionModel calls a function of the given nodes.
func functionModel(functions ...schema.Function) *schema.Model {
	m := net(schema.Node{Op: "f", Domain: "local", Inputs: []string{"x"}, Outputs: []string{"y"}})
	m.Functions = functions
	return m
}

func TestFunctionsRefused(t *testing.T) {
	call := func(op, in, out string) schema.Node {
		return schema.Node{Op: op, Domain: "local", Inputs: []string{in}, Outputs: []string{out}}
	}
	relu := schema.Node{Op: "Relu", Inputs: []string{"a"}, Outputs: []string{"r"}}
	f := func(name string, nodes ...schema.Node) schema.Function {
		return schema.Function{Name: name, Domain: "local", Inputs: []string{"a"}, Outputs: []string{"r"}, Nodes: nodes}
	}
	old := f("f", relu)
	old.Opsets = []schema.Opset{{Version: 9}}
	narrow := f("f", relu)
	narrow.Inputs = nil
	through := f("f", relu)
	through.Outputs = []string{"a"}
	doubling := []schema.Function{f("f", call("f1", "a", "b"), call("f1", "b", "r"))}
	for i := 1; i < 40; i++ {
		next := fmt.Sprintf("f%d", i+1)
		doubling = append(doubling, f(fmt.Sprintf("f%d", i), call(next, "a", "b"), call(next, "b", "r")))
	}
	doubling = append(doubling, f("f40", relu))
	for want, functions := range map[string][]schema.Function{
		"function calls nest deeper than 64": {f("f", call("f", "a", "r"))},
		"functions expand to more than":      doubling,
		"its function is of operator set":    {old},
		"got 1 inputs and 1 outputs":         {narrow},
		"is an input, too":                   {through},
	} {
		_, err := onnx.Decode(encode(t, functionModel(functions...)))
		assert.ErrorContains(t, err, want)
	}
}

func encode(t *testing.T, m *schema.Model) []byte {
	t.Helper()
	data, err := schema.Encode(m)
	require.NoError(t, err)
	return data
}

// TestRandomGraphs wants no wrong answer for the graphs of testdata/random_graphs.py in the folder
// that ONNX_RANDOM names. Some are refused.
func TestRandomGraphs(t *testing.T) {
	folder := os.Getenv("ONNX_RANDOM")
	if folder == "" {
		t.Skip("ONNX_RANDOM is not set")
	}
	answers, err := npz.ReadFile(folder + ".npz")
	require.NoError(t, err)
	paths, err := filepath.Glob(folder + "/*.onnx")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	refused := map[string]int{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".onnx")
		m, err := onnx.ReadFile(path)
		if err != nil {
			refused[strings.TrimPrefix(err.Error(), path+": ")]++
			continue
		}
		x, _ := formats.Find(answers, name+".x")
		y, _ := formats.Find(answers, name+".y")
		activations, err := m.Activations(asImages(t, m, x.Value))
		require.NoError(t, err, name)
		assert.Empty(t, differ(activations[len(activations)-1].Value, y.Value, 1e-4,
			1e-4*float64(slices.Max(y.Value.Float32s()))+1e-4), name)
	}
	for why, n := range refused {
		t.Logf("%d: %s", n, why)
	}
}

// A loop that its condition never ends is refused, in bounded time.
func TestLoopWithoutEnd(t *testing.T) {
	body := &schema.Graph{
		Inputs:  []schema.ValueInfo{{Name: "i"}, {Name: "go"}, {Name: "h"}},
		Outputs: []schema.ValueInfo{{Name: "on"}, {Name: "out"}},
		Nodes:   []schema.Node{node("Identity", "on", []string{"go"}), node("Relu", "out", []string{"h"})},
	}
	loop := schema.Node{Op: "Loop", Inputs: []string{"", "yes", "x"}, Outputs: []string{"y"}}
	loop.Attributes = []schema.Attribute{{Name: "body", Type: schema.Subgraph, Graph: body}}
	m := with(net(loop), schema.Tensor{Name: "yes", Type: schema.Bool, Int32s: []int32{1}})
	_, err := onnx.Decode(encode(t, m))
	assert.ErrorContains(t, err, "got more than 16384 nodes in branches, loops and sequences")
	m.Graph.Initializers[0].Int32s[0] = 0
	_, err = onnx.Decode(encode(t, m))
	require.NoError(t, err)
}

package onnx_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/onnx"
	"convgraph/onnx/schema"
)

var update = flag.Bool("update", false,
	"write testdata/layers.onnx and testdata/kinds, after which testdata/make_onnx.py must run, "+
		"the table in docs/corrupt.md and CONFORMANCE.md")

// everyLayer is a small net of every layer that can be exported.
func everyLayer() *graph.Spec {
	two := graph.Square(2)
	return graph.Sequential("layers", tensor.Shape{2, 9, 9}, graph.Init{},
		graph.Normalize{Mean: []float64{0.25, -0.5}, Std: []float64{0.5, 2}},
		graph.Conv2D{Filters: 4, Kernel: graph.Square(3), Pad: graph.Square(1), Groups: 2},
		graph.Tanh{A: 1.7159, B: 2. / 3},
		graph.LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75},
		graph.MaxPool{Kernel: two, Stride: graph.Square(1), Pad: graph.Square(1)},
		graph.Conv2D{Name: "partial", Filters: 3, Kernel: graph.Pair{3, 2}, Stride: graph.Pair{1, 2},
			Connections: [][]int{{0, 2}, {1}, {0, 1, 3}}},
		graph.Sigmoid{},
		graph.AvgPool{Kernel: two, Pad: graph.Pair{1, 0}},
		graph.Subsample{Kernel: two, Stride: graph.Square(1)},
		graph.Conv2D{Filters: 5, Kernel: two, Pad: graph.Square(1), Dilation: two},
		graph.ReLU{},
		graph.Affine{Units: 6}, graph.Tanh{}, graph.Dropout{Rate: 0.25},
		graph.Affine{Units: 5}, graph.ReLU{}, graph.Dropout{Rate: 0.5, Classic: true},
		graph.Affine{Units: 4}, graph.Dropout{Rate: 0.25, Classic: true}, graph.Softmax{},
	)
}

// newModel fills every parameter by a formula, a bias other than a weight.
func newModel(t testing.TB, spec *graph.Spec) *graph.Model {
	t.Helper()
	m, err := graph.New(spec)
	require.NoError(t, err)
	for k, p := range m.Params() {
		for i, values := 0, p.Value.Float32s(); i < len(values); i++ {
			values[i] = float32((i*7+k*5)%17-8) / 16
		}
	}
	return m
}

func ramp(shape tensor.Shape) *tensor.Dense {
	values := make([]float32, shape.TotalSize())
	for i := range values {
		values[i] = float32(math.Sin(float64(i)))
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(values))
}

// assertClose allows delta, relative to the largest number.
func assertClose(t *testing.T, want, got *tensor.Dense, delta float64) {
	t.Helper()
	require.Equal(t, want.Shape(), got.Shape())
	largest := 1.0
	for i := range want.Shape().TotalSize() {
		if v, ok := want.Get(i).(float32); ok {
			largest = max(largest, math.Abs(float64(v)))
		}
	}
	assert.InDeltaSlice(t, want.Data(), got.Data(), delta*largest)
}

// The file's bytes stay as they are, and are ones that onnx's checker accepts
// and onnxruntime computes with: testdata/make_onnx.py did so, and kept the
// answers.
func TestExportOfEveryLayer(t *testing.T) {
	m := newModel(t, everyLayer())
	data, err := onnx.Marshal(m)
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("testdata/layers.onnx", data, 0o644))
	}
	want, err := os.ReadFile("testdata/layers.onnx")
	require.NoError(t, err)
	require.Equal(t, want, data, "run with -update, then testdata/make_onnx.py")

	answers, err := npz.ReadFile("testdata/layers.npz")
	require.NoError(t, err)
	logits, err := m.Predict(answers[0].Value)
	require.NoError(t, err)
	assertClose(t, answers[1].Value, logits, 1e-5)
	probabilities, err := m.Probabilities(answers[0].Value)
	require.NoError(t, err)
	assertClose(t, answers[2].Value, probabilities, 1e-5)
}

func TestExportThenImport(t *testing.T) {
	lenet, err := models.LeNet{Activation: "tanh"}.Spec()
	require.NoError(t, err)
	specs := []*graph.Spec{
		everyLayer(), models.DefaultSimpleConvNet().Spec(), lenet,
		models.AlexNet{Size: 67, Classes: 5, Width: 0.05}.Spec(),
		graph.Sequential("features", tensor.Shape{7}, graph.Init{}, graph.Affine{Units: 3}, graph.Sigmoid{},
			graph.Softmax{}),
		graph.Sequential("maps", tensor.Shape{1, 6, 6}, graph.Init{}, graph.Conv2D{Filters: 2, Kernel: graph.Square(3)},
			graph.ReLU{}),
	}
	for _, spec := range specs {
		t.Run(spec.Name, func(t *testing.T) {
			m := newModel(t, spec)
			path := filepath.Join(t.TempDir(), "m.onnx")
			require.NoError(t, onnx.Write(path, m))
			back, err := onnx.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, spec.Name, back.Spec().Name)

			x := ramp(append(tensor.Shape{3}, spec.Input...))
			want, err := m.Predict(x)
			require.NoError(t, err)
			got, err := back.Predict(x)
			require.NoError(t, err)
			assertClose(t, want, got, 1e-5)
		})
	}
}

func TestExportInFloat64(t *testing.T) {
	m, err := graph.New(everyLayer(), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	data, err := onnx.Marshal(m)
	require.NoError(t, err)
	back, err := onnx.Decode(data, graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	x := tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(2, 2, 9, 9))
	for i, values := 0, x.Float64s(); i < len(values); i++ {
		values[i] = math.Sin(float64(i))
	}
	want, err := m.Predict(x)
	require.NoError(t, err)
	got, err := back.Predict(x)
	require.NoError(t, err)
	assertClose(t, want, got, 1e-8) // LRN's alpha and beta are float32 in ONNX
}

func TestImportFromPyTorch(t *testing.T) {
	files, err := filepath.Glob("testdata/*_*.onnx")
	require.NoError(t, err)
	require.Len(t, files, 8)
	for _, path := range files {
		net, _, _ := strings.Cut(filepath.Base(path), "_")
		t.Run(filepath.Base(path), func(t *testing.T) {
			answers, err := npz.ReadFile("testdata/" + net + ".npz")
			require.NoError(t, err)
			m, err := onnx.ReadFile(path)
			require.NoError(t, err)
			predict := m.Predict
			if net == "groups" {
				predict = m.Probabilities
			}
			got, err := predict(answers[0].Value)
			require.NoError(t, err)
			assertClose(t, answers[1].Value, got, 1e-5)
		})
	}
}

func TestImportKeepsParameterNames(t *testing.T) {
	m, err := onnx.ReadFile("testdata/view_dynamo.onnx")
	require.NoError(t, err)
	var names []string
	for _, p := range m.Params() {
		names = append(names, p.Name)
	}
	assert.Equal(t, []string{"conv.weight", "fc.weight", "fc.bias"}, names)
}

// An imported net learns: a step along the gradient lowers the loss.
func TestFineTuning(t *testing.T) {
	m, err := onnx.ReadFile("testdata/view_script.onnx")
	require.NoError(t, err)
	x := ramp(tensor.Shape{4, 1, 6, 6})
	labels := tensor.New(tensor.WithShape(4), tensor.WithBacking([]float32{0, 1, 2, 3}))
	before, err := m.Loss(x, labels)
	require.NoError(t, err)
	grads, err := m.Gradient(x, labels)
	require.NoError(t, err)
	for i, p := range m.Params() {
		for j, g := range grads[i].Value.Float32s() {
			p.Value.Float32s()[j] -= 0.1 * g
		}
	}
	after, err := m.Loss(x, labels)
	require.NoError(t, err)
	assert.Less(t, after, before)
}

// net is a model of the given nodes on an input (N, 2, 4, 4).
func net(nodes ...schema.Node) *schema.Model {
	m := &schema.Model{Opsets: []schema.Opset{{Version: 17}}}
	m.Graph.Inputs = []schema.ValueInfo{{
		Name: "x", Type: schema.Float32, HasShape: true,
		Shape: []schema.Dim{{Param: "N"}, {Size: 2}, {Size: 4}, {Size: 4}},
	}}
	m.Graph.Nodes = nodes
	if len(nodes) > 0 {
		m.Graph.Outputs = []schema.ValueInfo{{Name: nodes[len(nodes)-1].Outputs[0]}}
	}
	return m
}

// node makes "y" of its inputs; attributes are name, value pairs.
func node(op, out string, inputs []string, attributes ...any) schema.Node {
	n := schema.Node{Name: "the " + op, Op: op, Inputs: inputs, Outputs: []string{out}}
	for i := 0; i < len(attributes); i += 2 {
		a := schema.Attribute{Name: attributes[i].(string)}
		switch v := attributes[i+1].(type) {
		case int:
			a.Type, a.Int = schema.Int, int64(v)
		case float64:
			a.Type, a.Float = schema.Float, float32(v)
		case string:
			a.Type, a.String = schema.String, v
		case []int64:
			a.Type, a.Ints = schema.Ints, v
		case []float32:
			a.Type, a.Floats = schema.Floats, v
		case *schema.Graph:
			a.Type, a.Graph = schema.Subgraph, v
		}
		n.Attributes = append(n.Attributes, a)
	}
	return n
}

func floats(name string, dims []int64, values ...float32) schema.Tensor {
	return schema.Tensor{Name: name, Type: schema.Float32, Dims: dims, Floats: values}
}

func filled(name string, dims ...int64) schema.Tensor {
	t := floats(name, dims)
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	for i := range n {
		t.Floats = append(t.Floats, float32(i%5)-2)
	}
	return t
}

func integers(name string, values ...int64) schema.Tensor {
	return schema.Tensor{Name: name, Type: schema.Int64, Dims: []int64{int64(len(values))}, Int64s: values}
}

func decode(t testing.TB, m *schema.Model) (*graph.Model, error) {
	t.Helper()
	data, err := schema.Encode(m)
	require.NoError(t, err)
	return onnx.Decode(data)
}

func with(m *schema.Model, tensors ...schema.Tensor) *schema.Model {
	m.Graph.Initializers = append(m.Graph.Initializers, tensors...)
	return m
}

var (
	kernel2 = []any{"kernel_shape", []int64{2, 2}}
	x       = []string{"x"}
)

func TestImportFoldsIntoLayers(t *testing.T) {
	weight := filled("w", 3, 2, 2, 2)
	pads := integers("p", 0, 0, 1, 1, 0, 0, 1, 1)
	relu := graph.ReLU{}
	tests := []struct {
		name string
		file *schema.Model
		want []graph.Layer
	}{
		{"pad into a convolution",
			with(net(node("Pad", "a", []string{"x", "p"}), node("Conv", "y", []string{"a", "w"})), weight, pads),
			[]graph.Layer{graph.Conv2D{Filters: 3, Kernel: graph.Square(2), Pad: graph.Square(1), NoBias: true}}},
		{"pad into average pooling",
			with(net(node("Pad", "a", []string{"x", "p"}), node("AveragePool", "y", []string{"a"}, kernel2...)), pads),
			[]graph.Layer{graph.AvgPool{Kernel: graph.Square(2), Stride: graph.Square(1), Pad: graph.Square(1)}}},
		{"pad of -inf into max pooling",
			with(net(node("Pad", "a", []string{"x", "p", "v"}), node("MaxPool", "y", []string{"a"}, kernel2...)), pads,
				floats("v", nil, float32(math.Inf(-1)))),
			[]graph.Layer{graph.MaxPool{Kernel: graph.Square(2), Stride: graph.Square(1), Pad: graph.Square(1)}}},
		{"a pad of nothing", with(net(node("Pad", "a", []string{"x", "p"}), node("Relu", "y", []string{"a"})),
			integers("p", 0, 0, 0, 0, 0, 0, 0, 0)),
			[]graph.Layer{relu}},
		{"same padding", with(net(node("Conv", "y", []string{"x", "w"}, "auto_pad", "SAME_UPPER", "strides",
			[]int64{1, 1})), filled("w", 1, 2, 3, 3)),
			[]graph.Layer{graph.Conv2D{Filters: 1, Kernel: graph.Square(3), Pad: graph.Square(1), NoBias: true}}},
		{"rounding up", net(node("MaxPool", "y", x, "kernel_shape", []int64{3, 3}, "strides", []int64{2, 2},
			"ceil_mode", 1)),
			[]graph.Layer{graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(2), Ceil: true}}},
		{"lopsided padding", with(net(node("Conv", "y", []string{"x", "w"}, "pads", []int64{0, 1, 2, 1})), weight),
			[]graph.Layer{graph.Conv2D{Filters: 3, Kernel: graph.Square(2), Pad: graph.Pair{0, 1},
				PadEnd: graph.Pair{2, 0}, NoBias: true}}},
		{"an average without its padding",
			net(node("AveragePool", "y", x, "kernel_shape", []int64{2, 2}, "auto_pad", "SAME_LOWER")),
			[]graph.Layer{graph.AvgPool{Kernel: graph.Square(2), Stride: graph.Square(1), PadBegin: graph.Square(1),
				ExcludePad: true}}},
		{"a pad that folds into nothing",
			with(net(node("Pad", "a", []string{"x", "p"}), node("Relu", "y", []string{"a"})), pads),
			[]graph.Layer{graph.Pad{Begin: graph.Square(1), End: graph.Square(1)}, relu}},
		{"a pad of channels", with(net(node("Pad", "y", []string{"x", "p"})), integers("p", 0, 1, 0, 0, 0, 2, 0, 0)),
			[]graph.Layer{graph.PadChannels{Begin: 1, End: 2}}},
		{"a reflecting pad", with(net(node("Pad", "y", []string{"x", "p"}, "mode", "reflect")),
			integers("p", 0, 0, 0, 1, 0, 0, 0, -1)),
			[]graph.Layer{graph.Take{Axis: 2, Indices: []int{1, 0, 1, 2}}}},
		{"channels last", net(node("Transpose", "a", x, "perm", []int64{0, 2, 3, 1}), node("Relu", "b", []string{"a"}),
			node("Transpose", "y", []string{"b"}, "perm", []int64{0, 3, 1, 2})),
			[]graph.Layer{relu}},
		{"a shuffle", with(net(node("Reshape", "a", []string{"x", "s"}),
			node("Transpose", "b", []string{"a"}, "perm", []int64{0, 2, 1, 3, 4}),
			node("Reshape", "c", []string{"b", "t"}), node("Relu", "y", []string{"c"})), integers("s", 0, 2, 1, 4, 4),
			integers("t", 0, 2, 4, 4)),
			[]graph.Layer{relu}},
		{"silu", net(node("Sigmoid", "a", x), node("Mul", "y", []string{"a", "x"})), []graph.Layer{graph.SiLU{}}},
		{"hard swish", with(net(node("Add", "a", []string{"x", "three"}),
			node("Clip", "b", []string{"a", "zero", "six"}), node("Mul", "c", []string{"x", "b"}),
			node("Div", "y", []string{"c", "six"})),
			floats("three", nil, 3), floats("zero", nil, 0), floats("six", nil, 6)), []graph.Layer{graph.HardSwish{}}},
		{"gelu", with(net(node("Div", "a", []string{"x", "root"}), node("Erf", "b", []string{"a"}),
			node("Add", "c", []string{"b", "one"}), node("Mul", "d", []string{"x", "c"}),
			node("Mul", "y", []string{"d", "half"})),
			floats("root", nil, math.Sqrt2), floats("one", nil, 1), floats("half", nil, 0.5)),
			[]graph.Layer{graph.GELU{}}},
		{"a sum of a value and its own activation", net(node("Relu", "a", x), node("Add", "y", []string{"a", "x"})),
			[]graph.Layer{relu, graph.From(graph.Add{}, "relu1", "input")}},
		{"a layer norm", with(net(node("ReduceMean", "m", x, "axes", []int64{1}), node("Sub", "d", []string{"x", "m"}),
			node("Pow", "q", []string{"d", "two"}),
			node("ReduceMean", "v", []string{"q"}, "axes", []int64{1}), node("Add", "e", []string{"v", "eps"}),
			node("Sqrt", "s", []string{"e"}), node("Div", "y", []string{"d", "s"})),
			floats("two", nil, 2), floats("eps", nil, 1e-3)), []graph.Layer{graph.LayerNorm{Eps: 1e-3}}},
		{"the means of a plane", with(net(node("ReduceMean", "y", x, "axes", []int64{2, 3}, "keepdims", 0))),
			[]graph.Layer{graph.GlobalAvgPool{}, graph.Flatten{}}},
		{"a reshape that changes nothing",
			with(net(node("Reshape", "a", []string{"x", "s"}), node("Relu", "y", []string{"a"})),
				integers("s", 0, 2, -1, 4)),
			[]graph.Layer{relu}},
		{"a reshape that flattens",
			with(net(node("Reshape", "a", []string{"x", "s"}), node("Relu", "y", []string{"a"})),
				integers("s", -1, 32)),
			[]graph.Layer{relu, graph.Flatten{}}},
		{"identity and dropout",
			with(net(node("Identity", "a", x), node("Dropout", "b", []string{"a", "r"}),
				node("Relu", "y", []string{"b"})), floats("r", nil, 0.25)),
			[]graph.Layer{graph.Dropout{Rate: 0.25}, relu}},
		{"means and deviations",
			with(net(node("Sub", "a", []string{"x", "m"}), node("Div", "y", []string{"a", "d"})),
				floats("m", []int64{2, 1, 1}, 1, 2), floats("d", nil, 4)),
			[]graph.Layer{graph.Normalize{Mean: []float64{1, 2}, Std: []float64{4, 4}}}},
		{"deviations alone", with(net(node("Div", "y", []string{"x", "d"})), floats("d", []int64{1, 2, 1, 1}, 4, 5)),
			[]graph.Layer{graph.Normalize{Mean: []float64{0, 0}, Std: []float64{4, 5}}}},
		{"a local response", net(node("LRN", "y", x, "size", 5, "alpha", 5e-4, "bias", 2.0)),
			[]graph.Layer{graph.LRN{Size: 5, K: 2, Alpha: 1e-4, Beta: 0.75}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := decode(t, tt.file)
			require.NoError(t, err)
			assert.Equal(t, tt.want, m.Spec().Layers)
		})
	}
}

// Gemm's factors and both ways to bring a bias, by hand on one sample.
func TestImportMatrixProducts(t *testing.T) {
	flat := node("Flatten", "f", x)
	weights := func(dims ...int64) schema.Tensor { return filled("w", dims...) }
	ones := ramp(tensor.Shape{1, 2, 4, 4})
	var column [2]float64 // Σ x[i]·w[i][j], w (32, 2) filled
	for i, v := range ones.Float32s() {
		for j := range column {
			column[j] += float64(v) * float64((2*i+j)%5-2)
		}
	}
	bias := floats("b", []int64{2}, 10, 20)
	matMul := []schema.Node{flat, node("MatMul", "m", []string{"f", "w"})}
	tests := map[string]struct {
		file *schema.Model
		want [2]float64
	}{
		"gemm": {with(net(flat, node("Gemm", "y", []string{"f", "w", "b"}, "alpha", 0.5, "beta", 2.0)),
			weights(32, 2), bias), [2]float64{column[0]/2 + 20, column[1]/2 + 40}},
		"no bias": {with(net(flat, node("Gemm", "y", []string{"f", "w"})), weights(32, 2)), column},
		"one bias": {with(net(flat, node("Gemm", "y", []string{"f", "w", "b"})), weights(32, 2),
			floats("b", nil, 3)), [2]float64{column[0] + 3, column[1] + 3}},
		"matmul": {with(net(matMul...), weights(32, 2)), column},
		"matmul, add": {with(net(append(matMul, node("Add", "y", []string{"m", "b"}))...), weights(32, 2), bias),
			[2]float64{column[0] + 10, column[1] + 20}},
		"add, matmul": {with(net(append(matMul, node("Add", "y", []string{"b", "m"}))...), weights(32, 2),
			floats("b", []int64{1, 2}, 10, 20)), [2]float64{column[0] + 10, column[1] + 20}},
		"by identity": {with(net(node("Identity", "v", []string{"w"}), flat, node("MatMul", "y", []string{"f", "v"})),
			weights(32, 2)), column},
		"by reshape": {with(net(node("Reshape", "v", []string{"w", "s"}), flat,
			node("MatMul", "y", []string{"f", "v"})), weights(4, 4, 2, 2), integers("s", -1, 2)), column},
		"fixed batch": {fixedBatch(with(net(node("Reshape", "f", []string{"x", "s"}),
			node("MatMul", "y", []string{"f", "w"})), weights(32, 2), integers("s", 1, 32))), column},
		"constant node": {with(net(constantFloats("b", 10, 20), flat, node("Gemm", "y", []string{"f", "w", "b"})),
			weights(32, 2)), [2]float64{column[0] + 10, column[1] + 20}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := decode(t, tt.file)
			require.NoError(t, err)
			got, err := m.Predict(ones)
			require.NoError(t, err)
			assert.InDeltaSlice(t, tt.want[:], got.Data(), 1e-4)
		})
	}
}

func TestImportBiasOfConvolution(t *testing.T) {
	nodes := []schema.Node{node("Conv", "c", []string{"x", "w"}), node("Add", "y", []string{"c", "b"})}
	m, err := decode(t, with(net(nodes...), filled("w", 3, 2, 2, 2), floats("b", []int64{1, 3, 1, 1}, 1, 2, 3)))
	require.NoError(t, err)
	bias, err := m.Param("conv1.bias")
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2, 3}, bias.Data())
}

func constantFloats(out string, values ...float32) schema.Node {
	return node("Constant", out, nil, "value_floats", values)
}

func fixedBatch(m *schema.Model) *schema.Model {
	m.Graph.Inputs[0].Shape[0] = schema.Dim{Size: 1}
	return m
}

func TestImportRefuses(t *testing.T) {
	weight := filled("w", 3, 2, 2, 2)
	flat := node("Flatten", "f", x)
	conv := node("Conv", "c", []string{"x", "w"})
	edit := func(m *schema.Model, change func(*schema.Model)) *schema.Model {
		change(m)
		return m
	}
	relu := func() *schema.Model { return net(node("Relu", "y", x)) }
	tests := []struct {
		name string
		file *schema.Model
		want string
	}{
		{"an operator", net(node("Det", "y", x)), `node "the Det" (Det): operator "Det" is not supported`},
		{"an operator on constants", with(net(node("Erf", "y", []string{"w"})), weight),
			`of constants alone is not supported`},
		{"a domain", edit(relu(), func(m *schema.Model) { m.Graph.Nodes[0].Domain = "com.microsoft" }),
			`domain "com.microsoft"`},
		{"an attribute", net(node("Relu", "y", x, "slope", 0.1)),
			`node "the Relu" (Relu): attribute "slope" is not supported`},
		{"an attribute's type", net(node("LRN", "y", x, "size", "five")), `attribute "size" is text: want an integer`},
		{"an attribute twice", net(node("LRN", "y", x, "size", 3, "size", 5)), `attribute "size" is there twice`},
		{"a value from nowhere", net(node("Relu", "y", []string{"z"})), `takes "z", which no node before it makes`},
		{"a value made twice", net(node("Relu", "a", x), node("Relu", "x", []string{"a"})),
			`makes "x", which already exists`},
		{"a node without outputs", edit(relu(), func(m *schema.Model) { m.Graph.Nodes[0].Outputs = nil }),
			"has no output"},
		{"an old operator set", edit(relu(), func(m *schema.Model) { m.Opsets[0].Version = 5 }), "operator set 5"},
		{"two inputs", edit(relu(),
			func(m *schema.Model) { m.Graph.Inputs = append(m.Graph.Inputs, schema.ValueInfo{Name: "z"}) }),
			"got 2 inputs (x, z), want one"},
		{"open height", edit(relu(), func(m *schema.Model) { m.Graph.Inputs[0].Shape[2] = schema.Dim{Param: "H"} }),
			`dimension 2, "H", is open`},
		{"three dimensions", edit(relu(),
			func(m *schema.Model) { m.Graph.Inputs[0].Shape = m.Graph.Inputs[0].Shape[:3] }), "has 3 dimensions"},
		{"integers", edit(relu(), func(m *schema.Model) { m.Graph.Inputs[0].Type = schema.Int64 }),
			"want a tensor of floats"},
		{"an output from elsewhere", edit(relu(), func(m *schema.Model) { m.Graph.Outputs[0].Name = "z" }),
			`output "z"`},
		{"an initializer twice", with(relu(), weight, weight), `got two initializers called "w"`},
		{"data elsewhere", with(net(conv),
			schema.Tensor{Name: "w", Type: schema.Float32, Dims: []int64{3, 2, 2, 2}, External: true}),
			"want a file's name"},
		{"a missing weight", net(node("Conv", "y", x)), "input 1 is missing"},
		{"a weight of integers",
			with(net(conv), schema.Tensor{Name: "w", Type: schema.Int64, Dims: []int64{1, 2, 1, 1},
				Int64s: []int64{1, 2}}), "holds integers: want floats"},
		{"1-D convolution", with(net(conv), filled("w", 3, 2, 2)), "want a 2-D convolution"},
		{"a weight of other channels", with(net(conv), filled("w", 3, 5, 2, 2)),
			"weight has shape (3, 5, 2, 2): want (3, 2, 2, 2)"},
		{"another kernel_shape",
			with(net(node("Conv", "c", []string{"x", "w"}, "kernel_shape", []int64{3, 3})), weight),
			"kernel_shape is 3x3, the weight's 2x2"},
		{"negative pads", with(net(node("Conv", "c", []string{"x", "w"}, "pads", []int64{-1, 0, -1, 0})), weight),
			`attribute "pads" is -1`},
		{"pads twice", with(net(node("Conv", "c", []string{"x", "w"}, "auto_pad", "SAME_UPPER", "pads",
			[]int64{1, 1, 1, 1})), weight), "want auto_pad alone"},
		{"no group", with(net(node("Conv", "c", []string{"x", "w"}, "group", 0)), weight),
			`attribute "group" is 0: want at least 1`},
		{"no stride", with(net(node("Conv", "c", []string{"x", "w"}, "strides", []int64{0, 1})), weight),
			`attribute "strides" is [0 1]`},
		{"three strides", with(net(node("Conv", "c", []string{"x", "w"}, "strides", []int64{1, 1, 1})), weight),
			"has 3 values"},
		{"a kernel past the input", with(net(conv), filled("w", 1, 2, 9, 9)), "input (2, 4, 4)"},
		{"a bias of another size", with(net(node("Conv", "c", []string{"x", "w", "b"})), weight, filled("b", 2)),
			"bias has shape [2]: want (3)"},
		{"LRN of nothing", net(node("LRN", "y", x, "size", 0)), "size"},
		{"training dropout", with(net(node("Dropout", "y", []string{"x", "r", "t"})), floats("r", nil, 0.5),
			schema.Tensor{Name: "t", Type: schema.Bool, Int32s: []int32{1}}), "training_mode is on"},
		{"a reshape of the batch", with(net(node("Reshape", "y", []string{"x", "s"})), integers("s", 0, 2, 32)),
			"can't reshape"},
		{"a reshape to nothing",
			with(net(node("Reshape", "y", []string{"x", "s"}, "allowzero", 1)), integers("s", 0, 32)), "allowzero"},
		{"gemm of the transpose",
			with(net(flat, node("Gemm", "y", []string{"f", "w"}, "transA", 1)), filled("w", 32, 2)),
			"transA mixes the images"},
		{"gemm of maps", with(net(node("Gemm", "y", []string{"x", "w"})), filled("w", 32, 2)), "want (N, features)"},
		{"a constant times the input", with(net(flat, node("MatMul", "y", []string{"w", "f"})), filled("w", 2, 32)),
			"of a constant of shape [2 32] and (N, 32) is not supported"},
		{"an add of nothing's bias", with(net(node("Add", "y", []string{"x", "b"})), filled("b", 2)),
			"a constant of shape [2] doesn't broadcast to (N, 2, 4, 4)"},
		{"means along the width", with(net(node("Sub", "y", []string{"x", "m"})), filled("m", 2)), "doesn't broadcast"},
		{"half a normalization", net(normalization(func(n []schema.Node) []schema.Node { return n[:3] })...),
			`takes "volume", which no node before it makes`},
		{"a normalization of another kernel", with(net(normalization(func(n []schema.Node) []schema.Node {
			n[3].Attributes[0].Ints[0] = 5
			return n
		})...), normalizationConstants()...), "of 5 channels with 1 zeros before and 1 after them"},
		{"a normalization that loses its thread", with(net(normalization(func(n []schema.Node) []schema.Node {
			n[6].Inputs[0] = "a"
			return n
		})...), normalizationConstants()...), "a power of 0.5 is supported only as a part of an activation"},
		{"a reshape in a normalization", with(net(normalization(func(n []schema.Node) []schema.Node { return n })...),
			append(normalizationConstants()[1:], integers("volume", -1, 2, 1, 4, 4))...),
			"of 3 channels with 1 zeros before and 1 after them"},
		{"a squeeze of another axis", with(net(branching(1, node("Squeeze", "s", []string{"d", "other"}))...),
			append(normalizationConstants(), integers("other", 2))...),
			"axis 2 of (N, 1, 2, 4, 4): want one of size 1"},
		{"a branch that is not taken",
			with(net(branching(2, node("Squeeze", "s", []string{"d", "one"}))...), normalizationConstants()...),
			"else_branch has no graph with 1 outputs"},
		{"another branch", with(net(branching(1, node("Relu", "s", []string{"d"}))...), normalizationConstants()...),
			`node "the Relu" (Relu): reads means over channels`},
		{"a branch of something else",
			with(net(branching(1, node("Squeeze", "s", []string{"c", "one"}))...), normalizationConstants()...),
			"reads squares for a local response normalization"},
		{"a branch elsewhere", net(node("If", "y", x)), "its condition depends on the images"},
		{"two depths", with(net(node("Equal", "e", []string{"p", "p"}), node("If", "y", []string{"e"})),
			integers("p", 1, 2)), "its condition has shape [2]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode(t, tt.file)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

// normalization is LRN of size 3 as PyTorch spells it out.
func normalization(edit func([]schema.Node) []schema.Node) []schema.Node {
	return edit([]schema.Node{
		node("Mul", "a", []string{"x", "x"}), node("Reshape", "b", []string{"a", "volume"}),
		node("Pad", "c", []string{"b", "pads"}),
		node("AveragePool", "d", []string{"c"}, "kernel_shape", []int64{3, 1, 1}),
		node("Squeeze", "e", []string{"d", "one"}),
		node("Mul", "f", []string{"e", "alpha"}), node("Add", "g", []string{"f", "k"}),
		node("Pow", "h", []string{"g", "beta"}),
		node("Div", "y", []string{"x", "h"}),
	})
}

// branching is a normalization as PyTorch's older exporter writes it: the depth is squeezed away in
// a branch, if it is as large as said.
func branching(depth int64, branch schema.Node) []schema.Node {
	return normalization(func(n []schema.Node) []schema.Node {
		then := &schema.Graph{Nodes: []schema.Node{branch}, Outputs: []schema.ValueInfo{{Name: "s"}}}
		value := func(name string, v int64) schema.Node { return node("Constant", name, nil, "value_int", int(v)) }
		return slices.Concat(n[:4], []schema.Node{
			node("Shape", "shape", []string{"d"}), value("first", 1),
			node("Gather", "depth", []string{"shape", "first"}),
			value("size", depth), node("Equal", "equal", []string{"depth", "size"}),
			node("If", "e", []string{"equal"}, "then_branch", then, "else_branch", &schema.Graph{}),
			node("Reshape", "r", []string{"e", "images"}),
			node("Mul", "f", []string{"r", "alpha"}),
		}, n[6:])
	})
}

func normalizationConstants() []schema.Tensor {
	return []schema.Tensor{
		integers("volume", -1, 1, 2, 4, 4), integers("pads", 0, 0, 1, 0, 0, 0, 0, 1, 0, 0), integers("one", 1),
		integers("images", 0, 2, 4, 4),
		floats("alpha", nil, 0.3), floats("k", nil, 2), floats("beta", nil, 0.5),
	}
}

func TestImportSpelledOutNormalization(t *testing.T) {
	nodes := normalization(func(n []schema.Node) []schema.Node { return n })
	m, err := decode(t, with(net(nodes...), normalizationConstants()...))
	require.NoError(t, err)
	require.Len(t, m.Spec().Layers, 1)
	got := m.Spec().Layers[0].(graph.LRN)
	assert.InDelta(t, 0.1, got.Alpha, 1e-15)
	got.Alpha = 0
	assert.Equal(t, graph.LRN{Size: 3, K: 2, Beta: 0.5}, got)
}

// A thousand layers that share one weight of 80 KB would be 80 MB.
func TestImportBoundsSharedParameters(t *testing.T) {
	var nodes []schema.Node
	last := "x"
	for i := range 1000 {
		out := fmt.Sprint("v", i)
		nodes = append(nodes, node("MatMul", out, []string{last, "w"}))
		last = out
	}
	m := with(net(nodes...), filled("w", 100, 100))
	m.Graph.Inputs[0].Shape = []schema.Dim{{Param: "N"}, {Size: 100}}
	_, err := decode(t, m)
	assert.ErrorContains(t, err, "too many nodes share them")
}

func TestReadFileNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.onnx")
	require.NoError(t, os.WriteFile(path, []byte("hello"), 0o600))
	_, err := onnx.ReadFile(path)
	assert.ErrorContains(t, err, path)
	assert.False(t, strings.Contains(err.Error(), "panic"))
}

func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/*.onnx", "testdata/graphs/*.onnx"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		require.NotEmpty(f, files)
		for _, path := range files {
			data, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Decode(data)
		if err != nil {
			return
		}
		again, err := onnx.Marshal(m)
		if err != nil {
			return
		}
		_, err = onnx.Decode(again)
		require.NoError(t, err)
	})
}

func ExampleMarshal() {
	spec := graph.Sequential("tiny", tensor.Shape{1, 4, 4}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}, graph.ReLU{}, graph.Affine{Units: 3}, graph.Softmax{})
	m, err := graph.New(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := onnx.Marshal(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := schema.Decode(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range file.Graph.Nodes {
		fmt.Println(n.Op, n.Inputs)
	}
	// Output:
	// Conv [input conv1.weight conv1.bias]
	// Relu [conv1.out]
	// Flatten [relu1.out]
	// Gemm [fc1.2 fc1.weight fc1.bias]
	// Softmax [logits]
}

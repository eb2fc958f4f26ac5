package onnx_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

var (
	image = tensor.Shape{4, 6, 5}
	two   = graph.Square(2)
)

// kindSpecs are a small network around every kind of layer, on images (4, 6, 5) or features (6).
var kindSpecs = map[string]*graph.Spec{
	"conv2d": around(image,
		graph.Conv2D{Filters: 6, Kernel: graph.Pair{3, 2}, Stride: graph.Pair{2, 1}, Pad: graph.Square(1),
			PadEnd: graph.Pair{1, 0}, Groups: 2, NoBias: true},
		graph.Conv2D{Name: "partial", Filters: 3, Kernel: two, Connections: [][]int{{0, 2}, {1}, {0, 1, 3}}},
		graph.Conv2D{Filters: 2, Kernel: two, Pad: graph.Square(1), Dilation: two}),
	"max_pool": around(image, graph.MaxPool{Kernel: two},
		graph.MaxPool{Kernel: two, Stride: graph.Square(1), PadBegin: graph.Square(1), Dilation: two, Ceil: true}),
	"avg_pool": around(image, graph.AvgPool{Kernel: two, Stride: graph.Square(1), Pad: graph.Square(1)},
		graph.AvgPool{Kernel: graph.Square(3), Stride: two, PadEnd: graph.Square(1), ExcludePad: true, Ceil: true}),
	"lp_pool":   around(image, graph.LpPool{P: 3, Kernel: two, PadBegin: graph.Square(1)}),
	"subsample": around(image, graph.Subsample{Kernel: two, Stride: graph.Square(1)}),
	"affine":    around(image, graph.Affine{Units: 5, NoBias: true}, graph.Affine{Units: 3}),
	"flatten":   around(image, graph.Flatten{}, graph.Affine{Units: 3}),
	"normalize": around(image, graph.Normalize{Mean: []float64{0.25, -0.5, 0, 1}, Std: []float64{0.5, 2, 1, 3}}),
	"relu":      around(image, graph.ReLU{}), "sigmoid": around(image, graph.Sigmoid{}),
	"tanh":       around(image, graph.Tanh{A: 1.7159, B: 2. / 3}),
	"leaky_relu": around(image, graph.LeakyReLU{}, graph.LeakyReLU{Alpha: 0.3}),
	"prelu":      around(image, graph.PReLU{}, graph.PReLU{Shared: true}, graph.Affine{Units: 3}, graph.PReLU{}),
	"elu":        around(image, graph.ELU{Alpha: 1.5}), "celu": around(image, graph.CELU{Alpha: 0.7}),
	"selu": around(image, graph.SELU{}),
	"silu": around(image, graph.SiLU{}), "gelu": around(image, graph.GELU{}, graph.GELU{Approximate: true}),
	"mish":     around(image, graph.Mish{}),
	"softplus": around(image, graph.Softplus{}), "softsign": around(image, graph.Softsign{}),
	"clip":         around(image, graph.Clip{Min: -0.5, Max: 0.75}),
	"hard_sigmoid": around(image, graph.HardSigmoid{}, graph.HardSigmoid{Alpha: 0.3, Beta: 0.4}),
	"hard_swish":   around(image, graph.HardSwish{}), "erf": around(image, graph.Erf{}),
	"lrn": around(image, graph.LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75},
		graph.LRN{Size: 2, K: 1, Alpha: 0.2, Beta: 0.5}),
	"batch_norm": around(image, graph.BatchNorm{Momentum: 0.2, Eps: 1e-3}, graph.Affine{Units: 3},
		graph.BatchNorm{Frozen: true}),
	"group_norm":      around(image, graph.GroupNorm{Groups: 2}, graph.GroupNorm{Groups: 4, Eps: 1e-3}),
	"layer_norm":      around(image, graph.LayerNorm{}, graph.Affine{Units: 5}, graph.LayerNorm{Eps: 1e-3}),
	"global_avg_pool": around(image, graph.GlobalAvgPool{}), "global_max_pool": around(image, graph.GlobalMaxPool{}),
	"scale": around(image, graph.Scale{Shape: []int{4, 1, 1}},
		graph.Scale{Shape: []int{1, 6, 1}, NoBias: true}, graph.Scale{Shape: []int{4, 6, 5}, NoWeight: true}),
	"slice": around(image, graph.Slice{Begin: 1, End: 3}),
	"take": around(image, graph.Take{Indices: []int{3, 0, 0}},
		graph.Take{Axis: 2, Indices: []int{4, 3, 2, 1, 0}}),
	"rearrange": around(image,
		graph.Rearrange{Dims: []int{2, 2, 6, 5}, Order: []int{2, 1, 3, 0}, Shape: []int{6, 10, 2}},
		graph.Rearrange{Shape: []int{120}}),
	"pad": around(image, graph.Pad{Begin: graph.Pair{1, 0}, End: graph.Pair{0, 2}, Value: 1.5}),
	"resize": around(image, graph.Resize{Size: graph.Pair{9, 3}, Mode: "linear"},
		graph.Resize{Size: graph.Pair{4, 7}},
		graph.Resize{Size: graph.Square(8), Mode: "cubic", Coordinates: "asymmetric"}),
	"channel_shuffle":  around(image, graph.ChannelShuffle{Groups: 2}),
	"pad_channels":     around(image, graph.PadChannels{Begin: 1, End: 2}),
	"dropout":          around(image, graph.Dropout{Rate: 0.25}, graph.Dropout{Rate: 0.5, Classic: true}),
	"dropout2d":        around(image, graph.Dropout2D{Rate: 0.25}),
	"stochastic_depth": around(image, graph.StochasticDepth{Rate: 0.25}),
	"softmax":          around(image, graph.Softmax{}, graph.Softmax{Axis: 2}, graph.Affine{Units: 3}, graph.Softmax{}),
	"log_softmax":      around(image, graph.LogSoftmax{Axis: 1}, graph.Affine{Units: 3}, graph.LogSoftmax{}),
	"add":              joined(graph.Add{}), "subtract": joined(graph.Subtract{}), "divide": joined(graph.Divide{}),
	"maximum": joined(graph.Maximum{}), "minimum": joined(graph.Minimum{}),
	"multiply": around(image, graph.Gate(graph.GlobalAvgPool{}, graph.Sigmoid{}), graph.Gate(graph.Affine{Units: 4}),
		graph.Residual(graph.Tanh{})),
	"concat": around(image, graph.Branches(graph.Concat{}, graph.Serial(), graph.Tanh{}, graph.Slice{End: 1})),
}

func around(input tensor.Shape, parts ...graph.Part) *graph.Spec {
	return graph.Sequential("around", input, graph.Init{}, parts...)
}

// joined is two branches, of which the second has no number near 0.
func joined(join graph.Join) *graph.Spec {
	return around(image, graph.Branches(join, graph.Tanh{},
		graph.Serial(graph.Sigmoid{}, graph.Scale{Shape: []int{1, 1, 1}, NoWeight: true}, graph.Softplus{})))
}

// Every kind of layer goes out and comes back: as itself, to the bit, by the spec in the metadata;
// and as layers that compute the same where another program has left only the graph. The answers in
// testdata/kinds.npz are onnxruntime's, for the bytes that the test writes with -update.
func TestEveryKindTravels(t *testing.T) {
	answers := map[string]*tensor.Dense{}
	if !*update {
		arrays, err := npz.ReadFile("testdata/kinds.npz")
		require.NoError(t, err, "run with -update, then testdata/make_onnx.py")
		for _, a := range arrays {
			answers[a.Name] = a.Value
		}
	}
	for _, kind := range graph.Kinds() {
		t.Run(kind, func(t *testing.T) {
			spec := kindSpecs[kind]
			require.NotNil(t, spec, "a network with a layer of this kind belongs into kindSpecs")
			requireKind(t, spec, kind)
			m := newModel(t, spec)
			data, err := onnx.Marshal(m)
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.MkdirAll("testdata/kinds", 0o755))
				require.NoError(t, os.WriteFile(filepath.Join("testdata/kinds", kind+".onnx"), data, 0o644))
				return
			}
			requireSameModel(t, m, data)
			x, want := answers[kind+".x"], answers[kind+".y"]
			require.NotNil(t, want, "run with -update, then testdata/make_onnx.py")
			assertAnswer(t, m, x, want)
			bare, err := onnx.Decode(withoutMetadata(t, data))
			require.NoError(t, err)
			assertAnswer(t, bare, x, want)
		})
	}
}

func requireKind(t *testing.T, spec *graph.Spec, kind string) {
	t.Helper()
	for _, l := range spec.Layers {
		if graph.Kind(l) == kind {
			return
		}
	}
	t.Fatalf("kindSpecs[%q] has no layer of the kind", kind)
}

// requireSameModel reads a file back: the same spec and parameters, and the same bytes again.
func requireSameModel(t *testing.T, m *graph.Model, data []byte) {
	t.Helper()
	back, err := onnx.Decode(data, graph.WithDtype(m.Dtype()))
	require.NoError(t, err)
	require.Equal(t, m.Spec(), back.Spec())
	for i, p := range m.Params() {
		require.Equal(t, p.Name, back.Params()[i].Name)
		require.Equal(t, p.Value.Data(), back.Params()[i].Value.Data(), p.Name)
	}
	again, err := onnx.Marshal(back)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, again))
}

func assertAnswer(t *testing.T, m *graph.Model, x, want *tensor.Dense) {
	t.Helper()
	assertAnswerWithin(t, m, x, want, 1e-5)
}

func assertAnswerWithin(t *testing.T, m *graph.Model, x, want *tensor.Dense, delta float64) {
	t.Helper()
	activations, err := m.Activations(asImages(t, m, x))
	require.NoError(t, err)
	got := activations[len(activations)-1].Value
	require.Equal(t, want.Shape().TotalSize(), got.Shape().TotalSize())
	require.NoError(t, got.Reshape(want.Shape()...))
	assertClose(t, want, got, delta)
}

func withoutMetadata(t *testing.T, data []byte) []byte {
	t.Helper()
	file, err := schema.Decode(data)
	require.NoError(t, err)
	file.Metadata = nil
	bare, err := schema.Encode(file)
	require.NoError(t, err)
	return bare
}

func TestClassNamesTravel(t *testing.T) {
	spec := around(tensor.Shape{3}, graph.Affine{Units: 2}, graph.Softmax{})
	spec.ClassNames = []string{"cat", "dog"}
	m := newModel(t, spec)
	data, err := onnx.Marshal(m)
	require.NoError(t, err)
	requireSameModel(t, m, data)

	file, err := schema.Decode(data)
	require.NoError(t, err)
	for _, text := range []string{`["cat", "dog"]`, `{"0": "cat", "1": "dog"}`} {
		file.Metadata = []schema.Entry{{Key: "names", Value: text}}
		back, err := decode(t, file)
		require.NoError(t, err)
		assert.Equal(t, spec.ClassNames, back.Spec().ClassNames)
	}
	for _, text := range []string{`["cat"]`, `{"0": "cat", "2": "dog"}`, `cat and dog`} {
		file.Metadata[0].Value = text
		back, err := decode(t, file)
		require.NoError(t, err)
		assert.Nil(t, back.Spec().ClassNames)
	}
}

// A file whose graph another program has changed is taken as the graph says, not as the spec in its
// metadata does. Trained parameters are no change.
func TestTheGraphCountsNotItsMetadata(t *testing.T) {
	m := newModel(t, around(tensor.Shape{3}, graph.Affine{Units: 2}, graph.Tanh{}))
	data, err := onnx.Marshal(m)
	require.NoError(t, err)
	file, err := schema.Decode(data)
	require.NoError(t, err)
	file.Graph.Nodes[1].Op = "Sigmoid"
	back, err := decode(t, file)
	require.NoError(t, err)
	assert.IsType(t, graph.Sigmoid{}, back.Output().Layer)

	file.Graph.Nodes[1].Op = "Tanh"
	file.Graph.Initializers[1] = floats("fc1.bias", []int64{2}, 7, 8)
	back, err = decode(t, file)
	require.NoError(t, err)
	assert.Equal(t, m.Spec(), back.Spec())
	bias, err := back.Param("fc1.bias")
	require.NoError(t, err)
	assert.Equal(t, []float32{7, 8}, bias.Data())
}

// TestChangedConstantsCount: a constant that is a layer's setting isn't a parameter.
func TestChangedConstantsCount(t *testing.T) {
	data, err := onnx.Marshal(newModel(t, around(tensor.Shape{3}, graph.Affine{Units: 2}, graph.Clip{Min: -1, Max: 6})))
	require.NoError(t, err)
	file, err := schema.Decode(data)
	require.NoError(t, err)
	changed := 0
	for i := range file.Graph.Initializers {
		if c := &file.Graph.Initializers[i]; slices.Equal(c.Floats, []float32{6}) {
			c.Floats[0] = 5
			changed++
		}
	}
	require.Equal(t, 1, changed)
	back, err := decode(t, file)
	require.NoError(t, err)
	assert.Equal(t, 5., back.Output().Layer.(graph.Clip).Max)
}

// TestMoreNodesThanTheMetadataSays: the graph is another program's then, even if the node is read
// by nothing.
func TestMoreNodesThanTheMetadataSays(t *testing.T) {
	m := newModel(t, around(tensor.Shape{3}, graph.Affine{Units: 2}, graph.Tanh{}))
	data, err := onnx.Marshal(m)
	require.NoError(t, err)
	file, err := schema.Decode(data)
	require.NoError(t, err)
	last := file.Graph.Nodes[len(file.Graph.Nodes)-1]
	file.Graph.Nodes = append(file.Graph.Nodes,
		schema.Node{Op: "Relu", Inputs: last.Outputs, Outputs: []string{"unread"}})
	back, err := decode(t, file)
	require.NoError(t, err)
	assert.IsType(t, graph.Tanh{}, back.Output().Layer)
}

// cases are small files with onnxruntime's answers (testdata/cases), or what is wrong with them.
var refusedCases = map[string]string{
	"add_bias_per_sample":     "a constant of shape [4 1 1 1] has other numbers for each image of a batch",
	"argmax_end":              "no operator that computes anything",
	"panic_AveragePool_-1_1":  `attribute "strides" is -1`,
	"panic_MaxPool_2_0":       `attribute "strides" is [2 0]`,
	"panic_MaxPool_2097152_1": `attribute "strides" is 2097152`,
	"two_outputs_first_inner": `the graph has 2 outputs (["a" "y2"]): choose one`,
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*/model.onnx")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m, err := onnx.ReadFile(path)
			if want := refusedCases[filepath.Base(dir)]; want != "" {
				require.ErrorContains(t, err, want)
				return
			}
			require.NoError(t, err)
			delta := 1e-5
			if filepath.Base(dir) == "float16_keep_io" { // onnxruntime computes it in float16
				delta = 1e-3
			}
			assertAnswerWithin(t, m, array(t, dir, "x"), array(t, dir, "y"), delta)
		})
	}
}

func array(t *testing.T, dir, name string) *tensor.Dense {
	t.Helper()
	arrays, err := npz.ReadFile(filepath.Join(dir, name+".npz"))
	require.NoError(t, err)
	return formats.Convert(arrays[0].Value, tensor.Float32)
}

func TestAbs(t *testing.T) {
	data, err := schema.Encode(net(node("Abs", "y", x)))
	require.NoError(t, err)
	m, err := onnx.Decode(data)
	require.NoError(t, err)
	in := ramp(append(tensor.Shape{1}, m.Spec().Input...))
	out, err := m.Predict(in)
	require.NoError(t, err)
	for i, v := range in.Float32s() {
		assert.Equal(t, max(v, -v), out.Float32s()[i])
	}
}

// ONNX's LpPool has whole powers, and runtimes differ where a window reaches beyond the padding.
func TestExportOfLpPool(t *testing.T) {
	for want, l := range map[string]graph.LpPool{
		"p is 1.5: ONNX's LpPool has whole powers": {P: 1.5, Kernel: two},
		"windows reach beyond the padding":         {Kernel: two, Ceil: true},
		"":                                         {Kernel: graph.Pair{2, 1}, Ceil: true},
	} {
		_, err := onnx.Marshal(newModel(t, around(image, l)))
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

func TestReaderChoosesAnOutput(t *testing.T) {
	path := "testdata/cases/two_outputs_first_inner/model.onnx"
	for output, want := range map[string]graph.Layer{"a": graph.Conv2D{}, "y2": graph.ReLU{}} {
		m, err := onnx.Reader{Output: output}.ReadFile(path)
		require.NoError(t, err)
		assert.IsType(t, want, m.Output().Layer)
	}
	_, err := onnx.Reader{Output: "z"}.ReadFile(path)
	assert.ErrorContains(t, err, `no node makes the output "z"`)
}

func TestReaderGivesOpenSizes(t *testing.T) {
	open := net(node("Relu", "y", x))
	open.Graph.Inputs[0].Shape[2], open.Graph.Inputs[0].Shape[3] = schema.Dim{Param: "H"}, schema.Dim{}
	data, err := schema.Encode(open)
	require.NoError(t, err)
	m, err := onnx.Reader{Input: tensor.Shape{2, 48, 192}}.Decode(data)
	require.NoError(t, err)
	assert.Equal(t, tensor.Shape{2, 48, 192}, m.Spec().Input)
	for want, shape := range map[string]tensor.Shape{
		`dimension 2, "H", is open: want the shape of an image`: nil,
		"dimension 1 is 2: got 3 of (3, 4, 4)":                  {3, 4, 4},
		"got an input of (2, 4), want as many":                  {2, 4},
		"dimension 2 is 0: want 1 to 1048576":                   {2, 0, 4},
	} {
		_, err := onnx.Reader{Input: shape}.Decode(data)
		assert.ErrorContains(t, err, want)
	}
}

// Numbers in another file come from the model's own folder, and only as many as the shape says.
func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	weight := schema.Tensor{Name: "w", Type: schema.Float32, Dims: []int64{1, 2, 1, 1}, External: true}
	write := func(entries ...schema.Entry) string {
		w := weight
		w.ExternalData = entries
		data, err := schema.Encode(with(net(node("Conv", "y", []string{"x", "w"})), w))
		require.NoError(t, err)
		path := filepath.Join(dir, "m.onnx")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "m.data"), []byte{9, 9, 9, 9, 0, 0, 128, 63, 0, 0, 0, 64},
		0o600))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(dir), "secret"), make([]byte, 64), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(filepath.Dir(dir), "secret"), filepath.Join(dir, "link")))
	location := func(name string) schema.Entry { return schema.Entry{Key: "location", Value: name} }

	m, err := onnx.ReadFile(write(location("m.data"), schema.Entry{Key: "offset", Value: "4"},
		schema.Entry{Key: "length", Value: "8"}))
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2}, m.Params()[0].Value.Data())

	for want, entries := range map[string][]schema.Entry{
		"want a file in the model's folder":         {location("../secret")},
		"path escapes from parent":                  {location("link")},
		"no such file":                              {location("n.data")},
		"bytes 8 to 16 of \"m.data\", which has 12": {location("m.data"), {Key: "offset", Value: "8"}},
		"are 9 bytes of \"m.data\": want 8":         {location("m.data"), {Key: "length", Value: "9"}},
		"want a file's name":                        {{Key: "offset", Value: "0"}},
		"invalid syntax":                            {location("m.data"), {Key: "offset", Value: "x"}},
		"an offset of at least 0":                   {location("m.data"), {Key: "offset", Value: "-4"}},
	} {
		_, err := onnx.ReadFile(write(entries...))
		assert.ErrorContains(t, err, want, fmt.Sprint(entries))
	}
	data, err := os.ReadFile(write(location("m.data")))
	require.NoError(t, err)
	_, err = onnx.Decode(data)
	assert.ErrorContains(t, err, "want a single file, or a path to the model")
}

// Everything that isn't supported is named at once, but not what the output doesn't depend on.
func TestImportNamesAllThatIsUnsupported(t *testing.T) {
	file := net(node("NonZero", "a", x), node("Relu", "b", []string{"a"}), node("Hardmax", "c", x), node("Mod", "d", x),
		node("Add", "y", []string{"b", "c"}))
	_, err := decode(t, file)
	require.ErrorContains(t, err,
		`2 nodes are not supported: node "the NonZero" (NonZero): operator "NonZero" is not supported; `+
			`node "the Hardmax" (Hardmax): operator "Hardmax"`)
	assert.NotContains(t, err.Error(), "Mod")
	file.Graph.Nodes[4].Inputs = []string{"x", "x"}
	_, err = decode(t, file)
	assert.NoError(t, err)
}

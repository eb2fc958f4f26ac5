package graph_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/graph"
	"convgraph/models"
)

// everyLayer has layers with fields set and left out, as files have them.
var everyLayer = []graph.Layer{
	graph.Conv2D{
		Name: "c", Filters: 4, Kernel: graph.Pair{3, 5}, Stride: graph.Pair{1, 2}, Pad: graph.Square(2),
		Dilation: graph.Pair{2, 1}, Groups: 2,
		PadBegin: graph.Pair{1, 0}, PadEnd: graph.Square(1), Init: graph.Gaussian(0.25), Bias: -0.5,
	},
	graph.Conv2D{Filters: 1, Kernel: graph.Square(1), NoBias: true},
	graph.Conv2D{Filters: 2, Kernel: graph.Square(3), Connections: [][]int{{0}, {0, 2, 3}},
		Init: graph.XavierSigmoid()},
	graph.Conv2D{Filters: 1, Kernel: graph.Square(1)},
	graph.MaxPool{Name: "m", Kernel: graph.Pair{2, 3}, Stride: graph.Pair{1, 2}, Pad: graph.Pair{1, 2},
		PadBegin: graph.Pair{0, 1}, PadEnd: graph.Pair{1, 0}, Dilation: graph.Pair{2, 1}, Ceil: true},
	graph.MaxPool{Kernel: graph.Square(2)},
	graph.AvgPool{Name: "a", Kernel: graph.Pair{2, 3}, Stride: graph.Square(1), Pad: graph.Square(1),
		PadBegin: graph.Pair{0, 1}, PadEnd: graph.Pair{1, 0}, Dilation: graph.Pair{2, 1}, Ceil: true, ExcludePad: true},
	graph.AvgPool{Kernel: graph.Square(2)},
	graph.Subsample{Name: "s", Kernel: graph.Square(2), Stride: graph.Pair{2, 1}, Coefficient: 0.75},
	graph.Subsample{Kernel: graph.Pair{2, 1}},
	graph.ReLU{Name: "r"}, graph.ReLU{},
	graph.LeakyReLU{Name: "lr", Alpha: 0.2}, graph.LeakyReLU{},
	graph.PReLU{Name: "pr", Shared: true, Start: 0.5}, graph.PReLU{},
	graph.ELU{Name: "el", Alpha: 0.5}, graph.ELU{},
	graph.CELU{Name: "ce", Alpha: 2}, graph.CELU{},
	graph.SELU{Name: "se"}, graph.SELU{},
	graph.SiLU{Name: "si"}, graph.SiLU{},
	graph.GELU{Name: "ge", Approximate: true}, graph.GELU{},
	graph.Mish{Name: "mi"}, graph.Mish{},
	graph.Softplus{Name: "sp"}, graph.Softplus{},
	graph.Softsign{Name: "ss"}, graph.Softsign{},
	graph.Clip{Name: "cl", Min: -1, Max: 2}, graph.Clip{Max: 6},
	graph.HardSigmoid{Name: "hs", Alpha: 0.2, Beta: 0.5}, graph.HardSigmoid{},
	graph.HardSwish{Name: "hw"}, graph.HardSwish{},
	graph.BatchNorm{Name: "bn", Momentum: 0.01, Eps: 1e-3, Frozen: true}, graph.BatchNorm{},
	graph.GroupNorm{Name: "gn", Groups: 2, Eps: 1e-6}, graph.GroupNorm{Groups: 1},
	graph.LayerNorm{Name: "ln", Eps: 1e-6}, graph.LayerNorm{},
	graph.GlobalAvgPool{Name: "ga"}, graph.GlobalAvgPool{},
	graph.GlobalMaxPool{Name: "gm"}, graph.GlobalMaxPool{},
	graph.Slice{Name: "sl", Begin: 1, End: 3}, graph.Slice{End: 1},
	graph.ChannelShuffle{Name: "cs", Groups: 2}, graph.ChannelShuffle{Groups: 1},
	graph.PadChannels{Name: "pc", Begin: 1, End: 2}, graph.PadChannels{},
	graph.Dropout2D{Name: "d2", Rate: 0.25}, graph.Dropout2D{},
	graph.StochasticDepth{Name: "sd", Rate: 0.25}, graph.StochasticDepth{},
	graph.Sigmoid{Name: "g"}, graph.Sigmoid{},
	graph.Tanh{Name: "t", A: 1.7159, B: 2. / 3}, graph.Tanh{},
	graph.Normalize{Name: "n", Mean: []float64{0.485, -1}, Std: []float64{0.229, 1e-9}},
	graph.LRN{Name: "l", Size: 5, K: 2, Alpha: 1e-4, Beta: 0.75},
	graph.Dropout{Name: "d", Rate: 0.5, Classic: true}, graph.Dropout{},
	graph.Flatten{Name: "f"}, graph.Flatten{},
	graph.Affine{Name: "w", Units: 3, Init: graph.Xavier(), Bias: 1}, graph.Affine{Units: 1, Init: graph.Gaussian(0)},
	graph.Affine{Units: 1, NoBias: true},
	graph.Softmax{Name: "p", Axis: 1}, graph.Softmax{},
	graph.LogSoftmax{Name: "lp", Axis: 2}, graph.LogSoftmax{},
	graph.Erf{Name: "er"}, graph.Erf{},
	graph.LpPool{Name: "lpp", P: 3, Kernel: graph.Pair{2, 3}, Stride: graph.Square(1), Pad: graph.Square(1),
		PadBegin: graph.Pair{0, 1}, PadEnd: graph.Pair{1, 0}, Dilation: graph.Pair{2, 1}, Ceil: true},
	graph.LpPool{Kernel: graph.Square(2)},
	graph.Scale{Name: "sc", Shape: []int{2, 1, 1}, NoBias: true}, graph.Scale{Shape: []int{1}, NoWeight: true},
	graph.Take{Name: "ta", Axis: 1, Indices: []int{1, 0, 1}}, graph.Take{Indices: []int{0}},
	graph.Rearrange{Name: "re", Dims: []int{2, 3}, Order: []int{1, 0}, Shape: []int{6}},
	graph.Rearrange{Shape: []int{1, 2, 3}},
	graph.Pad{Name: "pa", Begin: graph.Pair{0, 1}, End: graph.Square(2), Value: 0.5}, graph.Pad{},
	graph.Resize{Name: "rs", Size: graph.Pair{3, 4}, Mode: "cubic", Coordinates: "asymmetric", Rounding: "floor",
		Scale:  [2]float64{1.5, 2},
		Region: [4]float64{0, 0, 1, 0.5}, Cubic: -0.5, Antialias: true, NoOutside: true},
	graph.Resize{Size: graph.Square(2)},
	graph.From(graph.Subtract{Name: "-"}, "c", "r"), graph.Subtract{},
	graph.From(graph.Divide{Name: "/"}, "c", "r"), graph.Divide{},
	graph.From(graph.Maximum{Name: ">"}, "c", "r"), graph.Maximum{},
	graph.From(graph.Minimum{Name: "<"}, "c", "r"), graph.Minimum{},
	graph.From(graph.Add{Name: "+"}, "c", "r", "input"), graph.Add{},
	graph.From(graph.Multiply{Name: "*"}, "c", "r"), graph.Multiply{},
	graph.From(graph.Concat{Name: "&"}, "c", "input"), graph.Concat{},
	graph.From(graph.ReLU{}, "c"),
}

func parts(layers []graph.Layer) (parts []graph.Part) {
	for _, l := range layers {
		parts = append(parts, l)
	}
	return parts
}

func TestEveryLayerTravelsThroughJSON(t *testing.T) {
	for _, l := range everyLayer {
		roundTrip(t, graph.Sequential("one", tensor.Shape{1, 28, 28}, graph.Init{}, l))
	}
	for _, kind := range graph.Kinds() {
		roundTrip(t, graph.Sequential("one", tensor.Shape{1, 28, 28}, graph.Init{}, filled(t, kind)))
	}
	for _, loss := range graph.Losses() {
		spec := graph.Sequential("lossy", tensor.Shape{1}, graph.Init{}, graph.ReLU{})
		spec.Loss = loss
		roundTrip(t, spec)
	}
	roundTrip(t, graph.Sequential("all", tensor.Shape{7}, graph.Gaussian(1e-300), parts(everyLayer)...))
	named := graph.Sequential("named", tensor.Shape{2}, graph.He(), graph.Softmax{})
	named.ClassNames = []string{"T-shirt", "Hose \"kurz\""}
	roundTrip(t, named)
	roundTrip(t, graph.Sequential("", tensor.Shape{3, 1, 2}, graph.LeCunUniform(),
		graph.ReLU{Name: "ünï \"quoted\"\n"}))
}

// filled is a layer of the kind with each of its fields set.
func filled(t *testing.T, kind string) graph.Layer {
	t.Helper()
	zero, ok := graph.LayerOfKind(kind)
	require.True(t, ok, kind)
	layer := reflect.New(reflect.TypeOf(zero)).Elem()
	for _, f := range reflect.VisibleFields(layer.Type()) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		value := reflect.ValueOf(fieldSamples[f.Type])
		require.True(t, value.IsValid(), "%s: field %s is of type %v, of which this test has no sample", kind, f.Name,
			f.Type)
		layer.FieldByIndex(f.Index).Set(value)
	}
	return layer.Interface().(graph.Layer)
}

var fieldSamples = map[reflect.Type]any{
	reflect.TypeFor[string]():     "mine",
	reflect.TypeFor[int]():        3,
	reflect.TypeFor[float64]():    0.5,
	reflect.TypeFor[bool]():       true,
	reflect.TypeFor[graph.Pair](): graph.Pair{2, 3},
	reflect.TypeFor[[2]float64](): [2]float64{0.5, 2},
	reflect.TypeFor[[4]float64](): [4]float64{0, 0.25, 0.5, 1},
	reflect.TypeFor[graph.Init](): graph.Gaussian(0.25),
	reflect.TypeFor[[]int]():      []int{2, 0, 1},
	reflect.TypeFor[[]float64]():  []float64{0.25, 0.5},
	reflect.TypeFor[[][]int]():    [][]int{{0}, {0, 1}},
}

func TestEveryModelTravelsThroughJSON(t *testing.T) {
	for _, name := range models.Names() {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		roundTrip(t, spec)
	}
}

func roundTrip(t *testing.T, spec *graph.Spec) {
	t.Helper()
	text, err := json.Marshal(spec)
	require.NoError(t, err)
	parsed, err := graph.ParseSpec(text)
	require.NoError(t, err, "%s", text)
	require.Equal(t, spec, parsed, "%s", text)

	var unmarshalled graph.Spec
	indented, err := json.MarshalIndent(spec, "", "\t")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(indented, &unmarshalled))
	require.Equal(t, *spec, unmarshalled)
}

// TestConvolutionsTravelThroughJSON is for the fields that have a short form and are left out when
// they are zero.
func TestConvolutionsTravelThroughJSON(t *testing.T) {
	pair := rapid.Custom(func(t *rapid.T) graph.Pair {
		return graph.Pair{rapid.IntRange(-1, 3).Draw(t, "h"), rapid.IntRange(-1, 3).Draw(t, "w")}
	})
	rapid.Check(t, func(r *rapid.T) {
		conv := graph.Conv2D{
			Filters: rapid.Int().Draw(r, "filters"), Groups: rapid.Int().Draw(r, "groups"),
			Bias:   rapid.Float64().Draw(r, "bias"),
			Kernel: pair.Draw(r, "kernel"), Stride: pair.Draw(r, "stride"), Pad: pair.Draw(r, "pad"),
			Dilation: pair.Draw(r, "dilation"),
			Init:     graph.Gaussian(rapid.Float64Min(0).Draw(r, "deviation")),
		}
		if rapid.Bool().Draw(r, "connected") {
			conv.Connections = rapid.SliceOf(rapid.SliceOf(rapid.Int())).Draw(r, "connections")
		}
		roundTrip(t, graph.Sequential("rapid", tensor.Shape{1}, graph.Init{}, conv))
	})
}

func TestPairsAndInitializationsHaveShortForms(t *testing.T) {
	spec, err := graph.ParseSpec([]byte(`{"input": [1, 8, 8], "init": "relu", "layers": [
		{"filters": 1, "kernel": [3, 3], "stride": 2, "init": "sigmoid", "kind": "conv2d"},
		{"kind": "affine", "units": 2, "init": "0.5"}]}`))
	require.NoError(t, err)
	assert.Equal(t, graph.Sequential("", tensor.Shape{1, 8, 8}, graph.He(),
		graph.Conv2D{Filters: 1, Kernel: graph.Square(3), Stride: graph.Square(2), Init: graph.Xavier()},
		graph.Affine{Units: 2, Init: graph.Gaussian(0.5)}), spec)
}

const wantInit = "want a std of at least 0, or one of he, xavier, xavier-sigmoid, lecun-uniform"

var kindList = strings.Join(graph.Kinds(), ", ")

func TestParseSpecErrors(t *testing.T) {
	deep := strings.Repeat("[", 20000)
	for _, c := range []struct{ text, want string }{
		{``, `line 1: unexpected end of JSON input`},
		{`7`, `line 1: got 7: want an object`},
		{`null`, `line 1: got null: want an object`},
		{"\n[{}]", `line 1: got [{}]: want an object`},
		{"{\n\"name\": \"a\",\n}", `line 3: invalid character '}' looking for beginning of object key string`},
		{"{\"name\": \"a\nb\"}", `line 1: invalid character '\n' in string literal`},
		{"{\n\"input\": [1,\n", `line 2: unexpected end of JSON input`},
		{"{\"name\": \"a\"}\n\n}", `line 3: invalid character '}' after top-level value`},
		{"{}\n{}", `line 2: invalid character '{' after top-level value`},
		{"{\"name\": \"a\",\n \"size\": 3}", `line 2: field "size" is unknown`},
		{"{\"name\": \"a\",\n \"name\": \"b\"}", `line 2: field "name" is there twice`},
		{"{\n\n\"name\": 4}", `line 3: "name": got number, want a string`},
		{"{\"input\":\n 28}", `line 2: "input": got number, want a list`},
		{`{"input": [1, 28.5]}`, `line 1: "input": got number 28.5, want a whole number`},
		{`{"input": [1, 1e99]}`, `line 1: "input": got number 1e99, want a whole number`},
		{`{"init": "ones"}`, `line 1: "init": initialization "ones": ` + wantInit},
		{`{"init": -1}`, `line 1: "init": initialization "-1": ` + wantInit},
		{`{"init": "0.01 he"}`, `line 1: "init": initialization "0.01 he": ` + wantInit},
		{`{"layers": null}`, `line 1: got null: want a list`},
		{`{"layers": {"kind": "relu"}}`, `line 1: got {"kind": "relu"}: want a list`},
		{layers(`5`), `line 4: layer 2: got 5: want an object`},
		{layers(`{"filters": 3}`), `line 4: layer 2: it has no "kind": want one of ` + kindList},
		{layers(`{"filters": 3,` + "\n" + `"kind": "convolution"}`),
			`line 5: layer 2: kind "convolution" is unknown: want one of ` + kindList},
		{layers(`{"kind": 3}`), `line 4: layer 2: kind 3 is unknown: want one of ` + kindList},
		{layers(`{"kind": "relu", "filters": 3}`), `line 4: layer 2: field "filters" is unknown`},
		{layers(`{"kind": "relu", "kind": "tanh"}`), `line 4: layer 2: field "kind" is there twice`},
		{layers(`{"kind": "conv2d",` + "\n" + `"filters": "3"}`),
			`line 5: layer 2: "filters": got string, want a whole number`},
		{layers(`{"kind": "conv2d", "kernel": "3"}`),
			`line 4: layer 2: "kernel": "3": want a whole number or [height, width]`},
		{layers(`{"kind": "conv2d", "kernel": [3]}`),
			`line 4: layer 2: "kernel": [3]: want a whole number or [height, width]`},
		{layers(`{"kind": "conv2d", "kernel": 2.5}`),
			`line 4: layer 2: "kernel": 2.5: want a whole number or [height, width]`},
		{layers(`{"kind": "conv2d", "connections": [[0], 1]}`),
			`line 4: layer 2: "connections": got number, want a list`},
		{layers(`{"kind": "dropout", "rate": "half"}`), `line 4: layer 2: "rate": got string, want a number`},
		{layers(`{"kind": "affine", "units": 1e400}`),
			`line 4: layer 2: "units": got number 1e400, want a whole number`},
		{layers(`{"kind": "relu", "name": []}`), `line 4: layer 2: "name": got array, want a string`},
		{deep, `line 1: invalid character '[' exceeded max depth`},
	} {
		_, err := graph.ParseSpec([]byte(c.text))
		assert.EqualError(t, err, c.want, "%.60q", c.text)
	}
}

// TestLoadSpecSkipsByteOrderMark reads a spec that a Windows editor saved.
func TestLoadSpecSkipsByteOrderMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "net.json")
	text := "\xef\xbb\xbf" + `{"name":"net","input":[4],"layers":[{"kind":"affine","units":2}]}`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	spec, err := graph.LoadSpec(path)
	require.NoError(t, err)
	assert.Equal(t, "net", spec.Name)
}

// TestLoadSpecErrors: what is wrong with the JSON and what doesn't fit are said with the file and
// the line.
func TestLoadSpecErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.json")
	_, err := graph.LoadSpec(path)
	assert.ErrorIs(t, err, os.ErrNotExist)
	for _, c := range []struct{ text, want string }{
		{"{\n\"name\": \"a\",\n}", `:3: invalid character '}' looking for beginning of object key string`},
		{layers(`{"kind": "relu", "filters": 3}`), `:4: layer 2: field "filters" is unknown`},
		{layers("\n\n{\"kind\": \"max_pool\",\n\"kernel\": 9}"),
			`:6: layer 2 "pool1" (MaxPool{Kernel: Square(9)}, input (5, 5, 5)): height: ` +
				`a window of 9 doesn't fit an input of 5 padded to 5`},
		{layers(`{"kind": "tanh", "name": "relu"}, {"kind": "relu", "name": "relu"}`),
			`:4: layer 3 (ReLU{}): the name "relu" is taken by an earlier layer`},
		{layers(`{"kind": "affine", "units": 2000000000}`),
			`:4: layer 2 "fc1" (Affine{Units: 2000000000}, input (5, 5, 5)): weight is (2000000000, 125): ` +
				`want at most 2147483648 elements in all parameters`},
		{"{\"layers\": [{\"kind\": \"relu\"}],\n \"input\":\n [2, 3]}",
			`:3: input is (2, 3): want (channels, height, width) or (features)`},
		{"{\n\"layers\": [{\"kind\": \"relu\"}],\n \"INPUT\": [0]}", `:3: input is (0): want sizes from 1 to 1048576`},
		{"{\n\"input\": [2],\n\"layers\": []}", `:3: got no layers: want at least one`},
		{"{\n\"input\": [2]}", `:1: got no layers: want at least one`},
		{"\n{}", `:1: input is (): want (channels, height, width) or (features)`},
		{"{\"input\": [2],\n\"class_names\": [\"a\"],\"layers\": [{\"kind\": \"relu\"}]}",
			`:2: 1 class names for 2 outputs of layer "relu1": want one for each, or none`},
	} {
		require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
		_, err := graph.LoadSpec(path)
		assert.EqualError(t, err, path+c.want, "%.60q", c.text)
	}
}

// TestEditorsSchema: an editor's key is taken in a spec, and is no part of it.
func TestEditorsSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.json")
	require.NoError(t, os.WriteFile(path,
		[]byte(`{"$schema": "spec.schema.json", "input": [1], "layers": [{"kind": "relu"}]}`), 0o600))
	spec, err := graph.LoadSpec(path)
	require.NoError(t, err)
	text, err := json.Marshal(spec)
	require.NoError(t, err)
	assert.JSONEq(t, `{"name": "", "input": [1], "layers": [{"kind": "relu"}]}`, string(text))
	_, err = graph.ParseSpec([]byte(`{"$schema": 7}`))
	assert.EqualError(t, err, `line 1: "$schema": got number, want a string`)
	_, err = graph.ParseSpec([]byte(`{"layers": [{"kind": "relu", "$schema": "a"}]}`))
	assert.EqualError(t, err, `line 1: layer 1: field "$schema" is unknown`)
}

// layers is a spec whose second layer, on its fourth line, is the given text. What comes before it
// resembles it, to mislead a text search.
func layers(second string) string {
	return fmt.Sprintf("{\"name\": %q,\n \"input\": [5, 5, 5], \"layers\": [\n  {\"kind\": \"relu\", \"name\": "+
		"%q},\n  %s\n]}", second, second, second)
}

type foreign struct{ graph.ReLU }

func TestForeignLayersHaveNoJSON(t *testing.T) {
	_, err := json.Marshal(graph.Sequential("odd", tensor.Shape{1}, graph.He(), graph.ReLU{}, foreign{}))
	assert.ErrorContains(t, err, "layer 2: got a graph_test.foreign: only this package's layers have a form in JSON")
	_, err = json.Marshal(graph.Sequential("odd", tensor.Shape{1}, graph.He(), nil))
	assert.ErrorContains(t, err, "layer 1: got a <nil>: only this package's layers have a form in JSON")
}

// TestNilSpecInJSON: encoding/json itself writes null for it; who calls the methods gets an error.
func TestNilSpecInJSON(t *testing.T) {
	var none *graph.Spec
	_, err := none.MarshalJSON()
	assert.EqualError(t, err, "the model's spec is nil")
	assert.EqualError(t, none.UnmarshalJSON([]byte(`{"name":"m","input":[1],"layers":[]}`)), "the model's spec is nil")
	text, err := json.Marshal(none)
	require.NoError(t, err)
	assert.Equal(t, "null", string(text))
}

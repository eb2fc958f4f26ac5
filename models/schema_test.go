package models_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/picture"
)

const schemaFile = "../docs/spec.schema.json"

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	require.NoError(t, err)
	return schema
}

// validate is what the schema says of a spec's text.
func validate(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	return schema.Validate(value)
}

// TestSchemaTakesOurSpecs validates the built-in networks and all examples.
func TestSchemaTakesOurSpecs(t *testing.T) {
	schema := compileSchema(t)
	for _, name := range models.Names() {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		text, err := json.Marshal(spec)
		require.NoError(t, err)
		assert.NoError(t, validate(t, schema, string(text)), name)
	}
	examples, err := filepath.Glob("../examples/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	for _, path := range examples {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NoError(t, validate(t, schema, string(text)), path)
		spec, err := models.Find(path)
		require.NoError(t, err)
		_, err = graph.Summarize(spec)
		assert.NoError(t, err, path)
	}
}

func isJoin(l graph.Layer) bool {
	_, ok := l.(graph.Join)
	return ok
}

// full is a layer of the kind with something in every field.
func full(t *testing.T, kind string) graph.Layer {
	t.Helper()
	spec, err := graph.ParseSpec([]byte(`{"layers": [{"kind": "` + kind + `"}]}`))
	require.NoError(t, err)
	layer := reflect.New(reflect.TypeOf(spec.Layers[0])).Elem()
	for _, f := range fieldsOf(spec.Layers[0]) {
		sample := reflect.ValueOf(samples[f.Type])
		require.True(t, sample.IsValid(), "%s: field %s is of type %v, of which this test has no sample", kind, f.Name,
			f.Type)
		layer.FieldByIndex(f.Index).Set(sample)
	}
	return layer.Interface().(graph.Layer)
}

var samples = map[reflect.Type]any{
	reflect.TypeFor[string]():     "mine",
	reflect.TypeFor[int]():        3,
	reflect.TypeFor[float64]():    0.5,
	reflect.TypeFor[bool]():       true,
	reflect.TypeFor[graph.Pair](): graph.Pair{2, 3},
	reflect.TypeFor[graph.Init](): graph.He(),
	reflect.TypeFor[[]int]():      []int{2, 0, 1},
	reflect.TypeFor[[]float64]():  []float64{0.25, 0.5},
	reflect.TypeFor[[]int]():      []int{2, 1},
	reflect.TypeFor[[2]float64](): [2]float64{2, 0.5},
	reflect.TypeFor[[4]float64](): [4]float64{0, 0, 1, 0.5},
	reflect.TypeFor[[][]int]():    [][]int{{0}, {0, 1}},
}

// fieldsOf are a layer's fields that JSON has.
func fieldsOf(l graph.Layer) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(reflect.TypeOf(l)),
		func(f reflect.StructField) bool { return f.Tag.Get("json") == "" })
}

// TestSchemaHasEveryKindAndField compares the schema's kinds, fields and required fields with the
// package's. Fields without omitempty or omitzero are required.
func TestSchemaHasEveryKindAndField(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	type object struct {
		Required   []string                   `json:"required"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var schema struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(text, &schema))

	whole, err := json.Marshal(&graph.Spec{Name: "n", Input: tensor.Shape{1}, Init: graph.He(),
		ClassNames: []string{"a"},
		Loss:       graph.CrossEntropy, Preprocess: &picture.Preprocessing{}})
	require.NoError(t, err)
	var top map[string]any
	require.NoError(t, json.Unmarshal(whole, &top))
	assert.ElementsMatch(t, append(slices.Collect(maps.Keys(top)), "$schema"),
		slices.Collect(maps.Keys(schema.Properties)))

	var kind struct{ Enum []string }
	require.NoError(t, json.Unmarshal(schema.Defs["layer"].Properties["kind"], &kind))
	assert.ElementsMatch(t, graph.Kinds(), kind.Enum)
	for _, k := range graph.Kinds() {
		want, required := []string{"kind", "from"}, []string{}
		if layer, _ := graph.LayerOfKind(k); isJoin(layer) {
			required = []string{"from"}
		}
		for _, f := range fieldsOf(full(t, k)) {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			want = append(want, name)
			if options == "" {
				required = append(required, name)
			}
		}
		assert.ElementsMatch(t, want, slices.Collect(maps.Keys(schema.Defs[k].Properties)), k)
		assert.ElementsMatch(t, required, schema.Defs[k].Required, k)
	}
}

// TestSchemaAndReaderAgree gives both every kind with every field, and then each field with a value
// of a type that no field has.
func TestSchemaAndReaderAgree(t *testing.T) {
	schema := compileSchema(t)
	for _, k := range graph.Kinds() {
		layer := graph.From(full(t, k), "input")
		if isJoin(full(t, k)) {
			layer = graph.From(layer, "input", "input")
		}
		spec := &graph.Spec{Name: "n", Input: tensor.Shape{2, 9, 9}, Layers: []graph.Layer{layer},
			Loss: graph.CrossEntropy,
			Preprocess: &picture.Preprocessing{Fit: picture.Shorter, Resize: 9, Interpolation: picture.Bicubic,
				Mean: []float64{1}, Std: []float64{2}}}
		text, err := json.Marshal(spec)
		require.NoError(t, err)
		assert.NoError(t, validate(t, schema, string(text)), k)

		var tree map[string]any
		require.NoError(t, json.Unmarshal(text, &tree))
		fields := tree["layers"].([]any)[0].(map[string]any)
		for name, value := range maps.Clone(fields) {
			fields[name] = map[string]any{"an": "object"}
			wrong, err := json.Marshal(tree)
			require.NoError(t, err)
			assert.Error(t, validate(t, schema, string(wrong)), "%s: the schema takes an object as %q", k, name)
			_, err = graph.ParseSpec(wrong)
			assert.Error(t, err, "%s: the reader takes an object as %q", k, name)
			fields[name] = value
		}
		fields["nonsense"] = 1
		wrong, err := json.Marshal(tree)
		require.NoError(t, err)
		assert.Error(t, validate(t, schema, string(wrong)), "%s: the schema takes a field that there isn't", k)
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := compileSchema(t)
	const spec = `{"name": "n", "input": [1, 28, 28], "layers": [{"kind": "conv2d", "filters": 8, "kernel": 5}]}`
	require.NoError(t, validate(t, schema, spec))
	for right, wrong := range map[string]string{
		`[1, 28, 28]`:    `[28, 28]`,
		`"name"`:         `"loss": "hinge", "name"`,
		`{"name"`:        `{"preprocess": {"fit": "cover"}, "name"`,
		`"conv2d",`:      `"conv2d", "from": [],`,
		`"kernel": 5`:    `"kernel": 5, "from": 3`,
		`{"kind": "c`:    `{"kind": "add", "from": "a"}, {"kind": "c`,
		`"input"`:        `"inputs"`,
		`"conv2d"`:       `"conv3d"`,
		`"kind"`:         `"type"`,
		`"filters": 8`:   `"filters": 0`,
		`, "kernel": 5`:  ``,
		`5`:              `[5, 5, 5]`,
		`"filters": 8,`:  `"filters": 8, "init": "zeros",`,
		`8, "kernel": 5`: `8, "kernel": 2.5`,
		`{"kind"`:        `{"kernal": 5, "kind"`,
	} {
		assert.Error(t, validate(t, schema, strings.Replace(spec, right, wrong, 1)), wrong)
	}
}

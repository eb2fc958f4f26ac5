package graph_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/graph"
	"convgraph/internal/testutil"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/corrupt.md")

// TestErrorTable makes the corrupt specs and parameter files of docs/corrupt.md.
func TestErrorTable(t *testing.T) {
	testutil.CheckErrorTable(t, "specs", *update, corruptSpecs(t))
	testutil.CheckErrorTable(t, "parameter files", *update, corruptParameters(t))
}

func corruptSpecs(t *testing.T) []testutil.ErrorCase {
	load := func(text string) error {
		_, err := graph.LoadSpec(testutil.WriteFile(t, "net.json", []byte(text)))
		return err
	}
	layer := func(text string) error {
		return load("{\n\"name\": \"net\",\n\"input\": [1, 5, 5],\n\"layers\": [\n" + text + "\n]}")
	}
	_, absent := graph.LoadSpec(filepath.Join(t.TempDir(), "net.json"))
	return []testutil.ErrorCase{
		{What: "no such file", Err: absent},
		{What: "empty file", Err: load("")},
		{What: "cut off", Err: load("{\n\"input\": [1,\n")},
		{What: "a comma too many", Err: load("{\n\"input\": [1, 5, 5],\n}")},
		{What: "no object", Err: load("[]")},
		{What: "a misspelt field", Err: load("{\n\"inptu\": [1, 5, 5]}")},
		{What: "a field twice", Err: load("{\"name\": \"a\",\n\"name\": \"b\"}")},
		{What: "no input", Err: load(`{"layers": [{"kind": "relu"}]}`)},
		{What: "no layers", Err: load(`{"input": [1, 5, 5]}`)},
		{What: "too many layers",
			Err: layer(strings.Repeat("{\"kind\": \"relu\"},\n", 10_000) + `{"kind": "softmax"}`)},
		{What: "a number of many digits", Err: layer(`{"kind": "affine", "units": ` + strings.Repeat("9", 1000) + "}")},
		{What: "an input of two numbers", Err: load("{\"input\": [5, 5], \"layers\": [{\"kind\": \"relu\"}]}")},
		{What: "an unknown kind of layer", Err: layer(`{"kind": "conv3d"}`)},
		{What: "a layer without a kind", Err: layer(`{"filters": 8}`)},
		{What: "a layer's misspelt field", Err: layer(`{"kind": "conv2d", "filter": 8}`)},
		{What: "text for a number", Err: layer(`{"kind": "affine", "units": "ten"}`)},
		{What: "a fraction for a whole number", Err: layer(`{"kind": "conv2d", "filters": 8, "kernel": 2.5}`)},
		{What: "an unknown initialization", Err: layer(`{"kind": "affine", "units": 10, "init": "ones"}`)},
		{What: "a window larger than its input",
			Err: layer("{\"kind\": \"relu\"},\n{\"kind\": \"max_pool\", \"kernel\": 9}")},
		{What: "two layers of one name",
			Err: layer("{\"kind\": \"relu\", \"name\": \"a\"},\n{\"kind\": \"tanh\", \"name\": \"a\"}")},
		{What: "more memory than there is", Err: layer(`{"kind": "affine", "units": 2000000000}`)},
		{What: "class names for other outputs",
			Err: load("{\"input\": [1, 5, 5],\n\"class_names\": [\"cat\", \"dog\"],\n\"layers\": [{\"kind\": " +
				"\"affine\", \"units\": 3}]}")},
	}
}

func corruptParameters(t *testing.T) []testutil.ErrorCase {
	m := newModel(t, graph.Sequential("net", tensor.Shape{3}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{}))
	text, err := json.Marshal(m.Spec())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "whole")
	require.NoError(t, m.Save(path))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	load := func(data []byte) error {
		_, err := graph.Load(testutil.WriteFile(t, "params.safetensors", data))
		return err
	}
	with := func(spec string, arrays ...formats.Array) error {
		data, err := safetensors.Marshal(arrays, map[string]string{"convgraph.spec": spec})
		require.NoError(t, err)
		return load(data)
	}
	plain, err := safetensors.Marshal(arraysOf(m), nil)
	require.NoError(t, err)
	weight, bias := arraysOf(m)[0], arraysOf(m)[1]
	counts := formats.Array{Name: "fc1.bias", Value: tensor.New(tensor.WithBacking([]int64{1, 2}))}
	return []testutil.ErrorCase{
		{What: "cut off", Err: load(whole[:len(whole)-1])},
		{What: "another program's safetensors file", Err: load(plain)},
		{What: "another file", Err: load([]byte("\x89PNG\r\n\x1a\n and so on"))},
		{What: "a corrupt spec", Err: with(string(text[:20]), weight, bias)},
		{What: "a spec that doesn't fit",
			Err: with(`{"name": "net", "input": [3], "layers": [{"kind": "max_pool", "kernel": 2}]}`)},
		{What: "a parameter missing", Err: with(string(text), weight)},
		{What: "a parameter of another shape",
			Err: with(string(text), weight, formats.Array{Name: "fc1.bias", Value: weight.Value})},
		{What: "a parameter too many",
			Err: with(string(text), weight, bias, formats.Array{Name: "fc2.bias", Value: bias.Value})},
		{What: "a parameter of integers", Err: with(string(text), weight, counts)},
		{What: "a small file of a huge network",
			Err: with(`{"name": "net", "input": [2000], "layers": [{"kind": "affine", "units": 1000000}]}`)},
	}
}

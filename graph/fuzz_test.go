package graph_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

// FuzzParseSpec checks that a spec that parses is the same after a round trip through its JSON, and
// that New accepts or refuses it with little memory.
func FuzzParseSpec(f *testing.F) {
	path := filepath.Join(f.TempDir(), "spec.json")
	for _, name := range models.Names() {
		spec, err := models.ByName(name)
		require.NoError(f, err)
		f.Add(mustMarshal(f, spec))
	}
	for _, l := range everyLayer {
		f.Add(mustMarshal(f, graph.Sequential("one", tensor.Shape{4, 9, 8}, graph.He(), l, graph.Affine{Units: 2},
			graph.Softmax{})))
	}
	f.Add([]byte("{\"$schema\": \"spec.schema.json\",\n\"input\": [1, 2, 2],\n\"layers\": [{\"kind\": \"relu\"}," +
		"\n{\"kind\": \"max_pool\", \"kernel\": 3}]}"))
	f.Add([]byte(`{"input":[1,1048576,1048576],"layers":[{"kind":"affine","units":1099511627776}]}`))
	f.Add([]byte(`{"input":[4294967296],"layers":[
		{"kind":"conv2d","filters":4294967296,"kernel":[4294967296,4294967296],"pad":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		spec, err := graph.ParseSpec(text)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		written := mustMarshal(t, spec)
		again, err := graph.ParseSpec(written)
		require.NoError(t, err, "%s", written)
		require.Equal(t, string(written), string(mustMarshal(t, again)))
		requireLine(t, path, text, spec)
		if !small(spec) {
			return
		}
		useModel(t, newModel(t, spec))
	})
}

// requireLine checks that LoadSpec of an invalid spec's text returns an error with a line of the
// text.
func requireLine(t *testing.T, path string, text []byte, spec *graph.Spec) {
	_, invalid := graph.Summarize(spec)
	if invalid == nil {
		return
	}
	require.NoError(t, os.WriteFile(path, text, 0o600))
	_, err := graph.LoadSpec(path)
	require.Error(t, err)
	place, found := strings.CutPrefix(err.Error(), path+":")
	require.True(t, found, err)
	digits, _, _ := strings.Cut(place, ":")
	line, err := strconv.Atoi(digits)
	require.NoError(t, err)
	require.LessOrEqual(t, line, 1+bytes.Count(text, []byte("\n")))
}

// FuzzLoad loads mutated parameter files.
func FuzzLoad(f *testing.F) {
	path := filepath.Join(f.TempDir(), "params.safetensors")
	for _, spec := range []*graph.Spec{smallNet(), mixedNet(),
		graph.Sequential("one", tensor.Shape{1}, graph.He(), graph.Affine{Units: 1})} {
		require.NoError(f, newModel(f, spec).Save(path))
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
		m, err := graph.Load(path)
		if err != nil {
			return
		}
		require.NoError(t, m.Save(path))
		again, err := graph.Load(path)
		require.NoError(t, err)
		require.Equal(t, mustMarshal(t, m.Spec()), mustMarshal(t, again.Spec()))
		if small(m.Spec()) {
			useModel(t, m)
		}
	})
}

// small reports whether New accepts the spec and its model is cheap enough for fuzzing.
func small(spec *graph.Spec) bool {
	sizes, err := graph.Summarize(spec)
	return err == nil && sizes.Parameters < 1<<16 && sizes.MultiplyAdds < 1<<20 && sizes.ActivationBytes < 1<<16
}

// useModel predicts, and differentiates a model that can be trained: a model that New accepts must
// run.
func useModel(t *testing.T, m *graph.Model) {
	_, err := graph.PlanMemory(m.Spec(), 2)
	require.NoError(t, err)
	_, err = m.Predict(images(m, 1))
	require.NoError(t, err)
	if m.HasProbabilities() {
		_, err = m.Probabilities(images(m, 1))
		require.NoError(t, err)
	}
	_, err = m.Gradient(images(m, 2), labels(m, 2))
	require.NoError(t, err)
}

func mustMarshal(t testing.TB, spec *graph.Spec) []byte {
	t.Helper()
	text, err := json.Marshal(spec)
	require.NoError(t, err)
	return text
}

package pretrained_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/formats/safetensors"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/onnx"
)

// throughONNX exports a model to ONNX and imports it.
func throughONNX(t *testing.T, m *graph.Model) *graph.Model {
	t.Helper()
	data, err := onnx.Marshal(m)
	require.NoError(t, err)
	back, err := onnx.Decode(data)
	require.NoError(t, err)
	return back
}

func TestSqueezeNetThroughONNX(t *testing.T) {
	m := squeezeNet(t)
	back := throughONNX(t, m)
	assert.Equal(t, m.Spec(), back.Spec())
	sample, err := classify.Preprocessing(m.Spec()).Apply(drawn(formulas[0]), m.Spec().Input)
	require.NoError(t, err)
	want, got := make([]float32, m.Classes()), make([]float32, m.Classes())
	require.NoError(t, m.PredictInto(want, sample.Pixels))
	require.NoError(t, back.PredictInto(got, sample.Pixels))
	assert.Equal(t, want, got)
}

// TestEfficientNetLite0 compares logits of the released weights with the float64 logits that come
// with them. They aren't in the module: CONVGRAPH_PRETRAINED names a folder with
// efficientnet_lite0.safetensors and efficientnet_lite0_samples.npz.
func TestEfficientNetLite0(t *testing.T) {
	dir := os.Getenv("CONVGRAPH_PRETRAINED")
	if dir == "" {
		t.Skip("CONVGRAPH_PRETRAINED names no folder of weights")
	}
	arrays, _, err := safetensors.ReadFile(filepath.Join(dir, "efficientnet_lite0.safetensors"))
	require.NoError(t, err)
	m, err := graph.New(models.EfficientNetLite0{}.Spec())
	require.NoError(t, err)
	arrays, err = models.Rename(m, arrays)
	require.NoError(t, err)
	require.NoError(t, m.SetParams(arrays))
	samples, err := npz.ReadFile(filepath.Join(dir, "efficientnet_lite0_samples.npz"))
	require.NoError(t, err)
	x, _ := formats.Find(samples, "x")
	y, _ := formats.Find(samples, "y")
	want := formats.Convert(y.Value, tensor.Float64).Float64s()
	for _, model := range []*graph.Model{m, throughONNX(t, m)} {
		logits, err := model.Predict(formats.Convert(x.Value, tensor.Float32))
		require.NoError(t, err)
		for i, v := range logits.Float32s() {
			require.InDelta(t, want[i], v, 1e-4, "logit %d", i)
		}
	}
}

package onnx_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/internal/testutil"
	"convgraph/onnx"
	"convgraph/onnx/schema"
)

// TestErrorTable reads the corrupt files of the table in docs/corrupt.md.
func TestErrorTable(t *testing.T) {
	sample, err := os.ReadFile("testdata/view_dynamo.onnx")
	require.NoError(t, err)
	read := func(data []byte) error {
		_, err := onnx.ReadFile(testutil.WriteFile(t, "net.onnx", data))
		return err
	}
	model := func(m *schema.Model) error {
		data, err := schema.Encode(m)
		require.NoError(t, err)
		return read(data)
	}
	old, two, open := net(node("Relu", "y", x)), net(node("Relu", "y", x)), net(node("Relu", "y", x))
	old.Opsets[0].Version = 5
	two.Graph.Inputs = append(two.Graph.Inputs, schema.ValueInfo{Name: "z"})
	open.Graph.Inputs[0].Shape[2] = schema.Dim{Param: "H"}
	conv := func(tensors ...schema.Tensor) error {
		return model(with(net(node("Conv", "y", []string{"x", "w"})), tensors...))
	}
	testutil.CheckErrorTable(t, "onnx", *update, []testutil.ErrorCase{
		{What: "empty file", Err: read(nil)},
		{What: "another file", Err: read([]byte("\x89PNG\r\n\x1a\n and so on"))},
		{What: "cut off", Err: read(sample[:len(sample)-100])},
		{What: "an operator that isn't supported", Err: model(net(node("Det", "y", x)))},
		{What: "several operators that aren't supported",
			Err: model(net(node("Det", "a", x), node("NonZero", "y", []string{"a"})))},
		{What: "an attribute that isn't supported", Err: model(net(node("Relu", "y", x, "slope", 0.1)))},
		{What: "a value of it that isn't supported",
			Err: model(with(net(node("Pad", "y", []string{"x", "p"}, "mode", "mirror")),
				integers("p", 0, 0, 1, 1, 0, 0, 1, 1)))},
		{What: "numbers for each image of a batch",
			Err: model(with(net(node("Add", "y", []string{"x", "b"})), filled("b", 3, 1, 1, 1)))},
		{What: "two outputs",
			Err: model(outputs(net(node("Relu", "a", x), node("Tanh", "y", []string{"a"})), "a", "y"))},
		{What: "an old operator set", Err: model(old)},
		{What: "two inputs", Err: model(two)},
		{What: "an open height", Err: model(open)},
		{What: "a weight that is missing", Err: conv()},
		{What: "a weight in another file",
			Err: conv(schema.Tensor{Name: "w", Type: schema.Float32, Dims: []int64{3, 2, 2, 2}, External: true})},
		{What: "a weight of other channels", Err: conv(filled("w", 3, 5, 2, 2))},
		{What: "a window larger than its input", Err: conv(filled("w", 1, 2, 9, 9))},
		{What: "fewer numbers than a tensor's shape",
			Err: conv(schema.Tensor{Name: "w", Type: schema.Float32, Dims: []int64{1 << 20, 1 << 20, 2, 2},
				Floats: []float32{1}})},
		{What: "a padding of the batch",
			Err: model(with(net(node("Pad", "y", []string{"x", "p"})), integers("p", 1, 0, 0, 0, 0, 0, 0, 0)))},
	})
}

func outputs(m *schema.Model, names ...string) *schema.Model {
	m.Graph.Outputs = nil
	for _, name := range names {
		m.Graph.Outputs = append(m.Graph.Outputs, schema.ValueInfo{Name: name})
	}
	return m
}

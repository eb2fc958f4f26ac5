package schema_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"

	"convgraph/onnx/schema"
)

// everything uses every field that is read and written.
func everything() *schema.Model {
	raw := schema.Tensor{Name: "w", Dims: []int64{2}, Type: schema.Float32, Raw: []byte{0, 0, 128, 63, 0, 0, 0, 64}}
	return &schema.Model{
		IRVersion: 8, ProducerName: "p", ProducerVersion: "1", Domain: "d", ModelVersion: -3, Doc: "doc",
		Opsets:   []schema.Opset{{Version: 17}, {Domain: "ai.onnx.ml", Version: 3}},
		Metadata: []schema.Entry{{Key: "k", Value: "v"}},
		Graph: schema.Graph{
			Name: "g", Doc: "gd",
			Nodes: []schema.Node{{
				Name: "n", Op: "Conv", Domain: "x", Inputs: []string{"a", "", "b"}, Outputs: []string{"c"},
				Attributes: []schema.Attribute{
					{Name: "f", Type: schema.Float, Float: 1.5},
					{Name: "i", Type: schema.Int, Int: -7},
					{Name: "s", Type: schema.String, String: "text"},
					{Name: "t", Type: schema.TensorValue, Tensor: &raw},
					{Name: "fs", Type: schema.Floats, Floats: []float32{1, 2}},
					{Name: "is", Type: schema.Ints, Ints: []int64{3, -4}},
					{Name: "ss", Type: schema.Strings, Strings: []string{"a", ""}},
					{Name: "g", Type: schema.Subgraph,
						Graph: &schema.Graph{Name: "inner",
							Nodes: []schema.Node{{Op: "Identity", Outputs: []string{"y"}}}}},
				},
			}},
			Initializers: []schema.Tensor{
				raw,
				{Name: "f", Dims: []int64{2}, Type: schema.Float32, Floats: []float32{1, -2}},
				{Name: "d", Dims: []int64{2}, Type: schema.Float64, Doubles: []float64{1, -2}},
				{Name: "i", Dims: []int64{2}, Type: schema.Int64, Int64s: []int64{1, -2}},
				{Name: "h", Dims: []int64{2}, Type: schema.Float16, Int32s: []int32{0x3c00, 0xc000}},
				{Name: "u", Dims: []int64{2}, Type: schema.Uint64, Uint64s: []uint64{1, 1 << 62}},
				{Name: "e", Dims: []int64{2}, Type: schema.Float32, External: true},
			},
			Inputs: []schema.ValueInfo{{Name: "x", Type: schema.Float32, HasShape: true,
				Shape: []schema.Dim{{Param: "N"}, {Size: 3}, {}}}, {Name: "untyped"}},
			Outputs: []schema.ValueInfo{{Name: "y", Type: schema.Float32}},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	data, err := schema.Encode(everything())
	require.NoError(t, err)
	got, err := schema.Decode(data)
	require.NoError(t, err)
	assert.Equal(t, everything(), got)
}

func TestDense(t *testing.T) {
	want := map[string]any{
		"w": []float32{1, 2}, "f": []float32{1, -2}, "d": []float64{1, -2}, "i": []int64{1, -2}, "h": []float32{1, -2},
		"u": []int64{1, 1 << 62},
	}
	for _, init := range everything().Graph.Initializers {
		value, err := init.Dense()
		if init.External {
			assert.ErrorContains(t, err, `tensor "e": its elements are in another file`)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, want[init.Name], value.Data())
	}
}

func TestDenseListsOfEveryType(t *testing.T) {
	minus2 := int32(-2)
	for _, tt := range []struct {
		kind schema.ElementType
		list []int32
		want any
	}{
		{schema.Int8, []int32{1, minus2}, []int64{1, -2}},
		{schema.Uint8, []int32{1, 254}, []int64{1, 254}},
		{schema.Int16, []int32{1, minus2}, []int64{1, -2}},
		{schema.Uint16, []int32{1, 65534}, []int64{1, 65534}},
		{schema.Int32, []int32{1, minus2}, []int64{1, -2}},
		{schema.Bool, []int32{1, 0}, []int64{1, 0}},
		{schema.BFloat16, []int32{0x3f80, 0xc000}, []float32{1, -2}},
	} {
		in := schema.Tensor{Dims: []int64{2}, Type: tt.kind, Int32s: tt.list}
		value, err := in.Dense()
		require.NoError(t, err)
		assert.Equal(t, tt.want, value.Data(), "type %d", tt.kind)
	}
}

func TestDenseRefuses(t *testing.T) {
	for want, in := range map[string]schema.Tensor{
		"element type 8 is not supported": {Type: 8},
		"got 1 elements of float32":       {Type: schema.Float32, Dims: []int64{2}, Floats: []float32{1}},
		"got 4 bytes, want 8":             {Type: schema.Float32, Dims: []int64{2}, Raw: make([]byte, 4)},
		"dimension 0 is negative":         {Type: schema.Float32, Dims: []int64{-2}},
		"does not fit in memory":          {Type: schema.Float32, Dims: []int64{math.MaxInt64, math.MaxInt64}},
		"got 0 elements of ":              {Type: schema.Float32, Dims: []int64{1e9}},
	} {
		_, err := in.Dense()
		assert.ErrorContains(t, err, want)
	}
}

func TestNewTensor(t *testing.T) {
	value := tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float64{1, 2, 3, 4}))
	require.NoError(t, value.T())
	got, err := schema.NewTensor("w", value)
	require.NoError(t, err)
	back, err := got.Dense()
	require.NoError(t, err)
	assert.Equal(t, []float64{1, 3, 2, 4}, back.Data())
	_, err = schema.NewTensor("w", tensor.New(tensor.WithShape(1), tensor.WithBacking([]string{""})))
	assert.ErrorContains(t, err, `tensor "w"`)
}

// message is a field of wire type 2.
func message(number protowire.Number, body ...byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), body)
}

func TestDecodeSkipsUnknownFields(t *testing.T) {
	data, err := schema.Encode(everything())
	require.NoError(t, err)
	data = append(data, message(999, 1, 2, 3)...)
	data = protowire.AppendVarint(protowire.AppendTag(data, 998, protowire.VarintType), 5)
	data = protowire.AppendFixed32(protowire.AppendTag(data, 997, protowire.Fixed32Type), 5)
	data = protowire.AppendFixed64(protowire.AppendTag(data, 996, protowire.Fixed64Type), 5)
	data = protowire.AppendTag(protowire.AppendTag(data, 995, protowire.StartGroupType), 995, protowire.EndGroupType)
	got, err := schema.Decode(data)
	require.NoError(t, err)
	assert.Equal(t, everything(), got)
}

func TestDecodeNotesWhatItDoesNotRead(t *testing.T) {
	nodes := message(1)
	for range 20 { // a graph in an attribute of a node, again and again
		nodes = message(1, message(5, message(6, nodes...)...)...)
	}
	got, err := schema.Decode(message(7, append(nodes, message(15)...)...))
	require.NoError(t, err)
	assert.Equal(t, 1, got.Graph.Sparse)
	depth := 0
	graph := &got.Graph
	for graph != nil {
		attribute := graph.Nodes[0].Attributes[0]
		assert.Equal(t, schema.Subgraph, attribute.Type)
		assert.Equal(t, "a subgraph", attribute.Type.String())
		graph = attribute.Graph
		depth++
	}
	assert.Equal(t, 9, depth, "deeper subgraphs are left out")
}

// Packed or not, a list of numbers is the same list.
func TestDecodePackedLists(t *testing.T) {
	packed := message(1, message(5, append([]byte{0x0a, 1, 'k'}, message(8, 3, 4)...)...)...)
	got, err := schema.Decode(message(7, packed...))
	require.NoError(t, err)
	assert.Equal(t, []int64{3, 4}, got.Graph.Nodes[0].Attributes[0].Ints)
	assert.Equal(t, schema.Ints, got.Graph.Nodes[0].Attributes[0].Type)

	two := binary.LittleEndian.AppendUint32(nil, math.Float32bits(2))
	loose := message(7, message(5, append([]byte{0x25}, append(two, append([]byte{0x25}, two...)...)...)...)...)
	got, err = schema.Decode(loose)
	require.NoError(t, err)
	assert.Equal(t, []float32{2, 2}, got.Graph.Initializers[0].Floats)
}

func TestDecodeRefuses(t *testing.T) {
	many := bytes.Repeat(message(1), 1<<18)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "got 0 graphs, want one"},
		{"two graphs", append(message(7), message(7)...), "got 2 graphs, want one"},
		{"text", []byte("hello world"), "model: byte"},
		{"a length past the end", []byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f}, "unexpected EOF"},
		{"the graph as a number", []byte{0x38, 1}, "graph: got wire type 0, want a message"},
		{"a name that is not UTF-8", message(7, message(2, 0xff)...), "text is not UTF-8"},
		{"a name as a number", message(7, 0x10, 1), "got wire type 0, want 2"},
		{"floats cut short", message(7, message(5, message(4, 1, 2, 3)...)...), "field 4"},
		{"doubles cut short", message(7, message(5, message(10, 1, 2, 3)...)...), "field 10"},
		{"integers cut short", message(7, message(5, message(7, 0x80)...)...), "field 7"},
		{"too many nodes", message(7, many...), "more than 262144 messages"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := schema.Decode(tt.data)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzDecode(f *testing.F) {
	data, err := schema.Encode(everything())
	require.NoError(f, err)
	f.Add(data)
	files, err := filepath.Glob("../testdata/*.onnx")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := schema.Decode(data)
		if err != nil {
			return
		}
		for _, init := range m.Graph.Initializers {
			_, _ = init.Dense()
		}
		again, err := schema.Encode(m)
		require.NoError(t, err)
		second, err := schema.Decode(again)
		require.NoError(t, err)
		third, err := schema.Encode(second)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(again, third))
	})
}

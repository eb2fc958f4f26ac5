package schema

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxBytes is protobuf's limit on a message, and so on a model in one file.
const MaxBytes = math.MaxInt32

// Encode returns the bytes of a .onnx file. The same model gives the same
// bytes. What was only noted when the model was decoded is not written.
func Encode(m *Model) ([]byte, error) {
	var w writer
	w.int(1, m.IRVersion)
	w.string(2, m.ProducerName)
	w.string(3, m.ProducerVersion)
	w.string(4, m.Domain)
	w.int(5, m.ModelVersion)
	w.string(6, m.Doc)
	w.message(7, func(w *writer) { m.Graph.encode(w) })
	for _, o := range m.Opsets {
		w.message(8, o.encode)
	}
	for _, e := range m.Metadata {
		w.message(14, func(w *writer) {
			w.string(1, e.Key)
			w.string(2, e.Value)
		})
	}
	for _, f := range m.Functions {
		w.message(25, f.encode)
	}
	if len(w.data) > MaxBytes {
		return nil, fmt.Errorf("onnx: the model takes %d bytes, one file holds at most %d", len(w.data), MaxBytes)
	}
	return w.data, nil
}

func (g *Graph) encode(w *writer) {
	for _, n := range g.Nodes {
		w.message(1, n.encode)
	}
	w.string(2, g.Name)
	for _, t := range g.Initializers {
		w.message(5, t.encode)
	}
	w.string(10, g.Doc)
	for _, v := range g.Inputs {
		w.message(11, v.encode)
	}
	for _, v := range g.Outputs {
		w.message(12, v.encode)
	}
}

func (f Function) encode(w *writer) {
	w.string(1, f.Name)
	for _, name := range f.Inputs {
		w.text(4, name)
	}
	for _, name := range f.Outputs {
		w.text(5, name)
	}
	for _, name := range f.Attributes {
		w.text(6, name)
	}
	for _, n := range f.Nodes {
		w.message(7, n.encode)
	}
	for _, o := range f.Opsets {
		w.message(9, o.encode)
	}
	w.string(10, f.Domain)
	for _, a := range f.Defaults {
		w.message(11, a.encode)
	}
	w.string(13, f.Overload)
}

func (o Opset) encode(w *writer) {
	w.string(1, o.Domain)
	w.int(2, o.Version)
}

func (n Node) encode(w *writer) {
	for _, name := range n.Inputs {
		w.text(1, name)
	}
	for _, name := range n.Outputs {
		w.text(2, name)
	}
	w.string(3, n.Name)
	w.string(4, n.Op)
	for _, a := range n.Attributes {
		w.message(5, a.encode)
	}
	w.string(7, n.Domain)
	w.string(8, n.Overload)
}

func (a Attribute) encode(w *writer) {
	w.string(1, a.Name)
	w.string(21, a.Reference)
	switch a.Type {
	case Float:
		w.data = protowire.AppendTag(w.data, 2, protowire.Fixed32Type)
		w.data = protowire.AppendFixed32(w.data, math.Float32bits(a.Float))
	case Int:
		w.varint(3, uint64(a.Int))
	case String:
		w.text(4, a.String)
	case TensorValue:
		if a.Tensor != nil {
			w.message(5, a.Tensor.encode)
		}
	case Subgraph:
		if a.Graph != nil {
			w.message(6, a.Graph.encode)
		}
	case Floats:
		for _, f := range a.Floats {
			w.data = protowire.AppendTag(w.data, 7, protowire.Fixed32Type)
			w.data = protowire.AppendFixed32(w.data, math.Float32bits(f))
		}
	case Ints:
		for _, i := range a.Ints {
			w.varint(8, uint64(i))
		}
	case Strings:
		for _, s := range a.Strings {
			w.text(9, s)
		}
	}
	w.int(20, int64(a.Type))
}

func (t Tensor) encode(w *writer) {
	for _, dim := range t.Dims {
		w.varint(1, uint64(dim))
	}
	w.int(2, int64(t.Type))
	if len(t.Floats) > 0 {
		w.message(4, func(w *writer) {
			for _, f := range t.Floats {
				w.data = protowire.AppendFixed32(w.data, math.Float32bits(f))
			}
		})
	}
	packed(w, 5, t.Int32s, func(v int32) uint64 { return uint64(int64(v)) })
	packed(w, 7, t.Int64s, func(v int64) uint64 { return uint64(v) })
	w.string(8, t.Name)
	if t.Raw != nil {
		w.data = protowire.AppendTag(w.data, 9, protowire.BytesType)
		w.data = protowire.AppendBytes(w.data, t.Raw)
	}
	if len(t.Doubles) > 0 {
		w.message(10, func(w *writer) {
			for _, f := range t.Doubles {
				w.data = protowire.AppendFixed64(w.data, math.Float64bits(f))
			}
		})
	}
	packed(w, 11, t.Uint64s, func(v uint64) uint64 { return v })
	for _, e := range t.ExternalData {
		w.message(13, func(w *writer) {
			w.string(1, e.Key)
			w.string(2, e.Value)
		})
	}
	if t.External {
		w.int(14, 1)
	}
}

func (v ValueInfo) encode(w *writer) {
	w.string(1, v.Name)
	if v.Type == 0 {
		return
	}
	w.message(2, func(w *writer) { // TypeProto
		w.message(1, func(w *writer) { // TypeProto.Tensor
			w.int(1, int64(v.Type))
			if !v.HasShape {
				return
			}
			w.message(2, func(w *writer) { // TensorShapeProto
				for _, d := range v.Shape {
					w.message(1, d.encode)
				}
			})
		})
	})
}

func (d Dim) encode(w *writer) {
	switch {
	case d.Param != "":
		w.text(2, d.Param)
	case d.Size != 0:
		w.varint(1, uint64(d.Size))
	}
}

// writer appends fields in the order of the calls.
type writer struct{ data []byte }

// int leaves out a field at its default, as string does.
func (w *writer) int(field protowire.Number, v int64) {
	if v != 0 {
		w.varint(field, uint64(v))
	}
}

func (w *writer) varint(field protowire.Number, v uint64) {
	w.data = protowire.AppendTag(w.data, field, protowire.VarintType)
	w.data = protowire.AppendVarint(w.data, v)
}

func (w *writer) string(field protowire.Number, s string) {
	if s != "" {
		w.text(field, s)
	}
}

func (w *writer) text(field protowire.Number, s string) {
	w.data = protowire.AppendTag(w.data, field, protowire.BytesType)
	w.data = protowire.AppendString(w.data, s)
}

// message writes a message, or a packed list, that body appends. Its length
// comes first and is known last: the bytes move to make room.
func (w *writer) message(field protowire.Number, body func(*writer)) {
	w.data = protowire.AppendTag(w.data, field, protowire.BytesType)
	begin := len(w.data)
	body(w)
	length := len(w.data) - begin
	prefix := protowire.AppendVarint(nil, uint64(length))
	w.data = append(w.data, prefix...)
	copy(w.data[begin+len(prefix):], w.data[begin:begin+length])
	copy(w.data[begin:], prefix)
}

func packed[T any](w *writer, field protowire.Number, values []T, bits func(T) uint64) {
	if len(values) == 0 {
		return
	}
	w.message(field, func(w *writer) {
		for _, v := range values {
			w.data = protowire.AppendVarint(w.data, bits(v))
		}
	})
}

package schema

import (
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxMessages bounds how many messages (nodes, attributes, tensors, …) a model
// may have: an empty one takes 2 bytes of input and some 200 of memory. The
// largest models in use have tens of thousands of nodes.
const maxMessages = 1 << 18

// Decode reads the bytes of a .onnx file. Raw tensors refer to data.
func Decode(data []byte) (*Model, error) {
	d := &decoder{left: maxMessages}
	m := &Model{}
	graphs := 0
	err := d.message("model", data, func(f field) error {
		switch f.number {
		case 1:
			return f.int(&m.IRVersion)
		case 2:
			return f.string(&m.ProducerName)
		case 3:
			return f.string(&m.ProducerVersion)
		case 4:
			return f.string(&m.Domain)
		case 5:
			return f.int(&m.ModelVersion)
		case 6:
			return f.string(&m.Doc)
		case 7:
			graphs++
			return d.graph(f, &m.Graph)
		case 8:
			m.Opsets = append(m.Opsets, Opset{})
			return d.opset(f, &m.Opsets[len(m.Opsets)-1])
		case 14:
			m.Metadata = append(m.Metadata, Entry{})
			return d.entry(f, &m.Metadata[len(m.Metadata)-1])
		case 25:
			m.Functions = append(m.Functions, Function{})
			return d.function(f, &m.Functions[len(m.Functions)-1])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if graphs != 1 {
		return nil, fmt.Errorf("onnx: got %d graphs, want one: not a model", graphs)
	}
	return m, nil
}

// DecodeTensor reads the bytes of a tensor in a file of its own, as onnx keeps
// the data of its tests.
func DecodeTensor(data []byte) (*Tensor, error) {
	d := &decoder{left: maxMessages}
	t := &Tensor{}
	if err := d.tensor("tensor", field{kind: protowire.BytesType, body: data}, t); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return t, nil
}

type decoder struct {
	left  int // messages still allowed
	depth int // of the subgraph that is being read
}

// maxDepth bounds how deep subgraphs nest: a loop in a branch in a function is 3.
const maxDepth = 8

func (d *decoder) opset(f field, o *Opset) error {
	return d.sub("opset_import", f, func(f field) error {
		switch f.number {
		case 1:
			return f.string(&o.Domain)
		case 2:
			return f.int(&o.Version)
		}
		return nil
	})
}

func (d *decoder) entry(f field, e *Entry) error {
	return d.sub("metadata_props", f, func(f field) error {
		switch f.number {
		case 1:
			return f.string(&e.Key)
		case 2:
			return f.string(&e.Value)
		}
		return nil
	})
}

func (d *decoder) graph(f field, g *Graph) error {
	return d.sub("graph", f, func(f field) error {
		switch f.number {
		case 1:
			g.Nodes = append(g.Nodes, Node{})
			return d.node(f, &g.Nodes[len(g.Nodes)-1])
		case 2:
			return f.string(&g.Name)
		case 5:
			g.Initializers = append(g.Initializers, Tensor{})
			return d.tensor("initializer", f, &g.Initializers[len(g.Initializers)-1])
		case 10:
			return f.string(&g.Doc)
		case 11:
			g.Inputs = append(g.Inputs, ValueInfo{})
			return d.valueInfo("input", f, &g.Inputs[len(g.Inputs)-1])
		case 12:
			g.Outputs = append(g.Outputs, ValueInfo{})
			return d.valueInfo("output", f, &g.Outputs[len(g.Outputs)-1])
		case 15:
			g.Sparse++
		}
		return nil
	})
}

func (d *decoder) function(f field, fn *Function) error {
	return d.sub("function", f, func(f field) error {
		switch f.number {
		case 1:
			return f.string(&fn.Name)
		case 4:
			return f.addString(&fn.Inputs)
		case 5:
			return f.addString(&fn.Outputs)
		case 6:
			return f.addString(&fn.Attributes)
		case 7:
			fn.Nodes = append(fn.Nodes, Node{})
			return d.node(f, &fn.Nodes[len(fn.Nodes)-1])
		case 9:
			fn.Opsets = append(fn.Opsets, Opset{})
			return d.opset(f, &fn.Opsets[len(fn.Opsets)-1])
		case 10:
			return f.string(&fn.Domain)
		case 11:
			fn.Defaults = append(fn.Defaults, Attribute{})
			return d.attribute(f, &fn.Defaults[len(fn.Defaults)-1])
		case 13:
			return f.string(&fn.Overload)
		}
		return nil
	})
}

func (d *decoder) node(f field, n *Node) error {
	return d.sub("node", f, func(f field) error {
		switch f.number {
		case 1:
			return f.addString(&n.Inputs)
		case 2:
			return f.addString(&n.Outputs)
		case 3:
			return f.string(&n.Name)
		case 4:
			return f.string(&n.Op)
		case 5:
			n.Attributes = append(n.Attributes, Attribute{})
			return d.attribute(f, &n.Attributes[len(n.Attributes)-1])
		case 7:
			return f.string(&n.Domain)
		case 8:
			return f.string(&n.Overload)
		}
		return nil
	})
}

// attribute also settles the type of attributes written before IR version 2,
// which left it to the field that is there.
func (d *decoder) attribute(f field, a *Attribute) error {
	var present AttributeType
	err := d.sub("attribute", f, func(f field) error {
		if t, ok := attributeFields[f.number]; ok {
			present = t
		}
		switch f.number {
		case 1:
			return f.string(&a.Name)
		case 2:
			return f.float(&a.Float)
		case 3:
			return f.int(&a.Int)
		case 4:
			return f.string(&a.String)
		case 5:
			a.Tensor = &Tensor{}
			return d.tensor("t", f, a.Tensor)
		case 6:
			return d.subgraph(f, a)
		case 7:
			return f.floats(&a.Floats)
		case 8:
			return ints(f, &a.Ints)
		case 9:
			return f.addString(&a.Strings)
		case 20:
			return int32s(f, &a.Type)
		case 21:
			return f.string(&a.Reference)
		}
		return nil
	})
	if a.Type == 0 {
		a.Type = present
	}
	return err
}

// subgraph reads the graph in a node's attribute, unless it is too deep.
func (d *decoder) subgraph(f field, a *Attribute) error {
	if d.depth == maxDepth {
		return nil
	}
	d.depth++
	defer func() { d.depth-- }()
	a.Graph = &Graph{}
	return d.graph(f, a.Graph)
}

var attributeFields = map[protowire.Number]AttributeType{
	2: Float, 3: Int, 4: String, 5: TensorValue, 6: Subgraph, 7: Floats, 8: Ints, 9: Strings, 10: Tensors,
	11: Subgraphs,
	14: TypeValue, 15: TypeValues, 22: SparseTensor, 23: SparseTensors,
}

func (d *decoder) tensor(what string, f field, t *Tensor) error {
	return d.sub(what, f, func(f field) error {
		switch f.number {
		case 1:
			return ints(f, &t.Dims)
		case 2:
			return int32s(f, &t.Type)
		case 4:
			return f.floats(&t.Floats)
		case 5:
			return ints(f, &t.Int32s)
		case 7:
			return ints(f, &t.Int64s)
		case 8:
			return f.string(&t.Name)
		case 9:
			return f.bytes(&t.Raw)
		case 10:
			return f.doubles(&t.Doubles)
		case 11:
			return ints(f, &t.Uint64s)
		case 13:
			t.ExternalData = append(t.ExternalData, Entry{})
			return d.entry(f, &t.ExternalData[len(t.ExternalData)-1])
		case 14:
			var location int64
			err := f.int(&location)
			t.External = location != 0
			return err
		}
		return nil
	})
}

// valueInfo reads through TypeProto to TypeProto.Tensor.
func (d *decoder) valueInfo(what string, f field, v *ValueInfo) error {
	return d.sub(what, f, func(f field) error {
		switch f.number {
		case 1:
			return f.string(&v.Name)
		case 2:
			return d.sub("type", f, func(f field) error {
				if f.number != 1 {
					return nil
				}
				return d.sub("tensor_type", f, func(f field) error { return d.tensorType(f, v) })
			})
		}
		return nil
	})
}

func (d *decoder) tensorType(f field, v *ValueInfo) error {
	switch f.number {
	case 1:
		return int32s(f, &v.Type)
	case 2:
		v.HasShape = true
		return d.sub("shape", f, func(f field) error {
			if f.number != 1 {
				return nil
			}
			v.Shape = append(v.Shape, Dim{})
			return d.dim(f, &v.Shape[len(v.Shape)-1])
		})
	}
	return nil
}

func (d *decoder) dim(f field, dim *Dim) error {
	return d.sub("dim", f, func(f field) error {
		switch f.number {
		case 1:
			return f.int(&dim.Size)
		case 2:
			return f.string(&dim.Param)
		}
		return nil
	})
}

// field is one field of a message: a number for the numeric types, bytes for
// the rest.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bits   uint64
	body   []byte
}

// sub reads a message inside a field.
func (d *decoder) sub(what string, f field, read func(field) error) error {
	if f.kind != protowire.BytesType {
		return fmt.Errorf("%s: got wire type %d, want a message", what, f.kind)
	}
	return d.message(what, f.body, read)
}

// message calls read for every field in data.
func (d *decoder) message(what string, data []byte, read func(field) error) error {
	if d.left--; d.left < 0 {
		return fmt.Errorf("%s: more than %d messages", what, maxMessages)
	}
	size := len(data)
	for len(data) > 0 {
		f, n := next(data)
		if n < 0 {
			return fmt.Errorf("%s: byte %d of %d: %w", what, size-len(data), size, protowire.ParseError(n))
		}
		data = data[n:]
		if err := read(f); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// next reads one field; a negative length is protowire's error. A group, which
// ONNX has none of, comes out as a field without a value.
func next(data []byte) (f field, length int) {
	number, kind, n := protowire.ConsumeTag(data)
	if n < 0 {
		return f, n
	}
	f = field{number: number, kind: kind}
	rest := data[n:]
	var m int
	switch kind {
	case protowire.VarintType:
		f.bits, m = protowire.ConsumeVarint(rest)
	case protowire.Fixed32Type:
		var v uint32
		v, m = protowire.ConsumeFixed32(rest)
		f.bits = uint64(v)
	case protowire.Fixed64Type:
		f.bits, m = protowire.ConsumeFixed64(rest)
	case protowire.BytesType:
		f.body, m = protowire.ConsumeBytes(rest)
	default:
		m = protowire.ConsumeFieldValue(number, kind, rest)
	}
	if m < 0 {
		return f, m
	}
	return f, n + m
}

func (f field) want(kind protowire.Type) error {
	if f.kind != kind {
		return fmt.Errorf("field %d: got wire type %d, want %d", f.number, f.kind, kind)
	}
	return nil
}

func (f field) int(to *int64) error {
	*to = int64(f.bits)
	return f.want(protowire.VarintType)
}

func int32s[T ~int32](f field, to *T) error {
	*to = T(f.bits)
	return f.want(protowire.VarintType)
}

func (f field) float(to *float32) error {
	*to = math.Float32frombits(uint32(f.bits))
	return f.want(protowire.Fixed32Type)
}

func (f field) bytes(to *[]byte) error {
	*to = f.body
	return f.want(protowire.BytesType)
}

func (f field) string(to *string) error {
	if !utf8.Valid(f.body) {
		return fmt.Errorf("field %d: text is not UTF-8", f.number)
	}
	*to = string(f.body)
	return f.want(protowire.BytesType)
}

func (f field) addString(to *[]string) error {
	var s string
	err := f.string(&s)
	*to = append(*to, s)
	return err
}

// ints reads a repeated integer, packed into one field or one at a time.
func ints[T int32 | int64 | uint64](f field, to *[]T) error {
	if f.kind == protowire.VarintType {
		*to = append(*to, T(f.bits))
		return nil
	}
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	for rest := f.body; len(rest) > 0; {
		v, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return fmt.Errorf("field %d: %w", f.number, protowire.ParseError(n))
		}
		*to = append(*to, T(v))
		rest = rest[n:]
	}
	return nil
}

func (f field) floats(to *[]float32) error {
	if f.kind == protowire.Fixed32Type {
		*to = append(*to, math.Float32frombits(uint32(f.bits)))
		return nil
	}
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	for rest := f.body; len(rest) > 0; {
		v, n := protowire.ConsumeFixed32(rest)
		if n < 0 {
			return fmt.Errorf("field %d: %w", f.number, protowire.ParseError(n))
		}
		*to = append(*to, math.Float32frombits(v))
		rest = rest[n:]
	}
	return nil
}

func (f field) doubles(to *[]float64) error {
	if f.kind == protowire.Fixed64Type {
		*to = append(*to, math.Float64frombits(f.bits))
		return nil
	}
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	for rest := f.body; len(rest) > 0; {
		v, n := protowire.ConsumeFixed64(rest)
		if n < 0 {
			return fmt.Errorf("field %d: %w", f.number, protowire.ParseError(n))
		}
		*to = append(*to, math.Float64frombits(v))
		rest = rest[n:]
	}
	return nil
}

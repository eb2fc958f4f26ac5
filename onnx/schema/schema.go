// Package schema is the part of ONNX's protobuf schema (onnx.proto) that the
// models of this module use, as plain Go structs, with an encoder and a
// decoder on protobuf's wire format.
//
// The decoder skips fields that it does not know, as protobuf asks, and keeps
// to bounds: nothing is allocated that the input's bytes do not back, and
// nothing nests but subgraphs, a few deep. What changes a model's meaning and
// is not read here (deeper subgraphs, sparse tensors, data in other files) is
// noted, so that the importer can refuse it by name.
package schema

// Model is ModelProto.
type Model struct {
	IRVersion       int64
	Opsets          []Opset
	ProducerName    string
	ProducerVersion string
	Domain          string
	ModelVersion    int64
	Doc             string
	Graph           Graph
	Metadata        []Entry
	Functions       []Function
}

// Function is FunctionProto: nodes under a name, which a node of that operator
// and domain means. Attributes are the names of those without a default;
// Defaults are the others.
type Function struct {
	Name, Domain, Overload string
	Inputs, Outputs        []string
	Attributes             []string
	Defaults               []Attribute
	Nodes                  []Node
	Opsets                 []Opset
}

// Opset is OperatorSetIdProto: which version of an operator set the nodes of a
// domain mean. The domain "" is ONNX's own.
type Opset struct {
	Domain  string
	Version int64
}

// Entry is StringStringEntryProto.
type Entry struct{ Key, Value string }

// Graph is GraphProto.
type Graph struct {
	Name         string
	Nodes        []Node
	Initializers []Tensor
	Inputs       []ValueInfo
	Outputs      []ValueInfo
	Doc          string
	Sparse       int // how many sparse initializers there are; they are not read
}

// Node is NodeProto: an operator, the values it takes and those it makes. An
// optional input that is left out has the name "".
type Node struct {
	Name       string
	Op         string
	Domain     string
	Overload   string // which of the functions of that name
	Inputs     []string
	Outputs    []string
	Attributes []Attribute
}

// AttributeType is the kind of value that an attribute has.
type AttributeType int32

// The kinds of attributes, as onnx.proto numbers them.
const (
	Float         AttributeType = 1
	Int           AttributeType = 2
	String        AttributeType = 3
	TensorValue   AttributeType = 4
	Subgraph      AttributeType = 5
	Floats        AttributeType = 6
	Ints          AttributeType = 7
	Strings       AttributeType = 8
	Tensors       AttributeType = 9
	Subgraphs     AttributeType = 10
	SparseTensor  AttributeType = 11
	SparseTensors AttributeType = 12
	TypeValue     AttributeType = 13
	TypeValues    AttributeType = 14
)

var attributeTypes = map[AttributeType]string{
	Float: "a float", Int: "an integer", String: "text", TensorValue: "a tensor", Subgraph: "a subgraph",
	Floats: "a list of floats", Ints: "a list of integers", Strings: "a list of texts", Tensors: "a list of tensors",
	Subgraphs: "a list of subgraphs", SparseTensor: "a sparse tensor", SparseTensors: "a list of sparse tensors",
	TypeValue: "a type", TypeValues: "a list of types",
}

func (t AttributeType) String() string {
	if name, ok := attributeTypes[t]; ok {
		return name
	}
	return "a value of an unknown type"
}

// Attribute is AttributeProto. Type says which of the other fields holds the
// value; types from Tensors on are recognized and not read. In a function's node
// Reference names the attribute of the function that gives the value.
type Attribute struct {
	Name      string
	Reference string
	Type      AttributeType
	Float     float32
	Int       int64
	String    string
	Tensor    *Tensor
	Graph     *Graph
	Floats    []float32
	Ints      []int64
	Strings   []string
}

// ElementType is TensorProto.DataType.
type ElementType int32

// The element types that Tensor.Dense reads, as onnx.proto numbers them.
const (
	Float32  ElementType = 1
	Uint8    ElementType = 2
	Int8     ElementType = 3
	Uint16   ElementType = 4
	Int16    ElementType = 5
	Int32    ElementType = 6
	Int64    ElementType = 7
	Bool     ElementType = 9
	Float16  ElementType = 10
	Float64  ElementType = 11
	Uint32   ElementType = 12
	Uint64   ElementType = 13
	BFloat16 ElementType = 16
)

// Tensor is TensorProto. The elements are in Raw (little-endian, row-major)
// or in one of the lists: Floats for float32, Doubles for float64, Int64s for
// int64, Uint64s for uint32 and uint64, Int32s for everything smaller (float16
// and bfloat16 as their bits).
type Tensor struct {
	Name     string
	Dims     []int64
	Type     ElementType
	Raw      []byte
	Floats   []float32
	Doubles  []float64
	Int32s   []int32
	Int64s   []int64
	Uint64s  []uint64
	External bool // the elements are in another file

	ExternalData []Entry // which file, and where: location, offset, length
}

// ValueInfo is ValueInfoProto: the type of a graph's input or output. Without
// Type it is not a tensor, or nothing is known of it.
type ValueInfo struct {
	Name     string
	Type     ElementType
	HasShape bool
	Shape    []Dim
}

// Dim is one dimension: a size, or the name of a size that is known only when
// the model runs, or (with neither) unknown.
type Dim struct {
	Size  int64
	Param string
}

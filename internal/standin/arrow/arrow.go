// Package arrow replaces Apache Arrow: it declares what gorgonia.org/tensor names to read
// Arrow's arrays. No value of its types can be made, so nothing here ever runs.
package arrow

// DataType is the type of an array's elements.
type DataType interface{ Name() string }

// The element types that gorgonia.org/tensor tells apart.
var (
	BinaryTypes     struct{ String DataType }
	FixedWidthTypes struct{ Boolean DataType }
	PrimitiveTypes  struct {
		Int8, Int16, Int32, Int64     DataType
		Uint8, Uint16, Uint32, Uint64 DataType
		Float32, Float64              DataType
	}
)

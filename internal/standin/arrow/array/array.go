// Package array replaces Arrow's arrays of one dimension.
package array

import "github.com/apache/arrow/go/arrow"

// Interface is an array.
type Interface interface {
	Retain()
	Release()
	Len() int
	IsNull(i int) bool
	DataType() arrow.DataType
}

// Data is what an array is made of.
type Data struct{}

// Buffers returns the array's memory.
func (*Data) Buffers() []*Buffer { return nil }

// Offset returns the index of the array's first element.
func (*Data) Offset() int { return 0 }

// Buffer is a piece of memory.
type Buffer struct{}

// Bytes returns the memory.
func (*Buffer) Bytes() []byte { return nil }

// The arrays, each of the elements that its name says.
type (
	String  struct{ Interface }
	Boolean struct{ Interface }
	Int8    struct{ Interface }
	Int16   struct{ Interface }
	Int32   struct{ Interface }
	Int64   struct{ Interface }
	Uint8   struct{ Interface }
	Uint16  struct{ Interface }
	Uint32  struct{ Interface }
	Uint64  struct{ Interface }
	Float32 struct{ Interface }
	Float64 struct{ Interface }
)

// Value returns an element.
func (*String) Value(int) string { return "" }

// Value returns an element.
func (*Boolean) Value(int) bool { return false }

// The elements.

func (*Int8) Int8Values() []int8          { return nil }
func (*Int16) Int16Values() []int16       { return nil }
func (*Int32) Int32Values() []int32       { return nil }
func (*Int64) Int64Values() []int64       { return nil }
func (*Uint8) Uint8Values() []uint8       { return nil }
func (*Uint16) Uint16Values() []uint16    { return nil }
func (*Uint32) Uint32Values() []uint32    { return nil }
func (*Uint64) Uint64Values() []uint64    { return nil }
func (*Float32) Float32Values() []float32 { return nil }
func (*Float64) Float64Values() []float64 { return nil }

// Package tensor replaces Arrow's arrays of several dimensions.
package tensor

import (
	"github.com/apache/arrow/go/arrow"
	"github.com/apache/arrow/go/arrow/array"
)

// Interface is an array.
type Interface interface {
	Retain()
	Release()
	Len() int
	Shape() []int64
	Data() *array.Data
	DataType() arrow.DataType
	IsContiguous() bool
	IsColMajor() bool
}

// The arrays, each of the elements that its name says.
type (
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

package raw_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/internal/raw"
)

// All 65536 numbers match the standard's definition in float64.
func TestFloat16(t *testing.T) {
	for bits := range 1 << 16 {
		sign := 1 - 2*float64(bits>>15)
		exponent, fraction := bits>>10&0x1f, float64(bits&0x3ff)
		got := raw.Float16(uint16(bits))
		require.Equal(t, bits>>15 == 1, math.Signbit(float64(got)), "%#04x", bits)
		switch {
		case exponent == 0x1f && fraction != 0:
			require.True(t, math.IsNaN(float64(got)), "%#04x", bits)
		case exponent == 0x1f:
			require.True(t, math.IsInf(float64(got), int(sign)), "%#04x", bits)
		case exponent == 0:
			require.Equal(t, sign*math.Ldexp(fraction/1024, -14), float64(got), "%#04x", bits)
		default:
			require.Equal(t, sign*math.Ldexp(1+fraction/1024, exponent-15), float64(got), "%#04x", bits)
		}
	}
}

func TestBFloat16(t *testing.T) {
	for bits, want := range map[uint16]float32{0x3f80: 1, 0xc020: -2.5, 0: 0, 0x7f80: float32(math.Inf(1))} {
		assert.Equal(t, want, raw.BFloat16(bits))
	}
}

func TestBytes(t *testing.T) {
	n, err := raw.Bytes(raw.F64, []int{2, 3})
	require.NoError(t, err)
	assert.Equal(t, 48, n)
	n, err = raw.Bytes(raw.F16, []int{})
	require.NoError(t, err)
	assert.Equal(t, 2, n)

	for want, shape := range map[string][]int64{
		"dimension 1 is negative": {2, -1},
		"dimension 0 is 0":        {0, math.MaxInt64},
		"does not fit in memory":  {math.MaxInt64, 2},
		"got 33 dimensions":       make([]int64, 33),
	} {
		_, err := raw.Bytes(raw.F32, shape)
		assert.ErrorContains(t, err, want)
	}
	_, err = raw.Bytes(raw.U8, []uint64{math.MaxUint64})
	assert.ErrorContains(t, err, "does not fit in memory")
}

func TestDenseEveryKind(t *testing.T) {
	two := func(order binary.AppendByteOrder, size int, a, b uint64) []byte {
		var data []byte
		for _, v := range []uint64{a, b} {
			switch size {
			case 1:
				data = append(data, byte(v))
			case 2:
				data = order.AppendUint16(data, uint16(v))
			case 4:
				data = order.AppendUint32(data, uint32(v))
			default:
				data = order.AppendUint64(data, v)
			}
		}
		return data
	}
	minus2 := ^uint64(1)
	tests := []struct {
		kind raw.Kind
		a, b uint64
		want any
	}{
		{raw.Bool, 0, 1, []int64{0, 1}},
		{raw.I8, 1, minus2, []int64{1, -2}},
		{raw.U8, 1, minus2, []int64{1, 254}},
		{raw.I16, 1, minus2, []int64{1, -2}},
		{raw.U16, 1, minus2, []int64{1, 65534}},
		{raw.I32, 1, minus2, []int64{1, -2}},
		{raw.U32, 1, minus2, []int64{1, 1<<32 - 2}},
		{raw.I64, 1, minus2, []int64{1, -2}},
		{raw.U64, 1, math.MaxInt64, []int64{1, math.MaxInt64}},
		{raw.F16, 0x3c00, 0xc000, []float32{1, -2}},
		{raw.BF16, 0x3f80, 0xc000, []float32{1, -2}},
		{raw.F32, uint64(math.Float32bits(1)), uint64(math.Float32bits(-2)), []float32{1, -2}},
		{raw.F64, math.Float64bits(1), math.Float64bits(-2), []float64{1, -2}},
	}
	for _, tt := range tests {
		for _, order := range []interface {
			binary.ByteOrder
			binary.AppendByteOrder
		}{binary.LittleEndian, binary.BigEndian} {
			value, err := raw.Dense(tt.kind, raw.Layout{Order: order}, []int{2}, two(order, tt.kind.Size(), tt.a, tt.b))
			require.NoError(t, err, tt.kind)
			assert.Equal(t, tt.want, value.Data(), "%s %s", tt.kind, order)
		}
	}
	_, err := raw.Dense(
		raw.U64, raw.Layout{Order: binary.LittleEndian}, []int{2}, two(binary.LittleEndian, 8, 1, 1<<63),
	)
	assert.ErrorContains(t, err, "element 1: uint64 9223372036854775808")
	_, err = raw.Dense(raw.Invalid, raw.Layout{Order: binary.LittleEndian}, []int{2}, nil)
	assert.ErrorContains(t, err, "element type invalid")
}

func TestDenseOwnsItsMemory(t *testing.T) {
	shape, data := []int{2}, []byte{1, 2}
	value, err := raw.Dense(raw.U8, raw.Layout{Order: binary.LittleEndian}, shape, data)
	require.NoError(t, err)
	shape[0], data[0] = 9, 9
	assert.Equal(t, tensor.Shape{2}, value.Shape())
	assert.Equal(t, []int64{1, 2}, value.Data())
}

// Gather matches the definition, index by index.
func TestGather(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(1, 4), 0, 4).Draw(t, "shape")
		strides := rapid.SliceOfN(rapid.IntRange(0, 6), len(shape), len(shape)).Draw(t, "strides")
		offset := rapid.IntRange(0, 5).Draw(t, "offset")
		data := make([]int, 64)
		for i := range data {
			data[i] = i
		}
		last, total := offset, 1
		for i, dim := range shape {
			last += (dim - 1) * strides[i]
			total *= dim
		}
		got, err := raw.Gather(data, shape, strides, offset)
		if last >= len(data) || total > len(data) {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Len(t, got, total)
		for flat, v := range got {
			at, rest := offset, flat
			for i := len(shape) - 1; i >= 0; i-- {
				at += rest % shape[i] * strides[i]
				rest /= shape[i]
			}
			require.Equal(t, at, v)
		}
	})
}

func TestGatherRefuses(t *testing.T) {
	data := make([]float32, 6)
	for _, tt := range []struct {
		shape, strides []int
		offset         int
		want           string
	}{
		{[]int{2, 3}, []int{1}, 0, "strides [1] have 1"},
		{[]int{2}, []int{-1}, 1, "stride 0 is negative"},
		{[]int{2, 3}, []int{3, 1}, 1, "reaches past the last of 6 elements"},
		{[]int{2}, []int{math.MaxInt}, 1, "reaches past the last of 6 elements"},
		{[]int{1}, []int{1}, 6, "starts at element 6 of 6"},
		{[]int{1}, []int{1}, -1, "starts at element -1"},
		{[]int{7}, []int{0}, 0, "got 7 from 6"},
		{[]int{0}, []int{1}, 0, "dimension 0 is 0"},
	} {
		_, err := raw.Gather(data, tt.shape, tt.strides, tt.offset)
		assert.ErrorContains(t, err, tt.want)
	}
}

func TestAppendLittleEndianRefusesOtherTypes(t *testing.T) {
	_, err := raw.AppendLittleEndian(nil, tensor.New(tensor.WithShape(1), tensor.WithBacking([]string{"x"})))
	assert.ErrorContains(t, err, "dtype: got string")
}

func ExampleGather() {
	// The transpose of a 2x3 matrix, without moving it first.
	values, err := raw.Gather([]int{0, 1, 2, 3, 4, 5}, []int{3, 2}, []int{1, 3}, 0)
	fmt.Println(values, err)
	// Output: [0 3 1 4 2 5] <nil>
}

package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The encodings of values (github.com/apache/parquet-format/blob/master/Encodings.md).
const (
	encodingPlain                = 0
	encodingPlainDictionary      = 2
	encodingRLE                  = 3
	encodingDeltaBinaryPacked    = 5
	encodingDeltaLengthByteArray = 6
	encodingDeltaByteArray       = 7
	encodingRLEDictionary        = 8
)

var encodingNames = []string{
	"PLAIN", "number 1", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY",
	"DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT",
}

func encodingName(e int) string { return nameOf(encodingNames, e) }

var errValuesCutOff = errors.New("the values are cut off")

// decode decodes n values. n is at most the file's number of rows, which its size bounds.
func decode(t Type, encoding int, data []byte, n int) (v Values, err error) {
	switch {
	case t == ByteArray && encoding == encodingPlain:
		v.Bytes, err = plainBytes(data, n)
	case t == ByteArray && encoding == encodingDeltaLengthByteArray:
		v.Bytes, _, err = deltaLengths(data, n)
	case t == ByteArray && encoding == encodingDeltaByteArray:
		v.Bytes, err = deltaStrings(data, n)
	case t == Int32 && encoding == encodingPlain:
		v.Ints, err = plainInts(data, n, 4)
	case t == Int64 && encoding == encodingPlain:
		v.Ints, err = plainInts(data, n, 8)
	case (t == Int32 || t == Int64) && encoding == encodingDeltaBinaryPacked:
		v.Ints, _, err = deltas(data, n)
	default:
		err = fmt.Errorf("got type %v encoded as %s, which is not supported", t, encodingName(encoding))
	}
	return v, err
}

// plainBytes decodes byte arrays, each preceded by its length.
func plainBytes(data []byte, n int) ([][]byte, error) {
	if len(data)/4 < n {
		return nil, errValuesCutOff
	}
	values := make([][]byte, n)
	for i := range values {
		if len(data) < 4 {
			return nil, errValuesCutOff
		}
		length := uint64(binary.LittleEndian.Uint32(data))
		data = data[4:]
		if length > uint64(len(data)) {
			return nil, fmt.Errorf("value %d: got %d bytes, want at most %d, which are left", i, length, len(data))
		}
		values[i], data = data[:length:length], data[length:]
	}
	return values, nil
}

func plainInts(data []byte, n, size int) ([]int64, error) {
	if len(data)/size < n {
		return nil, errValuesCutOff
	}
	values := make([]int64, n)
	for i := range values {
		if size == 4 {
			values[i] = int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
		} else {
			values[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
		}
	}
	return values, nil
}

// hybrid decodes n numbers of the given width in bits: runs of one value, and groups of eight
// numbers packed from the lowest bit up.
func hybrid(data []byte, width, n int) ([]uint32, error) {
	if width > 32 {
		return nil, fmt.Errorf("got numbers of %d bits, want at most 32", width)
	}
	values := make([]uint32, 0, n)
	for len(values) < n {
		head, used := binary.Uvarint(data)
		if used <= 0 {
			return nil, errValuesCutOff
		}
		data = data[used:]
		if head&1 == 1 {
			packed := head >> 1 // groups of eight
			if packed > uint64(len(data)) && width > 0 || packed == 0 {
				return nil, errValuesCutOff
			}
			take := n - len(values)
			if packed < uint64(take+7)/8 {
				take = int(packed) * 8
			}
			bytes := min(int(min(packed, uint64(n)))*width, len(data))
			if bytes*8 < take*width {
				return nil, errValuesCutOff
			}
			for i := range take {
				values = append(values, uint32(bitsAt(data, i*width, width)))
			}
			data = data[bytes:]
			continue
		}
		bytes := (width + 7) / 8
		if len(data) < bytes || head == 0 {
			return nil, errValuesCutOff
		}
		value := uint32(0)
		for i := range bytes {
			value |= uint32(data[i]) << (8 * i)
		}
		data = data[bytes:]
		for range min(head>>1, uint64(n-len(values))) {
			values = append(values, value)
		}
	}
	return values, nil
}

// bitsAt returns the number of the given width whose lowest bit is bit at of data.
func bitsAt(data []byte, at, width int) (v uint64) {
	for got := 0; got < width; {
		use := min(8-at%8, width-got)
		v |= uint64(data[at/8]>>(at%8)) & (1<<use - 1) << got
		got, at = got+use, at+use
	}
	return v
}

// deltas decodes n whole numbers, each the difference from the one before. They are in blocks of
// miniblocks; each miniblock packs the amounts by which its differences exceed the block's
// smallest. It returns the rest of the data.
func deltas(data []byte, n int) (values []int64, rest []byte, err error) {
	d := &decoder{data: data}
	block, miniblocks, total, value := d.uvarint(), d.uvarint(), d.uvarint(), d.varint()
	switch {
	case d.err != nil:
		return nil, nil, errValuesCutOff
	case miniblocks == 0 || miniblocks > 512 || block == 0 || block%(32*miniblocks) != 0 || block > 1<<20:
		return nil, nil, fmt.Errorf("got blocks of %d numbers in %d parts", block, miniblocks)
	case total != uint64(n):
		return nil, nil, fmt.Errorf("got %d numbers, want %d", total, n)
	case n == 0:
		return nil, d.data, nil
	}
	each := int(block / miniblocks)
	values = append(make([]int64, 0, n), value)
	for len(values) < n {
		least, widths := d.varint(), d.take(miniblocks)
		if d.err != nil {
			return nil, nil, errValuesCutOff
		}
		for _, width := range widths {
			if len(values) == n {
				break // the last block may leave miniblocks out
			}
			if width > 64 {
				return nil, nil, fmt.Errorf("got numbers of %d bits, want at most 64", width)
			}
			packed := d.take(uint64(each) * uint64(width) / 8)
			if d.err != nil {
				return nil, nil, errValuesCutOff
			}
			for i := range min(each, n-len(values)) {
				value += least + int64(bitsAt(packed, i*int(width), int(width)))
				values = append(values, value)
			}
		}
	}
	return values, d.data, nil
}

// deltaLengths decodes byte arrays that follow all their lengths.
func deltaLengths(data []byte, n int) (values [][]byte, rest []byte, err error) {
	lengths, data, err := deltas(data, n)
	if err != nil {
		return nil, nil, fmt.Errorf("lengths: %w", err)
	}
	values = make([][]byte, n)
	for i, length := range lengths {
		if length < 0 || length > int64(len(data)) {
			return nil, nil, fmt.Errorf("value %d: got %d bytes, want at most %d, which are left", i, length, len(data))
		}
		values[i], data = data[:length:length], data[length:]
	}
	return values, data, nil
}

// deltaStrings decodes byte arrays that share a prefix with the one before.
func deltaStrings(data []byte, n int) ([][]byte, error) {
	prefixes, rest, err := deltas(data, n)
	if err != nil {
		return nil, fmt.Errorf("prefixes: %w", err)
	}
	values, _, err := deltaLengths(rest, n)
	if err != nil {
		return nil, err
	}
	total := 0
	for i, prefix := range prefixes {
		if prefix == 0 {
			continue
		}
		if i == 0 || prefix < 0 || prefix > int64(len(values[i-1])) {
			return nil, fmt.Errorf("value %d shares %d bytes with the one before", i, prefix)
		}
		total += int(prefix) + len(values[i])
		if total > freeExpansion && total > maxExpansion*len(data) {
			return nil, fmt.Errorf("got %d bytes that unpack to more than %d times as many: "+
				"refused as made to exhaust memory", len(data), maxExpansion)
		}
		values[i] = append(append(make([]byte, 0, int(prefix)+len(values[i])), values[i-1][:prefix]...), values[i]...)
	}
	return values, nil
}

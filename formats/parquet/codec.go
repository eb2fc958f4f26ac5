package parquet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// A codec is the compression of a column's pages.
type codec int

const (
	uncompressed codec = 0
	snappyCodec  codec = 1
	gzipCodec    codec = 2
	zstdCodec    codec = 6
)

var codecNames = []string{"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"}

const (
	// Beyond freeExpansion bytes a page may not be more than maxExpansion times smaller than its
	// content.
	freeExpansion = 64 << 20
	maxExpansion  = 100
)

// unpack decompresses a page to size bytes. The page's header claims the size, and
// [pageHeader.check] bounds it.
func (c codec) unpack(data []byte, size int) ([]byte, error) {
	unpacked, err := c.decompress(data, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nameOf(codecNames, int(c)), err)
	}
	if len(unpacked) != size {
		return nil, fmt.Errorf("got %d bytes, want %d", len(unpacked), size)
	}
	return unpacked, nil
}

func (c codec) decompress(data []byte, size int) ([]byte, error) {
	switch {
	case size < 0:
		return nil, errors.New("its levels exceed the page")
	case c == uncompressed:
		return data, nil
	case len(data) == 0 && size == 0:
		return nil, nil
	case c == snappyCodec:
		if n, err := snappy.DecodedLen(data); err != nil || n != size {
			return nil, fmt.Errorf("got a block of %d bytes, want %d", n, size)
		}
		return snappy.Decode(nil, data)
	case c == gzipCodec:
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return readUpTo(r, size)
	case c == zstdCodec:
		r, err := zstdReaders.get(data)
		if err != nil {
			return nil, err
		}
		defer zstdReaders.Put(r)
		return readUpTo(r, size)
	}
	return nil, errors.New("want none, SNAPPY, GZIP or ZSTD")
}

// readUpTo reads all of r, and fails if it has more than size bytes. Memory grows with the bytes
// read.
func readUpTo(r io.Reader, size int) ([]byte, error) {
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(r, int64(size)+1))
	if err == nil && n > int64(size) {
		err = fmt.Errorf("got more than %d bytes", size)
	}
	return b.Bytes(), err
}

// readers keeps decompressors for reuse because they are large.
type readers struct{ sync.Pool }

var zstdReaders readers

func (p *readers) get(data []byte) (*zstd.Decoder, error) {
	if r, ok := p.Get().(*zstd.Decoder); ok {
		return r, r.Reset(bytes.NewReader(data))
	}
	return zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
}

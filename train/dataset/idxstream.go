package dataset

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// idxStream reads an IDX file and tracks its offset for errors. Offsets count decompressed bytes.
type idxStream struct {
	name   string
	r      io.Reader
	offset int64
	packed *countingReader // the compressed bytes, nil in a plain file
}

// newIDXStream checks the first two bytes: 1f 8b start a gzip file; those of an IDX file are zero.
func newIDXStream(src Source) (*idxStream, error) {
	counted := &countingReader{r: src.Reader}
	buffered := bufio.NewReaderSize(counted, 1<<16)
	s := &idxStream{name: src.Name, r: buffered}
	start, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, s.readError(err)
	}
	if len(start) < 2 || start[0] != 0x1f || start[1] != 0x8b {
		return s, nil
	}
	unpacked, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, s.readError(err)
	}
	s.r, s.packed = unpacked, counted
	return s, nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (s *idxStream) uint32(field string) (uint32, error) {
	var word [4]byte
	start := s.offset
	n, err := io.ReadFull(s.r, word[:])
	s.offset += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, s.errorAt(start, field, "truncated: want 4 bytes, got %d", n)
	}
	if err != nil {
		return 0, s.readError(err)
	}
	return binary.BigEndian.Uint32(word[:]), nil
}

const (
	firstChunk = 1 << 16
	// Beyond freeExpansion bytes, the content may be at most maxExpansion times the compressed
	// size. MNIST's images expand 5 times; a file of zeros, made to exhaust memory, 1000 times.
	freeExpansion = 64 << 20
	maxExpansion  = 100
)

// read returns the next want bytes, or fewer with an error. The buffer grows with what was read, up
// to want.
func (s *idxStream) read(want int) ([]uint8, error) {
	buf := make([]uint8, 0, min(want, firstChunk))
	for {
		room := buf[len(buf):cap(buf)]
		n, err := io.ReadFull(s.r, room)
		buf = buf[:len(buf)+n]
		s.offset += int64(n)
		if err != nil {
			return buf, err
		}
		if len(buf) == want {
			return buf, nil
		}
		if s.packed != nil && s.offset > freeExpansion && s.offset > maxExpansion*s.packed.n {
			return nil, fmt.Errorf("%d compressed bytes hold more than %d times as many: "+
				"refused as made to exhaust memory", s.packed.n, maxExpansion)
		}
		grown := make([]uint8, len(buf), min(want, 2*cap(buf)))
		copy(grown, buf)
		buf = grown
	}
}

var (
	errTrailing = errors.New("trailing bytes")
	// A few foreign bytes look like the start of a gzip member that is cut off.
	errTail = errors.New("the compressed data lack their checksum, or other bytes follow them")
)

// end returns nil at the end of the file. In a compressed file it verifies the checksum.
func (s *idxStream) end() error {
	var one [1]byte
	_, err := io.ReadFull(s.r, one[:])
	if err == nil || errors.Is(err, gzip.ErrHeader) {
		return errTrailing // gzip.ErrHeader: bytes behind the compressed data that start no further gzip member
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errTail
	}
	return err
}

// readError returns the error of a failed read, or of broken compressed data.
func (s *idxStream) readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: reading after byte %d: the compressed data are cut off", s.name, s.offset)
	}
	return fmt.Errorf("%s: reading after byte %d: %w", s.name, s.offset, err)
}

func (s *idxStream) errorAt(offset int64, field, format string, args ...any) error {
	where := "byte"
	if s.packed != nil {
		where = "uncompressed byte"
	}
	return fmt.Errorf("%s: %s %d (%s): %s", s.name, where, offset, field, fmt.Sprintf(format, args...))
}

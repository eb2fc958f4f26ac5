package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
)

const (
	// digested is the number of samples in the digest of a set that is too large to read whole.
	digested = 256
	// wholeFiles is the total size up to which a digest reads all image files: 1 GiB, seconds from
	// a disk.
	wholeFiles = 1 << 30
)

// Digest writes to w what distinguishes the samples of ds from others: for a set in memory, every
// pixel and label; for pictures, the class, name, size and encoded content of each, or 256 decoded
// samples if there is more than 1 GiB; for any other set, 256 samples. It sees through the wrappers
// of this package, and ignores transforms.
func Digest(ds Dataset, w io.Writer) error {
	base, indices := root(ds)
	switch base := base.(type) {
	case *Images:
		return base.digest(w, indices)
	case *Pictures:
		return base.digest(w, indices)
	}
	return digestSamples(base, w, indices)
}

func (m *Images) digest(w io.Writer, indices []int) error {
	for _, i := range indices {
		if _, err := w.Write(m.pixels[i*m.size : (i+1)*m.size]); err != nil {
			return err
		}
	}
	labels := make([]uint8, len(indices))
	for k, i := range indices {
		labels[k] = m.labels[i]
	}
	_, err := w.Write(labels)
	return err
}

func (p *Pictures) digest(w io.Writer, indices []int) error {
	total := int64(0)
	for _, i := range indices {
		size := p.store.size(i)
		total += max(size, 0)
		if _, err := fmt.Fprintf(w, "%d %q %d\n", p.store.label(i), path.Base(p.store.key(i)), size); err != nil {
			return err
		}
	}
	if total > wholeFiles {
		return digestSamples(p, w, indices)
	}
	for _, i := range indices {
		if err := p.store.copyTo(w, i); err != nil {
			return err
		}
	}
	return nil
}

// digestSamples writes samples spread over the given ones, a corrupt one as zeros with label -1.
func digestSamples(ds Dataset, w io.Writer, indices []int) error {
	sample := make([]float32, ds.Shape().TotalSize())
	n := min(digested, len(indices))
	for k := range n {
		label, err := labelOf(ds, indices[k*len(indices)/n], sample)
		if err != nil {
			return err
		}
		if err := binary.Write(w, binary.LittleEndian, int64(label)); err != nil {
			return err
		}
		if err := binary.Write(w, binary.LittleEndian, sample); err != nil {
			return err
		}
	}
	return nil
}

// isCorrupt reports whether a sample couldn't be decoded.
func isCorrupt(err error) bool {
	_, corrupt := errors.AsType[*CorruptError](err)
	return corrupt
}

package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
)

const (
	// digested is the number of samples that a digest reads where it can't read them all.
	digested = 256
	// wholeFiles is the total size of image files up to which a digest reads all of them: 1 GiB, some
	// seconds from a disk.
	wholeFiles = 1 << 30
)

// Digest writes to w what tells the samples of ds from others. For a set in memory that is every pixel
// and label. For pictures it is each one's class, name and size, and its encoded content, or 256 decoded
// samples where there is more than 1 GiB. For any other set it is 256 of the samples. Whatever
// wraps a set in this package shows through; what transforms do to its samples is left out.
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

// digestSamples writes samples spread over the given ones, a damaged one as zeros with label -1.
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

// isDamaged says whether a sample couldn't be decoded.
func isDamaged(err error) bool {
	_, damaged := errors.AsType[*DamagedError](err)
	return damaged
}

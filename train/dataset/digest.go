package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// digested is how many of a set's samples its digest looks at where it can't see them all: few enough to cost nothing.
const digested = 256

// Digest writes to w what tells ds from other sets of as many samples: every pixel and label of a set in memory; every file's class, name and
// size of a folder, and some of its images; some of the samples of any other. What is done to the samples of a set beneath isn't in it.
func Digest(ds Dataset, w io.Writer) error {
	if d, ok := ds.(digester); ok {
		return d.digest(w)
	}
	return digestSamples(ds, w)
}

type digester interface{ digest(w io.Writer) error }

func (m *Images) digest(w io.Writer) error {
	_, err := w.Write(m.pixels)
	if err == nil {
		_, err = w.Write(m.labels)
	}
	return err
}

func (t *transformed) digest(w io.Writer) error { return Digest(t.base, w) }

func (a *Augmented) digest(w io.Writer) error { return Digest(a.Dataset, w) }

func (f *Folder) digest(w io.Writer) error {
	for i, file := range f.files {
		size := int64(-1) // it has gone
		if info, err := os.Stat(f.Path(i)); err == nil {
			size = info.Size()
		}
		if _, err := fmt.Fprintf(w, "%d %q %d\n", file.label, file.name, size); err != nil {
			return err
		}
	}
	return digestSamples(f, w)
}

// digestSamples writes samples spread over the set, a damaged one as nothing but that.
func digestSamples(ds Dataset, w io.Writer) error {
	sample := make([]float32, ds.Shape().TotalSize())
	n := min(digested, ds.Len())
	for i := range n {
		label, err := ds.Sample(i*ds.Len()/n, sample)
		if _, damaged := errors.AsType[*DamagedError](err); damaged {
			clear(sample)
			label, err = -1, nil
		}
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

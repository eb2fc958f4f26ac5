package train

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"convgraph/train/dataset"
)

// fingerprintSamples is how many of a set's samples its fingerprint looks at: enough to tell sets apart, few enough to cost nothing.
const fingerprintSamples = 256

// Fingerprint is a short text that tells data sets apart: their size, and a hash of samples spread over them. A damaged image counts as one.
func Fingerprint(ds dataset.Dataset) (string, error) {
	h := sha256.New()
	sample := make([]float32, ds.Shape().TotalSize())
	n := min(fingerprintSamples, ds.Len())
	for i := range n {
		label, err := ds.Sample(i*ds.Len()/n, sample)
		var damaged *dataset.DamagedError
		if errors.As(err, &damaged) {
			clear(sample)
			label, err = -1, nil
		}
		if err != nil {
			return "", err
		}
		if err := binary.Write(h, binary.LittleEndian, int64(label)); err != nil {
			return "", err
		}
		if err := binary.Write(h, binary.LittleEndian, sample); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d of %v in %d classes, %x", ds.Len(), ds.Shape(), ds.Classes(), h.Sum(nil)[:8]), nil
}

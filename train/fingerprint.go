package train

import (
	"crypto/sha256"
	"fmt"

	"convgraph/train/dataset"
)

// Fingerprint is a short text that tells data sets apart: their size, and a hash of what [dataset.Digest] sees of them.
func Fingerprint(ds dataset.Dataset) (string, error) {
	h := sha256.New()
	if err := dataset.Digest(ds, h); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %v in %d classes, %x", ds.Len(), ds.Shape(), ds.Classes(), h.Sum(nil)[:8]), nil
}

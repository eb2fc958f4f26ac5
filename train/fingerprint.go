package train

import (
	"crypto/sha256"
	"fmt"

	"convgraph/train/dataset"
)

// Fingerprint returns a short text that identifies a data set: its size, and a hash of
// [dataset.Digest].
func Fingerprint(ds dataset.Dataset) (string, error) {
	h := sha256.New()
	if err := dataset.Digest(ds, h); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %v in %d classes, %x", ds.Len(), ds.Shape(), ds.Classes(), h.Sum(nil)[:8]), nil
}

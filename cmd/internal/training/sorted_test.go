package training

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writeSortedIDX writes n images of two classes, the first half of the one class and the second
// half of the other: 8x8 pixels of noise, a little lighter on one side.
func writeSortedIDX(t *testing.T, dir, set string, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 7))
	images := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(n))
	images = append(images, 0, 0, 0, 8, 0, 0, 0, 8)
	labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(n))
	for i := range n {
		class := 2 * i / n
		labels = append(labels, uint8(class))
		for p := range 64 {
			lighter := 0
			if p%8/4 == class {
				lighter = 20
			}
			images = append(images, uint8(r.IntN(236)+lighter))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, set+"-images-idx3-ubyte"), images, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, set+"-labels-idx1-ubyte"), labels, 0o644))
}

// TestSortedImages: of IDX files sorted by class, the best epoch measured on some images is as good
// as the one measured on all.
func TestSortedImages(t *testing.T) {
	dir := t.TempDir()
	writeSortedIDX(t, dir, "train", 3000)
	writeSortedIDX(t, dir, "t10k", 3002)
	spec := filepath.Join(dir, "two.json")
	require.NoError(t, os.WriteFile(spec, []byte(`{"name":"two","input":[1,8,8],"layers":[
		{"kind":"affine","units":2},{"kind":"softmax"}]}`), 0o644))
	for seed := range 2 {
		accuracy := func(flags ...string) float64 {
			args := append([]string{"-quiet", "-model", spec, "-data", dir, "-epochs", "6", "-lr", "0.01",
				"-keep", "best",
				"-seed", fmt.Sprint(seed + 1), "-out", t.TempDir()}, flags...)
			return accuracyOf(t, args...)
		}
		all := accuracy("-eval-samples", "0")
		assert.Greater(t, all, 70.)
		assert.InDelta(t, all, accuracy(), 3)
	}
}

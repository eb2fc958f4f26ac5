package train

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/ops"
	"convgraph/train/dataset"
)

// windows is a training on a Parquet file of four pages of noise that is read in windows of one.
func windows(t testing.TB, path string) *Trainer {
	t.Helper()
	tr := trainer(t, withDropout())
	set, test, err := dataset.Open(path, dataset.PictureOptions{Shape: tensor.Shape{1, 2, 4}, Window: 1 << 20})
	require.NoError(t, err)
	require.True(t, dataset.Windowed(set))
	tr.Train, tr.Test = set, test
	return tr
}

// noise is a folder with such a file.
func noise(t testing.TB) string {
	t.Helper()
	const side = 230
	dir := filepath.Join(t.TempDir(), "set")
	set := images(t, tensor.Shape{1, side, side}, 24, 3, 1)
	require.NoError(t, dataset.ExportAs(dataset.ParquetFiles, set, dataset.Take(set, 4), dir))
	return dir
}

// TestWindowsGiveTheSameBits trains on pictures that are read in windows: any number of workers,
// and a training that is interrupted in an epoch and resumed, end with the same parameters.
func TestWindowsGiveTheSameBits(t *testing.T) {
	t.Cleanup(func() { ops.SetWorkers(0) })
	dir := noise(t)
	whole := finish(t, windows(t, dir))
	for _, workers := range []int{1, 3} {
		ops.SetWorkers(workers)
		require.True(t, whole.equals(finish(t, windows(t, dir))), "%d workers", workers)
	}
	checkpoints := t.TempDir()
	first := windows(t, dir)
	first.Callbacks = []Callback{Checkpoints{Dir: checkpoints, Every: 1},
		at{Step: 5, What: func() error { return ErrStop }}}
	finish(t, first)
	rest := windows(t, dir)
	var err error
	rest.Resume, err = LatestCheckpoint(checkpoints, nil)
	require.NoError(t, err)
	require.Equal(t, 5, rest.Resume.Step)
	require.True(t, whole.equals(finish(t, rest)))
}

// TestWindowsRefuseReplacement: drawing from the whole set would read a page for each picture.
func TestWindowsRefuseReplacement(t *testing.T) {
	tr := windows(t, noise(t))
	tr.Sampling = Replace
	_, err := tr.Run(t.Context())
	require.ErrorContains(t, err, "sampling replace reads at random places")
}

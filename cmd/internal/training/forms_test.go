package training

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/train/dataset"
)

// TestEveryFormTrainsToTheSameBits trains on the same digits in class folders, Parquet files, tar
// files and a list, and resumes a run only on data of the same form: a digest tells them apart.
func TestEveryFormTrainsToTheSameBits(t *testing.T) {
	folder := imageFolder(t)
	train, test, err := dataset.Open(folder, dataset.PictureOptions{})
	require.NoError(t, err)
	var want []byte
	for _, form := range []dataset.Form{dataset.ClassFolders, dataset.ParquetFiles, dataset.TarFiles,
		dataset.PathList} {
		data := filepath.Join(t.TempDir(), "set")
		require.NoError(t, dataset.ExportAs(form, train, test, data))
		if form == dataset.PathList {
			data = filepath.Join(data, "images.csv")
		}
		out := t.TempDir()
		args := []string{"-model", "simpleconvnet", "-data", data, "-batch", "4", "-quiet", "-augment", "shift",
			"-validation", "0.2", "-out", out}
		code, _, stderr := trainmnist(t, append(args, "-epochs", "2")...)
		require.Equal(t, cli.OK, code, stderr)
		got, err := os.ReadFile(filepath.Join(out, "params.safetensors"))
		require.NoError(t, err)
		if want == nil {
			want = got
		}
		assert.Equal(t, want, got, string(form))
		code, _, stderr = trainmnist(t, "-resume", "-out", out, "-epochs", "3", "-quiet")
		require.Equal(t, cli.OK, code, stderr)
		if form == dataset.ClassFolders {
			continue
		}
		code, _, stderr = trainmnist(t, "-resume", "-out", out, "-epochs", "4", "-quiet", "-data", changedCopy(t, form))
		assert.Equal(t, cli.Refused, code)
		assert.Contains(t, stderr, "the checkpoint in "+out+" is of another training: ")
	}
}

// changedCopy is a set in a form whose images aren't those of imageFolder.
func changedCopy(t *testing.T, form dataset.Form) string {
	t.Helper()
	train, test, err := dataset.Open(imageFolder(t), dataset.PictureOptions{})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "set")
	require.NoError(t, dataset.ExportAs(form, dataset.Take(train, 11), test, dir))
	if form == dataset.PathList {
		return filepath.Join(dir, "images.csv")
	}
	return dir
}

// TestAsStoredIsRemembered: a run on EMNIST's files as they are stored continues with -resume
// alone, and one on upright images isn't resumed with others.
func TestAsStoredIsRemembered(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	writeIDX(t, data, "emnist-letters-train", 200)
	writeIDX(t, data, "emnist-letters-test", 50)
	args := []string{"-model", tinyTraining(t, 8)[2], "-data", data, "-batch", "50", "-out", dir}
	train := func(more ...string) (code int, stderr string) {
		said := captureStderr(t, func() { code, _, stderr = trainmnist(t, append(args, more...)...) })
		return code, said + stderr
	}
	code, stderr := train("-as-stored", "-epochs", "1")
	require.Equal(t, cli.OK, code, stderr)
	assert.NotContains(t, stderr, "upright")
	args = []string{"-out", dir}
	code, stderr = train("-resume", "-epochs", "2")
	assert.Equal(t, cli.OK, code, stderr)
	assert.NotContains(t, stderr, "upright")
	code, stderr = train("-resume", "-epochs", "3", "-as-stored=false")
	assert.Equal(t, cli.Refused, code)
	assert.Contains(t, stderr, "upright; -as-stored leaves them")
	assert.Contains(t, stderr, "is of another training: training images: ")
}

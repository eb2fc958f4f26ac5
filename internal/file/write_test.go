package file_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/file"
)

func writeText(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestWriteReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, file.Write(path, writeText("first")))
	require.NoError(t, file.Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "second, and a longer one")
		require.NoError(t, err)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "first", string(data), "the old file stays until the new one is whole")
		return nil
	}))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "second, and a longer one", string(data))
	assertAlone(t, path)
}

func TestFailureLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	broken := errors.New("disk on fire")
	err := file.Write(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return broken
	})
	assert.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, path)
	assert.NoFileExists(t, path)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	for _, mode := range []os.FileMode{0o600, 0o666, 0o640} { // an umask takes some of the second
		require.NoError(t, os.Chmod(path, mode))
		require.NoError(t, file.Write(path, writeText("x")))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm())
	}
}

func TestNoSuchFolder(t *testing.T) {
	err := file.Write(filepath.Join(t.TempDir(), "none", "file"), writeText("x"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func assertAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, filepath.Base(path), entries[0].Name())
}

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "history.csv")
	err = file.Write(path, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, "epoch,step,train_loss")
		return err
	})
	data, _ := os.ReadFile(path)
	fmt.Printf("%s%v\n", data, err)
	// Output:
	// epoch,step,train_loss
	// <nil>
}

//go:build unix

package file_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/file"
)

// TestWriteFollowsLinks writes the file that a chain of links ends in: relative, absolute, through
// a linked folder, to a file that is not there yet.
func TestWriteFollowsLinks(t *testing.T) {
	for name, there := range map[string]bool{"replaces": true, "creates": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "data", "deep"), 0o755))
			real := filepath.Join(dir, "data", "real.npz")
			if there {
				require.NoError(t, os.WriteFile(real, []byte("old"), 0o640))
			}
			// Through the folder's link, "..", too, leads to data and not to dir.
			links := map[string]string{
				"folder": filepath.Join("data", "deep"), "data/deep/relative": "../real.npz",
				"absolute": filepath.Join(dir, "folder", "relative"),
			}
			for link, to := range links {
				require.NoError(t, os.Symlink(to, filepath.Join(dir, link)))
			}
			require.NoError(t, file.Write(filepath.Join(dir, "absolute"), writeText("new")))
			for link, to := range links {
				got, err := os.Readlink(filepath.Join(dir, link))
				require.NoError(t, err)
				assert.Equal(t, to, got)
			}
			data, err := os.ReadFile(real)
			require.NoError(t, err)
			assert.Equal(t, "new", string(data))
			info, err := os.Lstat(real)
			require.NoError(t, err)
			assert.True(t, info.Mode().IsRegular())
			if there {
				assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
			}
			assertAlone(t, filepath.Join(dir, "data", "deep", "relative"))
		})
	}
}

func TestWriteRefusesALoopOfLinks(t *testing.T) {
	loop := filepath.Join(t.TempDir(), "loop")
	require.NoError(t, os.Symlink("loop", loop))
	err := file.Write(loop, writeText("x"))
	assert.ErrorContains(t, err, "symbolic links lead from one to the next")
	_, err = os.Readlink(loop)
	assert.NoError(t, err)
}

// TestWriteToAPipe also goes through a link to it.
func TestWriteToAPipe(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.Symlink("pipe", link))
	for _, path := range []string{pipe, link} {
		read := make(chan string)
		go func() {
			data, err := os.ReadFile(pipe)
			assert.NoError(t, err)
			read <- string(data)
		}()
		require.NoError(t, file.Write(path, writeText("through")))
		assert.Equal(t, "through", <-read)
		info, err := os.Lstat(pipe)
		require.NoError(t, err)
		assert.Equal(t, os.ModeNamedPipe, info.Mode().Type())
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2)
}

// TestWriteToAPipeWhoseReaderLeaves gets an error, not a signal.
func TestWriteToAPipeWhoseReaderLeaves(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	left := make(chan struct{})
	go func() {
		defer close(left)
		r, err := os.Open(pipe)
		if assert.NoError(t, err) {
			assert.NoError(t, r.Close())
		}
	}()
	err := file.Write(pipe, func(w io.Writer) error {
		<-left
		return writeText("x")(w)
	})
	assert.ErrorIs(t, err, syscall.EPIPE)
}

// The devices are reached through links, so that a Write that replaces its file does no harm.
func TestWriteToDevices(t *testing.T) {
	dir := t.TempDir()
	null := filepath.Join(dir, "null")
	require.NoError(t, os.Symlink(os.DevNull, null))
	require.NoError(t, file.Write(null, writeText("gone")))
	if runtime.GOOS != "linux" {
		return
	}
	full := filepath.Join(dir, "full")
	require.NoError(t, os.Symlink("/dev/full", full))
	assert.ErrorIs(t, file.Write(full, writeText("x")), syscall.ENOSPC)
	for _, path := range []string{os.DevNull, "/dev/full"} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&os.ModeCharDevice, path)
	}
}

// TestWriteToOpenFiles writes where /proc/self/fd leads: to a file that has lost its name, and to
// the end of one that is there, as a shell's >> has opened it.
func TestWriteToOpenFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	for _, unlinked := range []bool{false, true} {
		dir := t.TempDir()
		log := filepath.Join(dir, "log")
		require.NoError(t, os.WriteFile(log, []byte("first "), 0o600))
		f, err := os.OpenFile(log, os.O_RDWR|os.O_APPEND, 0)
		require.NoError(t, err)
		defer f.Close()
		if unlinked {
			require.NoError(t, os.Remove(log))
		}
		link := filepath.Join(dir, "out")
		require.NoError(t, os.Symlink(filepath.Join("/proc/self/fd", fd(f)), link))
		require.NoError(t, file.Write(link, writeText("second")))
		data, err := io.ReadAll(io.NewSectionReader(f, 0, 100))
		require.NoError(t, err)
		assert.Equal(t, "first second", string(data))
		assert.Equal(t, unlinked, !exists(log))
	}
}

func TestWriteKeepsTheOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away")
	}
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chown(path, 65534, 65534))
	require.NoError(t, file.Write(path, writeText("x")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	assert.Equal(t, [2]uint32{65534, 65534}, [2]uint32{owner.Uid, owner.Gid})
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestWriteRefusesAFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	assert.EqualError(t, file.Write(filepath.Join(dir, "folder"), writeText("x")),
		"write "+filepath.Join(dir, "folder")+": it is a folder: want a file")
	assertAlone(t, filepath.Join(dir, "folder"))
}

func fd(f *os.File) string { return strconv.Itoa(int(f.Fd())) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

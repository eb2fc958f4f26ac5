//go:build linux && amd64

package syscalls

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	asWriter = "SYSCALLS_TEST_WRITER"
	contents = "twelve bytes"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(asWriter); path != "" {
		if err := write(path); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// write writes a file under another name, looks at its folder and renames the file.
func write(path string) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	if _, err := f.WriteString(contents); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if _, err := os.ReadDir(filepath.Dir(path)); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func runWriter(t *testing.T, w Watcher) (dir string, status syscall.WaitStatus) {
	t.Helper()
	dir = t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(self)
	command.Env = append(os.Environ(), asWriter+"="+filepath.Join(dir, "file"))
	status, err = Run(command, dir, w)
	if err != nil {
		t.Skipf("one program may not trace another here: %v", err)
	}
	return dir, status
}

func TestRunSeesTheCallsThatWrite(t *testing.T) {
	var seen []string
	var content []byte
	dir, status := runWriter(t, Watcher{After: func(c Call) {
		seen = append(seen, c.Name)
		if c.Name == "fsync" {
			var err error
			content, err = c.Content()
			require.NoError(t, err)
		}
	}})
	assert.Zero(t, status.ExitStatus())
	assert.Equal(t, []string{"openat", "write", "fsync", "close", "renameat"}, seen)
	assert.Equal(t, contents, string(content))
	data, err := os.ReadFile(filepath.Join(dir, "file"))
	require.NoError(t, err)
	assert.Equal(t, contents, string(data))
}

func TestRunFailsCalls(t *testing.T) {
	for n, name := range []string{"openat", "write", "fsync", "close", "renameat"} {
		var calls []string
		dir, status := runWriter(t, Watcher{Before: func(c Call) Fault {
			calls = append(calls, c.Name)
			if c.N != n+1 {
				return Fault{}
			}
			return Fault{Errno: syscall.ENOSPC}
		}})
		assert.Equal(t, 1, status.ExitStatus(), name)
		assert.Equal(t, name, calls[len(calls)-1], "the program ends at the call that failed")
		assert.NoFileExists(t, filepath.Join(dir, "file"))
	}
}

func TestRunShortensWrites(t *testing.T) {
	writes := 0
	dir, status := runWriter(t, Watcher{Before: func(c Call) Fault {
		if c.Name == "write" {
			writes++
		}
		return Fault{Short: writes == 1}
	}})
	assert.Zero(t, status.ExitStatus())
	assert.Equal(t, 2, writes, "the rest is another write")
	data, err := os.ReadFile(filepath.Join(dir, "file"))
	require.NoError(t, err)
	assert.Equal(t, contents, string(data))
}

func TestRunKills(t *testing.T) {
	dir, status := runWriter(t, Watcher{Before: func(c Call) Fault { return Fault{Kill: c.Name == "renameat"} }})
	assert.Equal(t, syscall.SIGKILL, status.Signal())
	assert.FileExists(t, filepath.Join(dir, "file.new"))
	assert.NoFileExists(t, filepath.Join(dir, "file"))
}

// TestDisk cuts the power after each call: the new file is certain only when its folder is synced,
// and a name without its bytes is possible until the file is.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	disk, err := NewDisk(dir)
	require.NoError(t, err)
	path := filepath.Join(dir, "file")
	f, err := os.Create(path + ".new")
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteString(contents)
	require.NoError(t, err)
	opened := Call{pid: os.Getpid(), fd: int(f.Fd()), Path: path + ".new"}
	for _, name := range []string{"openat", "write", "fsync", "renameat", "fsync", "unlinkat"} {
		call := opened
		call.Name, call.To = name, path
		if disk.calls > 3 {
			call.Path = dir
		}
		if name == "unlinkat" {
			call.Path = path
		}
		disk.Record(call)
	}
	file := func(name, content string) map[string]string { return map[string]string{name: content} }
	for calls, want := range []struct{ certain, names map[string]string }{
		{map[string]string{}, map[string]string{}},
		{map[string]string{}, file("file.new", "")},
		{map[string]string{}, file("file.new", "")},
		{map[string]string{}, file("file.new", contents)},
		{map[string]string{}, file("file", contents)},
		{file("file", contents), file("file", contents)},
		{file("file", contents), map[string]string{}},
	} {
		got, err := disk.Cut(calls, false)
		require.NoError(t, err)
		assert.Equal(t, want.certain, got, "after %d calls", calls)
		got, err = disk.Cut(calls, true)
		require.NoError(t, err)
		assert.Equal(t, want.names, got, "after %d calls, all names", calls)
	}
}

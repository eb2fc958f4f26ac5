//go:build unix

package training

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/train"
)

// TestRemovedLock: deleting .lock lets no second program in, and the first continues.
func TestRemovedLock(t *testing.T) {
	dir := t.TempDir()
	first, err := newOutput(dir)
	require.NoError(t, err)
	if first.folder == nil {
		t.Skip("this file system doesn't lock folders")
	}
	require.NoError(t, os.Remove(first.lock.Path()))
	_, err = newOutput(dir)
	require.ErrorContains(t, err, "another program is training into "+dir)
	var exit cli.Exit
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, cli.Taken, exit.Code)
	assert.NoError(t, first.stillOurs())
	require.NoError(t, first.close())

	third, err := newOutput(dir)
	require.NoError(t, err, "a folder that was let go is free")
	require.NoError(t, third.close())
}

// TestRemovedLockWithoutFolderLocks: without folder locks, as on NFS, the second program gets in,
// and the first stops before it writes.
func TestRemovedLockWithoutFolderLocks(t *testing.T) {
	dir := t.TempDir()
	first, err := newOutput(dir)
	require.NoError(t, err)
	first.letGoOfFolder(t)
	require.NoError(t, first.stillOurs())
	require.NoError(t, os.Remove(first.lock.Path()))
	requireTaken(t, first)
	second, err := newOutput(dir)
	require.NoError(t, err)
	requireTaken(t, first)
	require.NoError(t, second.stillOurs())

	second.letGoOfFolder(t)
	free, err := first.take() // its own file is still locked, but by a name that is gone
	require.NoError(t, err)
	assert.False(t, free)
	require.NoError(t, second.close())
}

func (o *output) letGoOfFolder(t *testing.T) {
	t.Helper()
	if o.folder != nil {
		require.NoError(t, o.folder.Close())
		o.folder = nil
	}
}

// TestReplacedFolder: the first program doesn't write into the folder of the second.
func TestReplacedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first, err := newOutput(dir)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	second, err := newOutput(dir)
	require.NoError(t, err)
	requireTaken(t, first)
	assert.ErrorContains(t, first.after(nil, nil, 0), "was deleted or replaced")
	for _, event := range []func(guard, *train.State) error{guard.StepEnd, guard.EpochEnd, guard.TrainEnd,
		guard.Interrupted} {
		assert.Error(t, event(guard{out: first}, nil))
	}
	require.NoError(t, second.close())
}

func requireTaken(t *testing.T, o *output) {
	t.Helper()
	var exit cli.Exit
	require.ErrorAs(t, o.stillOurs(), &exit)
	assert.Equal(t, cli.Taken, exit.Code)
}

// TestReplacedFolderEndsTheTraining with the exit code of a taken folder, and writes nothing there.
func TestReplacedFolderEndsTheTraining(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	command := program(t, append(tinyTraining(t, 8), "-quiet", "-epochs", "10000000", "-out", dir)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	require.NoError(t, command.Start())
	defer command.Process.Kill() // if the test fails before its end
	for newest(t, dir) <= 0 {
		time.Sleep(10 * time.Millisecond)
	}
	require.NoError(t, os.Rename(dir, dir+" elsewhere"))
	require.NoError(t, os.Mkdir(dir, 0o755))
	assert.Error(t, command.Wait())
	assert.Equal(t, cli.Taken, command.ProcessState.ExitCode(), stderr.String())
	assert.Contains(t, stderr.String(), dir+" was deleted or replaced while this program held it")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.LessOrEqual(t, len(entries), 1, "at most the checkpoint that was being written then")
}

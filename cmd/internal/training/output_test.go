package training

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/internal/testutil"
)

// TestOutputRemovesLeftovers removes the temporary files of a killed program, and nothing else.
func TestOutputRemovesLeftovers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lr[0.1]*") // a name that is no pattern
	require.NoError(t, os.MkdirAll(filepath.Join(dir, epochsFolder), 0o755))
	stays := []string{"checkpoint-00000003.safetensors", "history.csv", ".hidden", "epochs/epoch-001.safetensors"}
	leftovers := []string{".probe-17", ".checkpoint-00000004.safetensors123", ".history.csv9", ".filters-before.png1",
		"epochs/.epoch-002.safetensors7"}
	for _, name := range append(stays, leftovers...) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	o, err := newOutput(dir)
	require.NoError(t, err)
	o.begun = true
	require.NoError(t, o.close())
	for _, name := range stays {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	for _, name := range leftovers {
		assert.NoFileExists(t, filepath.Join(dir, name))
	}
	assert.FileExists(t, filepath.Join(dir, ".lock"))
}

// TestRefusesFoldersInPlaceOfResults before it removes anything of an earlier training.
func TestRefusesFoldersInPlaceOfResults(t *testing.T) {
	for _, name := range []string{
		"params.safetensors", "params-best.safetensors", "history.csv", "accuracy.png", "accuracy.svg",
		"augmentation.png", "filters-before.png",
		"filters-after.png", "samples.png", "epochs/epoch-001.safetensors",
	} {
		dir := t.TempDir()
		was := earlier(t, dir)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		code, stdout, stderr := trainmnist(t, append(small, "-quiet", "-keep-epochs", "-out", dir)...)
		assert.Equal(t, cli.Failed, code)
		assert.Empty(t, stdout)
		assert.Equal(t, "trainmnist: -out: "+filepath.Join(dir, name)+" is a folder: want a file there, or nothing\n",
			stderr)
		requireFiles(t, was)

		link := filepath.Join(dir, name)
		require.NoError(t, os.Rename(link, link+" elsewhere"))
		require.NoError(t, os.Symlink(filepath.Base(name)+" elsewhere", link))
		_, _, stderr = trainmnist(t, append(small, "-quiet", "-keep-epochs", "-out", dir)...)
		assert.Equal(t, "trainmnist: -out: "+link+" is a folder: want a file there, or nothing\n",
			stderr, "through a link")
		requireFiles(t, was)
	}
}

// TestRefusesImmutableResult, which not even its owner may replace.
func TestRefusesImmutableResult(t *testing.T) {
	dir := t.TempDir()
	was, history := earlier(t, dir), filepath.Join(dir, "history.csv")
	require.NoError(t, os.WriteFile(history, []byte("mine"), 0o644))
	testutil.MakeImmutable(t, history)
	code, _, stderr := trainmnist(t, append(small, "-quiet", "-out", dir)...)
	assert.Equal(t, cli.Failed, code)
	assert.Equal(t, "trainmnist: -out: "+history+" can't be replaced: operation not permitted\n", stderr)
	requireFiles(t, append(was, history))
}

// TestReplacesReadOnlyResult: a file is replaced, not written, so its permissions don't matter.
func TestReplacesReadOnlyResult(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "history.csv"), nil, 0o444))
	o, err := newOutput(dir)
	require.NoError(t, err)
	require.NoError(t, o.close())
}

// earlier leaves what an earlier training does.
func earlier(t *testing.T, dir string) (paths []string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, epochsFolder), 0o755))
	for _, name := range []string{"checkpoint-000000003.safetensors", ".history.csv9", "epochs/epoch-000.safetensors"} {
		paths = append(paths, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(paths[len(paths)-1], nil, 0o644))
	}
	return paths
}

func requireFiles(t *testing.T, paths []string) {
	t.Helper()
	for _, path := range paths {
		require.FileExists(t, path)
	}
}

// TestEarlyFailureLeavesNothing: neither the folders that it created nor the lock's file in an
// existing one.
func TestEarlyFailureLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	occupied := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(occupied, nil, 0o644))
	for _, flags := range [][]string{
		{"-serve", taken.Addr().String()},
		{"-resume", "-tensorboard", filepath.Join(t.TempDir(), "board")},
		{"-tensorboard", occupied},
		{"-cpuprofile", filepath.Join(occupied, "x")},
	} {
		dir := t.TempDir()
		for _, out := range []string{dir, filepath.Join(dir, "runs", "first")} {
			code, _, stderr := trainmnist(t, slices.Concat(small, flags, []string{"-quiet", "-out", out})...)
			assert.Equal(t, map[bool]int{true: cli.Refused, false: cli.Failed}[flags[0] == "-resume"], code)
			assert.Contains(t, stderr, "trainmnist: "+flags[0]+": ")
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, entries, flags)
		}
		if flags[0] == "-resume" {
			assert.NoDirExists(t, flags[2])
		}
	}
}

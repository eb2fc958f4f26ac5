package training

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/internal/testutil"
	"convgraph/train"
)

// whole are the results of a training that nothing stopped, and how large its checkpoints are.
func whole(t *testing.T, args []string) (want [2]string, checkpoint int64) {
	t.Helper()
	dir := t.TempDir()
	code, _, stderr := trainmnist(t, append(args, "-out", dir, "-checkpoint-every", "0")...)
	require.Equal(t, cli.OK, code, stderr)
	paths, err := filepath.Glob(filepath.Join(dir, "checkpoint-*"))
	require.NoError(t, err)
	info, err := os.Stat(paths[0])
	require.NoError(t, err)
	return results(t, dir), info.Size()
}

// failsAt runs a training that can't write the checkpoint of the step after the given one, which it
// names with the cause; that of the given step is there.
func failsAt(t *testing.T, dir string, step int, failed, cause string, args []string) {
	t.Helper()
	code, stdout, stderr := trainmnist(t, append(args, "-out", dir)...)
	require.Equal(t, cli.Failed, code, stderr)
	assert.Empty(t, stdout)
	assert.Regexp(t, `^trainmnist: checkpoint: write `+regexp.QuoteMeta(filepath.Join(dir, failed))+`: .*`+cause+
		`\n$`, stderr)
	c, err := train.LatestCheckpoint(dir, func(error) {})
	require.NoError(t, err)
	assert.Equal(t, step, c.Step)
	requireNoLeftovers(t, dir)
}

// TestFullDisk trains on a disk with space for two and a half checkpoints. The third fails and the
// ones before it stay. With more space the training ends as if nothing had happened.
func TestFullDisk(t *testing.T) {
	disk := testutil.NewDisk(t, 512<<10)
	args := tinyTraining(t, 60)
	want, checkpoint := whole(t, args)
	dir := filepath.Join(disk, "run")
	require.NoError(t, os.Mkdir(dir, 0o755))

	filler := testutil.FillDisk(t, disk, 5*checkpoint/2)
	failsAt(t, dir, 2, "checkpoint-000000003.safetensors", "no space left on device", args)
	require.NoError(t, os.Remove(filler))
	code, _, stderr := trainmnist(t, append(args, "-out", dir, "-resume")...)
	require.Equal(t, cli.OK, code, stderr)
	assert.Equal(t, want, results(t, dir))
}

// TestUnwritableCheckpoint is TestFullDisk on any system: after the first epoch of 20 steps, a
// folder has the name of step 30's checkpoint.
func TestUnwritableCheckpoint(t *testing.T) {
	args, dir := append(tinyTraining(t, 8), "-checkpoint-every", "5"), t.TempDir()
	want, _ := whole(t, args)
	code, _, stderr := trainmnist(t, append(args, "-out", dir, "-epochs", "1")...)
	require.Equal(t, cli.OK, code, stderr)

	const failed = "checkpoint-000000030.safetensors"
	obstacle := filepath.Join(dir, failed)
	require.NoError(t, os.MkdirAll(filepath.Join(obstacle, "full"), 0o755))
	failsAt(t, dir, 25, failed, "", append(args, "-resume"))
	require.NoError(t, os.RemoveAll(obstacle))
	code, _, stderr = trainmnist(t, append(args, "-out", dir, "-resume")...)
	require.Equal(t, cli.OK, code, stderr)
	assert.Equal(t, want, results(t, dir))
}

// requireNoLeftovers wants no half-written file.
func requireNoLeftovers(t *testing.T, dir string) {
	t.Helper()
	hidden, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, ".lock")}, hidden)
}

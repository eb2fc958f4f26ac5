package training

import (
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/train"
)

// interrupted leaves the checkpoint of a training's 25th step, in its second epoch of three.
func interrupted(t *testing.T, dir string, args []string) {
	t.Helper()
	obstacle := filepath.Join(dir, "checkpoint-000000030.safetensors")
	require.NoError(t, os.MkdirAll(obstacle, 0o755))
	code, _, stderr := trainmnist(t, slices.Concat(args, []string{"-out", dir, "-checkpoint-every", "5"})...)
	require.Equal(t, cli.Failed, code, stderr)
	require.NoError(t, os.Remove(obstacle))
	require.Equal(t, 25, newest(t, dir))
}

// TestUnfinishedRunsAreKept: a start without -resume is refused and touches nothing; -overwrite starts over.
func TestUnfinishedRunsAreKept(t *testing.T) {
	args, dir := tinyTraining(t, 8), t.TempDir()
	want, _ := whole(t, args)
	interrupted(t, dir, args)
	was := contents(t, dir)
	code, stdout, stderr := trainmnist(t, append(args, "-out", dir)...)
	assert.Equal(t, cli.Refused, code)
	assert.Empty(t, stdout)
	assert.Equal(t, "trainmnist: -out: "+dir+" holds an unfinished run, of which 1 of 3 epochs are done: "+
		"-resume goes on with it, -overwrite deletes it and starts over\n", stderr)
	assert.Equal(t, was, contents(t, dir))

	code, _, stderr = trainmnist(t, append(args, "-out", dir, "-resume", "-overwrite")...)
	assert.Equal(t, cli.BadUsage, code)
	assert.Equal(t, "trainmnist: -resume goes on with a run, -overwrite deletes it: want one of them\n", stderr)
	assert.Equal(t, was, contents(t, dir))

	code, _, stderr = trainmnist(t, append(args, "-out", dir, "-overwrite")...)
	require.Equal(t, cli.OK, code, stderr)
	assert.Equal(t, want, results(t, dir))
	code, _, stderr = trainmnist(t, append(args, "-out", dir)...)
	require.Equal(t, cli.OK, code, "a finished run may be followed by another: %s", stderr)
}

// TestDamagedRunsAreKept: where no checkpoint can be read, neither a start nor -resume auto deletes them.
func TestDamagedRunsAreKept(t *testing.T) {
	args, dir := tinyTraining(t, 8), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "checkpoint-000000003.safetensors"), nil, 0o644))
	for _, flags := range [][]string{{}, {"-resume"}, {"-resume", "auto"}} {
		code, _, stderr := trainmnist(t, slices.Concat(args, flags, []string{"-out", dir})...)
		assert.Equal(t, cli.Refused, code)
		assert.Contains(t, stderr, "every checkpoint is damaged")
		assert.Equal(t, 3, newest(t, dir))
	}
}

// TestResumeAuto begins, goes on, and ends again when it is done, all by the same command line.
func TestResumeAuto(t *testing.T) {
	args, dir := tinyTraining(t, 8), filepath.Join(t.TempDir(), "new")
	want, _ := whole(t, args)
	args = append(args, "-out", dir, "-resume=auto")
	for range 2 {
		code, _, stderr := trainmnist(t, args...)
		require.Equal(t, cli.OK, code, stderr)
		assert.Equal(t, want, results(t, dir))
	}
	dir = t.TempDir()
	interrupted(t, dir, args[:len(args)-3])
	code, _, stderr := trainmnist(t, append(args, "-out", dir)...)
	require.Equal(t, cli.OK, code, stderr)
	assert.Equal(t, want, results(t, dir))
}

// TestResumeTakesTheRunsSettings: -resume alone, in another folder, ends as the run that was never
// stopped; a flag that differs is refused by its name alone.
func TestResumeTakesTheRunsSettings(t *testing.T) {
	args, dir := append(tinyTraining(t, 8), "-optimizer", "momentum", "-lr", "0.02", "-no-mirror"), t.TempDir()
	spec := args[2]
	t.Chdir(filepath.Dir(spec))
	args[2] = filepath.Base(spec)
	want, _ := whole(t, args)
	interrupted(t, dir, args)
	t.Chdir(t.TempDir())

	for _, c := range []struct{ flags, want string }{
		{"-lr 0.03", "-resume: the checkpoint in " + dir + " is of another training: -lr: 0.02 then, 0.03 now\n"},
		{"-keep best", "-resume: the checkpoint in " + dir + " is of another training: -keep: last then, best now\n"},
		{"-epochs 2", "-resume: -epochs is 2: the run in " + dir + " has 3, want at least as many\n"},
	} {
		code, _, stderr := trainmnist(t, append(strings.Fields(c.flags), "-quiet", "-resume", "-out", dir)...)
		assert.Equal(t, cli.Refused, code)
		assert.Equal(t, "trainmnist: "+c.want, stderr)
	}
	code, _, stderr := trainmnist(t, "-quiet", "-resume", "-out", dir)
	require.Equal(t, cli.OK, code, stderr)
	assert.Equal(t, want, results(t, dir))

	code, _, stderr = trainmnist(t, "-quiet", "-resume", "-out", dir, "-epochs", "4")
	require.Equal(t, cli.OK, code, stderr)
	c, err := train.LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	assert.Len(t, c.History, 4)
	assert.True(t, c.Finished)
	code, _, stderr = trainmnist(t, "-quiet", "-resume", "-out", dir)
	require.Equal(t, cli.OK, code, "the run has 4 epochs now: %s", stderr)
}

// TestResumeNoticesChangedData: one replaced image of a folder is enough.
func TestResumeNoticesChangedData(t *testing.T) {
	data, dir := imageFolder(t), t.TempDir()
	code, _, stderr := trainmnist(t, "-quiet", "-model", "alexnet", "-data", data, "-size", "67", "-width", "0.1", "-batch", "4", "-epochs", "1", "-out", dir)
	require.Equal(t, cli.OK, code, stderr)
	var images []string
	require.NoError(t, filepath.WalkDir(data, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			images = append(images, path)
		}
		return err
	}))
	for _, path := range images {
		was, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := slices.Clone(was)
		changed[len(changed)/2] ^= 1
		require.NoError(t, os.WriteFile(path, changed, 0o644))
		code, _, stderr := trainmnist(t, "-quiet", "-resume", "-out", dir)
		assert.Equal(t, cli.Refused, code, path)
		assert.Contains(t, stderr, " images: ")
		require.NoError(t, os.WriteFile(path, was, 0o644))
	}
}

func TestResumeWantsNothingOrAuto(t *testing.T) {
	code, _, stderr := trainmnist(t, "-resume=maybe", "-out", t.TempDir())
	assert.Equal(t, cli.BadUsage, code)
	assert.Contains(t, stderr, `it is "maybe": want nothing or auto`)
}

// TestDivergedHasItsOwnCode, so that nobody starts it again.
func TestDivergedHasItsOwnCode(t *testing.T) {
	args, linear := tinyTraining(t, 8), filepath.Join(t.TempDir(), "linear.json")
	require.NoError(t, os.WriteFile(linear, []byte(`{"name":"linear","input":[1,6,6],"layers":[{"kind":"affine","units":10},{"kind":"softmax"}]}`), 0o644))
	code, _, stderr := trainmnist(t, append(args, "-out", t.TempDir(), "-model", linear, "-optimizer", "sgd", "-lr", "1e38")...)
	assert.Equal(t, cli.Diverged, code, stderr)
}

// TestHangupInterrupts as SIGTERM does, unless it was ignored from the beginning.
func TestHangupInterrupts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGHUP")
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // else a child ignores it where nohup runs the tests
	defer signal.Stop(hangups)
	dir := t.TempDir()
	p := begun(t, append(tinyTraining(t, 8), "-out", dir, "-epochs", "100000")...)
	p.waitUntil(func() bool { return newest(t, dir) >= 1 })
	require.Error(t, p.end(syscall.SIGHUP))
	require.Equal(t, cli.Interrupted, p.ProcessState.ExitCode(), "%v: %s", p.ProcessState, &p.stderr)
}

// TestClosedStderr: nobody reads the progress any more, and the training ends all the same.
func TestClosedStderr(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("pipes break in another way")
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	dir := t.TempDir()
	args := append(tinyTraining(t, 8), "-out", dir)
	command := program(t, args[1:]...) // without -quiet
	command.Stderr = w
	require.NoError(t, command.Run())
	require.NoError(t, w.Close())
	want, _ := whole(t, args)
	assert.Equal(t, want, results(t, dir))
}

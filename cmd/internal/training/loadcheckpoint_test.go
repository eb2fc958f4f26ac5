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

// TestKeepsUnfinishedRuns refuses a start without -resume, and changes nothing. -overwrite starts
// over.
func TestKeepsUnfinishedRuns(t *testing.T) {
	args, dir := tinyTraining(t, 8), t.TempDir()
	want, _ := whole(t, args)
	interrupted(t, dir, args)
	was := contents(t, dir)
	code, stdout, stderr := trainmnist(t, append(args, "-out", dir)...)
	assert.Equal(t, cli.Refused, code)
	assert.Empty(t, stdout)
	assert.Equal(t, "trainmnist: -out: "+dir+" has an unfinished run with 1 of 3 epochs done: "+
		"-resume continues it, -overwrite deletes it and starts over\n", stderr)
	assert.Equal(t, was, contents(t, dir))

	code, _, stderr = trainmnist(t, append(args, "-out", dir, "-resume", "-overwrite")...)
	assert.Equal(t, cli.BadUsage, code)
	assert.Equal(t, "trainmnist: -resume continues a run, -overwrite deletes it: want one of them\n", stderr)
	assert.Equal(t, was, contents(t, dir))

	code, _, stderr = trainmnist(t, append(args, "-out", dir, "-overwrite")...)
	require.Equal(t, cli.OK, code, stderr)
	assert.Equal(t, want, results(t, dir))
	code, _, stderr = trainmnist(t, append(args, "-out", dir)...)
	require.Equal(t, cli.OK, code, "a finished run may be followed by another: %s", stderr)
}

// TestKeepsCorruptRuns refuses to start and to resume where no checkpoint can be read, and deletes
// none.
func TestKeepsCorruptRuns(t *testing.T) {
	args, dir := tinyTraining(t, 8), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "checkpoint-000000003.safetensors"), nil, 0o644))
	for _, flags := range [][]string{{}, {"-resume"}, {"-resume", "auto"}} {
		code, _, stderr := trainmnist(t, slices.Concat(args, flags, []string{"-out", dir})...)
		assert.Equal(t, cli.Refused, code)
		assert.Contains(t, stderr, "every checkpoint is corrupt")
		assert.Equal(t, 3, newest(t, dir))
	}
}

// TestResumeAuto begins, resumes, and ends at once when the run is finished, with the same command
// line.
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

// TestResumeAutoOutcomes runs -resume auto with other flags over a finished and an unfinished run.
func TestResumeAutoOutcomes(t *testing.T) {
	args := tinyTraining(t, 8)
	other := tinyTraining(t, 9)[2]
	finished, unfinished := t.TempDir(), t.TempDir()
	code, _, stderr := trainmnist(t, append(args, "-out", finished)...)
	require.Equal(t, cli.OK, code, stderr)
	interrupted(t, unfinished, args)
	for _, c := range []struct {
		flags  string
		code   int
		want   string // on stderr
		epochs int    // done afterwards
	}{
		{"", cli.OK, "", 3},
		{"-epochs 4", cli.OK, "", 4},
		{"-epochs 2", cli.Refused, "-epochs: got 2, the run in DIR has 3, want at least as many", 0},
		{"-lr 0.5", cli.Refused, "the checkpoint in DIR is of another training: -lr: 0.001 then, 0.5 now", 0},
		{"-workers 2", cli.OK, "", 3},
		{"-model " + other, cli.Refused, "is of another training: model: ", 0},
		{"-model lenet", cli.Refused, "-model is lenet: the run in DIR trains tiny", 0},
		{"-model squeezenet1_0 -data nowhere", cli.Refused, "-model is squeezenet1_0: the run in DIR trains tiny", 0},
		{"-init-from nowhere", cli.Refused, "-init-from is nowhere: the run in DIR began without it", 0},
		{"-overwrite", cli.BadUsage, "-resume continues a run, -overwrite deletes it: want one of them", 0},
	} {
		for _, run := range []string{finished, unfinished} {
			dir := filepath.Join(t.TempDir(), "copy")
			require.NoError(t, os.CopyFS(dir, os.DirFS(run)))
			was := contents(t, dir)
			code, _, stderr := trainmnist(t,
				slices.Concat([]string{"-quiet", "-resume", "auto", "-out", dir}, strings.Fields(c.flags))...)
			assert.Equal(t, c.code, code, "%s: %s", c.flags, stderr)
			assert.Contains(t, stderr, strings.ReplaceAll(c.want, "DIR", dir))
			if c.code != cli.OK {
				assert.Equal(t, was, contents(t, dir), "%s: the run is left as it was", c.flags)
				continue
			}
			checkpoint, err := train.LatestCheckpoint(dir, nil)
			require.NoError(t, err)
			assert.True(t, checkpoint.Finished)
			assert.Len(t, checkpoint.History, c.epochs, c.flags)
		}
	}
}

// TestResumeAutoBegins where there is no run: without the folder, and in one with other files.
func TestResumeAutoBegins(t *testing.T) {
	args := tinyTraining(t, 8)
	want, _ := whole(t, args)
	for _, dir := range []string{filepath.Join(t.TempDir(), "a", "new"), t.TempDir()} {
		if _, err := os.Stat(dir); err == nil {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644))
		}
		code, _, stderr := trainmnist(t, append(args, "-out", dir, "-resume", "auto")...)
		require.Equal(t, cli.OK, code, stderr)
		assert.Equal(t, want, results(t, dir))
	}
}

// TestResumeTakesTheRunsSettings resumes in another folder without flags, and ends as a run that
// was never stopped. A flag that differs is refused by its name alone.
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
		{"-epochs 2", "-resume: -epochs: got 2, the run in " + dir + " has 3, want at least as many\n"},
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

// TestResumeNoticesChangedData refuses a folder with one replaced image.
func TestResumeNoticesChangedData(t *testing.T) {
	data, dir := imageFolder(t), t.TempDir()
	code, _, stderr := trainmnist(t, "-quiet", "-model", "alexnet", "-data", data, "-size", "67", "-width", "0.1",
		"-batch", "4", "-epochs", "1", "-out", dir)
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
	assert.Contains(t, stderr, `got "maybe", want nothing or auto`)
}

// TestDivergedHasItsOwnCode, so that nothing restarts it.
func TestDivergedHasItsOwnCode(t *testing.T) {
	args, linear := tinyTraining(t, 8), filepath.Join(t.TempDir(), "linear.json")
	require.NoError(t, os.WriteFile(linear, []byte(`{"name":"linear","input":[1,6,6],"layers":[
		{"kind":"affine","units":10},{"kind":"softmax"}]}`), 0o644))
	code, _, stderr := trainmnist(t,
		append(args, "-out", t.TempDir(), "-model", linear, "-optimizer", "sgd", "-lr", "1e38")...)
	assert.Equal(t, cli.Diverged, code, stderr)
}

// TestHangupInterrupts like SIGTERM.
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

// TestClosedStderr trains to the end when nobody reads the progress.
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

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/internal/race"
	"convgraph/train"
)

// TestKilledAtAnyMoment ends the real program at 50 random moments by SIGKILL, and at some more by SIGTERM, goes on each time with what it has
// left, and wants every training to end with the bytes of one that was never stopped. A moment is a number of steps after those that are
// done, up to past the last one, and a bit of time, so that it doesn't depend on how busy the machine is what the program is doing.
func TestKilledAtAnyMoment(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals")
	}
	args := append(tinyTraining(t, 8), "-checkpoint-every", "5", "-schedule", "cosine")
	whole := t.TempDir()
	output, err := program(t, append(args, "-out", whole)...).CombinedOutput()
	require.NoError(t, err, string(output))
	want := results(t, whole)

	r := rand.New(rand.NewPCG(1, 2))
	times := 50
	if race.Enabled {
		times = 10
	}
	kills, resumed, dir := 0, 0, t.TempDir()
	for kills < times {
		m := moment{steps: r.IntN(16), wait: time.Microsecond << r.IntN(15), signal: syscall.SIGKILL}
		if r.IntN(4) == 0 {
			m.signal = syscall.SIGTERM
		}
		if newest(t, dir) > 0 {
			resumed++
		}
		if end(t, dir, m, goOn(t, args, dir)...) {
			if m.signal == syscall.SIGKILL {
				kills++
			}
			continue
		}
		require.Equal(t, want, results(t, dir), "after %d kills", kills)
		requireNoLeftovers(t, dir)
		dir = t.TempDir()
	}
	output, err = program(t, goOn(t, args, dir)...).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, want, results(t, dir))
	requireNoLeftovers(t, dir)
	assert.Greater(t, resumed, times/2, "programs that had a checkpoint to go on from")
}

// TestInterruptedExits130 ends a training by SIGTERM after its first checkpoint: there is a newer one, and -resume is told of.
func TestInterruptedExits130(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	dir := t.TempDir()
	command := program(t, append(tinyTraining(t, 8), "-out", dir, "-epochs", "100000")...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(t, command.Start())
	for newest(t, dir) < 1 {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	assert.Error(t, command.Wait())
	assert.Equal(t, cli.Interrupted, command.ProcessState.ExitCode())
	assert.Empty(t, stdout.String())
	assert.Equal(t, "trainmnist: interrupted; -resume goes on from here\n", stderr.String())
	c, err := train.LatestCheckpoint(dir, func(damage error) { t.Error(damage) })
	require.NoError(t, err)
	assert.NotZero(t, c.Step)
	assert.NoFileExists(t, filepath.Join(dir, "params.safetensors"))
	requireNoLeftovers(t, dir)
}

// asProgram makes the test's binary the program itself.
const asProgram = "TRAINMNIST_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program is the real program, in a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(self, args...)
	command.Env = append(os.Environ(), asProgram+"=1")
	return command
}

// tinyTraining makes the data and the network, with so many hidden units, of a training that writes a checkpoint after each of its 60 steps,
// and gives its flags.
func tinyTraining(t *testing.T, hidden int) (args []string) {
	t.Helper()
	dir := t.TempDir()
	writeIDX(t, dir, "train", 200)
	writeIDX(t, dir, "t10k", 50)
	spec := filepath.Join(dir, "tiny.json")
	require.NoError(t, os.WriteFile(spec, fmt.Appendf(nil, `{"name":"tiny","input":[1,6,6],"layers":[{"kind":"affine","units":%d},
		{"kind":"relu"},{"kind":"dropout","rate":0.3},{"kind":"affine","units":10},{"kind":"softmax"}]}`, hidden), 0o644))
	return []string{"-quiet", "-model", spec, "-data", dir, "-batch", "10", "-epochs", "3", "-checkpoint-every", "1", "-augment", "crop=1"}
}

// writeIDX writes n images of 6x6 noise with their labels.
func writeIDX(t *testing.T, dir, set string, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 0))
	images := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(n))
	images = append(images, 0, 0, 0, 6, 0, 0, 0, 6)
	labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(n))
	for i := range n {
		labels = append(labels, uint8(i%10))
		for range 36 {
			images = append(images, uint8(r.IntN(256)))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, set+"-images-idx3-ubyte"), images, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, set+"-labels-idx1-ubyte"), labels, 0o644))
}

// A moment is when and how a program ends that trains.
type moment struct {
	steps  int           // done since it began
	wait   time.Duration // since then
	signal syscall.Signal
}

// end starts the program and ends it at the moment, or says that it ended well before.
func end(t *testing.T, dir string, m moment, args ...string) (ended bool) {
	t.Helper()
	command := program(t, args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	from := newest(t, dir)
	require.NoError(t, command.Start())
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	for m.steps > 0 && newest(t, dir) < from+m.steps && len(exited) == 0 {
		time.Sleep(200 * time.Microsecond)
	}
	time.Sleep(m.wait)
	_ = command.Process.Signal(m.signal) // it may have ended
	err := <-exited
	byItself := command.ProcessState.Exited() // if a signal ended it, it hasn't
	require.False(t, byItself && err != nil && command.ProcessState.ExitCode() != cli.Interrupted, "the program failed by itself: %v", &stderr)
	return err != nil
}

// goOn are the arguments to go on with a training that was ended, from the beginning if it left no checkpoint.
func goOn(t *testing.T, args []string, dir string) []string {
	t.Helper()
	all := append([]string{"-out", dir}, args...)
	if newest(t, dir) >= 0 {
		all = append(all, "-resume")
	}
	return all
}

// newest is the step of a folder's newest checkpoint, -1 without one.
func newest(t *testing.T, dir string) (step int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "checkpoint-*"))
	require.NoError(t, err)
	if len(paths) == 0 {
		return -1
	}
	_, err = fmt.Sscanf(filepath.Base(paths[len(paths)-1]), "checkpoint-%d", &step)
	require.NoError(t, err)
	return step
}

// results are the files of a finished training that must not depend on how it went.
func results(t *testing.T, dir string) [2]string {
	t.Helper()
	params, err := os.ReadFile(filepath.Join(dir, "params.safetensors"))
	require.NoError(t, err)
	history, err := os.ReadFile(filepath.Join(dir, "history.csv"))
	require.NoError(t, err)
	return [2]string{string(params), string(withoutSeconds(history))}
}

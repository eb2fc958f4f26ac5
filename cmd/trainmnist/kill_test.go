package main

import (
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
)

// TestKilledAtAnyMoment kills the real program at 50 random moments, each time goes on with what it has left, and wants every training to
// end with the bytes of one that was never stopped.
func TestKilledAtAnyMoment(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGKILL")
	}
	program, args := build(t), append(tinyTraining(t, 8), "-schedule", "cosine")
	whole := t.TempDir()
	began := time.Now()
	output, err := exec.Command(program, append(args, "-out", whole)...).CombinedOutput()
	require.NoError(t, err, string(output))
	duration := time.Since(began)
	want := results(t, whole)

	const kills = 50
	r := rand.New(rand.NewPCG(1, 2))
	killed, within := 0, 0
	for dir := t.TempDir(); ; {
		moment := time.Duration(r.Int64N(int64(duration * 3 / 4)))
		if killed == kills {
			moment = time.Minute
		}
		if kill(t, moment, program, goOn(t, args, dir)...) {
			killed++
			if checkpoints(t, dir) > 0 {
				within++
			}
			continue
		}
		require.Equal(t, want, results(t, dir), "after %d kills", killed)
		requireNoLeftovers(t, dir)
		if killed == kills {
			break
		}
		dir = t.TempDir()
	}
	assert.Greater(t, within, kills/4, "kills with a checkpoint to go on from")
}

// TestInterruptedExits130 ends a training by SIGTERM after its first checkpoint: there is a newer one, and -resume is told of.
func TestInterruptedExits130(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	dir := t.TempDir()
	go func() {
		for checkpoints(t, dir) == 0 {
			time.Sleep(time.Millisecond)
		}
		self, err := os.FindProcess(os.Getpid())
		if assert.NoError(t, err) {
			assert.NoError(t, self.Signal(syscall.SIGTERM))
		}
	}()
	code, stdout, stderr := trainmnist(t, "-quiet", "-out", dir, "-epochs", "100000", "-train-samples", "100", "-test-samples", "20",
		"-batch", "10", "-checkpoint-every", "1")
	assert.Equal(t, cli.Interrupted, code)
	assert.Empty(t, stdout)
	assert.Equal(t, "trainmnist: interrupted; -resume goes on from here\n", stderr)
	assert.NotZero(t, checkpoints(t, dir))
	assert.NoFileExists(t, filepath.Join(dir, "params.safetensors"))
}

// build builds the program.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "trainmnist")
	output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(output))
	return program
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

// kill starts the program and kills it after a while, or says that it ended before.
func kill(t *testing.T, after time.Duration, program string, args ...string) (killed bool) {
	t.Helper()
	command := exec.Command(program, args...)
	command.Stderr = os.Stderr
	require.NoError(t, command.Start())
	timer := time.AfterFunc(after, func() { command.Process.Kill() })
	err := command.Wait()
	timer.Stop()
	require.False(t, err != nil && command.ProcessState.Exited(), "the program failed by itself: %v", err)
	return err != nil
}

// goOn are the arguments to go on with a killed training, from the beginning if it left no checkpoint.
func goOn(t *testing.T, args []string, dir string) []string {
	t.Helper()
	all := append([]string{"-out", dir}, args...)
	if checkpoints(t, dir) > 0 {
		all = append(all, "-resume")
	}
	return all
}

func checkpoints(t *testing.T, dir string) int {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "checkpoint-*"))
	require.NoError(t, err)
	return len(paths)
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

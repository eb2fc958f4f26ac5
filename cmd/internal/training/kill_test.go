package training

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/train"
)

var kills = flag.Int("kills", 50, "how often TestKilledAtAnyMoment kills the program")

// TestKilledAtAnyMoment kills the real program at random moments, -kills times by SIGKILL and some
// more by SIGTERM. Each time the same command resumes. Every training ends with the bytes of one
// that was never stopped. A moment is a number of steps after the finished ones, up to past the
// last, and a fraction of a step's time, so that it depends little on the machine's load. The test
// kills until enough kills had a checkpoint to resume from.
func TestKilledAtAnyMoment(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals")
	}
	trainings := killedTrainings(t)
	for i, name := range slices.Sorted(maps.Keys(trainings)) {
		t.Run(name, func(t *testing.T) {
			endAtRandom(t, trainings[name], (*kills+i)/len(trainings), rand.New(rand.NewPCG(1, uint64(i))))
		})
	}
}

// killedTrainings are trainings with as much state as possible.
func killedTrainings(t *testing.T) map[string][]string {
	t.Helper()
	pictures := append(shortTraining(t), "-epochs", "12", "-checkpoint-every", "3")
	return map[string][]string{
		"IDX files": append(tinyTraining(t, 8), "-checkpoint-every", "5", "-schedule", "cosine"),
		"folders":   append(slices.Clone(pictures), remembering...),
		"the best": append(slices.Clone(pictures), "-keep", "best", "-schedule", "plateau", "-decay-every", "2",
			"-sampling", "replace", "-optimizer", "momentum"),
	}
}

// endAtRandom kills a training over and over, and begins another when it is done, until there were
// enough kills.
func endAtRandom(t *testing.T, args []string, times int, r *rand.Rand) {
	t.Helper()
	whole := t.TempDir()
	output, err := program(t, append(args, "-out", whole)...).CombinedOutput()
	require.NoError(t, err, string(output))
	want := results(t, whole)

	killed, resumed, dir := 0, 0, t.TempDir()
	for killed < times || resumed <= times/2 {
		m := moment{steps: r.IntN(16), wait: time.Microsecond << r.IntN(15), signal: syscall.SIGKILL}
		if r.IntN(4) == 0 {
			m.signal = syscall.SIGTERM
		}
		if newest(t, dir) > 0 {
			resumed++
		}
		if end(t, dir, m, sameCommand(args, dir)...) {
			if m.signal == syscall.SIGKILL {
				killed++
			}
			continue
		}
		require.Equal(t, want, results(t, dir), "after %d kills", killed)
		requireNoLeftovers(t, dir)
		dir = t.TempDir()
	}
	output, err = program(t, sameCommand(args, dir)...).CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, want, results(t, dir))
	requireNoLeftovers(t, dir)
}

// TestInterruptedExits130 sends SIGTERM after the first checkpoint, and expects a newer one and a
// message that names -resume.
func TestInterruptedExits130(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	dir := t.TempDir()
	p := begun(t, append(tinyTraining(t, 8), "-out", dir, "-epochs", "100000")...)
	p.waitUntil(func() bool { return newest(t, dir) >= 1 })
	require.Error(t, p.end(syscall.SIGTERM))
	require.Equal(t, cli.Interrupted, p.ProcessState.ExitCode(), "%v: %s", p.ProcessState, &p.stderr)
	assert.Empty(t, p.stdout.String())
	assert.Equal(t, "trainmnist: interrupted; -resume continues from here\n", p.stderr.String())
	c, err := train.LatestCheckpoint(dir, func(corrupt error) { t.Error(corrupt) })
	require.NoError(t, err)
	assert.NotZero(t, c.Step)
	assert.NoFileExists(t, filepath.Join(dir, "params.safetensors"))
	requireNoLeftovers(t, dir)
}

// asProgram makes the test's binary the program itself.
const asProgram = "TRAINMNIST_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		c := &Command{}
		os.Exit(Main("trainmnist", c, c, os.Args[1:], os.Stdout, os.Stderr))
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

// A process is the real program as it runs.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer  // to be read when it has ended
	exited         chan struct{} // closed then
	err            error         // of its end
}

// begun is the program, started.
func begun(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: program(t, args...), exited: make(chan struct{})}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	require.NoError(t, p.Start())
	go func() {
		p.err = p.Wait()
		close(p.exited)
	}()
	return p
}

// waitUntil waits until something is so, or the program has ended by itself.
func (p *process) waitUntil(so func() bool) {
	for !so() {
		select {
		case <-p.exited:
			return
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// end sends the program a signal, if it is still there, and gives the error it ended with.
func (p *process) end(s syscall.Signal) error {
	_ = p.Process.Signal(s)
	<-p.exited
	return p.err
}

// tinyTraining creates data and a network with the given number of hidden units, and returns the
// flags of a training that writes a checkpoint after each of its 60 steps.
func tinyTraining(t *testing.T, hidden int) (args []string) {
	t.Helper()
	dir := t.TempDir()
	writeIDX(t, dir, "train", 200)
	writeIDX(t, dir, "t10k", 50)
	spec := filepath.Join(dir, "tiny.json")
	require.NoError(t, os.WriteFile(spec, fmt.Appendf(nil, `{"name":"tiny","input":[1,6,6],"layers":[
		{"kind":"affine","units":%d},
		{"kind":"batch_norm"},{"kind":"relu"},{"kind":"dropout","rate":0.3},{"kind":"affine","units":%[1]d},
		{"kind":"batch_norm"},
		{"kind":"add","from":["bn2","relu1"]},{"kind":"affine","units":10},{"kind":"softmax"}]}`, hidden), 0o644))
	return []string{"-quiet", "-model", spec, "-data", dir, "-batch", "10", "-epochs", "3", "-checkpoint-every", "1",
		"-augment", "crop=1"}
}

// shortTraining are the flags of a training of two epochs of five steps on a folder of pictures.
func shortTraining(t *testing.T) []string {
	t.Helper()
	spec := filepath.Join(t.TempDir(), "short.json")
	require.NoError(t, os.WriteFile(spec, []byte(`{"name":"short","input":[1,8,8],"layers":[
		{"kind":"conv2d","filters":2,"kernel":3},
		{"kind":"batch_norm"},{"kind":"relu"},{"kind":"dropout","rate":0.3},{"kind":"affine","units":2},
		{"kind":"softmax"}]}`), 0o644))
	return []string{"-quiet", "-model", spec, "-data", imageFolder(t), "-batch", "2", "-epochs", "2",
		"-checkpoint-every", "4",
		"-augment", "shift=1"}
}

// remembering are the flags that add an average, early stopping and the parameters of each epoch.
var remembering = []string{"-average", "0.2", "-early-stop", "6", "-keep-epochs"}

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
	from := newest(t, dir)
	p := begun(t, args...)
	p.waitUntil(func() bool { return m.steps == 0 || newest(t, dir) >= from+m.steps })
	time.Sleep(m.wait)
	err := p.end(m.signal)
	byItself := p.ProcessState.Exited() // if a signal ended it, it hasn't
	require.False(t, byItself && err != nil && p.ProcessState.ExitCode() != cli.Interrupted,
		"the program failed by itself: %v: %s", err, &p.stderr)
	return err != nil
}

// sameCommand returns the arguments that begin or resume a training, the same each time, like a
// service's.
func sameCommand(args []string, dir string) []string {
	return append([]string{"-out", dir, "-resume", "auto"}, args...)
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

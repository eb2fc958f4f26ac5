package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/testutil"
	"convgraph/internal/xmath"
	"convgraph/train/dataset"
	"convgraph/train/solver"
)

// TestResumeFromEveryStep stops a training after each of its steps, within epochs and at their
// ends, resumes from the newest checkpoint, and expects the bits of a training that was never
// stopped.
func TestResumeFromEveryStep(t *testing.T) {
	whole := finish(t, trainer(t, withDropout()))
	for step := 1; step <= 8; step++ {
		dir := t.TempDir()
		stopAt(t, dir, step)

		c, err := LatestCheckpoint(dir, func(err error) { t.Error(err) })
		require.NoError(t, err)
		require.Equal(t, step, c.Step)
		rest := trainer(t, withDropout())
		rest.Resume = c
		e := finish(t, rest)
		require.True(t, whole.equals(e), "after step %d: %v, want %v", step, e.history, whole.history)
	}
}

// stopAt trains with a checkpoint after each step until the given one.
func stopAt(t *testing.T, dir string, step int) {
	t.Helper()
	killed := errors.New("killed")
	tr := trainer(t, withDropout())
	tr.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 1}, at{Step: step, What: func() error { return killed }}}
	_, err := tr.Run(context.Background())
	require.ErrorIs(t, err, killed)
}

// TestResumeAtTheEndOfAnEpoch has checkpoints only at the ends of epochs, and a second training
// that is longer than the first.
func TestResumeAtTheEndOfAnEpoch(t *testing.T) {
	whole := trainer(t, withDropout())
	whole.Schedule = nil
	want := finish(t, whole)

	dir := t.TempDir()
	first := trainer(t, withDropout())
	first.Schedule, first.Epochs, first.Callbacks = nil, 1, []Callback{Checkpoints{Dir: dir}}
	finish(t, first)
	second := trainer(t, withDropout())
	second.Schedule = nil
	var err error
	second.Resume, err = LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	require.True(t, want.equals(finish(t, second)))
}

// TestInterruptedWritesCheckpoint after the step in which the context is done.
func TestInterruptedWritesCheckpoint(t *testing.T) {
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(context.Background())
	tr := trainer(t, withDropout())
	tr.Callbacks = []Callback{Checkpoints{Dir: dir}, at{Step: 6, What: func() error { interrupt(); return nil }}}
	_, err := tr.Run(ctx)
	require.ErrorIs(t, err, context.Canceled)

	c, err := LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	assert.Equal(t, 6, c.Step)
	assert.Len(t, c.History, 1)
	rest := trainer(t, withDropout())
	rest.Resume = c
	whole := finish(t, trainer(t, withDropout()))
	assert.True(t, whole.equals(finish(t, rest)))
}

// TestInterruptedBeforeTheFirstStep writes a checkpoint that the whole training continues from, in
// a folder whose name has brackets.
func TestInterruptedBeforeTheFirstStep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lr[0.1]")
	require.NoError(t, os.Mkdir(dir, 0o755))
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	tr := trainer(t, withDropout())
	tr.Callbacks = []Callback{Checkpoints{Dir: dir}}
	_, err := tr.Run(ctx)
	require.Equal(t, context.Canceled, err)

	c, err := LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	assert.Zero(t, c.Step)
	rest := trainer(t, withDropout())
	rest.Resume = c
	whole := finish(t, trainer(t, withDropout()))
	assert.True(t, whole.equals(finish(t, rest)))
	require.NoError(t, RemoveCheckpoints(dir))
	_, err = LatestCheckpoint(dir, nil)
	assert.ErrorIs(t, err, ErrNoCheckpoint)
}

// TestInterruptedWithoutCheckpoint returns the error of a checkpoint that can't be written.
func TestInterruptedWithoutCheckpoint(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	tr := trainer(t, small())
	tr.Callbacks = []Callback{Checkpoints{Dir: filepath.Join(t.TempDir(), "missing")},
		at{Step: 2, What: func() error { interrupt(); return nil }}}
	_, err := tr.Run(ctx)
	require.ErrorContains(t, err, "interrupted: checkpoint: write ")
	require.NotErrorIs(t, err, context.Canceled)
}

// TestStopEndsWithoutError: ErrStop ends a training with its result so far. Callbacks after the one
// that returns it are notified of the step.
func TestStopEndsWithoutError(t *testing.T) {
	tr := trainer(t, small())
	steps := 0
	tr.Callbacks = []Callback{at{Step: 5, What: func() error { return ErrStop }}, eachStep(func(*State) { steps++ })}
	result, err := tr.Run(context.Background())
	require.NoError(t, err)
	assert.Len(t, result.History, 1)
	assert.Equal(t, 5, steps)
}

func TestResumeRefusesAnotherTraining(t *testing.T) {
	dir := t.TempDir()
	stopAt(t, dir, 3)
	c, err := LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	for name, change := range map[string]func(*Trainer){
		"checkpoint: got step 3 after 0 epochs, want step 0 to 2: " +
			"the batch size or the data are others": func(tr *Trainer) {
			tr.Batch = 6
		},
		"has no parameter \"fc2.bias\"":               func(tr *Trainer) { tr.Model = trainer(t, small()).Model },
		"state: got optimizer \"adam\", want \"sgd\"": func(tr *Trainer) { tr.Solver = sgd(t, 0.1) },
	} {
		tr := trainer(t, withDropout())
		change(tr)
		tr.Resume = c
		_, err := tr.Run(context.Background())
		assert.ErrorContains(t, err, name)
	}
}

func sgd(t *testing.T, lr float64) solver.Solver {
	t.Helper()
	s, err := solver.New("sgd", solver.Config{LR: lr})
	require.NoError(t, err)
	return s
}

// TestNaNStopsBeforeTheParameters: the bad step changes nothing, the error names the node where the
// NaN came from, and the checkpoint before it stays.
func TestNaNStopsBeforeTheParameters(t *testing.T) {
	dir := t.TempDir()
	tr := trainer(t, small())
	tr.Schedule = nil
	var before string
	tr.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 1}, at{Step: 3, What: func() error {
		tr.Model.Params()[0].Value.Float32s()[0] = float32(math.NaN())
		before = paramBytes(t, tr.Model)
		return nil
	}}}
	_, err := tr.Run(context.Background())
	assert.EqualError(t, err, `the loss is NaN at step 4 (epoch 1), first seen in parameter "fc1.weight": `+
		`a smaller learning rate, or clipping the gradients, may help; the parameters are those before the step`)
	assert.Equal(t, before, paramBytes(t, tr.Model))

	c, err := LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	assert.Equal(t, 3, c.Step)
	for _, p := range c.params {
		for _, v := range p.Value.Float32s() {
			assert.True(t, xmath.IsFinite(float64(v)))
		}
	}
}

// TestSkipNaNContinues: the bad step is neither made nor counted in the mean loss, and the next one
// is.
func TestSkipNaNContinues(t *testing.T) {
	tr := trainer(t, small())
	tr.OnNaN, tr.Epochs = SkipNaN, 1
	weights := tr.Model.Params()[0].Value.Float32s()
	good := weights[0]
	var losses []float64
	var lines strings.Builder
	tr.Callbacks = []Callback{
		&ProgressLines{W: &lines},
		at{Step: 2, What: func() error { weights[0] = float32(math.NaN()); return nil }},
		at{Step: 3, What: func() error { weights[0] = good; return nil }},
		eachStep(func(s *State) { losses = append(losses, s.Loss) }),
	}
	e := finish(t, tr)
	require.Len(t, losses, 4)
	assert.True(t, math.IsNaN(losses[2]))
	assert.InDelta(t, (losses[0]+losses[1]+losses[3])/3, e.history[0].TrainLoss, 1e-12)
	assert.Equal(t, 3, tr.Solver.State().Steps)
	assert.Contains(t, lines.String(), "%  skipped for NaN 1  ")
}

// TestInfiniteParametersAreNotSaved: an update may overflow float32 though its gradient doesn't.
// Checkpoints and the end of the epoch fail then.
func TestInfiniteParametersAreNotSaved(t *testing.T) {
	const want = `parameter "fc1.weight" has been NaN or infinite since step %d (epoch 1) or before: ` +
		`a smaller learning rate, or clipping the gradients, may help`
	overflow := func(tr *Trainer) func() error {
		return func() error { tr.Model.Params()[0].Value.Float32s()[0] = float32(math.Inf(1)); return nil }
	}
	dir := t.TempDir()
	tr := trainer(t, small())
	tr.OnNaN = SkipNaN
	tr.Callbacks = []Callback{at{Step: 3, What: overflow(tr)}, Checkpoints{Dir: dir, Every: 1}}
	_, err := tr.Run(context.Background())
	assert.EqualError(t, err, "checkpoint: "+fmt.Sprintf(want, 3))
	c, err := LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	assert.Equal(t, 2, c.Step)

	tr = trainer(t, small())
	tr.Callbacks = []Callback{at{Step: 4, What: overflow(tr)}}
	_, err = tr.Run(context.Background())
	assert.EqualError(t, err, fmt.Sprintf(want, 4), "after the epoch's last step")
}

// TestAllStepsSkipped: an epoch without a good step ends the training. It has no mean loss.
func TestAllStepsSkipped(t *testing.T) {
	tr := trainer(t, small())
	tr.OnNaN, tr.Epochs, tr.Train = SkipNaN, 3, spoiltAfterOne{tr.Train}
	_, err := tr.Run(context.Background())
	assert.EqualError(t, err,
		`all 4 steps of epoch 2 were skipped, the last for a NaN or an infinity first seen in input "x": `+
			`nothing is learned`)
}

// spoiltAfterOne is a set with a NaN in every image from the second epoch on.
type spoiltAfterOne struct{ dataset.Dataset }

func (s spoiltAfterOne) Epoch(epoch int) dataset.Dataset {
	if epoch == 1 {
		return s.Dataset
	}
	return s
}

func (s spoiltAfterOne) Sample(i int, dst []float32) (int, error) {
	label, err := s.Dataset.Sample(i, dst)
	dst[0] = float32(math.NaN())
	return label, err
}

type stepCallback struct {
	Base
	what func(*State)
}

func eachStep(what func(*State)) Callback { return stepCallback{what: what} }

func (c stepCallback) StepEnd(s *State) error {
	c.what(s)
	return nil
}

// TestFullDisk: a checkpoint that can't be written ends the training, and the one before it stays.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(checkpointPath(dir, 3), "in the way"), 0o755))
	tr := trainer(t, small())
	tr.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 1}}
	_, err := tr.Run(context.Background())
	assert.ErrorContains(t, err, "checkpoint: write "+checkpointPath(dir, 3))

	c, err := readCheckpoint(checkpointPath(dir, 2))
	require.NoError(t, err)
	assert.Equal(t, 2, c.Step)
}

// TestReadOnlyFolder: the folder is read-only from the second step on.
func TestReadOnlyFolder(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("every folder can be written: the user is root, or the system is Windows")
	}
	dir := t.TempDir()
	failsAtStep3(t, dir, func() error { return os.Chmod(dir, 0o555) }, func() error { return os.Chmod(dir, 0o755) },
		os.ErrPermission)
}

// TestReadOnlyDisk is TestReadOnlyFolder for root, on a disk of its own.
func TestReadOnlyDisk(t *testing.T) {
	disk := testutil.NewDisk(t, 128<<10)
	failsAtStep3(t, disk, func() error { return testutil.SetReadOnly(disk, true) },
		func() error { return testutil.SetReadOnly(disk, false) }, syscall.EROFS)
}

// failsAtStep3 protects dir after the second step. The third step's checkpoint fails with the
// cause, the second's stays, and without the protection the training resumes from it to the end of
// one that was never stopped.
func failsAtStep3(t *testing.T, dir string, protect, release func() error, cause error) {
	t.Helper()
	tr := trainer(t, small())
	tr.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 1}, at{Step: 2, What: protect}}
	_, err := tr.Run(context.Background())
	assert.ErrorContains(t, err, "checkpoint: write "+checkpointPath(dir, 3)+": ")
	assert.ErrorIs(t, err, cause)
	require.NoError(t, release())

	c, err := LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	require.Equal(t, 2, c.Step)
	rest := trainer(t, small())
	rest.Resume = c
	rest.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 1}}
	whole := finish(t, trainer(t, small()))
	assert.True(t, whole.equals(finish(t, rest)))
}

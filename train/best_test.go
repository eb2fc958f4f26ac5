package train

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/formats/safetensors"
	"convgraph/train/solver"
)

// ups is a history of these test accuracies.
func ups(accuracies ...float64) *State {
	s := &State{}
	for i, a := range accuracies {
		s.History = append(s.History, Row{Epoch: i + 1, TestAccuracy: a})
	}
	return s
}

func TestEarlyStop(t *testing.T) {
	e := &EarlyStop{Patience: 2}
	accuracies := []float64{0.1, 0.3, 0.2, 0.4, 0.4, 0.3}
	for n := 1; n < len(accuracies); n++ {
		require.NoError(t, e.EpochEnd(ups(accuracies[:n]...)), n)
	}
	assert.Equal(t, ErrStop, e.EpochEnd(ups(accuracies...)))
	assert.Equal(t, ErrStop, e.TrainBegin(ups(accuracies...)), "resumed where it stopped")
	e.Patience = 3
	assert.NoError(t, e.TrainBegin(ups(accuracies...)), "resumed with more patience")
	assert.NoError(t, (&EarlyStop{Patience: 2}).TrainBegin(ups(accuracies...)),
		"resumed from a run without early stopping")
	e.Patience = 0
	assert.ErrorContains(t, e.TrainBegin(ups()), "patience: got 0 epochs, want at least 1")
}

// wayward trains for eight epochs at a rate that makes the accuracy rise and fall, with every
// stateful callback.
func wayward(t *testing.T, dir string) *Trainer {
	t.Helper()
	tr := trainer(t, withDropout())
	plateau := solver.NewPlateau(0.1)
	plateau.Patience, plateau.Factor = 0, 0.5
	tr.Epochs, tr.Schedule = 8, solver.Warmup{Steps: 2, Then: plateau}
	tr.Callbacks = []Callback{
		&EarlyStop{Patience: 5}, &KeepBest{Path: filepath.Join(dir, "best.safetensors")},
		ReduceOnPlateau{Schedule: plateau}, Checkpoints{Dir: dir, Every: 1},
	}
	return tr
}

// TestKeepsBest ends the training early, with the parameters of its best epoch.
func TestKeepsBest(t *testing.T) {
	dir := t.TempDir()
	tr := wayward(t, dir)
	byEpoch := map[int]string{}
	tr.Callbacks = append(tr.Callbacks,
		epochCallback{what: func(s *State) { byEpoch[s.Epoch] = paramBytes(t, s.Model) }})
	e := finish(t, tr)
	b := tr.Callbacks[0].(*EarlyStop).best
	require.Less(t, b.Epoch, len(e.history), "a training whose last epoch is the best shows nothing")
	assert.Equal(t, byEpoch[b.Epoch], e.params)
	assert.Equal(t, b.Accuracy, e.test.Accuracy())
	assert.Less(t, tr.Solver.LR(), 0.1)
}

type epochCallback struct {
	Base
	what func(*State)
}

func (c epochCallback) EpochEnd(s *State) error {
	c.what(s)
	return nil
}

// TestCallbacksResume stops a training at many steps, and expects the callbacks to continue with
// their states.
func TestCallbacksResume(t *testing.T) {
	want := finish(t, wayward(t, t.TempDir()))
	last := len(want.history) * 4
	for step := 1; step <= last; step += 3 {
		dir := t.TempDir()
		killed := errors.New("killed")
		tr := wayward(t, dir)
		tr.Callbacks = append(tr.Callbacks, at{Step: step, What: func() error { return killed }})
		_, err := tr.Run(context.Background())
		require.ErrorIs(t, err, killed)
		require.True(t, want.equals(resume(t, dir)), "after step %d of %d", step, last)
	}
	dir := t.TempDir()
	finish(t, wayward(t, dir))
	require.True(t, want.equals(resume(t, dir)), "resumed when it was done")
}

func resume(t *testing.T, dir string) ending {
	t.Helper()
	tr := wayward(t, dir)
	var err error
	tr.Resume, err = LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	return finish(t, tr)
}

// TestKeepBestRefusesAnotherFile.
func TestKeepBestRefusesAnotherFile(t *testing.T) {
	tr := trainer(t, small())
	path := filepath.Join(t.TempDir(), "best.safetensors")
	tr.Callbacks = []Callback{&KeepBest{Path: path}, epochCallback{what: func(s *State) {
		require.NoError(t, safetensors.Write(path, nil, nil))
	}}}
	_, err := tr.Run(context.Background())
	assert.ErrorContains(t, err, `parameter "fc1.weight" is missing`)
}

package train

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestProgressOfResumedTraining shows the speed of this run, not of all runs.
func TestProgressOfResumedTraining(t *testing.T) {
	var out strings.Builder
	p := &ProgressLines{W: &out}
	tr := trainer(t, small())
	tr.Epochs = 3
	s := &State{Trainer: tr, EpochSteps: 4, Batch: 50, Step: 4, Epoch: 1, Elapsed: time.Minute}
	require.NoError(t, p.TrainBegin(s))
	s.Step, s.Elapsed = 6, s.Elapsed+time.Second
	require.NoError(t, p.StepEnd(s))
	assert.Empty(t, out.String(), "three seconds haven't gone by since this run began")
	s.Step, s.Epoch, s.Elapsed = 8, 2, s.Elapsed+time.Second
	s.History = []Row{{Epoch: 1}, {Epoch: 2, TrainLoss: 0.5, TrainAccuracy: 0.25, TestAccuracy: 0.125}}
	require.NoError(t, p.EpochEnd(s))
	assert.Equal(t, "epoch 2/3  loss 0.5000  train 25.00%  test 12.50%  100 images/s  ETA 2s\n", out.String())
}

// TestProgressStartsSoon writes a line within the first seconds, then every half minute.
func TestProgressStartsSoon(t *testing.T) {
	var out strings.Builder
	p := &ProgressLines{W: &out}
	tr := trainer(t, small())
	tr.Epochs = 1
	s := &State{Trainer: tr, EpochSteps: 1000, Batch: 50, Epoch: 1}
	require.NoError(t, p.TrainBegin(s))
	var spoke []int
	for second := range 70 {
		s.Step, s.Elapsed = second*10+1, time.Duration(second)*time.Second
		before := out.Len()
		require.NoError(t, p.StepEnd(s))
		if out.Len() > before {
			spoke = append(spoke, second)
		}
	}
	assert.Equal(t, []int{3, 33, 63}, spoke)
}

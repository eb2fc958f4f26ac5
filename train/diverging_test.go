package train

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/train/solver"
)

// seen is a callback that keeps what each epoch says of divergence.
type seen struct {
	Base
	said []string
}

func (d *seen) EpochEnd(s *State) error {
	d.said = append(d.said, s.Diverging)
	return nil
}

// TestDivergedButFinite trains at a learning rate of 1000: every number stays finite, and one
// warning is written.
func TestDivergedButFinite(t *testing.T) {
	for rate, want := range map[float64]bool{1e3: true, 0.01: false} {
		tr := trainer(t, small())
		tr.Epochs, tr.Schedule = 4, nil
		var err error
		tr.Solver, err = solver.New("sgd", solver.Config{LR: rate})
		require.NoError(t, err)
		var text strings.Builder
		states := &seen{}
		tr.Callbacks = []Callback{states, &Warnings{W: &text}}
		_, err = tr.Run(context.Background())
		require.NoError(t, err)
		require.Len(t, states.said, 4)
		if !want {
			assert.Empty(t, strings.Join(states.said, ""))
			assert.Empty(t, text.String())
			continue
		}
		assert.Contains(t, states.said[0], "the mean loss is ")
		assert.Regexp(t, `^warning: the training seems to have diverged in epoch 1: the mean loss is \S+, `+
			`it has been \S+; a smaller learning rate may help\n$`, text.String())
	}
}

func TestWatch(t *testing.T) {
	one, mixed := []int{0, 9, 0}, []int{3, 4, 2}
	w := newWatch(nil)
	w.step(1.2)
	assert.Empty(t, w.epoch(1.1, one), "slow networks begin with one class")
	assert.Empty(t, w.epoch(0.3, mixed))
	assert.Empty(t, w.epoch(2.9, mixed), "less than tenfold")
	assert.Equal(t, "the mean loss is 3, it has been 0.3", w.epoch(3, mixed))
	w.step(50)
	assert.Equal(t, "every training image is taken for class 1, after a loss of 50 that has been 0.3",
		w.epoch(1.1, one), "dead after a leap")
	assert.Empty(t, w.epoch(1.1, mixed), "recovered")

	w = newWatch([]Row{{TrainLoss: 0.001}, {TrainLoss: 0.002}})
	w.step(0.03)
	assert.Empty(t, w.epoch(0.03, mixed), "far better than guessing")
	assert.Contains(t, w.epoch(2, mixed), "it has been 0.001", "a resumed training knows its epochs")

	w = newWatch(nil)
	w.step(40)
	assert.Empty(t, w.epoch(0, []int{5}), "a single class is no sign")
}

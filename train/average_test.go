package train

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/formats"
)

// averagedBy trains for six epochs of four steps with an average of the parameters, and writes a
// checkpoint into dir after each step.
func averagedBy(t *testing.T, decay float64, dir string) *Trainer {
	t.Helper()
	tr := trainer(t, withDropout())
	tr.Epochs, tr.Schedule = 6, nil
	tr.Callbacks = []Callback{&Average{Decay: decay}, Checkpoints{Dir: dir, Every: 1}}
	return tr
}

// TestAverageByHand averages parameters that are all 1, then 2, then 4, at steps 10, 20 and 30.
func TestAverageByHand(t *testing.T) {
	for _, c := range []struct{ decay, want float64 }{
		{0.99, 7. / 3},     // 1-0.99^10 is 0.0956, less than a third: the plain mean
		{0.9, 3.181066465}, // 0.9^10 is 0.3486784401: 1, then 1.6513215599, then 0.6513215599 of the way from that to 4
	} {
		s := &State{Model: trainer(t, small()).Model}
		a := &Average{Decay: c.decay}
		require.NoError(t, a.TrainBegin(s))
		for step := 1; step <= 39; step++ {
			value := map[int]float32{10: 1, 20: 2, 30: 4}[step] // 0 at steps between, which aren't looked at
			for _, p := range s.Model.Params() {
				fill(p.Value.Float32s(), value)
			}
			s.Step = step
			require.NoError(t, a.StepEnd(s))
		}
		require.NoError(t, a.TrainEnd(s))
		for _, p := range s.Model.Params() {
			for _, v := range p.Value.Float32s() {
				require.InDelta(t, c.want, v, 1e-6, p.Name)
			}
		}
	}
}

func fill(values []float32, v float32) {
	for i := range values {
		values[i] = v
	}
}

// TestAverageChangesOnlyTheResult: with an average the history is the same; the final parameters
// differ, and are the same each time.
func TestAverageChangesOnlyTheResult(t *testing.T) {
	plain := averagedBy(t, 0.9, t.TempDir())
	plain.Callbacks = nil
	last := finish(t, plain)
	want := finish(t, averagedBy(t, 0.9, t.TempDir()))
	assert.Equal(t, last.history, want.history)
	assert.NotEqual(t, last.params, want.params)
	assert.True(t, want.equals(finish(t, averagedBy(t, 0.9, t.TempDir()))))
	assert.NotEqual(t, want.params, finish(t, averagedBy(t, 0.5, t.TempDir())).params)

	short, shortPlain := averagedBy(t, 0.9, t.TempDir()), averagedBy(t, 0.9, t.TempDir())
	short.Epochs, shortPlain.Epochs, shortPlain.Callbacks = 2, 2, nil
	assert.Equal(t, finish(t, shortPlain).params, finish(t, short).params, "eight steps: nothing was averaged")
}

// TestAverageResumes stops a training before, at and after the steps that update the average.
func TestAverageResumes(t *testing.T) {
	want := finish(t, averagedBy(t, 0.9, t.TempDir()))
	for _, step := range []int{1, 9, 10, 11, 19, 20, 22, 24} {
		dir := t.TempDir()
		killed := errors.New("killed")
		tr := averagedBy(t, 0.9, dir)
		tr.Callbacks = append(tr.Callbacks, at{Step: step, What: func() error { return killed }})
		_, err := tr.Run(context.Background())
		require.ErrorIs(t, err, killed)
		require.True(t, want.equals(finish(t, averagedFrom(t, dir))), "after step %d", step)
	}
	dir := t.TempDir()
	finish(t, averagedBy(t, 0.9, dir))
	require.True(t, want.equals(finish(t, averagedFrom(t, dir))), "resumed when it was done")
}

// averagedFrom resumes from a folder's newest checkpoint.
func averagedFrom(t *testing.T, dir string) *Trainer {
	t.Helper()
	tr := averagedBy(t, 0.9, dir)
	var err error
	tr.Resume, err = LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	return tr
}

func TestAverageRefuses(t *testing.T) {
	for _, decay := range []float64{0, 1, -1} {
		_, err := averagedBy(t, decay, t.TempDir()).Run(context.Background())
		assert.ErrorContains(t, err, "want more than 0 and less than 1")
	}
	dir := t.TempDir()
	finish(t, averagedBy(t, 0.9, dir))
	for want, spoil := range map[string]func(means []formats.Array) []formats.Array{
		`no average of parameter "fc1.weight", float32 of (6, 8)`: func(means []formats.Array) []formats.Array {
			return nil
		},
		`no average of parameter "fc2.bias", float32 of (3)`: func(means []formats.Array) []formats.Array {
			for i, m := range means {
				if m.Name == "average/fc2.bias" {
					means[i].Value = means[(i+1)%len(means)].Value
				}
			}
			return means
		},
	} {
		tr := averagedFrom(t, dir)
		tr.Resume.arrays = spoil(tr.Resume.arrays)
		_, err := tr.Run(context.Background())
		assert.ErrorContains(t, err, want)
	}
}

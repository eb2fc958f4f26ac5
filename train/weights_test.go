package train

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/ops"
	"convgraph/train/dataset"
)

// TestBalancedWeights expects each class with samples to count the same.
func TestBalancedWeights(t *testing.T) {
	labels := []uint8{0, 0, 0, 0, 0, 0, 2, 2, 2}
	set, err := dataset.NewImages(tensor.Shape{1, 1, 1}, make([]uint8, 9), labels, 3)
	require.NoError(t, err)
	weights, err := BalancedWeights(set, 4)
	require.NoError(t, err)
	assert.Equal(t, []float64{0.75, 0, 1.5, 0}, weights)
}

// TestClassWeights: weights of 1 train to what no weights do but for rounding, others to something
// else, the same from any number of workers and when it is resumed; a class of weight 0 isn't
// learned.
func TestClassWeights(t *testing.T) {
	t.Cleanup(func() { ops.SetWorkers(0) })
	weighted := func(weights ...float64) *Trainer {
		tr := trainer(t, small())
		tr.ClassWeights = weights
		return tr
	}
	values := func(tr *Trainer) []float32 {
		finish(t, tr)
		return tr.Model.Params()[0].Value.Float32s()
	}
	plain := values(weighted())
	assert.InDeltaSlice(t, plain, values(weighted(1, 1, 1)), 1e-5)
	whole := finish(t, weighted(0.5, 2, 1))
	assert.NotEqual(t, finish(t, weighted()).params, whole.params)
	for _, workers := range []int{1, 3} {
		ops.SetWorkers(workers)
		require.True(t, whole.equals(finish(t, weighted(0.5, 2, 1))))
	}
	dir := t.TempDir()
	first := weighted(0.5, 2, 1)
	first.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 1}, at{Step: 5, What: func() error { return ErrStop }}}
	finish(t, first)
	rest := weighted(0.5, 2, 1)
	var err error
	rest.Resume, err = LatestCheckpoint(dir, nil)
	require.NoError(t, err)
	require.True(t, whole.equals(finish(t, rest)))
}

// TestWeightsGoWithTheTargets, which label smoothing has spread, as PyTorch's class weights do.
func TestWeightsGoWithTheTargets(t *testing.T) {
	tr := trainer(t, small())
	tr.LabelSmoothing, tr.ClassWeights = 0.3, []float64{1, 2, 0}
	r, err := tr.start()
	require.NoError(t, err)
	defer r.step.Close()
	r.setTargets([]float32{0, 1, 0, 1, 0, 0, 0, 0, 1}, 3)
	assert.InDeltaSlice(t, []float32{0.1, 1.6, 0, 0.8, 0.2, 0, 0.1, 0.2, 0}, r.step.Targets().Float32s(), 1e-6)
}

func TestRefusesInvalidWeights(t *testing.T) {
	for want, weights := range map[string][]float64{
		"got 2 class weights, want 3":              {1, 2},
		"the weight of class 1 is -1: want 0 to 1": {1, -1, 1},
	} {
		tr := trainer(t, small())
		tr.ClassWeights = weights
		require.ErrorContains(t, tr.Check(), want)
	}
	spec := small()
	spec.Layers, spec.Loss = spec.Layers[:1], graph.MeanSquaredError
	tr := trainer(t, spec)
	tr.ClassWeights = []float64{1, 1, 1}
	require.ErrorContains(t, tr.Check(),
		`class weights are for the loss "cross_entropy": model "small" has "mean_squared_error"`)
	_, err := tr.Model.NewStep(2, graph.WithWeightedTargets())
	require.ErrorContains(t, err, `got weighted targets with the loss "mean_squared_error": want "cross_entropy"`)
}

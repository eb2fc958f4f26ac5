package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/internal/peers"
	"convgraph/train/dataset"
)

// byHardest returns a trainer of three epochs, of which the second and third have two of its four
// batches.
func byHardest(t testing.TB) *Trainer {
	tr := trainer(t, withDropout())
	tr.Epochs, tr.Hardest, tr.Schedule = 3, 0.5, nil
	return tr
}

func TestHardestSamples(t *testing.T) {
	h := newHardest(6)
	h.losses = []float32{0.5, 2, 0.5, 0.1, float32(math.Inf(1)), 0.5}
	h.begin()
	h.losses[3] = 9 // of this epoch
	order := []int{5, 4, 3, 2, 1, 0}
	for count, want := range [][]int{{}, {4}, {4, 1}, {4, 1, 0}, {4, 2, 1, 0}, {5, 4, 2, 1, 0}, order} {
		assert.Equal(t, want, h.of(order, count))
	}
	assert.Equal(t, []int{5, 4, 3, 2, 1, 0}, order)
}

// visits records the samples that are read.
type visits struct {
	dataset.Dataset
	mu      sync.Mutex
	samples []int
}

func (v *visits) Sample(i int, dst []float32) (int, error) {
	v.mu.Lock()
	v.samples = append(v.samples, i)
	v.mu.Unlock()
	return v.Dataset.Sample(i, dst)
}

// TestHardestAreVisited compares the second epoch's samples with the losses of the first, which
// another step computes. The set's thirteenth sample is visited by chance only in the first epoch.
func TestHardestAreVisited(t *testing.T) {
	tr := byHardest(t)
	tr.Epochs = 2
	assert.Equal(t, []int{4, 2, 2, 6}, []int{tr.StepsOf(1), tr.StepsOf(2), tr.StepsOf(3), tr.Steps()})
	plain := images(t, tr.Model.Spec().Input, 13, 3, 5)
	read := &visits{Dataset: plain}
	tr.Train = read
	losses := make([]float64, 13)
	for i := range losses {
		losses[i] = math.Inf(1)
	}
	r, err := tr.start()
	require.NoError(t, err)
	defer r.step.Close()
	tr.Callbacks = []Callback{eachStep(func(s *State) {
		if s.Epoch > 1 {
			assert.Equal(t, []int{4, 2}, []int{s.EpochBegan, s.EpochSteps})
			return
		}
		assert.Equal(t, []int{0, 4}, []int{s.EpochBegan, s.EpochSteps})
		of := make([]float64, s.Batch)
		require.NoError(t, r.step.LossesInto(of))
		order, err := r.order(1, 12)
		require.NoError(t, err)
		mean := 0.0
		for i, sample := range order[(s.Step-1)*s.Batch:][:s.Batch] {
			losses[sample] = of[i]
			mean += of[i] / float64(s.Batch)
		}
		assert.InDelta(t, s.Loss, mean, 1e-6)
	})}
	require.NoError(t, r.epoch(context.Background(), 1))
	read.samples = nil
	require.NoError(t, r.epoch(context.Background(), 2))
	second := read.samples[:6] // evaluations read the set, too

	hardest := make([]int, 13)
	for i := range hardest {
		hardest[i] = i
	}
	slices.SortFunc(hardest, func(a, b int) int {
		if losses[a] > losses[b] {
			return -1
		}
		return 1
	})
	slices.Sort(second)
	want := slices.Sorted(slices.Values(hardest[:6]))
	assert.Equal(t, want, second)
	assert.True(t, math.IsInf(losses[hardest[0]], 1), "the sample that no batch of the first epoch had")
}

// TestHardestIsResumed after any step with the same bits, which aren't those of whole epochs.
func TestHardestIsResumed(t *testing.T) {
	whole := finish(t, byHardest(t))
	all := byHardest(t)
	all.Hardest = 0
	require.False(t, whole.equals(finish(t, all)))
	for step := 1; step <= 8; step++ {
		dir, killed := t.TempDir(), errors.New("killed")
		tr := byHardest(t)
		tr.Callbacks = []Callback{Checkpoints{Dir: dir, Every: 1}, at{Step: step, What: func() error { return killed }}}
		_, err := tr.Run(context.Background())
		require.ErrorIs(t, err, killed)
		rest := byHardest(t)
		rest.Resume, err = LatestCheckpoint(dir, func(err error) { t.Error(err) })
		require.NoError(t, err)
		require.True(t, whole.equals(finish(t, rest)), "after step %d", step)
	}
}

func TestHardestByProcessesAndTurns(t *testing.T) {
	hardest := func() *Trainer {
		tr := batchTrainer(t, leNet(), 20)
		tr.Epochs, tr.Hardest = 3, 0.5
		return tr
	}
	want := finish(t, hardest())
	tr := hardest()
	tr.MicroBatch = 5
	require.True(t, want.equals(finish(t, tr)), "in turns")
	for _, connected := range [][]*peers.Peer{peers.New(2), peers.New(3), peers.WithMemory(2)} {
		all := make([]*Trainer, len(connected))
		for rank := range all {
			all[rank] = hardest()
		}
		for rank, got := range finishTogether(t, all, connected) {
			require.True(t, want.equals(got), "rank %d of %d", rank, len(all))
		}
	}
}

// TestHardestCountsNaN: an image whose loss is NaN counts as the hardest.
func TestHardestCountsNaN(t *testing.T) {
	tr := byHardest(t)
	tr.OnNaN, tr.Train = SkipNaN, spoiltFirst{images(t, tr.Model.Spec().Input, 13, 3, 5)}
	r, err := tr.start()
	require.NoError(t, err)
	defer r.step.Close()
	require.NoError(t, r.epoch(context.Background(), 1))
	order, err := r.order(1, 12)
	require.NoError(t, err)
	require.Contains(t, order, 0)
	for _, sample := range order {
		assert.Equal(t, sample == 0, math.IsInf(float64(r.hardest.losses[sample]), 1), "sample %d", sample)
	}
}

// spoiltFirst has a NaN in its first image.
type spoiltFirst struct{ dataset.Dataset }

func (s spoiltFirst) Sample(i int, dst []float32) (int, error) {
	label, err := s.Dataset.Sample(i, dst)
	if i == 0 {
		dst[0] = float32(math.NaN())
	}
	return label, err
}

// TestHardestHasABatch: a share of less than a batch is one.
func TestHardestHasABatch(t *testing.T) {
	tr := byHardest(t)
	tr.Hardest = 0.01
	assert.Equal(t, []int{4, 1, 6}, []int{tr.StepsOf(1), tr.StepsOf(2), tr.Steps()})
	assert.Equal(t, 6, finish(t, tr).history[2].Step)
}

// TestHardestOfWrongSize: another process sends a loss too few.
func TestHardestOfWrongSize(t *testing.T) {
	h := newHardest(3)
	h.batch = make([]byte, 4)
	assert.EqualError(t, h.visit([]int{0, 2}, nil), "losses of a step: got 4 bytes, want 8 for 2 images")
}

func TestHardestRefuses(t *testing.T) {
	share := func(v float64) func(*Trainer) { return func(tr *Trainer) { tr.Hardest = v } }
	for want, change := range map[string]func(tr *Trainer){
		"hardest: got -0.5, want more than 0 and at most 1, or 0 for all samples": share(-0.5),
		"hardest: got 1.5, want more than 0 and at most 1, or 0 for all samples":  share(1.5),
		"hardest: got NaN, want more than 0 and at most 1, or 0 for all samples":  share(math.NaN()),
		"hardest ranks samples by their own loss: want no mixup and no CutMix, or hardest 0": func(tr *Trainer) {
			tr.Mixup = 1
		},
		"hardest chooses the samples of an epoch: want sampling shuffle, or hardest 0": func(tr *Trainer) {
			tr.Sampling = Replace
		},
		"images to evaluate: got 1000, and -1 of the training set, want at least 0": func(tr *Trainer) {
			tr.EvalTrain = -1
		},
	} {
		tr := byHardest(t)
		change(tr)
		assert.EqualError(t, tr.Check(), want)
	}
}

// TestHardestRefusesAnotherSet restores losses of another set, or none.
func TestHardestRefusesAnotherSet(t *testing.T) {
	losses := tensor.New(tensor.WithShape(3), tensor.Of(tensor.Float32))
	for want, arrays := range map[string][]formats.Array{
		`array "hardest/before" is missing`: nil,
		`array "hardest/before": got (3) of float32, want 4 of float32`: {
			{Name: "hardest/before", Value: losses}, {Name: "hardest/losses", Value: losses},
		},
	} {
		assert.EqualError(t, newHardest(4).restore(arrays), want)
	}
}

// TestEvalTrain evaluates fewer images of the training set than of the test set.
func TestEvalTrain(t *testing.T) {
	tr := trainer(t, small())
	tr.EvalTrain = 4
	got := finish(t, tr).history[0]
	assert.Equal(t, []int{4, 6}, []int{got.TrainImages, got.HeldOutImages})
}

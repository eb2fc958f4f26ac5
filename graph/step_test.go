package graph_test

import (
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/internal/testutil"
	"convgraph/models"
)

func newStep(t testing.TB, m *graph.Model, batch int, options ...graph.StepOption) *graph.Step {
	t.Helper()
	s, err := m.NewStep(batch, options...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	targetFirstClass(s)
	return s
}

// targetFirstClass labels every image 0.
func targetFirstClass(s *graph.Step) {
	for i := range s.Targets().Shape()[0] {
		set(s.Targets(), i*s.Targets().Shape()[1], 1)
	}
}

// fill puts a batch into a step.
func fill(s *graph.Step, images, labels *tensor.Dense) {
	for i := range images.Shape().TotalSize() {
		set(s.Images(), i, get(images, i))
	}
	classes := s.Targets().Shape()[1]
	s.Targets().Zero()
	for i := range labels.Shape()[0] {
		set(s.Targets(), i*classes+int(get(labels, i)), 1)
	}
}

func get(d *tensor.Dense, i int) float64 {
	if d.Dtype() == tensor.Float64 {
		return d.Float64s()[i]
	}
	return float64(d.Float32s()[i])
}

// run is a step's loss with the gradient of the first parameter.
func run(t testing.TB, s *graph.Step, number uint64) (loss float64, gradient []float64) {
	t.Helper()
	loss, err := s.Run(number)
	require.NoError(t, err)
	v, err := s.Gradients()[0].Grad()
	require.NoError(t, err)
	d := v.(*tensor.Dense)
	for i := range d.Shape().TotalSize() {
		gradient = append(gradient, get(d, i))
	}
	return loss, gradient
}

// TestStepsLossIsTheModels compares the loss of training with that of prediction, which is computed
// differently.
func TestStepsLossIsTheModels(t *testing.T) {
	for dt, tolerance := range map[tensor.Dtype]float64{tensor.Float32: 1e-6, tensor.Float64: 1e-14} {
		for _, spec := range []*graph.Spec{smallNet(), mixedNet()} {
			m := newModel(t, spec, graph.WithDtype(dt))
			x, l := images(m, 5), labels(m, 5)
			s := newStep(t, m, 5, graph.WithoutDropout())
			fill(s, x, l)
			loss, _ := run(t, s, 0)
			want, err := m.Loss(x, l)
			require.NoError(t, err)
			assert.InEpsilon(t, want, loss, tolerance)

			logits, err := s.Logits()
			require.NoError(t, err)
			predicted, err := m.Predict(x)
			require.NoError(t, err)
			for i := range 5 * m.Classes() {
				assert.InDelta(t, get(predicted, i), get(logits, i), tolerance)
			}
		}
	}
}

// TestStepReadsOthersImages: SetImages has the same effect as filling Images.
func TestStepReadsOthersImages(t *testing.T) {
	m := newModel(t, mixedNet())
	first, second, l := images(m, 5), images(m, 5), labels(m, 5)
	for i := range second.Float32s() {
		second.Float32s()[i] *= 0.5
	}
	filled, given := newStep(t, m, 5), newStep(t, m, 5)
	fill(given, first, l)
	for i, x := range []*tensor.Dense{first, second, first} {
		fill(filled, x, l)
		wantLoss, wantGradient := run(t, filled, uint64(i))
		require.NoError(t, given.SetImages(x))
		assert.Same(t, x, given.Images())
		loss, gradient := run(t, given, uint64(i))
		assert.Equal(t, wantLoss, loss)
		assert.Equal(t, wantGradient, gradient)
	}
	err := given.SetImages(images(m, 4))
	assert.ErrorContains(t, err, "images of (4, ")
	assert.ErrorContains(t, err, "want (5, ")
}

// TestStepTakesDistributions gives targets that are no labels: the loss is the cross-entropy.
func TestStepTakesDistributions(t *testing.T) {
	m := identity(t, tensor.Float64)
	s := newStep(t, m, 1)
	copy(s.Images().Float64s(), []float64{1, 2, 3})
	copy(s.Targets().Float64s(), []float64{0.5, 0.25, 0.25})
	loss, _ := run(t, s, 0)
	assert.InDelta(t, math.Log(math.Exp(1)+math.Exp(2)+math.Exp(3))-(0.5+0.5+0.75), loss, 1e-15)
}

// TestDropoutDependsOnSeedAndStep runs steps in another order, on other objects, and on a model
// with loaded parameters.
func TestDropoutDependsOnSeedAndStep(t *testing.T) {
	m := newModel(t, mixedNet(), graph.WithSeed(9))
	x, l := images(m, 4), labels(m, 4)
	loaded := func(m *graph.Model) *graph.Step {
		s := newStep(t, m, 4)
		fill(s, x, l)
		return s
	}
	s := loaded(m)
	first, firstGradient := run(t, s, 0)
	second, secondGradient := run(t, s, 1)
	assert.NotEqual(t, first, second)
	assert.NotEqual(t, firstGradient, secondGradient)

	back, gradient := run(t, s, 0)
	assert.Equal(t, first, back)
	assert.Equal(t, firstGradient, gradient)
	fresh, gradient := run(t, loaded(m), 1)
	assert.Equal(t, second, fresh)
	assert.Equal(t, secondGradient, gradient)

	copied, reseeded := newModel(t, mixedNet(), graph.WithSeed(9)), newModel(t, mixedNet(), graph.WithSeed(10))
	for _, to := range []*graph.Model{copied, reseeded} {
		require.NoError(t, to.SetParams(arraysOf(m)))
	}
	same, _ := run(t, loaded(copied), 0)
	assert.Equal(t, first, same)
	other, _ := run(t, loaded(reseeded), 0)
	assert.NotEqual(t, first, other)

	without := newStep(t, m, 4, graph.WithoutDropout())
	fill(without, x, l)
	plain, _ := run(t, without, 0)
	again, _ := run(t, without, 1)
	assert.Equal(t, plain, again)
	assert.NotEqual(t, plain, first)
}

// TestDropoutDropsAndScales checks the inputs of the logits: both kinds drop the given fraction;
// only one scales the others.
func TestDropoutDropsAndScales(t *testing.T) {
	const features, rate = 2000, 0.25
	for classic, scaled := range map[bool]float64{false: 1 / (1 - rate), true: 1} {
		m := newModel(t, graph.Sequential("dropped", tensor.Shape{features}, graph.Gaussian(1),
			graph.Dropout{Rate: rate, Classic: classic}, graph.Affine{Units: 2}, graph.Softmax{}),
			graph.WithDtype(tensor.Float64))
		s := newStep(t, m, 1)
		kept := 0
		for i, w := range m.Params()[0].Value.Float64s()[:features] { // one input at a time, all under the same mask
			clear(s.Images().Float64s())
			s.Images().Float64s()[i] = 1
			_, err := s.Run(0)
			require.NoError(t, err)
			logits, err := s.Logits()
			require.NoError(t, err)
			if logits.Float64s()[0] != 0 {
				kept++
				require.InEpsilon(t, scaled*w, logits.Float64s()[0], 1e-12)
			}
		}
		assert.InDelta(t, 1-rate, float64(kept)/features, 0.05)
	}
}

func arraysOf(m *graph.Model) (arrays []formats.Array) {
	for _, p := range m.Params() {
		arrays = append(arrays, formats.Array{Name: p.Name, Value: p.Value})
	}
	return arrays
}

// TestStepSeesTheModelsParameters changes a parameter between two runs, as a solver does.
func TestStepSeesTheModelsParameters(t *testing.T) {
	m := newModel(t, smallNet())
	x, l := images(m, 6), labels(m, 6)
	s := newStep(t, m, 6)
	fill(s, x, l)
	before, _ := run(t, s, 0)
	for _, p := range s.Gradients() {
		g, err := p.Grad()
		require.NoError(t, err)
		for i, v := range g.(*tensor.Dense).Float32s() {
			p.Value().(*tensor.Dense).Float32s()[i] -= 0.1 * v
		}
	}
	after, _ := run(t, s, 1)
	assert.Less(t, after, before)
	loss, err := m.Loss(x, l)
	require.NoError(t, err)
	assert.InEpsilon(t, after, loss, 1e-6)
}

func TestStepErrors(t *testing.T) {
	m := newModel(t, smallNet())
	_, err := m.NewStep(0)
	assert.EqualError(t, err, `model "small": batch: got 0, want 1 to 1048576`)
	_, err = m.NewStep(1 << 60)
	assert.EqualError(t, err, `model "small": batch: got 1152921504606846976, want 1 to 1048576`)
	bare := newModel(t, graph.Sequential("bare", tensor.Shape{3}, graph.He(), graph.Softmax{}))
	_, err = bare.NewStep(1)
	assert.EqualError(t, err, `model "bare": nothing to differentiate: want a trained parameter`)
	s := newStep(t, m, 2)
	assert.ErrorContains(t, s.SetImages(nil), `model "small": images: got nil, want (2, `)
	_, err = s.Logits()
	assert.ErrorContains(t, err, "has the step been run?")
	_, err = s.InputGradient()
	assert.EqualError(t, err, "the step was made without WithInputGradient")
}

// TestStepAllocatesLittle bounds the allocations of a run, including gorgonia's tape machine, and
// checks that they don't grow with the batch.
func TestStepAllocatesLittle(t *testing.T) {
	for _, spec := range []*graph.Spec{models.GradientCheckNet().Spec(), mixedNet()} {
		m := newModel(t, spec)
		small, large := bytesPerRun(t, newStep(t, m, 2), 50), bytesPerRun(t, newStep(t, m, 100), 50)
		assert.Less(t, large, uint64(64<<10), spec.Name)
		assert.InDelta(t, small, large, 8<<10, "%s: one copy of the images would be 40 KB", spec.Name)
	}
}

func bytesPerRun(t *testing.T, s *graph.Step, runs uint64) uint64 {
	for i := range 3 {
		run(t, s, uint64(i))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range runs {
		if _, err := s.Run(uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}

// TestStepsLeaveNothingBehind builds, runs and closes many steps and predicts in between.
func TestStepsLeaveNothingBehind(t *testing.T) {
	m := newModel(t, smallNet())
	x := images(m, 3)
	cycle := func() {
		s, err := m.NewStep(8)
		require.NoError(t, err)
		targetFirstClass(s)
		_, err = s.Run(0)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		_, err = m.Predict(x)
		require.NoError(t, err)
	}
	for range 20 {
		cycle()
	}
	before, heap := runtime.NumGoroutine(), heapInUse()
	for range 200 {
		cycle()
	}
	assert.LessOrEqual(t, testutil.WaitGoroutines(before), before)
	assert.Less(t, heapInUse(), heap+1<<20)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC() // the first empties the sync.Pools into their victims, the second drops those
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestStepsOfManyModelsRunAtOnce is for the race detector, too.
func TestStepsOfManyModelsRunAtOnce(t *testing.T) {
	losses := make([][3]float64, 6)
	var wait sync.WaitGroup
	for g := range losses {
		wait.Go(func() {
			m, err := graph.New(mixedNet())
			if !assert.NoError(t, err) {
				return
			}
			s, err := m.NewStep(3)
			if !assert.NoError(t, err) {
				return
			}
			fill(s, images(m, 3), labels(m, 3))
			for i := range losses[g] {
				losses[g][i], err = s.Run(uint64(i))
				assert.NoError(t, err)
			}
			assert.NoError(t, s.Close())
		})
	}
	wait.Wait()
	for _, l := range losses {
		assert.Equal(t, losses[0], l)
	}
}

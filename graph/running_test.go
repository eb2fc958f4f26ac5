package graph_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// normed is a network with two batch normalizations.
func normed() *graph.Spec {
	return graph.Sequential("normed", tensor.Shape{2, 4, 4}, graph.He(),
		graph.Block("layer1", graph.Conv2D{Filters: 3, Kernel: graph.Square(3), NoBias: true}, graph.BatchNorm{},
			graph.ReLU{}),
		graph.Block("layer10", graph.Affine{Units: 3}, graph.BatchNorm{Momentum: 0.25}), graph.Affine{Units: 2},
		graph.Softmax{})
}

func TestParametersOfBatchNorm(t *testing.T) {
	m := newModel(t, normed())
	var names, trained []string
	for _, p := range m.Params() {
		names = append(names, p.Name)
		if p.Trained() {
			trained = append(trained, p.Name)
		}
		assert.Contains(t, []string{"layer1.conv1", "layer1.bn1", "layer10.fc1", "layer10.bn1", "fc1"}, p.Node())
	}
	assert.Equal(t, []string{"layer1.conv1.weight",
		"layer1.bn1.weight", "layer1.bn1.bias", "layer1.bn1.running_mean", "layer1.bn1.running_var",
		"layer10.fc1.weight", "layer10.fc1.bias",
		"layer10.bn1.weight", "layer10.bn1.bias", "layer10.bn1.running_mean", "layer10.bn1.running_var", "fc1.weight",
		"fc1.bias"}, names)
	assert.Equal(t, []string{"layer1.conv1.weight", "layer1.bn1.weight", "layer1.bn1.bias", "layer10.fc1.weight",
		"layer10.fc1.bias",
		"layer10.bn1.weight", "layer10.bn1.bias", "fc1.weight", "fc1.bias"}, trained)
	assert.Equal(t, trained, gradientNames(newStep(t, m, 3)))
	s := m.Summary()
	assert.Equal(t, int64(54+12+39+12+8), s.Parameters)
	assert.Equal(t, s.Parameters-12, s.Trainable)
}

func gradientNames(s *graph.Step) (names []string) {
	for _, p := range s.Gradients() {
		names = append(names, p.(interface{ Name() string }).Name())
	}
	return names
}

// TestRunningStatisticsFollowTheBatches compares with their definition.
func TestRunningStatisticsFollowTheBatches(t *testing.T) {
	m := newModel(t, graph.Sequential("bn", tensor.Shape{2}, graph.He(), graph.BatchNorm{Momentum: 0.25},
		graph.Affine{Units: 2}, graph.Softmax{}),
		graph.WithDtype(tensor.Float64))
	s := newStep(t, m, 3)
	mean, variance := []float64{0, 0}, []float64{1, 1}
	for step := range 3 {
		for i := range 6 {
			s.Images().Float64s()[i] = math.Sin(float64(i*i + step))
		}
		_, err := s.Run(uint64(step))
		require.NoError(t, err)
		for c := range 2 {
			sum, squares := 0.0, 0.0
			for n := range 3 {
				sum += s.Images().Float64s()[2*n+c] / 3
			}
			for n := range 3 {
				squares += math.Pow(s.Images().Float64s()[2*n+c]-sum, 2) / 2 // unbiased
			}
			mean[c], variance[c] = 0.75*mean[c]+0.25*sum, 0.75*variance[c]+0.25*squares
		}
		assert.InDeltaSlice(t, mean, param(t, m, "bn1.running_mean").Float64s(), 1e-15)
		assert.InDeltaSlice(t, variance, param(t, m, "bn1.running_var").Float64s(), 1e-15)
	}
	x := images(m, 2)
	activations, err := m.Activations(x)
	require.NoError(t, err)
	for i, v := range x.Float64s() {
		assert.InDelta(t, (v-mean[i%2])/math.Sqrt(variance[i%2]+1e-5), activations[0].Value.Float64s()[i], 1e-14,
			"prediction uses them")
	}
}

func param(t *testing.T, m *graph.Model, name string) *tensor.Dense {
	t.Helper()
	p, err := m.Param(name)
	require.NoError(t, err)
	return p
}

// running copies all running statistics.
func running(m *graph.Model) (all [][]float32) {
	for _, p := range m.Params() {
		if p.Running {
			all = append(all, append([]float32(nil), p.Value.Float32s()...))
		}
	}
	return all
}

// TestOnlyTrainingMovesRunningStatistics: looking at a model or a batch doesn't, nor does a step
// whose loss is no number.
func TestOnlyTrainingMovesRunningStatistics(t *testing.T) {
	m := newModel(t, normed())
	x, l := images(m, 4), labels(m, 4)
	s := newStep(t, m, 4)
	fill(s, x, l)
	start := running(m)
	run(t, s, 0)
	moved := running(m)
	for i := range start {
		assert.NotEqual(t, start[i], moved[i])
	}

	_, err := s.FirstNonFinite()
	require.NoError(t, err)
	_, err = m.Gradients(x, l)
	require.NoError(t, err)
	_, err = m.Predict(x)
	require.NoError(t, err)
	_, err = m.Loss(x, l)
	require.NoError(t, err)
	quiet := newStep(t, m, 4, graph.WithoutDropout())
	fill(quiet, x, l)
	run(t, quiet, 0)
	s.Images().Float32s()[3] = float32(math.NaN())
	loss, _ := run(t, s, 1)
	assert.True(t, math.IsNaN(loss))
	assert.Equal(t, moved, running(m))
}

// TestRunningStatisticsTravel through files, and from model to model.
func TestRunningStatisticsTravel(t *testing.T) {
	m := newModel(t, normed())
	s := newStep(t, m, 4)
	fill(s, images(m, 4), labels(m, 4))
	run(t, s, 0)
	path := filepath.Join(t.TempDir(), "params.safetensors")
	require.NoError(t, m.Save(path))
	loaded, err := graph.Load(path)
	require.NoError(t, err)
	assert.Equal(t, running(m), running(loaded))
	requireSameParams(t, m, loaded)
	for i, p := range loaded.Params() {
		assert.Equal(t, m.Params()[i].Running, p.Running)
	}
	heir := newModel(t, normed(), graph.WithSeed(8))
	for _, layer := range heir.LoadMatching(m) {
		assert.Empty(t, layer.Missing)
	}
	assert.Equal(t, running(m), running(heir))
}

// TestFreeze takes parameters out of training by their names.
func TestFreeze(t *testing.T) {
	for pattern, want := range map[string][]string{
		"layer1": {"layer1.conv1.weight", "layer1.bn1.weight", "layer1.bn1.bias", "layer1.bn1.running_mean",
			"layer1.bn1.running_var"},
		"layer1.*.bias":  {"layer1.bn1.bias"},
		"*.running_mean": {"layer1.bn1.running_mean", "layer10.bn1.running_mean"},
		"fc1":            {"fc1.weight", "fc1.bias"},
		"*.fc1":          {"layer10.fc1.weight", "layer10.fc1.bias"},
		"fc1.weight":     {"fc1.weight"},
		"layer10.bn?": {"layer10.bn1.weight", "layer10.bn1.bias", "layer10.bn1.running_mean",
			"layer10.bn1.running_var"},
	} {
		m := newModel(t, normed())
		got, err := m.Freeze(pattern)
		require.NoError(t, err)
		assert.Equal(t, want, got, pattern)
		var trained []string
		for _, p := range m.Params() {
			if p.Trained() {
				trained = append(trained, p.Name)
			}
		}
		s := newStep(t, m, 4)
		assert.Equal(t, trained, gradientNames(s))
		before := map[string][]float32{}
		for _, p := range m.Params() {
			before[p.Name] = append([]float32(nil), p.Value.Float32s()...)
		}
		fill(s, images(m, 4), labels(m, 4))
		run(t, s, 0)
		descend(t, s)
		for _, name := range want {
			assert.Equal(t, before[name], param(t, m, name).Float32s(), "%s: %s", pattern, name)
		}
	}
	m := newModel(t, normed())
	_, err := m.Freeze("layer2")
	assert.EqualError(t, err, `model "normed": no parameter's name matches "layer2"`)
	_, err = m.Freeze("[")
	assert.EqualError(t, err, `pattern "[": syntax error in pattern`)
	_, err = m.Freeze("*")
	require.NoError(t, err)
	_, err = m.NewStep(3)
	assert.EqualError(t, err, `model "normed": nothing to differentiate: want a trained parameter`)
	gradients, err := m.Gradients(images(m, 2), labels(m, 2))
	require.NoError(t, err)
	assert.Empty(t, gradients.Params)
	assert.NotZero(t, gradients.Images.Float32s()[0])
}

// TestFrozenBatchNormUsesItsStatistics: training computes what prediction does, whichever of the
// two statistics is frozen, or if the layer says so.
func TestFrozenBatchNormUsesItsStatistics(t *testing.T) {
	net := func(bn graph.BatchNorm) *graph.Model {
		m := newModel(t, graph.Sequential("frozen", tensor.Shape{3}, graph.He(), bn, graph.Affine{Units: 2},
			graph.Softmax{}))
		copy(param(t, m, "bn1.running_mean").Float32s(), []float32{0.5, -1, 2})
		copy(param(t, m, "bn1.running_var").Float32s(), []float32{0.25, 3, 1})
		return m
	}
	declared, plain := net(graph.BatchNorm{Frozen: true}), net(graph.BatchNorm{})
	byMean, byVariance, byLayer := net(graph.BatchNorm{}), net(graph.BatchNorm{}), net(graph.BatchNorm{})
	for pattern, m := range map[string]*graph.Model{"*.running_mean": byMean, "*.running_var": byVariance,
		"bn1": byLayer} {
		_, err := m.Freeze(pattern)
		require.NoError(t, err)
	}
	want, err := plain.Loss(images(plain, 4), labels(plain, 4))
	require.NoError(t, err)
	for _, m := range []*graph.Model{declared, byMean, byVariance, byLayer, plain} {
		before := running(m)
		s := newStep(t, m, 4)
		fill(s, images(m, 4), labels(m, 4))
		loss, _ := run(t, s, 0)
		if m == plain {
			assert.NotEqual(t, before, running(m))
			assert.Greater(t, math.Abs(want-loss), 1e-3)
			continue
		}
		assert.InDelta(t, want, loss, 1e-6)
		assert.Equal(t, before, running(m))
	}
}

// TestBatchNormWantsSeveralValues: one value has no variance.
func TestBatchNormWantsSeveralValues(t *testing.T) {
	m := newModel(t, graph.Sequential("one", tensor.Shape{3}, graph.He(), graph.BatchNorm{}, graph.Affine{Units: 2}))
	_, err := m.NewStep(1)
	assert.ErrorContains(t, err, `model "one": layer "bn1" (BatchNorm{}): `)
	assert.ErrorContains(t, err, "want more than one value for each channel")
	_, err = m.Predict(images(m, 1))
	require.NoError(t, err)
}

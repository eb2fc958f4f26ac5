package graph_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

// TestGradientsAgreeWithNumbers compares the gradients of every parameter with central differences.
func TestGradientsAgreeWithNumbers(t *testing.T) {
	for _, spec := range []*graph.Spec{smallNet(), mixedNet(), models.GradientCheckNet().Spec()} {
		m := newModel(t, spec, graph.WithDtype(tensor.Float64), graph.WithSeed(3))
		// small gradients can't be measured well
		scale(m, map[string]float64{"small": 1, "mixed": 2, "simpleconvnet": 10}[spec.Name])
		requireGradientsAgree(t, m, images(m, 2), labels(m, 2))
	}
}

func scale(m *graph.Model, by float64) {
	for _, p := range m.Params() {
		for i, v := range p.Value.Float64s() {
			p.Value.Float64s()[i] = by * v
		}
	}
}

// requireGradientsAgree checks relative errors of at most 1e-6, except for gradients below a
// thousandth of their parameter's largest, where the rounding of the differences dominates.
func requireGradientsAgree(t *testing.T, m *graph.Model, x, labels *tensor.Dense) {
	t.Helper()
	was := m.Params()[0].Value.Clone().(*tensor.Dense)
	auto, err := m.Gradient(x, labels)
	require.NoError(t, err)
	numbers, err := m.NumericalGradient(x, labels, 1e-5)
	require.NoError(t, err)
	assert.Equal(t, was.Data(), m.Params()[0].Value.Data(), "the parameters are as before")
	for i, p := range m.Params() {
		require.Equal(t, p.Name, auto[i].Name)
		require.Equal(t, p.Name, numbers[i].Name)
		require.Equal(t, p.Value.Shape(), auto[i].Value.Shape())
		require.Equal(t, p.Value.Shape(), numbers[i].Value.Shape())
		a, b := auto[i].Value.Float64s(), numbers[i].Value.Float64s()
		largest := 0.0
		for _, v := range b {
			largest = max(largest, math.Abs(v))
		}
		require.NotZero(t, largest, p.Name)
		for j := range a {
			size := max(math.Abs(a[j]), math.Abs(b[j]), largest/1000)
			require.Less(t, math.Abs(a[j]-b[j])/size, 1e-6, "%s %s[%d]: %g, by differences %g", m.Spec().Name, p.Name,
				j, a[j], b[j])
		}
	}
}

func TestInputGradientAgreesWithNumbers(t *testing.T) {
	m := newModel(t, mixedNet(), graph.WithDtype(tensor.Float64))
	x, l := images(m, 2), labels(m, 2)
	step := newStep(t, m, 2, graph.WithInputGradient(), graph.WithoutDropout())
	fill(step, x, l)
	_, err := step.Run(0)
	require.NoError(t, err)
	grad, err := step.InputGradient()
	require.NoError(t, err)
	require.Equal(t, x.Shape(), grad.Shape())
	const h = 1e-5
	for i, v := range x.Float64s() {
		x.Float64s()[i] = v + h
		up, err := m.Loss(x, l)
		require.NoError(t, err)
		x.Float64s()[i] = v - h
		down, err := m.Loss(x, l)
		require.NoError(t, err)
		x.Float64s()[i] = v
		require.InDelta(t, (up-down)/(2*h), grad.Float64s()[i], 1e-9)
	}
}

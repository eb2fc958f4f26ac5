package graph

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/ops/gradcheck"
)

// curvedNets are networks of many kinds of layers, with fused ones, forks and normalizations.
func curvedNets() []*Spec {
	conv := func() Part { return Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)} }
	return append(plannedNets(),
		Sequential("smooth", tensor.Shape{2, 7, 6}, He(), conv(), BatchNorm{}, SiLU{}, conv(), GroupNorm{Groups: 2},
			GELU{},
			AvgPool{Kernel: Square(2)}, Affine{Units: 5}, LayerNorm{}, Mish{}, Affine{Units: 3}, Softmax{}),
		Sequential("labels", tensor.Shape{2, 6, 6}, He(), conv(), LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75}, Tanh{},
			MaxPool{Kernel: Square(2)},
			Affine{Units: 3}, Sigmoid{}),
		Sequential("distances", tensor.Shape{2, 6, 6}, He(), conv(), PReLU{}, GlobalAvgPool{}, Affine{Units: 2},
			ELU{Alpha: 1}),
		manyReaders())
}

// TestHessianVector compares products with differences of gradients and in the other order.
func TestHessianVector(t *testing.T) {
	for _, spec := range curvedNets() {
		t.Run(spec.Name, func(t *testing.T) {
			m, err := New(spec, WithDtype(tensor.Float64), WithSeed(3))
			require.NoError(t, err)
			s := filledStep(t, m, 2, stepConfig{noDropout: true})
			secondOf(t, m, s).Test(t, gradcheck.Options{Directions: 2, Samples: 2})
		})
	}
}

// secondOf is the Hessian of a step's batch.
func secondOf(t *testing.T, m *Model, s *Step) gradcheck.SecondFunc {
	t.Helper()
	h, err := m.NewHessian(s.x.Shape()[0])
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	h.step.load(s.x, float64s(s.t))
	f := gradcheck.SecondFunc{Inputs: parametersOf(m)}
	f.Gradients = func() ([]*tensor.Dense, error) { return gradientsOf(s) }
	f.Product = func(v []*tensor.Dense) ([]*tensor.Dense, error) {
		for i, part := range h.Vector() {
			copyValues(part, 0, v[i], 0, part.Shape().TotalSize())
		}
		return h.Product()
	}
	return f
}

func parametersOf(m *Model) (inputs []gradcheck.Input) {
	for _, p := range m.trained() {
		inputs = append(inputs, gradcheck.Input{Name: p.Name, Value: p.Value})
	}
	return inputs
}

func gradientsOf(s *Step) ([]*tensor.Dense, error) {
	if _, err := s.Run(5); err != nil {
		return nil, err
	}
	var grads []*tensor.Dense
	for _, p := range s.pairs {
		v, err := p.Grad()
		if err != nil {
			return nil, err
		}
		grads = append(grads, v.(*tensor.Dense))
	}
	return grads, nil
}

// TestGradientPenalty checks the gradients of a loss that has a gradient in it, with dropout and
// with the batch's own statistics.
func TestGradientPenalty(t *testing.T) {
	for _, spec := range curvedNets() {
		t.Run(spec.Name, func(t *testing.T) {
			m, err := New(spec, WithDtype(tensor.Float64), WithSeed(3))
			require.NoError(t, err)
			s := filledStep(t, m, 3, stepConfig{penalty: 0.7, keepEstimates: true})
			gradcheck.Func{
				Inputs:    parametersOf(m),
				Loss:      func() (float64, error) { return s.Run(5) },
				Gradients: func() ([]*tensor.Dense, error) { return gradientsOf(s) },
			}.Test(t, gradcheck.Options{Directions: 2, Samples: 2})
		})
	}
}

// TestGradientPenaltyIsThePenalty computes it from the gradient of the images.
func TestGradientPenaltyIsThePenalty(t *testing.T) {
	m, err := New(curvedNets()[0], WithDtype(tensor.Float64))
	require.NoError(t, err)
	plain := filledStep(t, m, 3, stepConfig{inputGradient: true})
	penalized := filledStep(t, m, 3, stepConfig{penalty: 2})
	want, err := plain.Run(5)
	require.NoError(t, err)
	g, err := plain.InputGradient()
	require.NoError(t, err)
	for _, v := range g.Float64s() {
		want += 2 * (3 * v) * (3 * v) / 3
	}
	got, err := penalized.Run(5)
	require.NoError(t, err)
	assert.InEpsilon(t, want, got, 1e-12)
	_, err = m.NewStep(3, GradientPenalty(-1))
	assert.ErrorContains(t, err, "weight of the gradient penalty: got -1, want a finite number of at least 0")
}

// TestSharedMemoryChangesNoSecondDerivative compares with runs in which every op has memory of its
// own, in both element types.
func TestSharedMemoryChangesNoSecondDerivative(t *testing.T) {
	for _, spec := range curvedNets() {
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			for name, config := range map[string]stepConfig{"penalty": {penalty: 0.7},
				"Hessian": {hessian: true, noDropout: true}} {
				t.Run(fmt.Sprintf("%s/%v/%s", spec.Name, dt, name), func(t *testing.T) {
					m, err := New(spec, WithDtype(dt), WithSeed(3))
					require.NoError(t, err)
					config.keepEstimates = true
					shared := filledStep(t, m, 2, config)
					config.unshared = true
					apart := filledStep(t, m, 2, config)
					for run := range 3 {
						for _, s := range []*Step{shared, apart} {
							for i, v := range s.vector {
								fillWith(v, 0, v.Shape().TotalSize(), float64(i+run)/8-1)
							}
							s.machine.Reset()
							require.NoError(t, s.machine.RunAll())
						}
						for i, n := range apart.net.outputs() {
							want, got := valuesOf(t, n.Value()), valuesOf(t, shared.net.outputs()[i].Value())
							require.Equal(t, want, got, "output %d", i)
						}
					}
					requireNoForeignOps(t, shared)
				})
			}
		}
	}
}

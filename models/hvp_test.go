package models_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

// TestHessianVectorAgreesWithPyTorch compares a product of SimpleConvNet's Hessian with that of
// torch.autograd.functional.hvp; see testdata/make_hvp.py.
func TestHessianVectorAgreesWithPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/hvp.json")
	require.NoError(t, err)
	var want struct{ Products [][5]float64 }
	require.NoError(t, json.Unmarshal(data, &want))

	repeat := func(d *tensor.Dense, step, shift, period int, by float64) *tensor.Dense {
		for j := range d.Float64s() {
			d.Float64s()[j] = float64((j*step+shift)%period-period/2) / by
		}
		return d
	}
	zeros := func(shape ...int) *tensor.Dense {
		return tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(shape...))
	}
	m, err := graph.New(models.DefaultSimpleConvNet().Spec(), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	var v []graph.NamedTensor
	for k, p := range m.Params() {
		repeat(p.Value, 7, k, 1009, 4096)
		v = append(v, graph.NamedTensor{Name: p.Name, Value: repeat(zeros(p.Shape...), 3, 2*k, 31, 16)})
	}
	labels := zeros(2)
	copy(labels.Float64s(), []float64{3, 7})
	products, err := m.HessianVector(repeat(zeros(2, 1, 28, 28), 5, 0, 19, 8), labels, v)
	require.NoError(t, err)
	require.Len(t, products, len(want.Products))
	for i, p := range products {
		got, w := p.Value.Float64s(), want.Products[i]
		sum, absolute, squares := 0.0, 0.0, 0.0
		for _, x := range got {
			sum, absolute, squares = sum+x, absolute+math.Abs(x), squares+x*x
		}
		size := math.Sqrt(squares / float64(len(got)))
		assert.InDelta(t, w[0], sum, 1e-9*absolute, p.Name)
		assert.InEpsilon(t, w[1], squares, 1e-9, p.Name)
		for k, at := range []int{0, len(got) / 2, len(got) - 1} {
			assert.InDelta(t, w[2+k], got[at], 1e-9*max(size, math.Abs(w[2+k])), "%s, element %d", p.Name, at)
		}
	}
}

package gradcheck_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/ops/gradcheck"
)

// tied is a pooling of two windows, the second of which is subtracted:
//
//	max(3·x0+x1, x0+x2) - max(2·x0+x3, 5·x0+x4) + Σ xi²
//
// It takes the first element of a window if both are equal, as at x0 = … = x4 = 0. The gradient for
// x0 there is 3-2 = 1, while the one-sided derivatives of the loss are 1-2 and 3-5.
func tied(scale float64) gradcheck.Func {
	x := normal(tensor.Float64, 1, 60)
	v := x.Float64s()
	clear(v[:5])
	window := func(a, b, first int) (larger float64, da, db float64) {
		coefficients := [2][2]float64{{3, 1}, {2, 5}}[first]
		p, q := coefficients[0]*v[0]+v[a], coefficients[1]*v[0]+v[b]
		if p >= q {
			return p, coefficients[0], 0
		}
		return q, 0, coefficients[1]
	}
	return gradcheck.Func{
		Inputs: []gradcheck.Input{{Name: "x", Value: x}},
		Loss: func() (float64, error) {
			first, _, _ := window(1, 2, 0)
			second, _, _ := window(3, 4, 1)
			sum := first - second
			for _, xi := range v {
				sum += xi * xi
			}
			return sum, nil
		},
		Gradients: func() ([]*tensor.Dense, error) {
			g := tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(60))
			d := g.Float64s()
			for i, xi := range v {
				d[i] = 2 * xi
			}
			_, p, q := window(1, 2, 0)
			d[0] += scale * (p + q)
			d[1] += min(p, 1)
			d[2] += min(q, 1)
			_, p, q = window(3, 4, 1)
			d[0] -= scale * (p + q)
			d[3] -= min(p, 1)
			d[4] -= min(q, 1)
			return []*tensor.Dense{g}, nil
		},
	}
}

// TestTiedWindowsAreNoError: a right gradient outside the one-sided derivatives passes.
func TestTiedWindowsAreNoError(t *testing.T) {
	f := tied(1)
	before := slices.Clone(f.Inputs[0].Value.Float64s())
	assert.Equal(t, 5, f.Test(t, gradcheck.Options{}).Inputs[0].Kinks)
	assert.Equal(t, before, f.Inputs[0].Value.Float64s(), "the inputs are restored")

	r, err := f.Check(gradcheck.Options{Directions: 12})
	require.NoError(t, err)
	in := r.Inputs[0]
	assert.GreaterOrEqual(t, in.Kinks, 12, "every direction crosses the kinks")
	assert.Less(t, in.Worst.Error, r.Tolerance)
}

// TestTiedWindowsDontHideErrors: a gradient that is wrong beside the kinks is found.
func TestTiedWindowsDontHideErrors(t *testing.T) {
	r, err := tied(1.001).Check(gradcheck.Options{})
	require.NoError(t, err)
	assert.ErrorContains(t, r.Err(), "at [0]: relative error 0.00098")
	assert.Contains(t, r.String(), "WRONG")
}

func TestTooManyKinksHaveAVerdict(t *testing.T) {
	x := tensor.New(tensor.WithShape(3), tensor.WithBacking([]float64{0, 1, 2}))
	r, err := rectified(x, 0).Check(gradcheck.Options{})
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(r.String(), "  kinks\n"), r.String())
}

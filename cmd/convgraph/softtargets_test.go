package main

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/internal/cli"
)

// gradientsOf runs the command on testdata's images with these targets.
func gradientsOf(t *testing.T, params string, targets *tensor.Dense) map[string]*tensor.Dense {
	t.Helper()
	in, out := batchWith(t, targets), filepath.Join(t.TempDir(), "out.npz")
	succeed(t, "gradients", params, in, "-o", out, "-float64")
	return readArrays(t, out)
}

func batchWith(t *testing.T, targets *tensor.Dense) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.npz")
	x := readArrays(t, "testdata/small_io.npz")["x"]
	require.NoError(t, npz.Write(path, []formats.Array{{Name: "x", Value: x}, {Name: "t", Value: targets}}))
	return path
}

func matrix(rows, columns int, values ...float64) *tensor.Dense {
	return tensor.New(tensor.WithShape(rows, columns), tensor.WithBacking(values))
}

// TestGradientsOfSoftTargets: the loss and the gradients of a mixture of labels are the mixture of
// the labels' losses and gradients, because the cross-entropy is linear in its target.
func TestGradientsOfSoftTargets(t *testing.T) {
	params := small(t)
	labels := func(a, b, c float64) *tensor.Dense {
		return tensor.New(tensor.WithShape(3), tensor.WithBacking([]float64{a, b, c}))
	}
	first, second := gradientsOf(t, params, labels(0, 1, 2)), gradientsOf(t, params, labels(3, 0, 1))
	soft := gradientsOf(t, params, matrix(3, 4, .25, 0, 0, .75, .75, .25, 0, 0, 0, .75, .25, 0))
	require.Len(t, soft, len(first))
	for name, got := range soft {
		want := mixed(first[name], second[name], .25)
		assertClose(t, want, got, 1e-12, name)
	}
	oneHot := gradientsOf(t, params, matrix(3, 4, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0))
	for name, got := range oneHot {
		assertClose(t, first[name], got, 0, name)
	}
}

// mixed returns share·a + (1-share)·b.
func mixed(a, b *tensor.Dense, share float64) *tensor.Dense {
	if a.IsScalar() {
		return tensor.New(tensor.FromScalar(share*a.ScalarValue().(float64) + (1-share)*b.ScalarValue().(float64)))
	}
	sum := a.Clone().(*tensor.Dense)
	for i, v := range b.Float64s() {
		sum.Float64s()[i] = share*sum.Float64s()[i] + (1-share)*v
	}
	return sum
}

func TestGradientsRejectsInvalidDistributions(t *testing.T) {
	params, out := small(t), filepath.Join(t.TempDir(), "out.npz")
	for want, last := range map[string][]float64{
		`target of image 2: got the sum 0.5, want a distribution`:  {.25, .25, 0, 0},
		`target 3 of image 2: got -0.1, want a number from 0 to 1`: {.5, .5, .1, -.1},
		`target 0 of image 2: got NaN`:                             {math.NaN(), 1, 0, 0},
		`target 0 of image 2: got +Inf`:                            {math.Inf(1), 0, 0, 0},
		`target of image 2: got the sum 0, want a distribution`:    {0, 0, 0, 0},
	} {
		values := append([]float64{1, 0, 0, 0, .5, .5, 0, 0}, last...)
		fail(t, cli.Failed, want, "gradients", params, batchWith(t, matrix(3, 4, values...)), "-o", out, "-float64")
	}
	fail(t, cli.Failed, `targets: got shape (2, 4) for 3 images`, "gradients", params,
		batchWith(t, matrix(2, 4, 1, 0, 0, 0, 1, 0, 0, 0)), "-o", out)
}

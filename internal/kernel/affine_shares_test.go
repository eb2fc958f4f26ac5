package kernel

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"convgraph/internal/peers"
)

// passesOf are the results of a layer's passes.
type passesOf struct{ y, dx, dw, db, frozen []float32 }

// TestAffineShares: peers have the whole batch's bits, whether they share the outputs and inputs or
// not.
func TestAffineShares(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		shared := 0
		rapid.Check(t, func(rt *rapid.T) {
			batch := rapid.IntRange(2, 24).Draw(rt, "batch")
			ranks := rapid.IntRange(2, min(5, Leaves(batch))).Draw(rt, "ranks")
			in, out := rapid.IntRange(1, 300).Draw(rt, "in"), rapid.IntRange(1, 300).Draw(rt, "out")
			biased := rapid.Bool().Draw(rt, "biased")
			if sharesPay(partsOf(batch, 1, ranks)[0], in, out) {
				shared++
			}
			checkAffineParts(rt, batch, ranks, in, out, biased, rapid.Bool().Draw(rt, "common"))
		})
		assert.NotZero(t, shared)
		for _, in := range []int{longSum, 2*longSum + 1} { // by dot products, and with weights too many for them
			checkAffineParts(t, 20, 3, in, 1025, true, false)
		}
		checkAffineParts(t, 24, 3, sharedB/24, 5, true, true)   // the most values of x that are packed for all peers
		checkAffineParts(t, 24, 2, sharedB/24+1, 5, true, true) // one more
	})
}

func checkAffineParts(t require.TestingT, batch, ranks, in, out int, biased, common bool) {
	r := newRand(50)
	x, w, dy := random[float32](r, batch*in), random[float32](r, out*in), random[float32](r, batch*out)
	var bias []float32
	if biased {
		bias = random[float32](r, out)
	}
	want := runAffine(nil, NewAffine[float32](batch, in, out), x, w, bias, dy)
	got, errs := make([]passesOf, ranks), make([]error, ranks)
	all := peers.New(ranks)
	if common {
		all = peers.WithMemory(ranks)
	}
	parts := partsOfPeers(batch, 1, all)
	var running sync.WaitGroup
	for rank, p := range parts {
		running.Go(func() {
			first, n := p.Images()
			a := NewAffine[float32](n, in, out)
			a.Split(p)
			got[rank] = runAffine(p, a, x[first*in:][:n*in], w, bias, dy[first*out:][:n*out])
			errs[rank] = p.Finish()
		})
	}
	running.Wait()
	for rank, p := range parts {
		require.NoError(t, errs[rank])
		first, n := p.Images()
		require.Equal(t, want.y[first*out:][:n*out], got[rank].y, "y of rank %d", rank)
		require.Equal(t, want.dx[first*in:][:n*in], got[rank].dx, "dx of rank %d", rank)
		require.Equal(t, want.dw, got[rank].dw, "dw of rank %d", rank)
		require.Equal(t, want.db, got[rank].db, "db of rank %d", rank)
		require.Equal(t, want.frozen, got[rank].frozen, "db of rank %d without dw", rank)
	}
}

// runAffine runs the passes twice, late in a part, and then db alone with another dy: frozen
// weights have no gradient that could bring it.
func runAffine(p *Part, a *Affine[float32], x, w, bias, dy []float32) passesOf {
	all := passesOf{
		y: make([]float32, len(dy)), dx: make([]float32, len(x)), dw: make([]float32, len(w)),
		db: make([]float32, len(dy)/a.batch), frozen: make([]float32, len(dy)/a.batch),
	}
	if p != nil {
		a.LateWeights()
		a.LateBias()
		if a.SharesWeights() {
			if memory := CommonOf[float32](p, len(w)); memory != nil {
				all.dw = memory
			}
		}
	}
	for range 2 {
		a.ForwardWithin(AtLeast0[float32](), x, w, bias, all.y)
		a.BackwardBias(dy, all.db)
		a.BackwardData(w, dy, all.dx)
		a.BackwardWeights(x, dy, all.dw)
		if p != nil && p.Finish() != nil {
			return all
		}
	}
	other := make([]float32, len(dy))
	Add(dy, dy, other)
	a.BackwardBias(other, all.frozen)
	if p != nil {
		_ = p.Finish() // the caller asks for its error
	}
	return all
}

// TestCommonMemoryIsKept: what a step has written to memory that the peers have in common stays
// until each of them begins its next step.
func TestCommonMemoryIsKept(t *testing.T) {
	const batch, in, out = 20, 300, 200
	r := newRand(51)
	x, dy := random[float32](r, batch*in), random[float32](r, batch*out)
	want, bias := make([]float32, out*in), make([]float32, out)
	whole := NewAffine[float32](batch, in, out)
	whole.BackwardWeights(x, dy, want)
	whole.BackwardBias(dy, bias)
	var running sync.WaitGroup
	for rank, p := range partsOfPeers(batch, 1, peers.WithMemory(2)) {
		running.Go(func() {
			first, n := p.Images()
			a := NewAffine[float32](n, in, out)
			a.Split(p)
			a.LateBias()
			dw, db := CommonOf[float32](p, len(want)), make([]float32, out)
			ownX, ownDy := x[first*in:][:n*in], slices.Clone(dy[first*out:][:n*out])
			for step := range 6 {
				a.BackwardWeights(ownX, ownDy, dw)
				a.BackwardBias(ownDy, db)
				if step%2 == rank {
					time.Sleep(10 * time.Millisecond) // the other begins its next step
				}
				assert.NoError(t, p.Finish())
				if step%3 == rank {
					time.Sleep(10 * time.Millisecond)
				}
				assert.Equal(t, want, undoubled(dw, step), "dw of rank %d, step %d", rank, step)
				assert.Equal(t, bias, undoubled(db, step), "db of rank %d, step %d", rank, step)
				Add(ownDy, ownDy, ownDy)
			}
		})
	}
	running.Wait()
}

// undoubled returns the values before they were doubled some times.
func undoubled(values []float32, times int) []float32 {
	halved := slices.Clone(values)
	for i := range halved {
		halved[i] /= float32(int(1) << times)
	}
	return halved
}

func TestSharesPay(t *testing.T) {
	two := partsOf(32, 1, 2)[0]
	assert.True(t, sharesPay(two, 9216, 4096), "AlexNet's layers")
	assert.True(t, sharesPay(two, 4096, 1000))
	assert.False(t, sharesPay(two, 500, 1100), "few weights for the batch")
	assert.False(t, sharesPay(nil, 9216, 4096), "one process")
	assert.False(t, sharesPay(partsOf(32, 1, 1)[0], 9216, 4096), "one process")
	assert.False(t, sharesPay(partsOf(32, 2, 2)[0], 9216, 4096), "the batch isn't whole in any turn")
}

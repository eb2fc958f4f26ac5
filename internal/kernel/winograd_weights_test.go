package kernel

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"convgraph/internal/peers"
)

// tiledWeightShapes are geometries whose sums are made in several blocks.
var tiledWeightShapes = withFiveTaps(map[string]ConvShape{
	"images in turn": threeByThree(43, 3, 8, 4, 1),
	"rows in turn":   threeByThree(2, 2, 37, 67, 1),
	"row by row":     threeByThree(1, 2, 300, 2, 0),
	"shards":         threeByThree(2, 130, 8, 7, 1),
	"row runs":       threeByThree(5, 3, 16, 67, 1),
})

func eachTiledWeightShape(f func(name string, s ConvShape)) {
	for _, shapes := range []map[string]ConvShape{winogradShapes, tiledWeightShapes} {
		for name, s := range shapes {
			f(name, s.withDefaults())
		}
	}
}

// checkTiledWeights compares the pass with the definition in float64. The transforms are those of
// the forward pass, transposed, so rounding errors grow by the same factor: see winogradGrowth.
func checkTiledWeights[T Float](t require.TestingT, s ConvShape, x, dy []T, want sums) {
	in, _ := s.groupChannels()
	f, _ := formOf(s)
	gradients, plane := make([]float64, s.OutChannels), s.OutHeight()*s.OutWidth()
	for i, v := range dy {
		gradients[i/plane%s.OutChannels] += math.Abs(float64(v))
	}
	c := newConvWeights(engineFor[T](), s, true)
	for range 2 { // the second time with a used workspace
		dw := random[T](newRand(31), len(want.value))
		c.run(nil, x, dy, dw)
		for i, v := range dw {
			bound := tiledBound[T](s.Batch*s.tiles(f), gradients[i/(in*f.filter())], 1)
			requireWithin(t, "dw", i, want.value[i], float64(v), bound)
		}
	}
}

// TestTiledWeightsInBlocks is TestWinogradAgainstDefinition for sums of several blocks.
func TestTiledWeightsInBlocks(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for name, s := range tiledWeightShapes {
			t.Run(name, func(t *testing.T) { checkWinograd[float32](t, s) })
		}
	})
	for name, s := range tiledWeightShapes {
		t.Run("float64/"+name, func(t *testing.T) { checkWinograd[float64](t, s) })
	}
}

// TestTiledWeightsErrors holds the typical error to that of the general passes, on rectified inputs
// and normal gradients. The wider the vectors, the more partial sums the general passes have and
// the less they err; the error of the tiles is the same on all instruction sets.
func TestTiledWeightsErrors(t *testing.T) {
	const most = 6 // times the root mean square error of the general passes; 5.6 on AVX-512
	forEachISA(t, func(t *testing.T) {
		for _, s := range []ConvShape{
			threeByThree(8, 16, 32, 16, 1), threeByThree(4, 64, 14, 32, 1), threeByThree(16, 64, 8, 64, 1),
			fiveByFive(4, 16, 14, 16, 2), fiveByFive(2, 32, 13, 16, 2),
		} {
			s = s.withDefaults()
			r := newRand(32)
			nx, nw, ny := s.sizes()
			x, dy := make([]float32, nx), make([]float32, ny)
			for i := range x {
				x[i] = float32(max(0, r.NormFloat64()))
			}
			for i := range dy {
				dy[i] = float32(r.NormFloat64())
			}
			want := newSums(nw)
			naiveConv{s}.each(func(i, j, k int) { want.add(j, float64(x[i])*float64(dy[k])) })
			rms := func(byTiles bool) float64 {
				dw, sum := make([]float32, nw), 0.0
				newConvWeights(engineFor[float32](), s, byTiles).run(nil, x, dy, dw)
				for i, v := range dw {
					sum += math.Pow(float64(v)-want.value[i], 2)
				}
				return math.Sqrt(sum / float64(nw))
			}
			t.Logf("%d channels: %.2g, direct %.2g", s.InChannels, rms(true), rms(false))
			assert.Less(t, rms(true), most*rms(false), "%d channels", s.InChannels)
		}
	})
}

// TestTiledWeightsBits computes a batch on any number of workers.
func TestTiledWeightsBits(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		eachTiledWeightShape(func(name string, s ConvShape) {
			r := newRand(33)
			nx, nw, ny := s.sizes()
			x, dy, want := random[float32](r, nx), random[float32](r, ny), make([]float32, nw)
			newConvWeights(engineFor[float32](), s, true).run(nil, x, dy, want)
			for _, workers := range []int{1, 2, 7} {
				withWorkers(t, workers, func() {
					dw := random[float32](r, nw)
					newConvWeights(engineFor[float32](), s, true).run(nil, x, dy, dw)
					require.Equal(t, want, dw, "%s: %d workers", name, workers)
				})
			}
		})
	})
}

// TestTiledWeightsBitsOfParts computes any batch by any number of processes, in any number of turns
// that a batch allows.
func TestTiledWeightsBitsOfParts(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			s := drawWinogradShape(rt).withDefaults()
			s.InHeight, s.InWidth = min(s.InHeight, 12), min(s.InWidth, 12)
			s.Batch = rapid.IntRange(1, 130).Draw(rt, "images")
			if rapid.IntRange(0, 4).Draw(rt, "wide") == 0 { // a block holds some rows of an image
				s.Batch, s.InWidth = min(s.Batch, 16), 8*s.InWidth
			}
			ranks := rapid.IntRange(1, min(5, Leaves(s.Batch))).Draw(rt, "ranks")
			turns := rapid.SampledFrom([]int{4, 2, 1}).Filter(func(turns int) bool {
				return partsOf(s.Batch, turns, ranks) != nil
			}).Draw(rt, "turns")
			nx, nw, ny := s.sizes()
			r := newRand(34)
			x, dy, want := random[float32](r, nx), random[float32](r, ny), make([]float32, nw)
			newConvWeights(engineFor[float32](), s, true).run(nil, x, dy, want)
			parts := partsOf(s.Batch, turns, ranks)
			sums, errs := make([][]float32, ranks), make([]error, ranks)
			var running sync.WaitGroup
			for rank, p := range parts {
				running.Go(func() {
					turn, size, gradient := s, nx/s.Batch, ny/s.Batch
					_, turn.Batch = p.Images()
					c, dw := newConvWeights(engineFor[float32](), turn, true), make([]float32, nw)
					for i := range turns {
						p.Take(i)
						first, n := p.Images()
						c.run(p, x[first*size:][:n*size], dy[first*gradient:][:n*gradient], dw)
					}
					sums[rank], errs[rank] = dw, p.Finish()
				})
			}
			running.Wait()
			for rank, dw := range sums {
				require.NoError(rt, errs[rank])
				require.Equal(rt, want, dw, "rank %d", rank)
			}
		})
	})
}

// partsOf returns the parts of all ranks, or nil if the batch doesn't divide into these turns.
func partsOf(batch, turns, ranks int) []*Part { return partsOfPeers(batch, turns, peers.New(ranks)) }

func partsOfPeers(batch, turns int, all []*peers.Peer) (parts []*Part) {
	for _, peer := range all {
		p, err := NewPart(batch, turns, peer)
		if err != nil {
			return nil
		}
		parts = append(parts, p)
	}
	return parts
}

func TestTiledWeightsAreChosenByShape(t *testing.T) {
	s := threeByThree(1, 64, 56, 64, 1).withDefaults()
	assert.True(t, winogradWeightsPays[float32](s))
	assert.False(t, winogradWeightsPays[float64](s))
	assert.NotNil(t, NewConv[float32](s).weightsPass().byTiles)
	for what, change := range map[string]func(s *ConvShape){
		"few channels":             func(s *ConvShape) { s.InChannels = 4 },
		"few filters":              func(s *ConvShape) { s.OutChannels = 4 },
		"little of both":           func(s *ConvShape) { s.InChannels, s.OutChannels = 8, 8 },
		"few tiles":                func(s *ConvShape) { s.InWidth = 4 },
		"few tiles, many channels": func(s *ConvShape) { s.InHeight, s.InWidth, s.OutChannels = 7, 7, 256 },
		"ragged":                   func(s *ConvShape) { s.InHeight, s.InWidth = 5, 9 },
		"stride":                   func(s *ConvShape) { s.StrideW = 2 },
		"dilation":                 func(s *ConvShape) { s.DilationH = 2 },
		"kernel":                   func(s *ConvShape) { s.KernelH = 5 },
	} {
		other := s
		change(&other)
		if what == "few tiles" {
			other.InHeight = 4
		}
		for _, other.Batch = range []int{40, 2, 1} { // parts of a batch have the whole's bits
			assert.False(t, winogradWeightsPays[float32](other), "%s, batch %d", what, other.Batch)
		}
		if other.KernelH == 3 {
			assert.Nil(t, NewConv[float32](other).weightsPass().byTiles, what)
		}
	}
}

// TestTiledWeightsTransforms compares the assembly of the transforms with the portable code, on
// memory that ends at a protected page.
func TestTiledWeightsTransforms(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e, portable := engineFor[float32](), portableWinograd[float32]()
		r := newRand(35)
		temp := make([]float32, winogradPoints*16)
		near := func(what string, want, got []float32) {
			for i, v := range want {
				require.InDelta(t, v, got[i], 4e-6, "%s: element %d", what, i)
			}
		}
		for _, vectors := range []int{1, 3} {
			n := vectors * 16
			for _, f := range []tileForm{threeTaps, fiveTaps} {
				at, pitch := tilesApart(f.out, n), f.out*n
				src := guarded(t, random[float32](r, f.out*pitch+gradientCols-f.out), true)
				want, got := make([]float32, winogradPoints*n), guarded(t, make([]float32, winogradPoints*n), true)
				portable.of(f).gradient(tileInput[float32]{src, pitch, at, want, n, temp})
				e.winograd.of(f).gradient(tileInput[float32]{src, pitch, at, got, n, temp})
				near(fmt.Sprintf("gradient of %v", f), want, got)

				m := guarded(t, random[float32](r, winogradPoints*n), true)
				want, got = make([]float32, f.filter()*n), guarded(t, make([]float32, f.filter()*n), true)
				portable.of(f).taps(tileTaps[float32]{n, m, n, want, n, temp})
				e.winograd.of(f).taps(tileTaps[float32]{n, m, n, got, n, temp})
				near(fmt.Sprintf("taps of %d filters of %v", n, f), want, got)
			}
		}
	})
}

package kernel

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// winogradGrowth is the largest factor by which F(4x4, 3x3) and F(2x2, 5x5) can enlarge rounding
// errors. In one dimension the largest output of |Aᵀ|·(|G|·g ⊙ |Bᵀ|·d) is at most 13.7 for filters
// whose absolute values sum to 1 and inputs of at most 1.
const winogradGrowth = 13.7 * 13.7

// tiledBound bounds the error of the results of a filter, of any number of channels, whose absolute
// weights sum to size, for inputs of at most largest.
func tiledBound[T Float](channels int, size, largest float64) float64 {
	return float64(channels+32) * epsilon[T]() * winogradGrowth * (size*largest + 1)
}

// winogradShapes are the convolutions of known networks, with fewer images and channels, and
// geometries that have broken tilings; each with 3x3 and with 5x5 filters.
var winogradShapes = withFiveTaps(map[string]ConvShape{
	"whole tiles":     threeByThree(2, 16, 8, 16, 1),
	"ragged":          threeByThree(3, 17, 7, 19, 1),
	"ragged, 13":      threeByThree(2, 18, 13, 33, 1),
	"without padding": threeByThree(2, 16, 10, 17, 0),
	"wide padding":    threeByThree(2, 5, 9, 7, 2),
	"one tile":        threeByThree(1, 16, 4, 16, 1),
	"less than a tile": threeByThree(
		2, 3, 2, 5, 1),
	"one pixel":              threeByThree(1, 2, 1, 3, 1),
	"many blocks":            threeByThree(2, 16, 56, 16, 1),
	"many images":            threeByThree(37, 16, 8, 16, 1),
	"one channel":            threeByThree(2, 1, 12, 1, 1),
	"block by block":         threeByThree(18, 3, 32, 5, 1),
	"block by block, ragged": threeByThree(19, 2, 30, 4, 1),
	"many channels": threeByThree(
		1, 260, 5, 40, 1),
	"few tiles, many filters": threeByThree(5, 64, 7, 96, 1),
	"few tiles, groups of filters": {
		Batch: 3, InChannels: 64, InHeight: 5, InWidth: 6, OutChannels: 128, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
	},
	"one side": {
		Batch: 2, InChannels: 6, InHeight: 9, InWidth: 14, OutChannels: 10, KernelH: 3, KernelW: 3, PadTop: 2,
		PadLeft: 1,
	},
	"groups": {
		Batch: 2, InChannels: 40, InHeight: 13, InWidth: 9, OutChannels: 36, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
	},
	"many blocks of groups": {
		Batch: 18, InChannels: 4, InHeight: 32, InWidth: 32, OutChannels: 6, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
	},
	"5x5, many blocks":             fiveByFive(2, 4, 40, 3, 2),
	"5x5, many images":             fiveByFive(37, 4, 8, 5, 2),
	"5x5, many channels":           fiveByFive(1, 130, 5, 20, 2),
	"5x5, few tiles, many filters": fiveByFive(1, 16, 4, 64, 2),
	"flat": {
		Batch: 2, InChannels: 4, InHeight: 3, InWidth: 70, OutChannels: 5, KernelH: 3, KernelW: 3, PadBottom: 1,
		PadLeft: 2,
	},
})

// withFiveTaps adds each shape with 5x5 filters, on inputs of two rows and columns more, unless the
// definition takes long.
func withFiveTaps(shapes map[string]ConvShape) map[string]ConvShape {
	const most = 2 << 20 // multiply-adds of the 3x3 filters
	for name, s := range maps.Clone(shapes) {
		if s.MultiplyAdds() <= most {
			s.KernelH, s.KernelW, s.InHeight, s.InWidth = 5, 5, s.InHeight+2, s.InWidth+2
			shapes["5x5, "+name] = s
		}
	}
	return shapes
}

func threeByThree(batch, in, size, out, pad int) ConvShape {
	return ConvShape{
		Batch: batch, InChannels: in, InHeight: size, InWidth: size, OutChannels: out, KernelH: 3, KernelW: 3,
		PadTop: pad, PadBottom: pad, PadLeft: pad, PadRight: pad,
	}
}

func fiveByFive(batch, in, size, out, pad int) ConvShape {
	s := threeByThree(batch, in, size, out, pad)
	s.KernelH, s.KernelW = 5, 5
	return s
}

// checkWinograd compares the three passes with the definition in float64.
func checkWinograd[T Float](t require.TestingT, s ConvShape) {
	s = s.withDefaults()
	r := newRand(21)
	nx, nw, ny := s.sizes()
	x, w, bias, dy := random[T](r, nx), random[T](r, nw), random[T](r, s.OutChannels), random[T](r, ny)
	plane := s.OutHeight() * s.OutWidth()
	wantY, wantX, wantW := newSums(ny), newSums(nx), newSums(nw)
	filters, turned := make([]float64, s.OutChannels), make([]float64, s.InChannels)
	naiveConv{s}.each(func(i, j, k int) {
		wantY.add(k, float64(x[i])*float64(w[j]))
		wantX.add(i, float64(w[j])*float64(dy[k]))
		wantW.add(j, float64(x[i])*float64(dy[k]))
	})
	checkTiledWeights(t, s, x, dy, wantW)
	in, out := s.groupChannels()
	f, _ := formOf(s)
	for i, v := range w {
		o := i / (in * f.filter())
		filters[o] += math.Abs(float64(v))
		turned[o/out*in+i/f.filter()%in] += math.Abs(float64(v))
	}
	forward, data := newWinogradForward(engineFor[T](), s), newWinogradData(engineFor[T](), s)
	for range 2 { // the second time with a used workspace
		y, dx := random[T](r, ny), random[T](r, nx)
		forward.run(x, w, bias, y, Limits[T]{}, nil, nil)
		for i, v := range y {
			o := i / plane % s.OutChannels
			want := wantY.value[i] + float64(bias[o])
			requireWithin(t, "y", i, want, float64(v), tiledBound[T](in, filters[o], 1))
		}
		data.run(dy, w, nil, dx, Limits[T]{}, nil, nil)
		for i, v := range dx {
			c := i / (s.InHeight * s.InWidth) % s.InChannels
			requireWithin(t, "dx", i, wantX.value[i], float64(v), tiledBound[T](out, turned[c], 1))
		}
	}
}

func requireWithin(t require.TestingT, what string, i int, want, got, bound float64) {
	if !(math.Abs(want-got) <= bound) {
		require.Failf(t, what, "element %d is %v, want %v ± %v", i, got, want, bound)
	}
}

func TestWinogradAgainstDefinition(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for name, s := range winogradShapes {
			t.Run(name, func(t *testing.T) { checkWinograd[float32](t, s) })
		}
	})
	for name, s := range winogradShapes { // where rounding hides no wrong coefficient
		t.Run("float64/"+name, func(t *testing.T) { checkWinograd[float64](t, s) })
	}
}

func drawWinogradShape(t *rapid.T) ConvShape {
	f := rapid.SampledFrom([]tileForm{threeTaps, fiveTaps}).Draw(t, "form")
	pad := rapid.IntRange(0, f.border())
	s := ConvShape{
		Batch: rapid.IntRange(1, 9).Draw(t, "batch"), Groups: rapid.IntRange(1, 3).Draw(t, "groups"),
		KernelH: f.taps, KernelW: f.taps,
		PadTop: pad.Draw(t, "top"), PadBottom: pad.Draw(t, "bottom"),
		PadLeft: pad.Draw(t, "left"), PadRight: pad.Draw(t, "right"),
	}
	s.InChannels = s.Groups * rapid.IntRange(1, 20).Draw(t, "in")
	s.OutChannels = s.Groups * rapid.IntRange(1, 20).Draw(t, "out")
	s.InHeight = max(1, f.taps-s.PadTop-s.PadBottom) + rapid.IntRange(0, 20).Draw(t, "height")
	s.InWidth = max(1, f.taps-s.PadLeft-s.PadRight) + rapid.IntRange(0, 20).Draw(t, "width")
	return s
}

func TestWinogradProperties(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkWinograd[float32](t, drawWinogradShape(t)) })
	})
	rapid.Check(t, func(t *rapid.T) { checkWinograd[float64](t, drawWinogradShape(t)) })
}

// TestWinogradErrors holds the typical error to that of the general passes, on inputs and weights
// as a network has them.
func TestWinogradErrors(t *testing.T) {
	const most = 5 // times the root mean square error of the general passes
	forEachISA(t, func(t *testing.T) {
		for _, s := range []ConvShape{
			threeByThree(1, 16, 16, 16, 1), threeByThree(1, 64, 14, 64, 1), threeByThree(1, 256, 7, 64, 1),
			fiveByFive(1, 16, 16, 16, 2), fiveByFive(1, 64, 13, 32, 2), fiveByFive(1, 256, 7, 16, 2),
		} {
			r := newRand(22)
			nx, nw, ny := s.sizes()
			x, w := make([]float32, nx), make([]float32, nw)
			for i := range x {
				x[i] = float32(max(0, r.NormFloat64()))
			}
			for i := range w {
				w[i] = float32(r.NormFloat64() / math.Sqrt(float64(s.InChannels*s.KernelH*s.KernelW)))
			}
			want := newSums(ny)
			naiveConv{s}.each(func(i, j, k int) { want.add(k, float64(x[i])*float64(w[j])) })
			rms := func(y []float32) float64 {
				sum := 0.0
				for i, v := range y {
					sum += math.Pow(float64(v)-want.value[i], 2)
				}
				return math.Sqrt(sum / float64(len(y)))
			}
			s = s.withDefaults()
			tiled, direct := make([]float32, ny), make([]float32, ny)
			newWinogradForward(engineFor[float32](), s).run(x, w, nil, tiled, Limits[float32]{}, nil, nil)
			newConvForward(engineFor[float32](), s).run(x, w, nil, direct)
			t.Logf("%dx%d, %d channels: %.2g, direct %.2g", s.KernelH, s.KernelW, s.InChannels, rms(tiled), rms(direct))
			assert.Less(t, rms(tiled), most*rms(direct), "%dx%d, %d channels", s.KernelH, s.KernelW, s.InChannels)
		}
	})
}

func TestWinogradBlockByBlock(t *testing.T) {
	s := threeByThree(16, 16, 32, 16, 1).withDefaults()
	assert.True(t, newWinogradForward(engineFor[float32](), s).byBlock)
	s.Batch = 1
	assert.False(t, newWinogradForward(engineFor[float32](), s).byBlock, "too few blocks for all workers")
	s = threeByThree(64, 256, 14, 256, 1).withDefaults()
	assert.False(t, newWinogradForward(engineFor[float32](), s).byBlock, "too large for the cache")
}

func TestWinogradByFilters(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e := engineFor[float32]()
		s := winogradShapes["few tiles, many filters"].withDefaults()
		assert.False(t, newWinogradForward(e, s).byFilters, "20 tiles")
		s.Batch = 1
		assert.Equal(t, e.lane >= 8, newWinogradForward(e, s).byFilters, "4 tiles")
		assert.Equal(t, e.lane >= 8, newWinogradData(e, s).byFilters, "4 tiles")
		s.OutChannels = 65
		assert.False(t, newWinogradForward(e, s).byFilters, "a part of a panel")
		s = winogradShapes["5x5, few tiles, many filters"].withDefaults()
		assert.Equal(t, e.lane >= 8, newWinogradForward(e, s).byFilters, "4 tiles")
	})
}

func TestWinogradIsChosenByShape(t *testing.T) {
	s := threeByThree(1, 64, 56, 64, 1).withDefaults()
	assert.True(t, winogradPays[float32](s))
	assert.False(t, winogradPays[float64](s))
	for _, s.Batch = range []int{1, 2, 40} { // an image has the same bits in any batch
		assert.True(t, winogradPays[float32](s), "batch %d", s.Batch)
	}
	r := newRand(26)
	s.Batch, s.InHeight = 1, 8
	nx, nw, ny := s.sizes()
	x, w := random[float32](r, nx), random[float32](r, nw)
	want, got := make([]float32, ny), make([]float32, ny)
	newWinogradForward(engineFor[float32](), s).run(x, w, nil, want, Limits[float32]{}, nil, nil)
	NewConv[float32](s).Forward(x, w, nil, got)
	assert.Equal(t, want, got)
	for what, change := range map[string]func(s *ConvShape){
		"few channels": func(s *ConvShape) { s.InChannels = 8 },
		"few filters":  func(s *ConvShape) { s.OutChannels = 8 },
		"few tiles":    func(s *ConvShape) { s.InWidth = 4 },
		"ragged":       func(s *ConvShape) { s.InHeight, s.InWidth = 5, 9 },
		"stride":       func(s *ConvShape) { s.StrideW = 2 },
		"dilation":     func(s *ConvShape) { s.DilationH = 2 },
		"kernel":       func(s *ConvShape) { s.KernelH = 5 },
		"padding":      func(s *ConvShape) { s.PadLeft = 3 },
		"channels":     func(s *ConvShape) { s.Groups = 64 },
	} {
		other := s
		change(&other)
		for _, other.Batch = range []int{1, 2, 40} {
			assert.False(t, winogradPays[float32](other), "%s, batch %d", what, other.Batch)
		}
	}
}

// TestWinogradBits computes images together, in parts and alone, on any number of workers.
func TestWinogradBits(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for name, s := range winogradShapes {
			s = s.withDefaults()
			r := newRand(23)
			nx, nw, ny := s.sizes()
			x, w, bias := random[float32](r, nx), random[float32](r, nw), random[float32](r, s.OutChannels)
			dy := random[float32](r, ny)
			passes := func(s ConvShape, x, dy []float32) (y, dx []float32) {
				y, dx = make([]float32, len(dy)), make([]float32, len(x))
				newWinogradForward(engineFor[float32](), s).run(x, w, bias, y, Limits[float32]{}, nil, nil)
				newWinogradData(engineFor[float32](), s).run(dy, w, nil, dx, Limits[float32]{}, nil, nil)
				return y, dx
			}
			wantY, wantX := passes(s, x, dy)
			for _, workers := range []int{1, 2, 7} {
				withWorkers(t, workers, func() {
					y, dx := passes(s, x, dy)
					require.Equal(t, wantY, y, "%s: y, %d workers", name, workers)
					require.Equal(t, wantX, dx, "%s: dx, %d workers", name, workers)
				})
			}
			for _, ranks := range []int{2, s.Batch} {
				for rank := range ranks {
					from, to := rank*s.Batch/ranks, (rank+1)*s.Batch/ranks
					part := s
					part.Batch = to - from
					if part.Batch == 0 {
						continue
					}
					ix, iy := nx/s.Batch, ny/s.Batch
					y, dx := passes(part, x[from*ix:to*ix], dy[from*iy:to*iy])
					require.Equal(t, wantY[from*iy:to*iy], y, "%s: y of rank %d of %d", name, rank, ranks)
					require.Equal(t, wantX[from*ix:to*ix], dx, "%s: dx of rank %d of %d", name, rank, ranks)
				}
			}
		}
	})
}

// TestWinogradTransforms compares the assembly of the transforms with the portable code, on memory
// that ends at a protected page where the contract allows no reading past the end.
func TestWinogradTransforms(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e, portable := engineFor[float32](), portableWinograd[float32]()
		r := newRand(24)
		temp := make([]float32, winogradPoints*16)
		near := func(what string, want, got []float32) {
			for i, v := range want {
				require.InDelta(t, v, got[i], 4e-6, "%s: element %d", what, i)
			}
		}
		for _, vectors := range []int{1, 3} {
			n := vectors * 16
			at := tilesApart(4, n)
			pitch := 4*n + 4
			src := guarded(t, random[float32](r, 6*pitch), true)
			want, got := make([]float32, winogradPoints*n), guarded(t, make([]float32, winogradPoints*n), true)
			portable.input(tileInput[float32]{src, pitch, at, want, n, temp})
			e.winograd.input(tileInput[float32]{src, pitch, at, got, n, temp})
			near("input", want, got)

			for _, f := range []tileForm{threeTaps, fiveTaps} {
				m := guarded(t, random[float32](r, winogradPoints*n), true)
				at, pitch := tilesApart(f.out, n), f.out*n
				want, got = make([]float32, f.out*pitch), guarded(t, make([]float32, f.out*pitch), true)
				portable.of(f).output(tileOutput[float32]{m, n, want, pitch, at, 0, 0.25, 0, 1.5, temp})
				e.winograd.of(f).output(tileOutput[float32]{m, n, got, pitch, at, pitch, 0.25, 0, 1.5, temp})
				near(fmt.Sprintf("output of %v", f), want, got)
			}
		}
		for rows := 1; rows <= min(e.rows, e.lane); rows++ {
			for _, f := range []tileForm{threeTaps, fiveTaps} {
				for _, turned := range []bool{false, true} {
					const channels = 3
					for _, pitch := range []int{rows, rows + 5} {
						point := channels*pitch + slack
						src := random[float32](r, f.filter()*channels*pitch+slack)
						want, got := make([]float32, winogradPoints*point), make([]float32, winogradPoints*point)
						filters := tileFilters[float32]{channels, rows, pitch, src, turned, want, point, temp}
						portable.of(f).filters(filters)
						filters.dst = got
						e.winograd.of(f).filters(filters)
						for i := range winogradPoints * channels {
							at := i/channels*point + i%channels*pitch
							what := fmt.Sprintf("%d filters of %v, pitch %d", rows, f, pitch)
							near(what, want[at:][:rows], got[at:][:rows])
						}
					}
				}
			}
		}
	})
}

// tilesApart returns where n tiles begin in a row of them, in a mixed order.
func tilesApart(size, n int) []int32 {
	at := make([]int32, n)
	for i := range at {
		at[i] = int32(size * (i * 7 % n))
	}
	return at
}

// TestWinogradFewTiles compares the kernel for few tiles with the transform of all filters and
// their products, to the bit, on memory that ends at a protected page.
func TestWinogradFewTiles(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e, r := engineFor[float32](), newRand(26)
		require.Equal(t, active == isaAVX512, e.winograd.threeTaps.few != nil)
		if e.winograd.threeTaps.few == nil {
			return
		}
		for _, channels := range []int{1, 5, fewChannels, 2*fewChannels + 3} {
			for _, tiles := range []int{fewTogether, 2 * fewTogether} {
				for _, turned := range []bool{false, true} {
					f := tileFilters[float32]{n: channels, rows: e.lane, pitch: e.lane, turned: turned}
					f.src = guarded(t, random[float32](r, threeTaps.filter()*channels*e.lane), true)
					f.point, f.temp = channels*e.lane, make([]float32, winogradPoints*e.lane)
					f.dst = make([]float32, winogradPoints*f.point)
					e.winograd.threeTaps.filters(f)
					point, sumPoint := channels*tiles+3, tiles*e.lane
					input := guarded(t, random[float32](r, winogradPoints*point-3), true)
					sums := guarded(t, random[float32](r, winogradPoints*sumPoint), true)
					for _, continues := range []bool{true, false} {
						want := make([]float32, len(sums))
						if continues {
							copy(want, sums)
						}
						for i := range want {
							k, tile, filter := i/sumPoint, i%sumPoint/e.lane, i%e.lane
							for c := range channels {
								a, b := f.dst[k*f.point+c*e.lane+filter], input[k*point+c*tiles+tile]
								want[i] = fma(a, b, want[i])
							}
						}
						e.winograd.threeTaps.few(fewTiles[float32]{
							filters: f, input: input, point: point, tiles: tiles, sums: sums, sumPoint: sumPoint,
							sumTile: e.lane, continues: continues, temp: make([]float32, fewTemp*e.lane),
						})
						require.Equal(t, want, sums, "%d channels, %d tiles, turned %v", channels, tiles, turned)
					}
				}
			}
		}
	})
}

// fma is a·b + c, rounded once.
func fma(a, b, c float32) float32 {
	product := new(big.Float).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
	sum, _ := new(big.Float).SetPrec(24).Add(product, big.NewFloat(float64(c))).Float32()
	return sum
}

func TestWinogradKeepsNaN(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		s := threeByThree(1, 16, 8, 32, 1)
		nx, nw, ny := s.sizes()
		r := newRand(25)
		x, w, y := random[float32](r, nx), random[float32](r, nw), make([]float32, ny)
		x[9] = float32(math.NaN()) // row 1, column 1 of channel 0
		NewConv[float32](s).ForwardWithin(AtLeast0[float32](), x, w, nil, y)
		for o := range s.OutChannels {
			assert.True(t, math.IsNaN(float64(y[o*64])), "channel %d", o)
			assert.False(t, math.IsNaN(float64(y[o*64+63])), "channel %d, another tile", o)
		}
	})
}

// TestWinogradInPlace compares tiles that are read in place with copies of them. The memory begins
// or ends at a protected page. Some images, or for dw the planes of one channel, are NaN. AVX2
// copies x, and is tested only not to read beyond the memory.
func TestWinogradInPlace(t *testing.T) {
	eachTiledWeightShape(func(name string, s ConvShape) {
		r := newRand(27)
		nx, nw, ny := s.sizes()
		w, nan := random[float32](r, nw), float32(math.NaN())
		for _, atEnd := range []bool{false, true} {
			x, dy := guarded(t, random[float32](r, nx), atEnd), guarded(t, random[float32](r, ny), atEnd)
			channel := guarded(t, x, atEnd)
			for i := range channel {
				if i/(s.InHeight*s.InWidth)%s.InChannels == s.InChannels/2 {
					channel[i] = nan
				}
			}
			gradient := guarded(t, dy, atEnd)
			for _, v := range [][]float32{x, gradient} {
				for i := range v {
					if i/(len(v)/s.Batch)%2 == 1 {
						v[i] = nan
					}
				}
			}
			passes := func(inPlace bool) []float32 {
				e := engineFor[float32]()
				if !inPlace {
					e.winograd.plane = nil
				}
				all := make([]float32, ny+nx+nw)
				newWinogradForward(e, s).run(x, w, nil, all[:ny], Limits[float32]{}, nil, nil)
				newWinogradData(e, s).run(gradient, w, nil, all[ny:ny+nx], Limits[float32]{}, nil, nil)
				newConvWeights(e, s, true).run(nil, channel, dy, all[ny+nx:])
				return all
			}
			want, got := passes(false), passes(true)
			for i, v := range want {
				if math.Float32bits(v) != math.Float32bits(got[i]) {
					t.Fatalf("%s: element %d of y (%d), dx (%d) and dw is %v, want %v", name, i, ny, nx, got[i], v)
				}
			}
		}
	})
}

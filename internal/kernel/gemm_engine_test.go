package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestEngineTiles runs every micro-kernel with all flags, at depths that end in each step of its
// unrolled loop.
func TestEngineTiles(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e := engineFor[float32]()
		assert.Equal(t, active.String(), e.name)
		r := newRand(20)
		for rows := 1; rows <= e.rows; rows++ {
			for cols := 1; cols <= 3*e.cols; cols++ {
				kc := 1 + (rows+cols)%9
				for flags := range 64 {
					if flags&32 != 0 && (flags&8 == 0 || !e.rowMajor) {
						continue
					}
					if cols <= e.cols || flags&8 != 0 {
						checkTile(t, e, r, rows, cols, kc, flags)
					}
				}
			}
		}
	})
}

// checkTile compares one panel of one tile with its definition. flags choose a bias, accumulation,
// a lower limit, offsets, an upper limit and a row-major A.
func checkTile(t *testing.T, e *engine[float32], r *rand.Rand, rows, cols, kc, flags int) {
	p := panel[float32]{
		tiles: []rowTile{{0, rows}}, a: random[float32](r, rows*kc), k: kc, kc: kc, width: e.width(cols), ldc: cols + 1,
		cols:       cols,
		accumulate: flags&2 != 0, limits: Limits[float32]{float32(math.Inf(-1)), float32(math.Inf(1))},
	}
	if flags&4 != 0 {
		p.limits.Least = -0.25
	}
	if flags&16 != 0 {
		p.limits.Most = 0.5
	}
	p.b = append(random[float32](r, kc*p.width), make([]float32, slack)...)
	row := func(k int) []float32 { return p.b[k*p.width:] }
	if flags&1 != 0 {
		p.bias = random[float32](r, rows)
	}
	if flags&8 != 0 { // rows of B one element apart, in reverse
		for k := range kc {
			p.offsets = append(p.offsets, int32(kc-1-k))
		}
		row = func(k int) []float32 { return p.b[kc-1-k:] }
	}
	a := func(row, k int) float32 { return p.a[k*rows+row] }
	if flags&32 != 0 {
		p.stride = kc + 3
		p.a = guarded(t, random[float32](r, stored(rows, kc, p.stride)), true)
		a = func(row, k int) float32 { return p.a[row*p.stride+k] }
	}
	p.c = random[float32](r, stored(rows, cols, p.ldc))
	want, before := newSums(len(p.c)), append([]float32(nil), p.c...)
	for i := range p.c {
		row0, col := i/p.ldc, i%p.ldc
		if col == cols {
			want.add(i, float64(before[i])) // between the rows: must be unchanged
			continue
		}
		for k := range kc {
			want.add(i, float64(a(row0, k))*float64(row(k)[col]))
		}
		if p.bias != nil {
			want.add(i, float64(p.bias[row0]))
		}
		if p.accumulate {
			want.add(i, float64(before[i]))
		}
		want.value[i] = min(max(want.value[i], float64(p.limits.Least)), float64(p.limits.Most))
	}
	e.mul(&p)
	requireClose(t, fmt.Sprintf("%d rows, %d columns, depth %d, flags %d", rows, cols, kc, flags), want, p.c)
}

// TestEngineContinues: the terms of several panels add up as those of one, to the bit.
func TestEngineContinues(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e := engineFor[float32]()
		if !e.continues {
			assert.NotContains(t, []isa{isaAVX2, isaAVX512}, active)
			return // such an engine gets no panel that continues
		}
		rapid.Check(t, func(rt *rapid.T) {
			rows, cols := rapid.IntRange(1, e.rows).Draw(rt, "rows"), e.lane*rapid.IntRange(1, 5).Draw(rt, "vectors")
			kc, offsets := rapid.IntRange(2, 40).Draw(rt, "depth"), cols > e.cols || rapid.Bool().Draw(rt, "offsets")
			cut := rapid.IntRange(1, kc-1).Draw(rt, "cut")
			r := newRand(rapid.Uint64().Draw(rt, "seed"))
			whole := panel[float32]{
				tiles: []rowTile{{0, rows}}, a: random[float32](r, rows*kc), k: kc, kc: kc, width: cols,
				b: random[float32](r, kc*cols), c: make([]float32, rows*cols), ldc: cols, cols: cols,
			}
			second := whole
			if offsets {
				for k := range kc {
					whole.offsets = append(whole.offsets, int32(k*cols))
				}
				second.offsets = whole.offsets[cut:]
			} else {
				second.b = whole.b[cut*cols:]
			}
			first := whole
			first.kc, first.c = cut, random[float32](r, rows*cols)
			second.k0, second.kc, second.c, second.continues = cut, kc-cut, first.c, true
			for _, p := range []panel[float32]{whole, first, second} {
				e.mul(&p)
			}
			require.Equal(rt, whole.c, first.c)
		})
	})
}

// TestEngineDots runs every tile of dot products on guarded memory, with whole and partial vectors.
func TestEngineDots(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e := engineFor[float32]()
		r := newRand(21)
		for rows := 1; rows <= e.dotTile; rows++ {
			for cols := 1; cols <= e.dotTile; cols++ {
				for _, n := range []int{1, 7, 8, 9, 16, 17, 32, 47} {
					checkDots(t, e, r, rows, cols, n, 1+n%3)
				}
			}
		}
	})
}

func checkDots(t *testing.T, e *engine[float32], r *rand.Rand, rows, cols, n, images int) {
	d := dots[float32]{rows: rows, n: n, aStride: n + 3, images: images, accStride: (cols + 1) * e.dotLanes}
	d.aImage, d.bImage = rows*d.aStride+1, n+cols+2
	d.a = guarded(t, random[float32](r, (images-1)*d.aImage+stored(rows, n, d.aStride)), true)
	d.b = guarded(t, random[float32](r, (images-1)*d.bImage+n+cols-1), true)
	for j := range cols {
		d.offsets = append(d.offsets, int32(cols-1-j))
	}
	d.acc = random[float32](r, stored(rows, cols*e.dotLanes, d.accStride))
	want := newSums(rows * cols)
	for i := range rows * cols {
		row, col := i/cols, i%cols
		for _, v := range d.acc[row*d.accStride+col*e.dotLanes:][:e.dotLanes] {
			want.add(i, float64(v))
		}
		for k := range images * n {
			image, at := k/n, k%n
			want.add(
				i, float64(d.a[image*d.aImage+row*d.aStride+at])*float64(d.b[image*d.bImage+int(d.offsets[col])+at]),
			)
		}
	}
	e.dot(&d)
	got := make([]float32, rows*cols)
	for row := range rows {
		e.laneSums(d.acc[row*d.accStride:], got[row*cols:(row+1)*cols])
	}
	requireClose(t, fmt.Sprintf("%d rows, %d columns, %d elements of %d images", rows, cols, n, images), want, got)
}

// TestEnginePacks compares the packing loops with the portable ones, on guarded memory.
func TestEnginePacks(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		e := engineFor[float32]()
		r := newRand(22)
		for rows := 1; rows <= 2*16+1; rows += 2 {
			for _, cols := range []int{1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 50} {
				src := guarded(t, random[float32](r, stored(rows, cols, cols+2)), true)
				want, got := make([]float32, rows*(cols+5)), make([]float32, rows*(cols+5))
				m := copyRows[float32]{rows: rows, cols: cols, src: src, srcStride: cols + 2, dstStride: cols + 5}
				m.dst = want
				copyGeneric(m)
				m.dst = got
				e.copy(m)
				require.Equal(t, want, got, "copy of %d × %d", rows, cols)

				want, got = make([]float32, cols*(rows+3)), make([]float32, cols*(rows+3))
				f := transpose[float32]{rows: rows, cols: cols, src: src, srcStride: cols + 2, dstStride: rows + 3}
				f.dst = want
				transposeGeneric(f)
				f.dst = got
				e.transpose(f)
				require.Equal(t, want, got, "transpose of %d × %d", rows, cols)

				offsets := make([]int32, min(rows, e.cols))
				for i := range offsets {
					offsets[i] = int32(i * (cols + 2))
				}
				want, got = make([]float32, cols*e.cols), make([]float32, cols*e.cols)
				gatherTransposeGeneric(offsets, cols, src, want, e.cols)
				e.gatherTranspose(offsets, cols, src, got, e.cols)
				require.Equal(t, want, got, "gathering transpose of %d × %d", len(offsets), cols)
			}
		}
	})
}

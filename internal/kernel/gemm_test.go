package kernel

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type gemmShape struct {
	transA, transB   bool
	m, n, k          int
	padA, padB, padC int // elements by which the stored rows are longer than needed
}

func drawGemmShape(t *rapid.T, most int) gemmShape {
	size := rapid.IntRange(1, most)
	pad := rapid.IntRange(0, 5)
	return gemmShape{
		rapid.Bool().Draw(t, "transA"), rapid.Bool().Draw(t, "transB"), size.Draw(
			t, "m",
		), size.Draw(t, "n"), size.Draw(t, "k"),
		pad.Draw(t, "padA"), pad.Draw(t, "padB"), pad.Draw(t, "padC"),
	}
}

// strides returns lda, ldb, ldc.
func (s gemmShape) strides() (lda, ldb, ldc int) {
	lda, ldb = s.k, s.n
	if s.transA {
		lda = s.m
	}
	if s.transB {
		ldb = s.k
	}
	return lda + s.padA, ldb + s.padB, s.n + s.padC
}

// stored returns the length of a row-major matrix of rows rows, without the padding after the last
// row.
func stored(rows, cols, stride int) int { return (rows-1)*stride + cols }

func (s gemmShape) lengths() (a, b, c int) {
	lda, ldb, ldc := s.strides()
	a, b = stored(s.m, s.k, lda), stored(s.k, s.n, ldb)
	if s.transA {
		a = stored(s.k, s.m, lda)
	}
	if s.transB {
		b = stored(s.n, s.k, ldb)
	}
	return a, b, stored(s.m, s.n, ldc)
}

func checkGemm[T Float](t require.TestingT, s gemmShape) {
	r := newRand(5)
	lda, ldb, ldc := s.strides()
	na, nb, nc := s.lengths()
	a, b := random[T](r, na), random[T](r, nb)
	c := random[T](r, nc)
	before := append([]T(nil), c...)
	ma, mb := matrix[T]{a, lda, s.transA}, matrix[T]{b, ldb, s.transB}
	Gemm(s.transA, s.transB, s.m, s.n, s.k, a, lda, b, ldb, c, ldc)
	for i := range s.m {
		want := newSums(s.n)
		for j := range s.n {
			for p := range s.k {
				want.add(j, float64(ma.at(i, p)[0])*float64(mb.at(p, j)[0]))
			}
		}
		requireClose(t, fmt.Sprintf("row %d of %+v", i, s), want, c[i*ldc:][:s.n])
		if i+1 < s.m {
			require.Equal(t, before[i*ldc+s.n:(i+1)*ldc], c[i*ldc+s.n:(i+1)*ldc], "padding of row %d of %+v", i, s)
		}
	}
}

func TestGemmProperties(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkGemm[float32](t, drawGemmShape(t, 70)) })
	})
	rapid.Check(t, func(t *rapid.T) { checkGemm[float64](t, drawGemmShape(t, 40)) })
}

// gemmCorners exceed a block's size in each direction.
var gemmCorners = []gemmShape{
	{m: 1, n: 1, k: 1},
	{m: 3, n: 100, k: 1700, transB: true},
	{m: 530, n: 5, k: 30, transA: true},
	{m: 5, n: 700, k: 1537},
	{m: 100, n: 10, k: 100, transB: true, padC: 3},
	{m: 1, n: 200, k: 900, transB: true},
}

func TestGemmCorners(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range gemmCorners {
			checkGemm[float32](t, s)
		}
	})
	checkGemm[float64](t, gemmCorners[3])
}

// TestAffineStaysInside: see TestConvStaysInside.
func TestAffineStaysInside(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range [][3]int{{1, 5, 3}, {3, 77, 19}, {13, 1030, 23}, {300, 1025, 6}} {
			batch, in, out := s[0], s[1], s[2]
			r := newRand(14)
			x, w, bias, y := random[float32](r, batch*in), random[float32](r, out*in), random[float32](
				r, out,
			), make([]float32, batch*out)
			a := NewAffine[float32](batch, in, out)
			a.Forward(x, w, bias, y)
			for _, atEnd := range []bool{false, true} {
				got := guarded(t, random[float32](r, batch*out), atEnd)
				a.Forward(guarded(t, x, atEnd), guarded(t, w, atEnd), guarded(t, bias, atEnd), got)
				require.Equal(t, y, got, "%v, at the end: %v", s, atEnd)
			}
		}
	})
}

// TestGemmStaysInside: see TestConvStaysInside.
func TestGemmStaysInside(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range append(
			gemmCorners, gemmShape{m: 29, n: 47, k: 33, transA: true, transB: true, padA: 1, padB: 2, padC: 3},
		) {
			r := newRand(11)
			lda, ldb, ldc := s.strides()
			na, nb, nc := s.lengths()
			a, b, c := random[float32](r, na), random[float32](r, nb), random[float32](r, nc)
			want := append([]float32(nil), c...)
			Gemm(s.transA, s.transB, s.m, s.n, s.k, a, lda, b, ldb, want, ldc)
			for _, atEnd := range []bool{false, true} {
				got := guarded(t, c, atEnd)
				Gemm(s.transA, s.transB, s.m, s.n, s.k, guarded(t, a, atEnd), lda, guarded(t, b, atEnd), ldb, got, ldc)
				require.Equal(t, want, got, "%+v, at the end: %v", s, atEnd)
			}
		}
	})
}

func TestGemmOfEmptyMatrices(t *testing.T) {
	c := []float32{1, 2, 3, 4}
	Gemm(false, false, 2, 2, 0, nil, 0, nil, 2, c, 2)
	assert.Equal(t, make([]float32, 4), c, "an empty sum is zero")
	Gemm[float32](false, false, 0, 2, 3, nil, 3, make([]float32, 6), 2, nil, 2)
}

func TestGemmBitsDoNotDependOnWorkers(t *testing.T) {
	const m, n, k = 100, 130, 900
	r := newRand(6)
	a, b := random[float32](r, m*k), random[float32](r, n*k)
	var want []float32
	for _, workers := range []int{1, 2, 5} {
		withWorkers(t, workers, func() {
			c := make([]float32, m*n)
			Gemm(false, true, m, n, k, a, k, b, k, c, n)
			if want == nil {
				want = c
			}
			require.Equal(t, want, c, "%d workers", workers)
		})
	}
}

// checkAffine compares all passes with the definition.
func checkAffine[T Float](t require.TestingT, batch, in, out int) {
	r := newRand(8)
	x, w, bias, dy := random[T](r, batch*in), random[T](r, out*in), random[T](r, out), random[T](r, batch*out)
	wantY, wantX, wantW, wantB := newSums(batch*out), newSums(batch*in), newSums(out*in), newSums(out)
	for n := range batch {
		for o := range out {
			y := n*out + o
			wantY.add(y, float64(bias[o]))
			wantB.add(o, float64(dy[y]))
			for i := range in {
				wantY.add(y, float64(x[n*in+i])*float64(w[o*in+i]))
				wantX.add(n*in+i, float64(dy[y])*float64(w[o*in+i]))
				wantW.add(o*in+i, float64(dy[y])*float64(x[n*in+i]))
			}
		}
	}
	a := NewAffine[T](batch, in, out)
	for range 2 {
		y, dx, dw, db := random[T](r, batch*out), random[T](r, batch*in), random[T](r, out*in), random[T](r, out)
		a.Forward(x, w, bias, y)
		requireClose(t, "y", wantY, y)
		a.BackwardData(w, dy, dx)
		requireClose(t, "dx", wantX, dx)
		a.BackwardWeights(x, dy, dw)
		requireClose(t, "dw", wantW, dw)
		a.BackwardBias(dy, db)
		requireClose(t, "db", wantB, db)
	}
}

func TestAffineProperties(t *testing.T) {
	size := rapid.IntRange(1, 40)
	rapid.Check(t, func(t *rapid.T) {
		checkAffine[float32](t, size.Draw(t, "batch"), size.Draw(t, "in"), size.Draw(t, "out"))
	})
	rapid.Check(t, func(t *rapid.T) {
		checkAffine[float64](t, size.Draw(t, "batch"), size.Draw(t, "in"), size.Draw(t, "out"))
	})
	checkAffine[float32](t, 100, 1000, 100)
	checkAffine[float32](t, 1, 1000, 333)
}

func TestAffineBitsDoNotDependOnBatchIndex(t *testing.T) {
	for _, in := range []int{70, 3000} {
		forEachISA(t, func(t *testing.T) { checkAffineRows(t, in) })
	}
}

func checkAffineRows(t *testing.T, in int) {
	const out = 37
	for _, batch := range []int{2, 3, 7, 33, 100} {
		r := newRand(9)
		x, w, bias := random[float32](r, batch*in), random[float32](r, out*in), random[float32](r, out)
		for n := 1; n < batch; n++ {
			copy(x[n*in:], x[:in])
		}
		y := make([]float32, batch*out)
		NewAffine[float32](batch, in, out).Forward(x, w, bias, y)
		for n := 1; n < batch; n++ {
			require.Equal(t, y[:out], y[n*out:][:out], "row %d of %d", n, batch)
		}
	}
}

func TestAffineAllocatesNothing(t *testing.T) {
	const batch, in, out = 64, 200, 70
	x, w, bias, y := make([]float32, batch*in), make([]float32, out*in), make(
		[]float32, out,
	), make([]float32, batch*out)
	for _, workers := range []int{1, 2} {
		withWorkers(t, workers, func() {
			a := NewAffine[float32](batch, in, out)
			passes := func() {
				a.Forward(x, w, bias, y)
				a.BackwardData(w, y, x)
				a.BackwardWeights(x, y, w)
				a.BackwardBias(y, bias)
			}
			for range 50 {
				passes()
			}
			assert.Zero(t, testing.AllocsPerRun(50, passes))
			gemm := func() { Gemm(false, true, batch, out, in, x, in, w, in, y, out) }
			gemm()
			assert.Zero(t, testing.AllocsPerRun(50, gemm))
		})
	}
}

func ExampleGemm() {
	a := []float64{1, 2, 3, 4} // 2 × 2
	b := []float64{5, 6}       // 1 × 2, transposed
	c := make([]float64, 2)
	Gemm(false, true, 2, 1, 2, a, 2, b, 2, c, 1)
	fmt.Println(c)
	// Output: [17 39]
}

func ExampleAffine() {
	a := NewAffine[float32](1, 2, 3)
	y := make([]float32, 3)
	a.Forward([]float32{1, 2}, []float32{1, 0, 0, 1, 1, 1}, []float32{10, 20, 30}, y)
	fmt.Println(y)
	// Output: [11 22 33]
}

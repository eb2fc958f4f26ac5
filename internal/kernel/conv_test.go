package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// naiveConv is the definition of a convolution and its gradients in float64, in nested loops over
// all indices.
type naiveConv struct{ ConvShape }

// each calls f with the indices of every product of the forward sum.
func (c naiveConv) each(f func(x, w, y int)) {
	s := c.withDefaults()
	in, out := s.groupChannels()
	oh, ow := s.OutHeight(), s.OutWidth()
	for n := range s.Batch {
		for o := range s.OutChannels {
			for y := range oh * ow {
				for k := range in * s.KernelH * s.KernelW {
					ch, r, col := k/(s.KernelH*s.KernelW), k/s.KernelW%s.KernelH, k%s.KernelW
					h := y/ow*s.StrideH + r*s.DilationH - s.PadTop
					w := y%ow*s.StrideW + col*s.DilationW - s.PadLeft
					if h < 0 || w < 0 || h >= s.InHeight || w >= s.InWidth {
						continue
					}
					channel := o/out*in + ch
					f(
						((n*s.InChannels+channel)*s.InHeight+h)*s.InWidth+w, o*in*s.KernelH*s.KernelW+k,
						(n*s.OutChannels+o)*oh*ow+y,
					)
				}
			}
		}
	}
}

// sizes returns the lengths of x, w and y.
func (s ConvShape) sizes() (x, w, y int) {
	s = s.withDefaults()
	in, _ := s.groupChannels()
	return s.Batch * s.InChannels * s.InHeight * s.InWidth, s.OutChannels * in * s.KernelH * s.KernelW,
		s.Batch * s.OutChannels * s.OutHeight() * s.OutWidth()
}

// random returns n values of [-1, 1).
func random[T Float](r *rand.Rand, n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(2*r.Float64() - 1)
	}
	return s
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// epsilon returns the rounding unit of T.
func epsilon[T Float]() float64 {
	if one := T(1); one+T(1e-12) == one {
		return 0x1p-24
	}
	return 0x1p-53
}

// sumBound bounds the error in T of a sum of terms products whose absolute values sum to size:
// |error| <= terms·epsilon·Σ|products| (Higham 2002, 3.1), with a margin for the bias.
func sumBound[T Float](terms int, size float64) float64 {
	return float64(terms+2) * epsilon[T]() * (size + 1)
}

type sums struct {
	value, size []float64
	terms       []int
}

func newSums(n int) sums { return sums{make([]float64, n), make([]float64, n), make([]int, n)} }

func (s sums) add(i int, v float64) {
	s.value[i] += v
	s.size[i] += math.Abs(v)
	s.terms[i]++
}

func requireClose[T Float](t require.TestingT, what string, want sums, got []T) {
	for i, v := range want.value {
		if diff := math.Abs(v - float64(got[i])); !(diff <= sumBound[T](want.terms[i], want.size[i])) {
			require.Failf(t, what, "element %d of %d: %v, want %v", i, len(got), got[i], v)
		}
	}
}

// checkConv compares all passes with the definition.
func checkConv[T Float](t require.TestingT, s ConvShape) {
	r := newRand(1)
	nx, nw, ny := s.sizes()
	x, w, bias, dy := random[T](r, nx), random[T](r, nw), random[T](r, s.OutChannels), random[T](r, ny)
	plane := s.withDefaults().OutHeight() * s.withDefaults().OutWidth()
	wantY, wantX, wantW, wantB := newSums(ny), newSums(nx), newSums(nw), newSums(s.OutChannels)
	naiveConv{s}.each(func(i, j, k int) {
		wantY.add(k, float64(x[i])*float64(w[j]))
		wantX.add(i, float64(w[j])*float64(dy[k]))
		wantW.add(j, float64(x[i])*float64(dy[k]))
	})
	for i := range ny {
		wantY.add(i, float64(bias[i/plane%s.OutChannels]))
		wantB.add(i/plane%s.OutChannels, float64(dy[i]))
	}
	c := NewConv[T](s)
	for range 2 { // the second time with a used workspace
		y, dx, dw, db := random[T](r, ny), random[T](r, nx), random[T](r, nw), random[T](r, s.OutChannels)
		c.Forward(x, w, bias, y)
		requireClose(t, "y", wantY, y)
		c.BackwardData(w, dy, dx)
		requireClose(t, "dx", wantX, dx)
		c.BackwardWeights(x, dy, dw)
		requireClose(t, "dw", wantW, dw)
		c.BackwardBias(dy, db)
		requireClose(t, "db", wantB, db)
	}
}

// convShapes are the corner cases. Each of them has broken some convolution.
var convShapes = map[string]ConvShape{
	"1x1": {
		Batch: 3, InChannels: 5, InHeight: 7, InWidth: 6, OutChannels: 9, KernelH: 1, KernelW: 1,
	},
	"1x1, many channels": {
		Batch: 2, InChannels: 40, InHeight: 7, InWidth: 7, OutChannels: 34, KernelH: 1, KernelW: 1, Groups: 2,
	},
	"1x1, a pixel over whole vectors": {
		Batch: 3, InChannels: 150, InHeight: 7, InWidth: 7, OutChannels: 37, KernelH: 1, KernelW: 1,
	},
	"1x1, two pixels over whole vectors": {
		Batch: 2, InChannels: 270, InHeight: 5, InWidth: 10, OutChannels: 24, KernelH: 1, KernelW: 1, Groups: 2,
	},
	"1x1, sum in blocks": {
		Batch: 1, InChannels: 1100, InHeight: 5, InWidth: 9, OutChannels: 5, KernelH: 1, KernelW: 1,
	},
	"1x1, large planes": {
		Batch: 17, InChannels: 3, InHeight: 19, InWidth: 23, OutChannels: 20, KernelH: 1, KernelW: 1,
	},
	"1x1, padded": {
		Batch: 2, InChannels: 3, InHeight: 5, InWidth: 6, OutChannels: 4, KernelH: 1, KernelW: 1, PadBottom: 1,
		PadRight: 2,
	},
	"1x1 strided": {
		Batch: 2, InChannels: 3, InHeight: 9, InWidth: 8, OutChannels: 4, KernelH: 1, KernelW: 1, StrideH: 2,
		StrideW: 3,
	},
	"kernel is input": {
		Batch: 4, InChannels: 3, InHeight: 6, InWidth: 5, OutChannels: 7, KernelH: 6, KernelW: 5,
	},
	"stride > kernel": {
		Batch: 2, InChannels: 2, InHeight: 17, InWidth: 16, OutChannels: 3, KernelH: 2, KernelW: 3, StrideH: 5,
		StrideW: 4,
	},
	"padding": {
		Batch: 2, InChannels: 3, InHeight: 8, InWidth: 9, OutChannels: 5, KernelH: 3, KernelW: 5, PadTop: 1,
		PadBottom: 1, PadLeft: 2, PadRight: 2,
	},
	"padding > kernel": {
		Batch: 2, InChannels: 2, InHeight: 4, InWidth: 5, OutChannels: 3, KernelH: 2, KernelW: 1, PadTop: 3,
		PadBottom: 3, PadLeft: 2, PadRight: 2,
	},
	"above and left": {
		Batch: 2, InChannels: 3, InHeight: 8, InWidth: 9, OutChannels: 5, KernelH: 3, KernelW: 5, PadTop: 2, PadLeft: 1,
	},
	"below and right": {
		Batch: 2, InChannels: 3, InHeight: 8, InWidth: 9, OutChannels: 5, KernelH: 3, KernelW: 3, StrideH: 2,
		StrideW: 2, PadBottom: 1, PadRight: 1,
	},
	"every side": {
		Batch: 2, InChannels: 2, InHeight: 4, InWidth: 5, OutChannels: 3, KernelH: 2, KernelW: 3, PadTop: 1,
		PadBottom: 3, PadLeft: 4, PadRight: 2,
	},
	"dilation": {
		Batch: 2, InChannels: 3, InHeight: 13, InWidth: 12, OutChannels: 4, KernelH: 3, KernelW: 3, PadTop: 2,
		PadBottom: 2, DilationH: 2, DilationW: 3,
	},
	"dilated strided": {
		Batch: 2, InChannels: 2, InHeight: 15, InWidth: 17, OutChannels: 3, KernelH: 3, KernelW: 3, StrideH: 2,
		StrideW: 3, PadTop: 2, PadBottom: 2, PadLeft: 1, PadRight: 1, DilationH: 3, DilationW: 2,
	},
	"groups": {
		Batch: 2, InChannels: 8, InHeight: 7, InWidth: 9, OutChannels: 12, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
	},
	"depthwise": {
		Batch: 3, InChannels: 6, InHeight: 9, InWidth: 8, OutChannels: 12, KernelH: 3, KernelW: 3, StrideH: 2,
		StrideW: 1, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 6,
	},
	"depthwise, same size": {
		Batch: 2, InChannels: 19, InHeight: 14, InWidth: 14, OutChannels: 19, Groups: 19, KernelH: 3, KernelW: 3,
		PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1,
	},
	"depthwise, small planes": {
		Batch: 2, InChannels: 40, InHeight: 7, InWidth: 7, OutChannels: 40, Groups: 40, KernelH: 3, KernelW: 3,
		PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1,
	},
	"depthwise, no padding": {
		Batch: 2, InChannels: 3, InHeight: 9, InWidth: 21, OutChannels: 3, Groups: 3, KernelH: 3, KernelW: 3,
	},
	"depthwise, halved": {
		Batch: 2, InChannels: 5, InHeight: 15, InWidth: 38, OutChannels: 5, Groups: 5, KernelH: 3, KernelW: 3,
		StrideH: 2, StrideW: 2, PadTop: 1, PadBottom: 1, PadLeft: 1, PadRight: 1,
	},
	"depthwise, below and right": {
		Batch: 2, InChannels: 4, InHeight: 14, InWidth: 12, OutChannels: 4, Groups: 4, KernelH: 5, KernelW: 5,
		StrideH: 2, StrideW: 2, PadTop: 1, PadBottom: 2, PadLeft: 1, PadRight: 2,
	},
	"depthwise, above and left": {
		Batch: 2, InChannels: 4, InHeight: 6, InWidth: 12, OutChannels: 8, Groups: 4, KernelH: 4, KernelW: 3,
		StrideH: 3, StrideW: 1, PadTop: 3, PadLeft: 2,
	},
	"depthwise, 3 filters": {
		Batch: 3, InChannels: 4, InHeight: 8, InWidth: 11, OutChannels: 12, Groups: 4, KernelH: 5, KernelW: 5,
		PadTop: 2, PadBottom: 2, PadLeft: 2, PadRight: 2,
	},
	"depthwise, dilated": {
		Batch: 2, InChannels: 3, InHeight: 13, InWidth: 20, OutChannels: 6, Groups: 3, KernelH: 3, KernelW: 3,
		StrideH: 1, StrideW: 2, PadTop: 2, PadBottom: 2, PadLeft: 4, PadRight: 3, DilationH: 2, DilationW: 3,
	},
	"depthwise, far apart": {
		Batch: 2, InChannels: 3, InHeight: 13, InWidth: 20, OutChannels: 6, Groups: 3, KernelH: 3, KernelW: 2,
		StrideH: 4, StrideW: 3, PadTop: 2, PadLeft: 1,
	},
	"depthwise, mostly padding": {
		Batch: 2, InChannels: 3, InHeight: 2, InWidth: 3, OutChannels: 3, Groups: 3, KernelH: 3, KernelW: 3, PadTop: 4,
		PadBottom: 3, PadLeft: 3, PadRight: 5,
	},
	"depthwise, one pixel": {
		Batch: 2, InChannels: 7, InHeight: 1, InWidth: 1, OutChannels: 7, Groups: 7, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1,
	},
	"depthwise, 1x1": {
		Batch: 2, InChannels: 7, InHeight: 5, InWidth: 6, OutChannels: 14, Groups: 7, KernelH: 1, KernelW: 1,
	},
	"depthwise, large kernel": {
		Batch: 1, InChannels: 2, InHeight: 18, InWidth: 19, OutChannels: 2, Groups: 2, KernelH: 9, KernelW: 7,
		PadTop: 4, PadBottom: 4, PadLeft: 3, PadRight: 3,
	},
	"one pixel": {
		Batch: 1, InChannels: 1, InHeight: 1, InWidth: 1, OutChannels: 1, KernelH: 1, KernelW: 1,
	},
	"many images": {
		Batch: 37, InChannels: 1, InHeight: 12, InWidth: 12, OutChannels: 6, KernelH: 5, KernelW: 5,
	},
	"deep": {
		Batch: 2, InChannels: 96, InHeight: 6, InWidth: 6, OutChannels: 33, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1,
	},
	"sum in blocks": {
		Batch: 2, InChannels: 128, InHeight: 4, InWidth: 5, OutChannels: 5, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1,
	},
	"data in blocks": {
		Batch: 1, InChannels: 3, InHeight: 5, InWidth: 4, OutChannels: 130, KernelH: 3, KernelW: 3, PadTop: 1,
		PadBottom: 1, PadLeft: 1, PadRight: 1,
	},
	"images in turn": {
		Batch: 35, InChannels: 2, InHeight: 20, InWidth: 20, OutChannels: 2, KernelH: 3, KernelW: 3,
	},
	"channel blocks": {
		Batch: 2, InChannels: 150, InHeight: 5, InWidth: 4, OutChannels: 4, KernelH: 2, KernelW: 3, PadLeft: 1,
		PadRight: 1,
	},
	// split into shards within the image
	"large image": {
		Batch: 1, InChannels: 9, InHeight: 25, InWidth: 27, OutChannels: 5, KernelH: 2, KernelW: 3, PadTop: 1,
		PadBottom: 1,
	},
	"wide": {
		Batch: 1, InChannels: 3, InHeight: 35, InWidth: 67, OutChannels: 17, KernelH: 11, KernelW: 11, StrideH: 4,
		StrideW: 4, PadTop: 2, PadBottom: 2, PadLeft: 2, PadRight: 2,
	},
}

func TestConvAgainstDefinition(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for name, s := range convShapes {
			t.Run(name, func(t *testing.T) { checkConv[float32](t, s) })
		}
	})
	for name, s := range convShapes {
		t.Run("float64/"+name, func(t *testing.T) { checkConv[float64](t, s) })
	}
}

func drawConvShape(t *rapid.T) ConvShape {
	s := ConvShape{
		KernelH: rapid.IntRange(1, 5).Draw(t, "kernelH"), KernelW: rapid.IntRange(1, 5).Draw(t, "kernelW"),
		StrideH: rapid.IntRange(1, 4).Draw(t, "strideH"), StrideW: rapid.IntRange(1, 4).Draw(t, "strideW"),
		PadTop: rapid.IntRange(0, 3).Draw(t, "top"), PadBottom: rapid.IntRange(0, 3).Draw(t, "bottom"),
		PadLeft: rapid.IntRange(0, 3).Draw(t, "left"), PadRight: rapid.IntRange(0, 3).Draw(t, "right"),
		DilationH: rapid.IntRange(1, 3).Draw(t, "dilationH"), DilationW: rapid.IntRange(1, 3).Draw(t, "dilationW"),
		Batch: rapid.IntRange(1, 4).Draw(t, "batch"), Groups: rapid.IntRange(1, 3).Draw(t, "groups"),
	}
	s.InChannels = s.Groups * rapid.IntRange(1, 4).Draw(t, "in")
	if rapid.Bool().Draw(t, "depthwise") {
		s.Groups = s.InChannels
	}
	s.OutChannels = s.Groups * rapid.IntRange(1, 17).Draw(t, "out")
	s.InHeight = max(1, s.DilationH*(s.KernelH-1)+1-s.PadTop-s.PadBottom) + rapid.IntRange(0, 12).Draw(t, "height")
	s.InWidth = max(1, s.DilationW*(s.KernelW-1)+1-s.PadLeft-s.PadRight) + rapid.IntRange(0, 12).Draw(t, "width")
	return s
}

func TestConvProperties(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkConv[float32](t, drawConvShape(t)) })
	})
	rapid.Check(t, func(t *rapid.T) { checkConv[float64](t, drawConvShape(t)) })
}

// TestConvStaysInside runs every pass on slices that end, and that begin, at a protected page: a
// pass reads and writes nothing outside its operands. The sizes vary the operands' alignment; the
// bits must not depend on it.
func TestConvStaysInside(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for name, s := range convShapes {
			r := newRand(10)
			nx, nw, ny := s.sizes()
			x, w, bias, dy := random[float32](r, nx), random[float32](r, nw), random[float32](
				r, s.OutChannels,
			), random[float32](r, ny)
			want := convPasses(s, x, w, bias, dy)
			for _, atEnd := range []bool{false, true} {
				at := func(s []float32) []float32 { return guarded(t, s, atEnd) }
				got := [][]float32{at(dy), at(x), at(w), at(bias)}
				c := NewConv[float32](s)
				c.Forward(at(x), at(w), at(bias), got[0])
				c.BackwardData(at(w), at(dy), got[1])
				c.BackwardWeights(at(x), at(dy), got[2])
				c.BackwardBias(at(dy), got[3])
				require.Equal(t, want, got, "%s, at the end: %v", name, atEnd)
			}
		}
	})
}

func TestConvWithoutBias(t *testing.T) {
	s := convShapes["padding"]
	r := newRand(2)
	nx, nw, ny := s.sizes()
	x, w, zero := random[float32](r, nx), random[float32](r, nw), make([]float32, s.OutChannels)
	with, without := make([]float32, ny), make([]float32, ny)
	c := NewConv[float32](s)
	c.Forward(x, w, zero, with)
	c.Forward(x, w, nil, without)
	assert.Equal(t, with, without)
}

// convPasses runs every pass and returns all results.
func convPasses[T Float](s ConvShape, x, w, bias, dy []T) [][]T {
	y, dx, dw, db := make([]T, len(dy)), make([]T, len(x)), make([]T, len(w)), make([]T, len(bias))
	c := NewConv[T](s)
	c.Forward(x, w, bias, y)
	c.BackwardData(w, dy, dx)
	c.BackwardWeights(x, dy, dw)
	c.BackwardBias(dy, db)
	return [][]T{y, dx, dw, db}
}

func TestConvBitsDoNotDependOnWorkers(t *testing.T) {
	for _, s := range []ConvShape{
		{Batch: 33, InChannels: 3, InHeight: 20, InWidth: 20, OutChannels: 16, KernelH: 5, KernelW: 5},
		{
			Batch: 1, InChannels: 32, InHeight: 20, InWidth: 20, OutChannels: 70, KernelH: 3, KernelW: 3, PadTop: 1,
			PadBottom: 1, PadLeft: 1, PadRight: 1, Groups: 2,
		},
		{
			Batch: 4, InChannels: 37, InHeight: 30, InWidth: 31, OutChannels: 74, KernelH: 3, KernelW: 3, StrideH: 2,
			StrideW: 2, PadBottom: 1, Groups: 37,
		},
		{Batch: 2, InChannels: 64, InHeight: 15, InWidth: 15, OutChannels: 96, KernelH: 1, KernelW: 1},
		{Batch: 4, InChannels: 150, InHeight: 7, InWidth: 7, OutChannels: 96, KernelH: 1, KernelW: 1},
		{ // three or four images are shards, the others are cut into parts
			Batch: 5, InChannels: 20, InHeight: 25, InWidth: 25, OutChannels: 24, KernelH: 3, KernelW: 3, StrideH: 2,
			StrideW: 2, PadTop: 1,
		},
	} {
		r := newRand(3)
		nx, nw, ny := s.sizes()
		x, w, bias, dy := random[float32](r, nx), random[float32](r, nw), random[float32](
			r, s.OutChannels,
		), random[float32](r, ny)
		forEachISA(t, func(t *testing.T) {
			var want [][]float32
			withWorkers(t, 1, func() { want = convPasses(s, x, w, bias, dy) })
			one := s
			one.Batch = 1
			for i := range s.Batch {
				ix, iy := nx/s.Batch, ny/s.Batch
				alone := convPasses(one, x[i*ix:][:ix], w, bias, dy[i*iy:][:iy])
				require.Equal(t, want[0][i*iy:][:iy], alone[0], "y of image %d alone", i)
				require.Equal(t, want[1][i*ix:][:ix], alone[1], "dx of image %d alone", i)
			}
			for _, workers := range []int{2, 3, 7} {
				withWorkers(
					t, workers, func() { require.Equal(t, want, convPasses(s, x, w, bias, dy), "%d workers", workers) },
				)
			}
		})
	}
}

// TestConvWhileWorkersChange sets the number of workers again and again while convolutions and
// fully connected layers, whose shards depend on it, compute.
func TestConvWhileWorkersChange(t *testing.T) {
	r := newRand(4)
	var passes []func() []float32
	for _, s := range []ConvShape{
		threeByThree(1, 32, 48, 64, 1),
		{Batch: 5, InChannels: 64, InHeight: 20, InWidth: 20, OutChannels: 32, KernelH: 1, KernelW: 1},
	} {
		nx, nw, ny := s.sizes()
		x, w, c := random[float32](r, nx), random[float32](r, nw), NewConv[float32](s)
		passes = append(passes, func() []float32 {
			y := make([]float32, ny)
			c.Forward(x, w, nil, y)
			return y
		})
	}
	x, w, a := random[float32](r, 64*300), random[float32](r, 200*300), NewAffine[float32](64, 300, 200)
	passes = append(passes, func() []float32 {
		y := make([]float32, 64*200)
		a.Forward(x, w, nil, y)
		return y
	})
	want := make([][]float32, len(passes))
	for i, pass := range passes {
		want[i] = pass()
	}
	defer SetWorkers(Workers())
	stop, stopped := make(chan struct{}), make(chan struct{})
	defer func() {
		close(stop)
		<-stopped
	}()
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				SetWorkers(1 + n%4)
			}
		}
	}()
	for round := range 40 {
		for i, pass := range passes {
			require.Equal(t, bitsOf(want[i]), bitsOf(pass()), "pass %d, round %d", i, round)
		}
	}
}

// TestCoveringKernels: the passes of a kernel that covers the image have the bits of the general
// passes, whose sums may have several blocks.
func TestCoveringKernels(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range []ConvShape{
			{Batch: 7, InChannels: 16, InHeight: 5, InWidth: 5, OutChannels: 120, KernelH: 5, KernelW: 5}, // LeNet's
			{Batch: 1, InChannels: 3, InHeight: 4, InWidth: 2, OutChannels: 9, KernelH: 4, KernelW: 2},
			{Batch: 33, InChannels: 5, InHeight: 1, InWidth: 1, OutChannels: 2000, KernelH: 1, KernelW: 1},
			{Batch: 5, InChannels: 2, InHeight: 7, InWidth: 7, OutChannels: 80, KernelH: 7, KernelW: 7},
			{Batch: 150, InChannels: 30, InHeight: 8, InWidth: 7, OutChannels: 20, KernelH: 8, KernelW: 7},
			{Batch: 1100, InChannels: 6, InHeight: 2, InWidth: 1, OutChannels: 5, KernelH: 2, KernelW: 1},
		} {
			checkCovering(t, s.withDefaults())
		}
	})
}

func checkCovering(t *testing.T, s ConvShape) {
	nx, nw, ny := s.sizes()
	r := newRand(36)
	x, w := random[float32](r, nx), random[float32](r, nw)
	bias, dy := random[float32](r, s.OutChannels), random[float32](r, ny)
	same := func(what string, n int, covering, general func(out []float32)) {
		got, want := make([]float32, n), make([]float32, n)
		covering(got)
		general(want)
		require.True(t, slices.Equal(want, got), "%s of %+v", what, s)
	}

	c, limits := NewConv[float32](s), AtLeast0[float32]()
	require.Equal(t, c.e.rowMajor, c.covering != nil, "%+v", s)
	for _, b := range [][]float32{nil, bias} {
		same("y", ny, func(y []float32) { c.ForwardWithin(limits, x, w, b, y) }, func(y []float32) {
			f := newConvForward(engineFor[float32](), s)
			f.limits = limits
			f.run(x, w, b, y)
		})
	}

	d := newConvData(engineFor[float32](), s)
	require.NotNil(t, d.covers, "%+v", s)
	same("dx", nx, func(dx []float32) { d.run(w, dy, dx) }, func(dx []float32) { d.covers = nil; d.run(w, dy, dx) })

	weights := c.weightsPass()
	require.True(t, weights.covers, "%+v", s)
	same("dw", nw, func(dw []float32) { weights.run(nil, x, dy, dw) }, func(dw []float32) {
		weights.covers = false
		weights.run(nil, x, dy, dw)
	})
}

// TestNotCovering: the product replaces the general pass only where it adds the same.
func TestNotCovering(t *testing.T) {
	covering := ConvShape{Batch: 2, InChannels: 4, InHeight: 6, InWidth: 6, OutChannels: 8, KernelH: 6, KernelW: 6}
	for name, change := range map[string]func(s *ConvShape){
		"padding":       func(s *ConvShape) { s.PadTop, s.PadBottom = 1, 1 },
		"stride":        func(s *ConvShape) { s.StrideH, s.StrideW = 2, 2 },
		"dilation":      func(s *ConvShape) { s.DilationH, s.PadTop, s.PadBottom = 2, 2, 3 },
		"dilated width": func(s *ConvShape) { s.DilationW, s.PadLeft, s.PadRight = 3, 10, 0 },
		"groups":        func(s *ConvShape) { s.Groups = 2 },
		"smaller":       func(s *ConvShape) { s.KernelW = 5 },
		"uneven blocks": func(s *ConvShape) { s.OutChannels = 43 }, // 2 blocks of 774 products: 21.5 filters
	} {
		s := covering
		change(&s)
		require.Nil(t, newConvData(engineFor[float32](), s.withDefaults()).covers, name)
		if name != "uneven blocks" {
			require.Nil(t, NewConv[float32](s).covering, name)
			require.False(t, NewConv[float32](s).weightsPass().covers, name)
		}
	}
	require.NotNil(t, newConvData(engineFor[float32](), covering.withDefaults()).covers)
}

func TestConvBitsDoNotDependOnBatchIndex(t *testing.T) {
	sameBitsAnywhere(t, ConvShape{
		Batch: 19, InChannels: 2, InHeight: 9, InWidth: 11, OutChannels: 5, KernelH: 3, KernelW: 3, StrideW: 2,
		PadTop: 1, PadBottom: 1,
	})
	sameBitsAnywhere(t, ConvShape{
		Batch: 19, InChannels: 3, InHeight: 9, InWidth: 11, OutChannels: 6, KernelH: 3, KernelW: 3, StrideW: 2,
		PadTop: 1, Groups: 3,
	})
	sameBitsAnywhere(t, ConvShape{
		Batch: 19, InChannels: 16, InHeight: 9, InWidth: 14, OutChannels: 35, KernelH: 3, KernelW: 3, PadTop: 1,
	})
	sameBitsAnywhere(
		t, ConvShape{Batch: 19, InChannels: 3, InHeight: 9, InWidth: 11, OutChannels: 6, KernelH: 1, KernelW: 1},
	)
}

func sameBitsAnywhere(t *testing.T, s ConvShape) {
	r := newRand(4)
	nx, nw, ny := s.sizes()
	x, w, dy := random[float32](r, nx), random[float32](r, nw), random[float32](r, ny)
	for n := 1; n < s.Batch; n++ { // the same image at every index
		copy(x[n*nx/s.Batch:], x[:nx/s.Batch])
		copy(dy[n*ny/s.Batch:], dy[:ny/s.Batch])
	}
	forEachISA(t, func(t *testing.T) {
		for _, v := range convPasses(s, x, w, make([]float32, s.OutChannels), dy)[:2] {
			one := len(v) / s.Batch
			for n := 1; n < s.Batch; n++ {
				require.Equal(t, v[:one], v[n*one:][:one], "image %d", n)
			}
		}
	})
}

// TestConvReadsRows compares weights that are read where they lie with packed ones, to the bit, on
// memory that ends or begins at a protected page.
func TestConvReadsRows(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, name := range []string{
			"1x1, many channels", "1x1, sum in blocks", "1x1, padded", "1x1 strided", "padding", "groups",
			"sum in blocks", "dilated strided", "one pixel", "many images",
		} {
			readsRows(t, convShapes[name])
		}
		for pixels := 1; pixels <= 40; pixels++ { // with every number of pixels in the last vector
			readsRows(t, ConvShape{
				Batch: 2, InChannels: 9, InHeight: 1, InWidth: pixels, OutChannels: 2*pixels - 1,
				KernelH: 1, KernelW: 1,
			})
		}
	})
}

func readsRows(t *testing.T, s ConvShape) {
	r := newRand(28)
	nx, nw, ny := s.sizes()
	x, w, bias := random[float32](r, nx), random[float32](r, nw), random[float32](r, s.OutChannels)
	forward := func(inRows, atEnd bool) []float32 {
		c := NewConv[float32](s)
		f := c.forwardPass()
		f.readRows()
		require.Equal(t, f.e.rowMajor, f.inRows)
		f.inRows = f.inRows && inRows
		at := func(s []float32) []float32 { return guarded(t, s, atEnd) }
		y := at(make([]float32, ny))
		c.ForwardWithin(Limits[float32]{Least: -0.5, Most: 0.75}, at(x), at(w), at(bias), y)
		return y
	}
	want := bitsOf(forward(false, false))
	require.Equal(t, want, bitsOf(forward(true, false)), "%+v", s)
	require.Equal(t, want, bitsOf(forward(true, true)), "%+v, at the end", s)
}

func TestConvPacksForManyPixels(t *testing.T) {
	s := ConvShape{Batch: 1, InChannels: 3, InHeight: 20, InWidth: 20, OutChannels: 5, KernelH: 1, KernelW: 1}
	e := engineFor[float32]()
	assert.Equal(t, e.rowMajor, NewConv[float32](s).forwardPass().inRows)
	s.Batch = 2
	assert.False(t, NewConv[float32](s).forwardPass().inRows)
	s.InHeight = 10
	assert.Equal(t, e.rowMajor, NewConv[float32](s).forwardPass().inRows)
	s.Batch = 3
	assert.Equal(t, e.rowsPlane >= 200, NewConv[float32](s).forwardPass().inRows)
}

func TestConvAllocatesNothing(t *testing.T) {
	for _, s := range []ConvShape{
		{
			Batch: 20, InChannels: 3, InHeight: 12, InWidth: 12, OutChannels: 8, KernelH: 3, KernelW: 3, StrideH: 2,
			PadTop: 1, PadBottom: 1,
		},
		{
			Batch: 20, InChannels: 8, InHeight: 12, InWidth: 12, OutChannels: 8, KernelH: 3, KernelW: 3, StrideH: 2,
			StrideW: 2, PadTop: 1, Groups: 8,
		},
		{Batch: 20, InChannels: 8, InHeight: 9, InWidth: 9, OutChannels: 8, KernelH: 1, KernelW: 1},
		{Batch: 20, InChannels: 16, InHeight: 12, InWidth: 12, OutChannels: 32, KernelH: 3, KernelW: 3},
	} {
		nx, nw, ny := s.sizes()
		x, w, bias, y := make([]float32, nx), make([]float32, nw), make([]float32, s.OutChannels), make([]float32, ny)
		for _, workers := range []int{1, 2} {
			withWorkers(t, workers, func() {
				c := NewConv[float32](s)
				passes := func() {
					c.Forward(x, w, bias, y)
					c.BackwardData(w, y, x)
					c.BackwardWeights(x, y, w)
					c.BackwardBias(y, bias)
				}
				for range 50 { // until all workspaces exist
					passes()
				}
				assert.Zero(t, testing.AllocsPerRun(50, passes), "%+v, %d workers", s, workers)
			})
		}
	}
}

// TestConvOverwritesBorrowedMemory lends memory full of NaN.
func TestConvOverwritesBorrowedMemory(t *testing.T) {
	for _, s := range []ConvShape{
		{
			Batch: 5, InChannels: 8, InHeight: 9, InWidth: 10, OutChannels: 12, KernelH: 3, KernelW: 3, PadTop: 1,
			PadBottom: 1,
		},
		{Batch: 5, InChannels: 16, InHeight: 10, InWidth: 9, OutChannels: 32, KernelH: 3, KernelW: 3},
	} {
		overwritesBorrowedMemory(t, s)
	}
}

func overwritesBorrowedMemory(t *testing.T, s ConvShape) {
	nx, nw, ny := s.sizes()
	r := newRand(3)
	x, w, dy := random[float32](r, nx), random[float32](r, nw), random[float32](r, ny)
	passes := func(lent float32) [][]float32 {
		memory := borrow[float32](1 << 19)
		for i := range (*memory)[:cap(*memory)] {
			(*memory)[:cap(*memory)][i] = lent
		}
		giveBack(memory)
		c := NewConv[float32](s)
		y, dx, dw := make([]float32, ny), make([]float32, nx), make([]float32, nw)
		c.Forward(x, w, nil, y)
		c.BackwardData(w, dy, dx)
		c.BackwardWeights(x, dy, dw)
		return [][]float32{y, dx, dw}
	}
	assert.Equal(t, passes(0), passes(float32(math.NaN())))
}

func TestConvShape(t *testing.T) {
	s := ConvShape{
		Batch: 32, InChannels: 96, InHeight: 27, InWidth: 27, OutChannels: 256, KernelH: 5, KernelW: 5, PadTop: 2,
		PadBottom: 2, PadLeft: 2, PadRight: 2, Groups: 2,
	}
	assert.Equal(t, 27, s.OutHeight())
	assert.Equal(t, 27, s.OutWidth())
	assert.EqualValues(t, 32*256*27*27*48*25, s.MultiplyAdds())
	s = ConvShape{InHeight: 227, InWidth: 14, KernelH: 11, KernelW: 3, StrideH: 4, DilationW: 2}
	assert.Equal(t, 55, s.OutHeight())
	assert.Equal(t, 10, s.OutWidth())
}

func ExampleConv() {
	c := NewConv[float32](ConvShape{
		Batch: 1, InChannels: 1, InHeight: 3, InWidth: 3, OutChannels: 1, KernelH: 2, KernelW: 2,
	})
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}
	w := []float32{1, 0, 0, -1}
	y := make([]float32, 4)
	c.Forward(x, w, []float32{10}, y)
	fmt.Println(y)
	// Output: [6 6 6 6]
}

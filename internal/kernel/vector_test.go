package kernel

import (
	"fmt"
	"math"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// ground is memory that ends, or begins, at a protected page. Arrays are placed at that edge, so
// that a kernel that reads or writes past it crashes. requireUnused finds writes on the other side.
type ground struct {
	all   []float32
	atEnd bool
	array []float32 // the last one put
}

const unused = -77.25

func newGround(t testing.TB, n int, atEnd bool) *ground {
	return &ground{all: guarded(t, make([]float32, n), atEnd), atEnd: atEnd}
}

// put returns a copy of the values at the edge.
func (g *ground) put(values []float32) []float32 {
	for i := range g.all {
		g.all[i] = unused
	}
	n := len(values)
	g.array = g.all[:n:n]
	if g.atEnd {
		g.array = g.all[len(g.all)-n:]
	}
	copy(g.array, values)
	return g.array
}

// requireUnused fails if anything beside the array was written.
func (g *ground) requireUnused(t require.TestingT, what string) {
	beside := g.all[len(g.array):]
	if g.atEnd {
		beside = g.all[:len(g.all)-len(g.array)]
	}
	for _, v := range beside {
		if v != unused {
			require.Fail(t, "wrote outside", what)
		}
	}
}

func bitsOf(s []float32) []uint32 {
	b := make([]uint32, len(s))
	for i, v := range s {
		b[i] = math.Float32bits(v)
	}
	return b
}

// vectorPasses are the passes that have assembly. With bound 0 a pass repeats the portable code's
// operations one by one, so the bits are the same; for the others the bound is a multiple of
// 1+|value|.
func vectorPasses() []vectorCase {
	return []vectorCase{
		{"relu", func(t *table[float32]) pass[float32] { return t.relu }, 2, 0},
		{"reluBackward", func(t *table[float32]) pass[float32] { return t.reluBackward }, 3, 0},
		{"sigmoidBackward", func(t *table[float32]) pass[float32] { return t.sigmoidBackward }, 3, 0},
		{"tanhBackward", func(t *table[float32]) pass[float32] { return t.tanhBackward }, 3, 0},
		{"add", func(t *table[float32]) pass[float32] { return t.add }, 3, 0},
		{"multiply", func(t *table[float32]) pass[float32] { return t.multiply }, 3, 0},
		{"normPlane", func(t *table[float32]) pass[float32] { return t.normPlane }, 2, 0},
		{"normPlaneWithin", func(t *table[float32]) pass[float32] { return t.normPlaneWithin }, 2, 0},
		{"normPlaneAdded", func(t *table[float32]) pass[float32] { return t.normPlaneAdded }, 3, 0},
		{"normPlaneBackward", func(t *table[float32]) pass[float32] { return t.normPlaneBackward }, 3, 0},
		{"sgd", func(t *table[float32]) pass[float32] { return t.sgd }, 2, 0},
		{"momentum", func(t *table[float32]) pass[float32] { return t.momentum }, 3, 0},
		{"nesterov", func(t *table[float32]) pass[float32] { return t.nesterov }, 3, 0},
		{"adaGrad", func(t *table[float32]) pass[float32] { return t.adaGrad }, 3, 0},
		{"rmsProp", func(t *table[float32]) pass[float32] { return t.rmsProp }, 3, 0},
		{"adam", func(t *table[float32]) pass[float32] { return t.adam }, 4, 0},
		{"adamW", func(t *table[float32]) pass[float32] { return t.adamW }, 4, 0},
		{"exp", func(t *table[float32]) pass[float32] { return t.exp }, 2, 2e-7},
		{"crossEntropyBackward", func(t *table[float32]) pass[float32] { return t.crossEntropyBackward }, 3, 0},
		{"sigmoid", func(t *table[float32]) pass[float32] { return t.sigmoid }, 2, 2e-7},
		{"tanh", func(t *table[float32]) pass[float32] { return t.tanh }, 2, 4e-7},
	}
}

type vectorCase struct {
	name   string
	of     func(*table[float32]) pass[float32]
	arrays int
	bound  float64
}

func TestVectorPassesMatchPortableOnes(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, v := range vectorPasses() {
			t.Run(v.name, func(t *testing.T) {
				for _, atEnd := range []bool{false, true} {
					var grounds []*ground
					for range v.arrays {
						grounds = append(grounds, newGround(t, 1001, atEnd))
					}
					for n := range 70 {
						checkVectorPass(t, v, n, grounds)
					}
					checkVectorPass(t, v, 1001, grounds)
				}
			})
		}
	})
}

func checkVectorPass(t *testing.T, v vectorCase, n int, grounds []*ground) {
	want, got := passArrays(v.arrays, n), passArrays(v.arrays, n)
	for i, g := range grounds {
		got[i] = g.put(got[i])
	}
	portable := portableTable[float32]()
	v.of(&portable)(passOperands(want))
	v.of(kernels[float32]())(passOperands(got))
	for i, g := range grounds {
		what := fmt.Sprintf("%s, %d elements, array %d", v.name, n, i)
		g.requireUnused(t, what)
		if v.bound == 0 {
			require.Equal(t, bitsOf(want[i]), bitsOf(got[i]), what)
		} else {
			closeTo(t, want[i], got[i], v.bound, what)
		}
	}
}

// passArrays returns arrays for a pass; the slots, which may hold squares, are not negative.
func passArrays(count, n int) [][]float32 {
	arrays := make([][]float32, count)
	for i := range arrays {
		arrays[i] = gaussian[float32](uint64(i+1), n)
		if i < 2 {
			continue
		}
		for j, v := range arrays[i] {
			arrays[i][j] = v * v
		}
	}
	return arrays
}

func passOperands(arrays [][]float32) operands[float32] {
	var slots [4][]float32
	copy(slots[:], arrays)
	return operands[float32]{a: slots[0], b: slots[1], c: slots[2], d: slots[3], unit: 1,
		k: &[9]float32{0.5, 0.25, 0.01, 0.001, 0.1, 0.9, 0.3, 1e-7, 0.02}}
}

// The sums about a mean have the portable code's bits for any length.
func TestVectorMomentsMatchPortableOnes(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		k := kernels[float32]()
		var lanes, want [sumLanes]float64
		for _, atEnd := range []bool{false, true} {
			grounds := []*ground{newGround(t, 300, atEnd), newGround(t, 300, atEnd)}
			for n := range 100 {
				x, dy := grounds[0].put(gaussian[float32](1, n)), grounds[1].put(gaussian[float32](2, n))
				require.Equal(t, squaresAbout(x, 0.3, &want), k.squaresAbout(x, 0.3, &lanes), "squares of %d", n)
				require.Equal(
					t, productsAbout(dy, x, 0.3, &want), k.productsAbout(dy, x, 0.3, &lanes), "products of %d", n,
				)
			}
		}
	})
}

// An element's result doesn't depend on its index: body and tail of a vector loop agree.
func TestVectorPassesDoNotDependOnIndex(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, v := range vectorPasses() {
			whole, parts := passArrays(v.arrays, 100), passArrays(v.arrays, 100)
			apply := v.of(kernels[float32]())
			apply(passOperands(whole))
			for at := 0; at < 100; at += 5 {
				o := passOperands(parts)
				o.a, o.b, o.c, o.d = cut(o.a, at, at+5, 1), cut(o.b, at, at+5, 1), cut(
					o.c, at, at+5, 1,
				), cut(o.d, at, at+5, 1)
				apply(o)
			}
			for i := range whole {
				require.Equal(t, bitsOf(whole[i]), bitsOf(parts[i]), v.name)
			}
		}
	})
}

func TestVectorDropoutMatchesPortableOne(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, atEnd := range []bool{false, true} {
			x, y := newGround(t, 1001, atEnd), newGround(t, 1001, atEnd)
			for n := range 70 {
				checkVectorDropout(t, n, n%7, x, y)
			}
			checkVectorDropout(t, 1001, 1<<40, x, y)
		}
	})
}

func checkVectorDropout(t *testing.T, n, first int, x, y *ground) {
	for _, rate := range []float64{0, 0.1, 0.5, 0.999} {
		o := operands[float32]{
			a: x.put(gaussian[float32](uint64(n), n)), b: make([]float32, n), rate: rate, key: uint64(n), first: first,
		}
		if n > 2 {
			o.a[2] = float32(math.NaN())
		}
		dropout(o)
		want := o.b
		o.b = y.put(make([]float32, n))
		kernels[float32]().dropout(o)
		what := fmt.Sprintf("%d elements at rate %g", n, rate)
		y.requireUnused(t, what)
		require.Equal(t, bitsOf(want), bitsOf(o.b), what)
	}
}

// Rows of any length, with whole and partial vectors: the distributions and the logarithms of the
// sums.
func TestVectorSoftmaxMatchesPortableOne(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, atEnd := range []bool{false, true} {
			x, y := newGround(t, 3*1001, atEnd), newGround(t, 3*1001, atEnd)
			for classes := 1; classes < 130; classes++ {
				checkVectorSoftmax(t, 3, classes, x, y)
			}
			checkVectorSoftmax(t, 3, 1001, x, y)
		}
	})
}

func checkVectorSoftmax(t *testing.T, rows, classes int, x, y *ground) {
	logits := gaussian[float32](uint64(classes), rows*classes)
	for i := range logits[:classes] {
		logits[i] = 10*logits[i] - 50 // a row without a number above 0
	}
	want, wantSums := make([]float32, len(logits)), make([]float64, rows)
	softmax(operands[float32]{a: logits, b: want, sums: wantSums, unit: classes, exp: exp[float32]})
	got, sums := y.put(make([]float32, len(logits))), make([]float64, rows)
	k := kernels[float32]()
	k.softmax(operands[float32]{a: x.put(logits), b: got, sums: sums, unit: classes, exp: k.exp})
	what := fmt.Sprintf("%d rows of %d", rows, classes)
	y.requireUnused(t, what)
	closeTo(t, want, got, 2e-7, what)
	require.InDeltaSlice(t, wantSums, sums, 3e-7, what)
}

// The softmax of a 0 and equal other values shows the powers: e^-v is right over the whole range,
// down to a few units of the subnormal numbers, in short rows and in long ones.
func TestSoftmaxOverTheRangeOfPowers(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, classes := range []int{2, 70} {
			x, y := make([]float32, classes), make([]float32, classes)
			for v := 0.0; v < 110; v += 0.0171 {
				for i := range x[1:] {
					x[1+i] = float32(-v)
				}
				Softmax(1, classes, x, y)
				power := math.Exp(float64(x[1]))
				sum := 1 + float64(classes-1)*power
				want := float32(power / sum)
				unit := float64(math.Nextafter32(want, 1) - want)
				require.InDelta(t, want, y[1], 4*unit, "beside e^-%g", v)
				require.Equal(t, y[1], y[classes-1])
				require.InDelta(t, 1/sum, y[0], 2e-7, "beside e^-%g", v)
			}
		}
	})
}

// tanh keeps the digits of small values: the relative error is bounded too.
func TestTanhOfSmallValues(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		var x []float32
		for v := float32(1e-30); v < 30; v *= 1.37 {
			x = append(x, v, -v)
		}
		y := make([]float32, len(x))
		Tanh(1, 1, x, y)
		for i, v := range x {
			require.InEpsilon(t, math.Tanh(float64(v)), y[i], 4e-7, "tanh %g", v)
		}
		Tanh(1, 1, []float32{0, float32(math.Copysign(0, -1))}, y[:2])
		assert.Equal(t, []uint32{0, 1 << 31}, bitsOf(y[:2]))
	})
}

// Pooling has the portable code's bits for every geometry.
func TestVectorPlanesMatchPortableOnes(t *testing.T) {
	const most = 3 * 18 * 66
	forEachISA(t, func(t *testing.T) {
		for _, atEnd := range []bool{false, true} {
			var p planeGrounds
			for i := range p {
				p[i] = newGround(t, most, atEnd)
			}
			rapid.Check(t, func(t *rapid.T) {
				w := newWindows(drawPlanes(t))
				p.check(t, &w)
			})
		}
	})
}

// drawPlanes draws a geometry: any, or one that the assembly has special code for.
func drawPlanes(t *rapid.T) PoolShape {
	s := drawPoolShape(t)
	s.Batch, s.Channels = 1, rapid.IntRange(1, 3).Draw(t, "planes")
	kinds := []string{"any", "wide", "far apart", "2x2 or 3x3 by 2", "one window", "large window"}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "wide":
		s.InWidth += 48
	case "far apart":
		s.StrideW = rapid.IntRange(6, 18).Draw(t, "far")
		s.InWidth += 48
	case "2x2 or 3x3 by 2":
		s.KernelH = rapid.IntRange(2, 3).Draw(t, "square")
		s.KernelW, s.StrideH, s.StrideW = s.KernelH, 2, 2
		s.PadTop, s.PadBottom, s.PadLeft, s.PadRight, s.DilationH, s.DilationW = 0, 0, 0, 0, 1, 1
		s.InHeight, s.InWidth = s.KernelH+s.InHeight/2, s.KernelH+rapid.IntRange(0, 57).Draw(t, "more")
	case "one window":
		s.InHeight, s.InWidth = min(s.InHeight, 5), min(s.InWidth, 9)
		s.KernelH, s.KernelW, s.DilationH, s.DilationW = s.InHeight, s.InWidth, 1, 1
		s.PadTop, s.PadBottom, s.PadLeft, s.PadRight = 0, 0, 0, 0
		s.Channels = rapid.IntRange(1, 40).Draw(t, "many planes")
	case "large window":
		s.KernelH, s.KernelW = rapid.IntRange(5, 9).Draw(t, "large h"), rapid.IntRange(5, 9).Draw(t, "large w")
		s.DilationH, s.DilationW = 1, 1
		s.PadTop, s.PadBottom, s.PadLeft, s.PadRight = s.KernelH/2, s.KernelH/2, s.KernelW/2, s.KernelW/2
	}
	return s
}

// planeGrounds is the memory of x, y, at and dx of planes.
type planeGrounds [4]*ground

func (p *planeGrounds) check(t *rapid.T, w *windows) {
	portable, k := portableTable[float32](), kernels[float32]()
	in, out := w.inLen(), w.outLen()
	values := coarse(gaussian[float32](rapid.Uint64Range(1, 1000).Draw(t, "seed"), in))
	lowest := rapid.IntRange(0, in).Draw(t, "of -Inf")
	setAll(values[:lowest], float32(math.Inf(-1)))
	every := rapid.SampledFrom([]int{13, 101, 1 << 20}).Draw(t, "NaNs apart")
	for i := 5; i < len(values); i += every {
		values[i] = float32(math.NaN())
	}
	for i := 2; i < len(values); i += 7 {
		values[i] = float32(math.Copysign(0, float64(i%2)-0.5))
	}
	x, y := p[0].put(values), p[1].put(make([]float32, out))
	at := words(p[2].put(make([]float32, out)))
	dx := p[3].put(gaussian[float32](2, in)) // a backward pass overwrites dx
	wantY, wantAt, wantDx := make([]float32, out), make([]int32, out), make([]float32, in)

	portable.maxPlanes(w, 0, x, wantY, wantAt)
	k.maxPlanes(w, 0, x, y, at)
	require.Equal(t, bitsOf(wantY), bitsOf(y))
	require.Equal(t, wantAt, at)
	for _, table := range []*table[float32]{&portable, k} {
		setAll(y, 0)
		table.maxPlanes(w, 0, x, y, nil)
		require.Equal(t, bitsOf(wantY), bitsOf(y), "without indices")
	}

	portable.maxBackwardPlanes(w, wantAt, y, wantDx)
	k.maxBackwardPlanes(w, at, y, dx)
	closeTo(t, wantDx, dx, 0, "max backward")

	setAll(x[:lowest], 1)
	portable.sumPlanes(w, 0, x, 0.25, 3, wantY)
	k.sumPlanes(w, 0, x, 0.25, 3, y)
	closeTo(t, wantY, y, 0, "sum")

	portable.spreadPlanes(w, 0, wantY, 0.25, wantDx)
	k.spreadPlanes(w, 0, y, 0.25, dx)
	closeTo(t, wantDx, dx, 0, "spread")
	for i, g := range p {
		g.requireUnused(t, fmt.Sprintf("array %d of a plane", i))
	}
}

// words converts an array to its bits.
func words(s []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

func TestVectorSumsMatchPortableOnes(t *testing.T) {
	portable := portableTable[float32]()
	forEachISA(t, func(t *testing.T) {
		k := kernels[float32]()
		for _, atEnd := range []bool{false, true} {
			g := newGround(t, 3*70, atEnd)
			for n := range 70 {
				for rows := range 4 {
					x := g.put(gaussian[float32](uint64(n), rows*n))
					want, got := make([]float64, rows), gaussian[float64](2, rows+2)
					o := operands[float32]{a: x, sums: got[:rows], unit: n}
					for _, pass := range [][2]pass[float32]{
						{portable.rowSums, k.rowSums}, {portable.squareSums, k.squareSums},
					} {
						pass[0](operands[float32]{a: x, sums: want, unit: n})
						pass[1](o)
						require.Equal(t, want, got[:rows], "%d rows of %d", rows, n)
					}
					require.Equal(t, gaussian[float64](2, rows+2)[rows:], got[rows:], "beside the sums")
				}
			}
		}
	})
}

func TestVectorNormMatchesPortableOne(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range []LRNShape{
			{1, 1, 1, 5, 2, 0.3, 0.75}, {2, 7, 33, 5, 2, 0.3, 0.75}, {1, 9, lrnTile + 5, 4, 1, 0.2, 0.75},
			{1, 3, 150, 7, 1, 0.2, 0.75}, {1, 3, 50, 3, 1, 0.2, 0.5}, {
				2, 4, 33, 5, 1e-3, 3, 1,
			}, {1, 5, lrnTile + 17, 5, 2, 0.3, 0.6},
			{1, 3, 70, 5, 100, 1e3, -0.3}, {1, 3, 35, 3, 1, 0.2, 0},
		} {
			for _, atEnd := range []bool{false, true} {
				checkVectorNorm(t, s, atEnd)
			}
		}
	})
}

func checkVectorNorm(t *testing.T, s LRNShape, atEnd bool) {
	put := func(values []float32) []float32 { return guarded(t, values, atEnd) }
	x, dy := put(gaussian[float32](1, s.len())), put(gaussian[float32](2, s.len()))
	y, dx := put(gaussian[float32](3, s.len())), put(gaussian[float32](4, s.len()))
	l := NewLRN[float32](s)
	l.Forward(x, y)
	l.Backward(x, y, dy, dx)

	portable, want := portableTable[float32](), NewLRN[float32](s)
	want.x, want.y, want.dy, want.dx = x, make([]float32, s.len()), dy, make([]float32, s.len())
	ratios := make([]float32, s.Channels*lrnTile)
	for i := range s.Batch * want.tilesInPlane {
		portable.normTile(want, want.tile(i))
		want.backwardTile(&portable, want.tile(i), ratios)
	}
	if s.Beta != 0.75 {
		closeTo(t, want.y, y, 1e-6, "y")
		closeTo(t, want.dx, dx, 1e-6, "dx")
		return
	}
	require.Equal(t, bitsOf(want.y), bitsOf(y))
	require.Equal(t, bitsOf(want.dx), bitsOf(dx))
}

// The power of LRN's sums keeps its digits over the whole range, and NaN stays NaN.
func TestNormOverTheRangeOfPowers(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, beta := range []float64{0.5, 0.6, 1, -0.5, 0} {
			for k := 1e-37; k < 1e38; k *= 1.37 {
				l := NewLRN[float32](LRNShape{1, 1, 1, 1, k, 0, beta})
				y := []float32{0}
				l.Forward([]float32{1}, y)
				want := math.Pow(float64(float32(k)), -beta)
				require.InEpsilon(t, want, y[0], 2e-7*(1+math.Abs(beta*math.Log(k))), "%g^-%g", k, beta)
			}
			y := make([]float32, 3)
			NewLRN[float32](LRNShape{1, 3, 1, 2, 1, 1, beta}).Forward([]float32{1, float32(math.NaN()), 1}, y)
			require.False(t, math.IsNaN(float64(y[0])))
			if beta != 0 {
				require.True(t, math.IsNaN(float64(y[1])) && math.IsNaN(float64(y[2])), "%v at %g", y, beta)
			}
		}
	})
}

// TestExponentialsOfBothInstructionSets: AVX-512 scales by a power of two in another way than AVX2,
// to the same bits. All 2^32 numbers were compared once; this takes every 4099th.
func TestExponentialsOfBothInstructionSets(t *testing.T) {
	x, y := make([]float32, 1<<20), make([]float32, 1<<20)
	for i := range x {
		x[i] = math.Float32frombits(uint32(i) * 4099)
	}
	known := map[string][]uint32{}
	forEachISA(t, func(t *testing.T) {
		if active != isaAVX2 && active != isaAVX512 {
			return
		}
		k := kernels[float32]()
		for name, f := range map[string]pass[float32]{
			"exp": k.exp, "sigmoid": k.sigmoid, "silu": k.curves.silu.forward, "mish": k.curves.mish.forward,
		} {
			f(operands[float32]{a: x, b: y})
			bits := bitsOf(y)
			if known[name] == nil {
				known[name] = bits
			}
			for i, v := range known[name] {
				if v != bits[i] {
					t.Fatalf("%s(%v): got %v, want %v", name, x[i], y[i], math.Float32frombits(v))
				}
			}
		}
	})
}

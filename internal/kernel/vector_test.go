package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// canary is a slice of random values somewhere in memory that nobody may touch.
type canary struct {
	values []float32 // what the kernel gets
	around []float32
	kept   []float32
}

const margin = 40

func newCanary(seed uint64, n, misaligned int) *canary {
	c := &canary{around: gaussian[float32](seed, n+2*margin+misaligned)}
	c.values = c.around[margin+misaligned:][:n:n]
	c.kept = append(c.kept, c.around...)
	return c
}

// requireAlive fails if anything outside of the values was written.
func (c *canary) requireAlive(t require.TestingT, what string) {
	copy(c.kept[len(c.kept)-margin-len(c.values):], c.values)
	require.Equal(t, bitsOf(c.kept), bitsOf(c.around), "%s wrote outside", what)
}

func bitsOf(s []float32) []uint32 {
	b := make([]uint32, len(s))
	for i, v := range s {
		b[i] = math.Float32bits(v)
	}
	return b
}

// vectorPasses are the passes that have assembly. The exact ones, of bound 0, do the portable code's operations one by one, so the
// bits are the same; for the others the bound is a multiple of 1+|value|.
func vectorPasses() []vectorCase {
	return []vectorCase{
		{"relu", func(t *table[float32]) pass[float32] { return t.relu }, 2, 0},
		{"reluBackward", func(t *table[float32]) pass[float32] { return t.reluBackward }, 3, 0},
		{"sigmoidBackward", func(t *table[float32]) pass[float32] { return t.sigmoidBackward }, 3, 0},
		{"tanhBackward", func(t *table[float32]) pass[float32] { return t.tanhBackward }, 3, 0},
		{"sgd", func(t *table[float32]) pass[float32] { return t.sgd }, 2, 0},
		{"momentum", func(t *table[float32]) pass[float32] { return t.momentum }, 3, 0},
		{"nesterov", func(t *table[float32]) pass[float32] { return t.nesterov }, 3, 0},
		{"adaGrad", func(t *table[float32]) pass[float32] { return t.adaGrad }, 3, 0},
		{"rmsProp", func(t *table[float32]) pass[float32] { return t.rmsProp }, 3, 0},
		{"adam", func(t *table[float32]) pass[float32] { return t.adam }, 4, 0},
		{"adamW", func(t *table[float32]) pass[float32] { return t.adamW }, 4, 0},
		{"exp", func(t *table[float32]) pass[float32] { return t.exp }, 2, 2e-7},
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

func TestVectorPassesFollowPortableOnes(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, v := range vectorPasses() {
			t.Run(v.name, func(t *testing.T) {
				for n := range 70 {
					checkVectorPass(t, v, n, n%9)
				}
				checkVectorPass(t, v, 1001, 1)
			})
		}
	})
}

func checkVectorPass(t *testing.T, v vectorCase, n, misaligned int) {
	want, got := newCase(v.arrays, n, misaligned), newCase(v.arrays, n, misaligned)
	portable := portableTable[float32]()
	v.of(&portable)(want.operands)
	v.of(kernels[float32]())(got.operands)
	for i, c := range got.arrays {
		what := fmt.Sprintf("%s, n %d, array %d", v.name, n, i)
		c.requireAlive(t, what)
		if v.bound == 0 {
			require.Equal(t, bitsOf(want.arrays[i].values), bitsOf(c.values), what)
			continue
		}
		closeTo(t, want.arrays[i].values, c.values, v.bound, what)
	}
}

type passCase struct {
	arrays   []*canary
	operands operands[float32]
}

// newCase fills the arrays a pass may use; the slots that hold squares are not negative.
func newCase(arrays, n, misaligned int) passCase {
	var c passCase
	slots := make([][]float32, 4)
	for i := range arrays {
		a := newCanary(uint64(i+1), n, misaligned+i)
		if i >= 2 {
			for j, v := range a.values {
				a.values[j] = v * v
			}
		}
		c.arrays = append(c.arrays, a)
		slots[i] = a.values
	}
	c.operands = operands[float32]{a: slots[0], b: slots[1], c: slots[2], d: slots[3], unit: 1,
		k: &[9]float32{0.5, 0.25, 0.01, 0.9, 0.1, 0.001, 0.3, 1e-7, 0.02}}
	return c
}

// An element's result doesn't depend on where it stands: body and tail of a vector loop agree.
func TestVectorPassesKnowNoPlaces(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, v := range vectorPasses() {
			whole, parts := newCase(v.arrays, 100, 0), newCase(v.arrays, 100, 0)
			apply := v.of(kernels[float32]())
			apply(whole.operands)
			for at := 0; at < 100; at += 5 {
				o := parts.operands
				o.a, o.b, o.c, o.d = cut(o.a, at, at+5, 1), cut(o.b, at, at+5, 1), cut(o.c, at, at+5, 1), cut(o.d, at, at+5, 1)
				apply(o)
			}
			for i := range whole.arrays {
				require.Equal(t, bitsOf(whole.arrays[i].values), bitsOf(parts.arrays[i].values), v.name)
			}
		}
	})
}

// The powers are right to 2 units in the last place over their whole range, below the normal numbers to one of their units.
func TestExpOverItsRange(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		var x []float32
		for v := float32(-110); v < 95; v += 0.0071 {
			x = append(x, v)
		}
		y := make([]float32, len(x))
		kernels[float32]().exp(operands[float32]{a: x, b: y})
		for i, v := range x {
			want := float32(math.Exp(float64(v)))
			if math.IsInf(float64(want), 1) || want == 0 {
				require.Equal(t, want, y[i], "e^%g", v)
				continue
			}
			unit := float64(math.Nextafter32(want, float32(math.Inf(1))) - want)
			require.InDelta(t, want, y[i], 2*unit, "e^%g", v)
		}
		special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0}
		kernels[float32]().exp(operands[float32]{a: special, b: special})
		assert.True(t, math.IsNaN(float64(special[0])))
		assert.Equal(t, []float32{float32(math.Inf(1)), 0, 1}, special[1:])
	})
}

// tanh keeps the digits of small values: the relative error is bounded, too.
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

// Every pooling plane function stays within its slices and gives the portable bits.
func TestVectorPlanesFollowPortableOnes(t *testing.T) {
	portable := portableTable[float32]()
	forEachISA(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			kernel := rapid.IntRange(2, 3).Draw(t, "kernel")
			w := newWindows(PoolShape{1, 1, rapid.IntRange(kernel, 9).Draw(t, "height"), rapid.IntRange(kernel, 60).Draw(t, "width"),
				kernel, kernel, 2, 2, 0, 0})
			checkPlanes(t, &w, &portable, rapid.IntRange(0, 7).Draw(t, "misaligned"))
		})
	})
}

func checkPlanes(t *rapid.T, w *windows, portable *table[float32], misaligned int) {
	k := kernels[float32]()
	x := newCanary(1, w.in, misaligned)
	coarse(x.values)
	for i := range x.values {
		if i%13 == 5 {
			x.values[i] = float32(math.NaN())
		}
	}
	wantAt, at := make([]int32, w.out), make([]int32, w.out+2*margin)
	pair := func(seed uint64, n int) (*canary, []float32) {
		c := newCanary(seed, n, misaligned)
		return c, append([]float32(nil), c.values...)
	}

	y, wantY := pair(2, w.out)
	portable.maxPlane(w, x.values, wantY, wantAt)
	k.maxPlane(w, x.values, y.values, at[margin:][:w.out:w.out])
	require.Equal(t, bitsOf(wantY), bitsOf(y.values))
	require.Equal(t, wantAt, at[margin:][:w.out])
	require.Equal(t, make([]int32, margin), at[:margin])
	require.Equal(t, make([]int32, margin), at[margin+w.out:])
	y.requireAlive(t, "max")

	dx, wantDx := pair(3, w.in)
	portable.maxBackwardPlane(w, wantAt, y.values, wantDx)
	k.maxBackwardPlane(w, wantAt, y.values, dx.values)
	closeTo(t, wantDx, dx.values, 0, "max backward")
	dx.requireAlive(t, "max backward")

	portable.sumPlane(w, x.values, 0.25, 3, wantY)
	k.sumPlane(w, x.values, 0.25, 3, y.values)
	closeTo(t, wantY, y.values, 0, "sum")
	y.requireAlive(t, "sum")

	portable.spreadPlane(w, wantY, 0.25, wantDx)
	k.spreadPlane(w, wantY, 0.25, dx.values)
	closeTo(t, wantDx, dx.values, 0, "spread")
	dx.requireAlive(t, "spread")
}

func TestVectorNormFollowsPortableOne(t *testing.T) {
	portable := portableTable[float32]()
	forEachISA(t, func(t *testing.T) {
		for _, s := range []LRNShape{
			{1, 1, 1, 5, 2, 0.3, 0.75}, {2, 7, 33, 5, 2, 0.3, 0.75}, {1, 9, lrnTile + 5, 4, 1, 0.2, 0.75}, {1, 3, 150, 7, 1, 0.2, 0.75}, {1, 3, 50, 3, 1, 0.2, 0.5},
		} {
			x, dy := gaussian[float32](1, s.len()), gaussian[float32](2, s.len())
			y, dx := newCanary(3, s.len(), 1), newCanary(4, s.len(), 3)
			want := NewLRN[float32](s)
			wantY, wantDx := make([]float32, s.len()), make([]float32, s.len())
			want.x, want.y, want.dy, want.dx = x, wantY, dy, wantDx
			ratios := make([]float32, s.Channels*lrnTile)
			for i := range s.Batch * want.tilesInPlane {
				portable.normTile(want, want.tile(i))
				portable.normBackwardTile(want, want.tile(i), ratios)
			}
			got := NewLRN[float32](s)
			got.Forward(x, y.values)
			got.Backward(x, y.values, dy, dx.values)
			closeTo(t, wantY, y.values, 0, "LRN")
			closeTo(t, wantDx, dx.values, 0, "LRN backward")
			y.requireAlive(t, "LRN")
			dx.requireAlive(t, "LRN backward")
		}
	})
}

package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// naiveLRNSecond differentiates each term of y·… by itself. With p the pixel's channels,
//
//	⟨u, dx⟩ = Σc dy[c]·(u[c]·s[c]^-Beta - 2·Alpha·Beta·x[c]·s[c]^(-Beta-1)·Σ(j in N(c)) x[j]·u[j])
//
// tangent[c] is the bracket, and bend[m] the derivative with respect to x[m].
func naiveLRNSecond[T Float](s LRNShape, x, dy, u []T) (tangent, bend []float64) {
	tangent, bend = make([]float64, len(x)), make([]float64, len(x))
	a, b := s.Alpha, s.Beta
	for n := range s.Batch {
		for p := range s.Plane {
			at := func(c int) int { return (n*s.Channels+c)*s.Plane + p }
			for c := range s.Channels {
				from, to := max(0, c-s.Size/2), min(s.Channels-1, c+(s.Size-1)/2)
				sum, w := s.K, 0.0
				for j := from; j <= to; j++ {
					sum += a * square(float64(x[at(j)]))
					w += float64(x[at(j)]) * float64(u[at(j)])
				}
				xc, uc, d := float64(x[at(c)]), float64(u[at(c)]), float64(dy[at(c)])
				power := func(k float64) float64 { return math.Pow(sum, -b-k) }
				tangent[at(c)] = uc*power(0) - 2*a*b*xc*power(1)*w
				bend[at(c)] -= d * 2 * a * b * power(1) * w
				for m := from; m <= to; m++ {
					slope := 2 * a * float64(x[at(m)]) // ∂s[c]/∂x[m]
					bend[at(m)] += d * (-b*uc*power(1) + 2*a*b*(b+1)*xc*power(2)*w) * slope
					bend[at(m)] -= d * 2 * a * b * xc * power(1) * float64(u[at(m)])
				}
			}
		}
	}
	return tangent, bend
}

func checkLRNSecond[T Float](t *testing.T, s LRNShape) {
	x, dy, u := gaussian[T](1, s.len()), gaussian[T](2, s.len()), gaussian[T](3, s.len())
	wantTangent, wantBend := naiveLRNSecond(s, x, dy, u)
	l := NewLRNSecond[T](s)
	tangent, bend := gaussian[T](4, s.len()), gaussian[T](5, s.len())
	l.Tangent(x, u, tangent)
	l.Bend(x, dy, u, bend)
	closeTo(t, wantTangent, toFloat64(tangent), 10*precision[T](), "tangent")
	closeTo(t, wantBend, toFloat64(bend), 50*precision[T](), "bend")
}

func TestLRNSecond(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for name, s := range map[string]LRNShape{
			"AlexNet's":         {2, 96, 27 * 27, 5, 2, 1e-4, 0.75},
			"strong":            {2, 16, 70, 5, 1, 0.5, 0.75},
			"other beta":        {1, 7, 130, 3, 1, 0.3, 0.5},
			"even size":         {2, 9, 5, 4, 2, 0.3, 0.75},
			"size 1":            {1, 3, 5, 1, 2, 0.3, 0.75},
			"wider than it all": {1, 3, 5, 11, 2, 0.3, 1},
			"many tiles":        {3, 2, 100 * lrnTile, 5, 2, 0.3, 0.75},
		} {
			t.Run(name, func(t *testing.T) {
				checkLRNSecond[float32](t, s)
				checkLRNSecond[float64](t, s)
			})
		}
	})
}

// Every slice lies against a page that can't be touched.
func TestLRNSecondStaysInItsMemory(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		for _, s := range []LRNShape{{1, 1, 1, 5, 2, 0.3, 0.75}, {2, 7, 33, 4, 2, 0.3, 0.6},
			{1, 3, lrnTile + 5, 7, 1, 0.2, 0.75}} {
			for _, atEnd := range []bool{false, true} {
				put := func(seed uint64) []float32 { return guarded(t, gaussian[float32](seed, s.len()), atEnd) }
				l, x, dy, u, out := NewLRNSecond[float32](s), put(1), put(2), put(3), put(4)
				l.Tangent(x, u, out)
				l.Bend(x, dy, u, out)
			}
		}
	})
}

func TestLRNSecondAllocatesNothing(t *testing.T) {
	s := LRNShape{2, 8, 1000, 5, 2, 1e-4, 0.75}
	l := NewLRNSecond[float32](s)
	x, out := gaussian[float32](1, s.len()), make([]float32, s.len())
	assert.Zero(t, allocations(func() { l.Tangent(x, x, out); l.Bend(x, x, x, out) }))
}

func TestLRNSecondForAnyNumberOfWorkers(t *testing.T) {
	s := LRNShape{2, 9, 1000, 5, 2, 0.1, 0.6}
	x, dy, u := gaussian[float32](1, s.len()), gaussian[float32](2, s.len()), gaussian[float32](3, s.len())
	var want []uint32
	for _, workers := range []int{1, 2, 5} {
		out := make([]float32, 2*s.len())
		withWorkers(t, workers, func() {
			l := NewLRNSecond[float32](s)
			l.Tangent(x, u, out[:s.len()])
			l.Bend(x, dy, u, out[s.len():])
		})
		if want == nil {
			want = bitsOf(out)
		}
		require.Equal(t, want, bitsOf(out), "%d workers", workers)
	}
}

package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func (s LRNShape) len() int { return s.Batch * s.Channels * s.Plane }

// naiveLRN is the paper's formula; dx is its quotient rule written out element by element.
func naiveLRN[T Float](s LRNShape, x, dy []T) (y, dx []float64) {
	y, dx = make([]float64, len(x)), make([]float64, len(x))
	at := func(n, c, p int) int { return (n*s.Channels+c)*s.Plane + p }
	for n := range s.Batch {
		for p := range s.Plane {
			for c := range s.Channels {
				from, to := max(0, c-s.Size/2), min(s.Channels-1, c+(s.Size-1)/2)
				sum := s.K
				for j := from; j <= to; j++ {
					v := float64(x[at(n, j, p)])
					sum += s.Alpha * v * v
				}
				v, d := float64(x[at(n, c, p)]), float64(dy[at(n, c, p)])
				y[at(n, c, p)] = v / math.Pow(sum, s.Beta)
				dx[at(n, c, p)] += d / math.Pow(sum, s.Beta)
				for j := from; j <= to; j++ {
					dx[at(n, j, p)] -= d * v * s.Beta * math.Pow(sum, -s.Beta-1) * 2 * s.Alpha * float64(x[at(n, j, p)])
				}
			}
		}
	}
	return y, dx
}

func checkLRN[T Float](t require.TestingT, s LRNShape) {
	x, dy := gaussian[T](1, s.len()), gaussian[T](2, s.len())
	wantY, wantDx := naiveLRN(s, x, dy)
	l := NewLRN[T](s)
	y, dx := make([]T, s.len()), gaussian[T](3, s.len())
	l.Forward(x, y)
	l.Backward(x, y, dy, dx)
	closeTo(t, wantY, toFloat64(y), 2*precision[T](), "y")
	closeTo(t, wantDx, toFloat64(dx), 10*precision[T](), "dx")
}

func TestLRN(t *testing.T) {
	cases := map[string]LRNShape{
		"AlexNet's":         {2, 96, 27 * 27, 5, 2, 1e-4, 0.75},
		"strong":            {2, 16, 70, 5, 1, 0.5, 0.75},
		"other beta":        {1, 7, 130, 3, 1, 0.3, 0.5},
		"even size":         {2, 9, 5, 4, 2, 0.3, 0.75},
		"size 1":            {1, 3, 5, 1, 2, 0.3, 0.75},
		"wider than it all": {1, 3, 5, 11, 2, 0.3, 1},
		"many tiles":        {3, 2, 100 * lrnTile, 5, 2, 0.3, 0.75},
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			checkLRN[float32](t, s)
			checkLRN[float64](t, s)
		})
	}
	t.Run("any", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			checkLRN[float64](t, LRNShape{
				Batch: rapid.IntRange(1, 3).Draw(t, "batch"), Channels: rapid.IntRange(1, 8).Draw(t, "channels"),
				Plane: rapid.IntRange(1, 3*lrnTile).Draw(t, "plane"), Size: rapid.IntRange(1, 7).Draw(t, "size"),
				K: 1, Alpha: 0.4, Beta: rapid.SampledFrom([]float64{0.5, 0.75, 1}).Draw(t, "beta"),
			})
		})
	})
}

func TestLRNAllocatesNothing(t *testing.T) {
	s := LRNShape{2, 8, 1000, 5, 2, 1e-4, 0.75}
	l := NewLRN[float32](s)
	x, y := gaussian[float32](1, s.len()), make([]float32, s.len())
	assert.Zero(t, allocations(func() { l.Forward(x, y); l.Backward(x, y, x, y) }))
}

func ExampleNewLRN() {
	l := NewLRN[float64](LRNShape{Batch: 1, Channels: 3, Plane: 1, Size: 3, K: 1, Alpha: 1, Beta: 0.5})
	y := make([]float64, 3)
	l.Forward([]float64{2, 2, 4}, y)
	fmt.Printf("%.3f", y) // 2/√(1+4+4), 2/√(1+4+4+16), 4/√(1+4+16)
	// Output: [0.667 0.400 0.873]
}

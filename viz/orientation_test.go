package viz_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/viz"
)

// filterOf returns an n×n filter whose weights are a function of the offset from its center.
func filterOf(n int, at func(x, y float64) float64) viz.Planes {
	p := viz.Planes{Count: 1, Height: n, Width: n}
	for i := range n * n {
		p.Data = append(p.Data, float32(at(float64(i%n)-float64(n-1)/2, float64(i/n)-float64(n-1)/2)))
	}
	return p
}

// TestOrientations: edges, lines and waves of every direction, and blobs, in several sizes.
func TestOrientations(t *testing.T) {
	for _, n := range []int{3, 5, 7, 11} {
		for _, c := range []struct {
			want  viz.Orientation
			angle float64 // along which brightness changes
		}{{viz.Vertical, 0}, {viz.Vertical, 180}, {viz.Vertical, 12}, {viz.Horizontal, 90}, {viz.Horizontal, -80},
			{viz.Rising, 45}, {viz.Falling, -45}, {viz.Falling, 135}} {
			sin, cos := math.Sincos(c.angle * math.Pi / 180)
			edge := filterOf(n, func(x, y float64) float64 { return math.Tanh(cos*x + sin*y) })
			got, coherence := viz.OrientationOf(edge)
			assert.Equal(t, c.want, got, "edge of %g° in %d×%d", c.angle, n, n)
			assert.Greater(t, coherence, 0.3)
			negative := filterOf(n, func(x, y float64) float64 { return -math.Tanh(cos*x + sin*y) })
			got, _ = viz.OrientationOf(negative)
			assert.Equal(t, c.want, got)
		}
		for _, blob := range []viz.Planes{
			filterOf(n, func(x, y float64) float64 { return math.Exp(-(x*x + y*y) / float64(n)) }),
			filterOf(n, func(x, y float64) float64 { return 1 - (x*x+y*y)/float64(n) }),
			filterOf(n, func(x, y float64) float64 { return 1 }),
			filterOf(n, func(x, y float64) float64 { return 0 }),
		} {
			got, _ := viz.OrientationOf(blob)
			assert.Equal(t, viz.Blob, got, "%v", blob.Data)
		}
	}
}

func TestByOrientation(t *testing.T) {
	f := viz.Filters{Out: 4, In: 1, Height: 3, Width: 3, Data: []float32{
		0, 0, 0, 0, 1, 0, 0, 0, 0, // a dot
		1, 1, 1, 0, 0, 0, -1, -1, -1,
		1, 0, -1, 1, 0, -1, 1, 0, -1,
		1, 0, -1, 1, 0, -1, 1, 0.5, -1,
	}}
	numbers := []int{0, 1, 2, 3}
	viz.ByOrientation(f, numbers)
	assert.Equal(t, []int{2, 3, 1, 0}, numbers)
}

func ExampleOrientationOf() {
	o, _ := viz.OrientationOf(viz.Planes{Count: 1, Height: 3, Width: 3, Data: []float32{-1, 0, 1, -2, 0, 2, -1, 0, 1}})
	fmt.Println(o)
	// Output: vertical
}

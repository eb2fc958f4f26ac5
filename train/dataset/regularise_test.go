package dataset_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

// TestCutoutCoversASquare of all channels, as often around each pixel.
func TestCutoutCoversASquare(t *testing.T) {
	rng := newRand(1)
	middles := make([]int, 20)
	const n = 8000
	for range n {
		got := apply(t, dataset.Cutout{Size: 3}, 2, 4, 5, ramp(40), rng)
		var covered []int
		for i := range 20 {
			assert.Equal(t, got[i] == 0, got[20+i] == 0)
			if got[i] == 0 {
				covered = append(covered, i)
				continue
			}
			assert.Equal(t, float32(i+1), got[i])
		}
		// Its extent without what sticks out gives the middle.
		top, bottom := covered[0]/5, covered[len(covered)-1]/5
		left, right := covered[0]%5, covered[len(covered)-1]%5
		require.Len(t, covered, (bottom-top+1)*(right-left+1))
		y, x := top+1, left+1
		if top == 0 {
			y = bottom - 1
		}
		if left == 0 {
			x = right - 1
		}
		middles[max(y, 0)*5+max(x, 0)]++
	}
	for i, count := range middles {
		assert.InDelta(t, n/20, count, 120, "middle %d", i)
	}
	for _, size := range []int{0, -1, 1 << 20} {
		_, err := dataset.Cutout{Size: size}.Output(tensor.Shape{1, 4, 4})
		assert.ErrorContains(t, err, "want 1 to 8192")
	}
}

// TestColourJitter checks its parts against their formulas: the three factors are those that the
// generator gives.
func TestColourJitter(t *testing.T) {
	pixels := []float32{0.2, 0.4, 0.6, 0.1, 0.3, 0.5, 0.3, 0.2, 0.4}
	got := apply(t, dataset.ColourJitter{Amount: 0.3}, 3, 1, 3, pixels, newRand(5))
	rng := newRand(5)
	var f [3]float64
	for i := range f {
		f[i] = 1 + (2*rng.Float64()-1)*0.3
	}
	luma := func(x []float64, i int) float64 { return 0.299*x[i] + 0.587*x[3+i] + 0.114*x[6+i] }
	want := make([]float64, 9)
	for i, v := range pixels {
		want[i] = f[0] * float64(v)
	}
	mean := (luma(want, 0) + luma(want, 1) + luma(want, 2)) / 3
	for i, v := range want {
		want[i] = mean + f[1]*(v-mean)
	}
	grey := []float64{luma(want, 0), luma(want, 1), luma(want, 2)}
	for i, v := range want {
		want[i] = grey[i%3] + f[2]*(v-grey[i%3])
	}
	for i := range want {
		assert.InDelta(t, want[i], got[i], 1e-6)
	}

	mean32, std := []float64{0.5, 0.4, 0.3}, []float64{0.2, 0.3, 0.25}
	normalised := make([]float32, 9)
	for i, v := range pixels {
		normalised[i] = float32((float64(v) - mean32[i/3]) / std[i/3])
	}
	again := apply(t, dataset.ColourJitter{Amount: 0.3, Mean: mean32, Std: std}, 3, 1, 3, normalised, newRand(5))
	for i := range got {
		assert.InDelta(t, got[i], float64(again[i])*std[i/3]+mean32[i/3], 1e-6)
	}
	assert.Equal(t, []float32{0.5, 0.25}, apply(t, dataset.ColourJitter{}, 1, 1, 2, []float32{0.5, 0.25}, newRand(1)))
	for i := range 50 {
		for _, v := range apply(t, dataset.ColourJitter{Amount: 1}, 1, 1, 2, []float32{0.9, 0}, newRand(uint64(i))) {
			assert.True(t, v >= 0 && v <= 1)
		}
	}
	for _, bad := range []dataset.ColourJitter{{Amount: -1}, {Amount: 1.1}, {Amount: math.NaN()},
		{Mean: []float64{1}}} {
		_, err := bad.Output(tensor.Shape{3, 2, 2})
		assert.Error(t, err)
	}
	_, err := dataset.ColourJitter{}.Output(tensor.Shape{2, 2, 2})
	assert.ErrorContains(t, err, "got 2 channels, want 1 or 3")
}

// TestResizedCrop scales parts of the wanted area and proportions: of an image whose pixels hold
// their column and row, the spread of what comes out is the part's.
func TestResizedCrop(t *testing.T) {
	const h, w = 40, 60
	pixels := make([]float32, 2*h*w)
	for y := range h {
		for x := range w {
			pixels[y*w+x], pixels[h*w+y*w+x] = float32(x), float32(y)
		}
	}
	least, most := math.Inf(1), 0.0
	for seed := range uint64(300) {
		got := apply(t, dataset.ResizedCrop{Height: 20, Width: 20, Area: 0.3}, 2, h, w, pixels, newRand(seed))
		width := float64(slices.Max(got[:400])-slices.Min(got[:400])) * 20 / 19
		height := float64(slices.Max(got[400:])-slices.Min(got[400:])) * 20 / 19
		share, ratio := width*height/(h*w), width/height
		least, most = min(least, share), max(most, share)
		assert.True(t, share > 0.24 && share < 1.1, "area %v", share)
		assert.True(t, ratio > 0.65 && ratio < 1.6, "proportions %v", ratio)
	}
	assert.Less(t, least, 0.4)
	assert.Greater(t, most, 0.7)
	same := apply(t, dataset.ResizedCrop{Height: 4, Width: 4, Area: 1}, 1, 4, 4, ramp(16), newRand(1))
	assert.Len(t, same, 16)
	for _, area := range []float64{0, 1.1, math.NaN()} {
		_, err := dataset.ResizedCrop{Height: 2, Width: 2, Area: area}.Output(tensor.Shape{1, 4, 4})
		assert.ErrorContains(t, err, "want more than 0 and at most 1")
	}
}

// TestEdgeFill: what comes from outside is the image's edge.
func TestEdgeFill(t *testing.T) {
	ones := slices.Repeat([]float32{1}, 25)
	for seed := range uint64(50) {
		for _, step := range []dataset.Transform{
			dataset.RandomCrop{Height: 5, Width: 5, Padding: 3, Edge: true},
			dataset.Distort{Shift: 3, Rotate: 40, Scale: 0.5, ElasticAlpha: 5, ElasticSigma: 1, Edge: true},
		} {
			for _, v := range apply(t, step, 1, 5, 5, ones, newRand(seed)) {
				require.InDelta(t, 1, v, 1e-6)
			}
		}
	}
	// Moved by whole pixels, both take the nearest pixel: every row of a ramp rises by 0 or 1 a
	// column.
	for seed := range uint64(20) {
		got := apply(t, dataset.RandomCrop{Height: 1, Width: 5, Padding: 4, Edge: true}, 1, 1, 5,
			[]float32{0, 1, 2, 3, 4}, newRand(seed))
		assert.True(t, slices.IsSorted(got))
	}
}

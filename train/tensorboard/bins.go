package tensorboard

import (
	"math"

	"convgraph/internal/xmath"
)

// binCount is the number of bins of a histogram with more than one value.
const binCount = 40

// bins counts values in bins of equal width from the least to the greatest. The upper limit of bin
// i is limits[i].
type bins struct {
	min, max, sum, squares float64
	count                  int
	limits, counts         []float64
}

// count makes bins of the finite values.
func count(values []float32) bins {
	b := bins{min: math.Inf(1), max: math.Inf(-1)}
	for _, f := range values {
		v := float64(f)
		if !xmath.IsFinite(v) {
			continue
		}
		b.count++
		b.sum += v
		b.squares += v * v
		b.min, b.max = min(b.min, v), max(b.max, v)
	}
	if b.count == 0 {
		return bins{limits: []float64{0}, counts: []float64{0}}
	}
	if b.min == b.max {
		b.limits, b.counts = []float64{b.max}, []float64{float64(b.count)}
		return b
	}
	b.fill(values)
	return b
}

func (b *bins) fill(values []float32) {
	b.limits, b.counts = make([]float64, binCount), make([]float64, binCount)
	width := (b.max - b.min) / binCount
	for i := range b.limits {
		b.limits[i] = b.min + float64(i+1)*width
	}
	b.limits[binCount-1] = b.max
	for _, f := range values {
		if v := float64(f); xmath.IsFinite(v) {
			b.counts[min(int((v-b.min)/width), binCount-1)]++
		}
	}
}

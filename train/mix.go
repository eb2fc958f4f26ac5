package train

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"convgraph/internal/splitmix"
	"convgraph/train/dataset"
)

// mixer mixes the images of a batch in pairs, and their targets: the first with the last, the
// second with the last but one. A batch's order is random, so the pairs are, too.
//
// Mixup (Zhang et al. 2018) replaces images a and b with targets s and t by
//
//	λ·a + (1-λ)·b with target λ·s + (1-λ)·t,   and the same with a and b exchanged,
//
// for λ from Beta(α, α). CutMix (Yun et al. 2019) exchanges a rectangle of 1-λ of the area, and
// mixes the targets by that area. With both, each pair gets one of the two with equal probability.
// The result depends on the seed and the step alone.
type mixer struct {
	mixup, cutmix float64 // α of each; 0: off
	seed          uint64
	source        rand.PCG
}

// mix mixes a batch whose images have shape (C,H,W).
func (m *mixer) mix(batch *dataset.Minibatch, shape []int, step int) {
	if m.mixup == 0 && m.cutmix == 0 {
		return
	}
	m.source.Seed(splitmix.Mix(m.seed+mixStream), splitmix.Mix(uint64(step)))
	rng := rand.New(&m.source)
	n := len(batch.Labels)
	size, classes := len(batch.X)/n, len(batch.T)/n
	for i := range n / 2 {
		j := n - 1 - i
		a, b := batch.X[i*size:][:size], batch.X[j*size:][:size]
		share := m.mixPair(a, b, shape, rng)
		blend(batch.T[i*classes:][:classes], batch.T[j*classes:][:classes], share)
	}
}

// minAlpha and maxAlpha bound α. Below, nearly all shares are 0 or 1, and Beta underflows; above,
// all are a half.
const minAlpha, maxAlpha = 0.05, 1000

func isAlpha(v float64) bool { return v == 0 || v >= minAlpha && v <= maxAlpha }

// mixStream separates these draws from others of the same seed.
const mixStream = 0x6d6978

// mixPair mixes two images, and returns the share that each keeps of itself.
func (m *mixer) mixPair(a, b []float32, shape []int, rng *rand.Rand) float32 {
	alpha, cut := m.mixup, false
	if m.mixup == 0 || m.cutmix > 0 && rng.Uint64()&1 == 0 {
		alpha, cut = m.cutmix, true
	}
	share := distuv.Beta{Alpha: alpha, Beta: alpha, Src: rng}.Rand()
	if cut {
		return exchange(a, b, shape, share, rng)
	}
	blend(a, b, float32(share))
	return float32(share)
}

// blend replaces a by share·a + (1-share)·b, and b by share·b + (1-share)·a.
func blend(a, b []float32, share float32) {
	for i, v := range a {
		a[i], b[i] = share*v+(1-share)*b[i], share*b[i]+(1-share)*v
	}
}

// exchange swaps a rectangle with a random center, whose sides are √(1-share) of the image's before
// clipping. It returns the share of the area outside.
func exchange(a, b []float32, shape []int, share float64, rng *rand.Rand) float32 {
	channels, height, width := shape[0], shape[1], shape[2]
	side := math.Sqrt(1 - share)
	top, bottom := span(height, side, rng)
	left, right := span(width, side, rng)
	for c := range channels {
		for y := top; y < bottom; y++ {
			row := (c*height + y) * width
			for i := row + left; i < row+right; i++ {
				a[i], b[i] = b[i], a[i]
			}
		}
	}
	return 1 - float32((bottom-top)*(right-left))/float32(height*width)
}

// span returns a share of n indices around a random center, clipped.
func span(n int, share float64, rng *rand.Rand) (from, to int) {
	length, center := int(float64(n)*share), rng.IntN(n)
	return max(center-length/2, 0), min(center-length/2+length, n)
}

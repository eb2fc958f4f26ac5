package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLosses(t *testing.T) {
	t.Run("float64", testLosses[float64])
	forEachISA(t, testLosses[float32])
}

func testLosses[T Float](t *testing.T) {
	for _, n := range []int{1, 2, 17, sumBlock, sumBlock + 1, 9*sumBlock + 5} {
		x, target := gaussian[T](1, n), make([]T, n)
		Sigmoid(gaussian[T](2, n), target)
		binary, squared := 0.0, 0.0
		wantBinary, wantSquared := make([]T, n), make([]T, n)
		for i := range x {
			v, y := float64(x[i]), float64(target[i])
			p := 1 / (1 + math.Exp(-v))
			binary -= y*math.Log(p) + (1-y)*math.Log(1-p)
			squared += (v - y) * (v - y)
			wantBinary[i], wantSquared[i] = T(0.3*(p-y)), T(0.3*(v-y))
		}
		closeTo(
			t, []T{T(binary / float64(n))}, []T{BinaryCrossEntropy(nil, nil, 1, x, target)}, 2*precision[T](),
			"binary cross-entropy",
		)
		closeTo(
			t, []T{T(squared / float64(n))}, []T{MeanSquaredError(nil, nil, 1, x, target)}, 2*precision[T](),
			"mean squared error",
		)
		d := make([]T, n)
		BinaryCrossEntropyBackward(x, target, 0.3, d)
		closeTo(t, wantBinary, d, 2*precision[T](), "binary cross-entropy, gradient")
		ScaledDifference(x, target, 0.3, d)
		closeTo(t, wantSquared, d, 2*precision[T](), "mean squared error, gradient")
	}
}

// Large logits don't overflow, and losses far below the rounding error of 1 keep their digits.
func TestBinaryCrossEntropyOfLargeLogits(t *testing.T) {
	for _, margin := range []float64{1, 20, 40, 300, 700} {
		right := BinaryCrossEntropy(nil, nil, 2, []float64{margin, -margin}, []float64{1, 0})
		assert.InEpsilon(t, math.Log1p(math.Exp(-margin)), right, 1e-15, "margin %g", margin)
		wrong := BinaryCrossEntropy(nil, nil, 2, []float64{margin, -margin}, []float64{0, 1})
		assert.InEpsilon(t, margin+math.Log1p(math.Exp(-margin)), wrong, 1e-15, "margin %g", margin)
	}
	assert.Equal(t, 1e30, BinaryCrossEntropy(nil, nil, 1, []float64{1e30}, []float64{0}))
	assert.Zero(t, BinaryCrossEntropy(nil, nil, 1, []float64{1e30}, []float64{1}))
	d := make([]float64, 2)
	BinaryCrossEntropyBackward([]float64{1e30, -1e30}, []float64{0, 1}, 1, d)
	assert.Equal(t, []float64{1, -1}, d)
}

func TestLossesAllocateNothing(t *testing.T) {
	x, target, d := gaussian[float32](1, 5*sweepShard), make([]float32, 5*sweepShard), make([]float32, 5*sweepShard)
	assert.Zero(t, allocations(func() {
		BinaryCrossEntropy(nil, nil, 1, x, target)
		BinaryCrossEntropyBackward(x, target, 1, d)
		MeanSquaredError(nil, nil, 1, x, target)
		ScaledDifference(x, target, 1, d)
	}))
}

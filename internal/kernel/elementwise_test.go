package kernel

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// everyBit runs every kernel that divides its work into shards and returns all results.
func everyBit() [][]float32 {
	const rows, classes = 6000, 11
	n := rows * classes
	x, target := gaussian[float32](1, n), gaussian[float32](2, n)
	s := poolShape(5, 7, 50, 50, 3, 3, 2, 2, 1, 1)
	in, coef := gaussian[float32](3, s.inLen()), gaussian[float32](4, s.Channels)
	var results [][]float32
	result := func(n int) []float32 {
		results = append(results, make([]float32, n))
		return results[len(results)-1]
	}
	for _, u := range unaries[float32]() {
		u.forward(x, result(n))
		u.backward(x, target, result(n))
	}
	for _, c := range assembled() {
		c.curve.Forward(x, result(n))
		c.curve.Backward(x, target, result(n))
	}
	Softmax(rows, classes, x, result(n))
	SoftmaxBackward(rows, classes, x, target, result(n))
	result(1)[0] = CrossEntropy(nil, nil, rows, classes, x, target, result(n))
	ChannelSum(rows, classes, 1, x, result(classes))
	Dropout(x, result(n), 0.3, 1, 0)
	Add(x, target, result(n))
	Multiply(x, target, result(n))
	ScaleRows(rows, classes, x, target, result(n))
	FillRows(rows, classes, target, 2, result(n))
	DotRows(rows, classes, x, target, result(rows))
	MeanRows(rows, classes, x, result(rows))
	MaxRows(rows, classes, x, result(rows), make([]int, rows))
	NewCopy[float32](
		rows, classes, func(i int) int { return i * classes }, func(i int) int { return (rows - 1 - i) * classes },
	).Run(x, result(n))
	result(1)[0] = BinaryCrossEntropy(nil, nil, 1, x, target)
	BinaryCrossEntropyBackward(x, target, 0.5, result(n))
	result(1)[0] = MeanSquaredError(nil, nil, 1, x, target)
	for _, r := range rules[float32]() {
		p, m, v := result(n), result(n), result(n)
		copy(p, x)
		r.update(p, Gradient[float32]{Values: target, Scale: 1}, m, v)
	}
	pool, sub := NewMaxPool[float32](s), NewSubsample[float32](s)
	pool.KeepIndices()
	y := result(s.outLen())
	pool.Forward(in, y)
	pool.Backward(y, result(s.inLen()))
	sub.Forward(in, coef, coef, result(s.outLen()))
	sub.BackwardData(coef, y, result(s.inLen()))
	sub.BackwardCoefficient(in, y, result(s.Channels))
	sub.BackwardBias(y, result(s.Channels))
	norm := NewLRN[float32](LRNShape{5, 7, 2500, 5, 2, 0.1, 0.75})
	normed := result(s.inLen())
	norm.Forward(in, normed)
	norm.Backward(in, normed, in, result(s.inLen()))
	for _, groups := range []int{0, 7, 1} {
		n := NewNorm[float32](NormShape{5, 7, 2500, groups, 1e-5})
		n.Forward(in, coef, coef, result(s.inLen()))
		n.BackwardWeights(in, normed, result(s.Channels))
		n.BackwardBias(result(s.Channels))
		n.BackwardData(in, coef, normed, result(s.inLen()))
	}
	channelNorm := NewChannelNorm[float32](ChannelNormShape{5, 7, 2500, 1e-5})
	channelNorm.Forward(in, coef, coef, result(s.inLen()))
	channelNorm.BackwardWeights(in, normed, result(s.Channels))
	channelNorm.BackwardBias(result(s.Channels))
	channelNorm.BackwardData(in, coef, normed, result(s.inLen()))
	softmax := NewChannelSoftmax[float32](5, 7, 2500)
	softmax.Forward(in, result(s.inLen()))
	softmax.Backward(in, normed, result(s.inLen()))
	LogSoftmax(rows, classes, x, result(n))
	LogSoftmaxBackward(rows, classes, x, target, result(n))
	return results
}

func TestSameBitsForEveryWorkerCount(t *testing.T) {
	var want [][]float32
	for _, workers := range []int{1, 2, 3, 8} {
		withWorkers(t, workers, func() {
			got := everyBit()
			if want == nil {
				want = got
			}
			for i := range want {
				assert.True(t, slices.Equal(bitsOf(want[i]), bitsOf(got[i])), "%d workers, result %d", workers, i)
			}
		})
	}
}

func TestSweepsRunConcurrently(t *testing.T) {
	n := 5 * sweepShard
	x, want := gaussian[float64](1, n), make([]float64, n)
	Sigmoid(x, want)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			y := make([]float64, n)
			for range 5 {
				Sigmoid(x, y)
				assert.Equal(t, want, y)
				ReLU(x, y)
			}
		})
	}
	wg.Wait()
}

func TestIdleSweepsHoldNoSlices(t *testing.T) {
	Sigmoid(make([]float64, 10), make([]float64, 10))
	for _, s := range sweeps64.free {
		assert.Nil(t, s.a)
		assert.Nil(t, s.b)
	}
}

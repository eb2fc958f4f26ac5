package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSoftmax(t *testing.T) {
	t.Run("float32", testSoftmax[float32])
	t.Run("float64", testSoftmax[float64])
}

func testSoftmax[T Float](t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {1, 10}, {7, 3}, {100, 10}, {5, 1000}, {3, sweepShard + 1}, {sweepShard, 2}} {
		rows, classes := s[0], s[1]
		x, dy := gaussian[T](1, rows*classes), gaussian[T](2, rows*classes)
		y, dx := make([]T, len(x)), make([]T, len(x))
		Softmax(rows, classes, x, y)
		SoftmaxBackward(rows, classes, y, dy, dx)
		wantY, wantDx := make([]T, len(x)), make([]T, len(x))
		for r := range rows {
			sum, dot := 0.0, 0.0
			for c := range classes {
				sum += math.Exp(float64(x[r*classes+c]))
			}
			for c := range classes {
				i := r*classes + c
				p := math.Exp(float64(x[i])) / sum
				wantY[i] = T(p)
				dot += p * float64(dy[i])
			}
			for c := range classes {
				i := r*classes + c
				wantDx[i] = T(float64(wantY[i]) * (float64(dy[i]) - dot))
			}
		}
		closeTo(t, wantY, y, precision[T](), "softmax")
		closeTo(t, wantDx, dx, precision[T](), "softmax backward")
	}
}

func TestSoftmaxOfLargeLogits(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		x := []float32{1e30, 0, -1e30, 3e38, 3e38, -3e38, float32(math.Inf(-1)), 5, 5}
		y := make([]float32, 9)
		Softmax(3, 3, x, y)
		assert.Equal(t, []float32{1, 0, 0, 0.5, 0.5, 0, 0, 0.5, 0.5}, y)
	})
}

func TestSoftmaxKeepsNaNInItsRow(t *testing.T) {
	t.Run("float64", softmaxKeepsNaN[float64])
	forEachISA(t, softmaxKeepsNaN[float32])
}

func softmaxKeepsNaN[T Float](t *testing.T) {
	nan, inf := T(math.NaN()), T(math.Inf(1))
	for _, bad := range [][]T{{nan, 1, 2}, {1, nan, 2}, {1, 2, nan}, {inf, 0, 0}, {-inf, -inf, -inf}, {nan, nan, nan}} {
		for _, times := range []int{1, 30} { // rows of 3 and of 90
			classes := 3 * times
			x, y := append(slices.Repeat(bad, times), make([]T, classes)...), make([]T, 2*classes)
			Softmax(2, classes, x, y)
			for c := range classes {
				assert.True(t, y[c] != y[c], "%v, %d times, gives %v", bad, times, y[:classes])
				assert.InDelta(t, 1/float64(classes), y[classes+c], 1e-7)
			}
		}
	}
}

// The softmax over channels is that of the transposed rows.
func TestChannelSoftmax(t *testing.T) {
	t.Run("float64", testChannelSoftmax[float64])
	forEachISA(t, testChannelSoftmax[float32])
}

func testChannelSoftmax[T Float](t *testing.T) {
	for _, s := range [][3]int{{1, 1, 1}, {2, 3, 5}, {1, 10, pixelTileSize}, {2, 33, 2*pixelTileSize + 7}} {
		batch, channels, plane := s[0], s[1], s[2]
		n := batch * channels * plane
		x, dy := gaussian[T](1, n), gaussian[T](2, n)
		x[0], x[n-1] = T(math.NaN()), T(math.Inf(-1))
		rows := func(s []T) []T {
			out := make([]T, 0, n)
			for i := range batch * plane {
				for c := range channels {
					out = append(out, s[(i/plane*channels+c)*plane+i%plane])
				}
			}
			return out
		}
		wantY, wantDx := make([]T, n), make([]T, n)
		Softmax(batch*plane, channels, rows(x), wantY)
		SoftmaxBackward(batch*plane, channels, wantY, rows(dy), wantDx)
		k := NewChannelSoftmax[T](batch, channels, plane)
		y, dx := make([]T, n), make([]T, n)
		k.Forward(x, y)
		k.Backward(y, dy, dx)
		closeTo(t, wantY, rows(y), precision[T](), "y")
		closeTo(t, wantDx, rows(dx), precision[T](), "dx")
		k.Forward(x, x)
		k.Backward(y, dy, dy)
		assert.Equal(t, fmt.Sprint(y, dx), fmt.Sprint(x, dy), "in place")
	}
}

func TestLogSoftmax(t *testing.T) {
	t.Run("float64", testLogSoftmax[float64])
	forEachISA(t, testLogSoftmax[float32])
}

func testLogSoftmax[T Float](t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {7, 3}, {100, 10}, {5, 1000}, {3, sweepShard + 1}} {
		rows, classes := s[0], s[1]
		x, dy := gaussian[T](1, rows*classes), gaussian[T](2, rows*classes)
		y, dx := make([]T, len(x)), make([]T, len(x))
		LogSoftmax(rows, classes, x, y)
		LogSoftmaxBackward(rows, classes, y, dy, dx)
		for r := range rows {
			powers, dsum := 0.0, 0.0
			for c := range classes {
				powers += math.Exp(float64(x[r*classes+c]))
				dsum += float64(dy[r*classes+c])
			}
			for c := range classes {
				i := r*classes + c
				want := float64(x[i]) - math.Log(powers)
				require.InDelta(t, want, y[i], 10*precision[T]())
				require.InDelta(t, float64(dy[i])-math.Exp(want)*dsum, dx[i], 10*precision[T]()*(1+math.Abs(dsum)))
			}
		}
	}
}

func TestLogSoftmaxOfLargeLogits(t *testing.T) {
	forEachISA(t, func(t *testing.T) {
		y := make([]float32, 6)
		LogSoftmax(2, 3, []float32{3e38, 0, 3e38, 0, -1000, float32(math.Inf(-1))}, y)
		assert.Equal(t, []float32{-math.Ln2, -3e38, -math.Ln2, 0, -1000, float32(math.Inf(-1))}, y)
	})
}

func TestCrossEntropy(t *testing.T) {
	t.Run("float32", testCrossEntropy[float32])
	t.Run("float64", testCrossEntropy[float64])
}

func testCrossEntropy[T Float](t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {1, 10}, {100, 10}, {3, 7}, {5000, 11}} {
		rows, classes := s[0], s[1]
		logits := gaussian[T](1, rows*classes)
		target := make([]T, len(logits))
		Softmax(rows, classes, gaussian[T](2, len(logits)), target) // any distributions
		p, want := make([]T, len(logits)), make([]T, len(logits))
		loss := CrossEntropy(nil, nil, rows, classes, logits, target, p)
		Softmax(rows, classes, logits, want)
		assert.Equal(t, want, p)
		mean := 0.0
		for i := range p {
			mean -= float64(target[i]) * math.Log(float64(p[i])) / float64(rows)
		}
		closeTo(t, []T{T(mean)}, []T{loss}, 2*precision[T](), "loss")

		d := make([]T, len(logits))
		CrossEntropyBackward(rows, classes, p, target, 0.25, d)
		for i := range want {
			want[i] = (p[i] - target[i]) * 0.25
		}
		closeTo(t, want, d, precision[T](), "gradient")
	}
}

// The gradient matches central differences in float64.
func TestCrossEntropyBackwardMatchesDifferences(t *testing.T) {
	const rows, classes, h = 3, 4, 1e-5
	x, target := gaussian[float64](5, rows*classes), make([]float64, rows*classes)
	Softmax(rows, classes, gaussian[float64](6, len(x)), target)
	p, d, scratch := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	CrossEntropy(nil, nil, rows, classes, x, target, p)
	CrossEntropyBackward(rows, classes, p, target, 1.0/rows, d)
	for i := range x {
		at := x[i]
		x[i] = at + h
		up := CrossEntropy(nil, nil, rows, classes, x, target, scratch)
		x[i] = at - h
		down := CrossEntropy(nil, nil, rows, classes, x, target, scratch)
		x[i] = at
		require.InDelta(t, (up-down)/(2*h), d[i], 1e-9)
	}
}

func TestCrossEntropyKeepsSmallLosses(t *testing.T) {
	p := make([]float64, 2)
	oneHot := []float64{1, 0}
	for _, margin := range []float64{1, 20, 40, 300, 700} {
		got := CrossEntropy(nil, nil, 1, 2, []float64{margin, 0}, oneHot, p)
		assert.InEpsilon(t, math.Log1p(math.Exp(-margin)), got, 1e-15, "margin %g", margin)
	}
	assert.Equal(t, 1e5, CrossEntropy(nil, nil, 1, 2, []float64{-1e5, 0}, oneHot, p),
		"a wrong answer's loss doesn't overflow")
	assert.Equal(
		t, 0.0, CrossEntropy(nil, nil, 1, 2, []float64{3, math.Inf(-1)}, oneHot, p),
		"an impossible class that isn't the target",
	)
}

func TestSoftmaxAllocatesNothing(t *testing.T) {
	x, y := gaussian[float32](1, 1<<15), make([]float32, 1<<15)
	channels := NewChannelSoftmax[float32](2, 8, 1<<11)
	assert.Zero(t, allocations(func() {
		channels.Forward(x, y)
		channels.Backward(y, x, y)
		Softmax(1<<12, 8, x, y)
		CrossEntropy(nil, nil, 1<<12, 8, x, x, y)
		CrossEntropyBackward(1<<12, 8, x, x, 1, y)
		LogSoftmax(1<<12, 8, x, y)
		LogSoftmaxBackward(1<<12, 8, x, x, y)
	}))
}

func ExampleNewChannelSoftmax() {
	y := make([]float64, 4)
	NewChannelSoftmax[float64](1, 2, 2).Forward([]float64{0, 1000, 0, 1001}, y)
	fmt.Printf("%.4f", y)
	// Output: [0.5000 0.2689 0.5000 0.7311]
}

func ExampleCrossEntropy() {
	p := make([]float64, 4)
	loss := CrossEntropy(nil, nil, 2, 2, []float64{0, 0, 1000, 0}, []float64{1, 0, 1, 0}, p)
	fmt.Printf("%.4f %v", loss, p) // (log 2 + 0)/2
	// Output: 0.3466 [0.5 0.5 1 0]
}

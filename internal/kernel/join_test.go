package kernel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddAndMultiply(t *testing.T) {
	t.Run("float32", testAddAndMultiply[float32])
	t.Run("float64", testAddAndMultiply[float64])
}

func testAddAndMultiply[T Float](t *testing.T) {
	for _, n := range sizes {
		a, b := append(special[T](), gaussian[T](1, n)...)[:n], gaussian[T](2, n)
		sum, product, wantSum, wantProduct := make([]T, n), make([]T, n), make([]T, n), make([]T, n)
		Add(a, b, sum)
		Multiply(a, b, product)
		for i := range a {
			wantSum[i], wantProduct[i] = a[i]+b[i], a[i]*b[i]
		}
		closeTo(t, wantSum, sum, 0, "sum")
		closeTo(t, wantProduct, product, 0, "product")
		for _, inPlace := range [][]T{a, b} {
			was := append([]T(nil), inPlace...)
			Add(a, b, inPlace)
			closeTo(t, wantSum, inPlace, 0, "sum in place")
			copy(inPlace, was)
			Multiply(a, b, inPlace)
			closeTo(t, wantProduct, inPlace, 0, "product in place")
			copy(inPlace, was)
		}
	}
}

// rowShapes are numbers of rows and their length: single elements, less than a vector, more, and
// rows longer than a shard.
var rowShapes = [][2]int{
	{1, 1}, {1, 7}, {3, 5}, {7, 49}, {300, 64}, {2, 1001}, {5, sweepShard + 3}, {2*sweepShard + 1, 2},
}

func TestRows(t *testing.T) {
	t.Run("float64", testRows[float64])
	forEachISA(t, testRows[float32])
}

func testRows[T Float](t *testing.T) {
	for _, s := range rowShapes {
		rows, n := s[0], s[1]
		x, y, factors := gaussian[T](1, rows*n), gaussian[T](2, rows*n), gaussian[T](3, rows)
		scaled, filled, back := make([]T, rows*n), make([]T, rows*n), gaussian[T](4, rows*n)
		dots, means, tops, at := make([]T, rows), make([]T, rows), make([]T, rows), make([]int, rows)
		ScaleRows(rows, n, x, factors, scaled)
		FillRows(rows, n, factors, 0.3, filled)
		DotRows(rows, n, x, y, dots)
		MeanRows(rows, n, x, means)
		MaxRows(rows, n, x, tops, at)
		MaxRowsBackward(rows, n, factors, at, back)
		wantScaled, wantFilled, wantBack := make([]T, rows*n), make([]T, rows*n), make([]T, rows*n)
		wantDots, wantMeans, wantTops, wantAt := make([]T, rows), make([]T, rows), make([]T, rows), make([]int, rows)
		for r := range rows {
			sum, products, top := 0.0, 0.0, math.Inf(-1)
			for i := r * n; i < (r+1)*n; i++ {
				wantScaled[i], wantFilled[i] = x[i]*factors[r], factors[r]*0.3
				sum += float64(x[i])
				products += float64(x[i]) * float64(y[i])
				if float64(x[i]) > top {
					top, wantAt[r] = float64(x[i]), i-r*n
				}
			}
			wantDots[r], wantMeans[r], wantTops[r] = T(products), T(sum/float64(n)), T(top)
			wantBack[r*n+wantAt[r]] = factors[r]
		}
		closeTo(t, wantScaled, scaled, 0, "scaled")
		closeTo(t, wantFilled, filled, 0, "filled")
		closeTo(t, wantDots, dots, 4*precision[T](), "dots")
		closeTo(t, wantMeans, means, precision[T](), "means")
		closeTo(t, wantTops, tops, 0, "largest")
		require.Equal(t, wantAt, at)
		closeTo(t, wantBack, back, 0, "gradient of the largest")
		ScaleRows(rows, n, x, factors, x)
		closeTo(t, wantScaled, x, 0, "scaled in place")
	}
}

// The first of equal values is the largest, and NaN is larger than any number.
func TestMaxRowsOfTies(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		row  []float64
		want int
	}{
		{[]float64{1, 3, 3, 2}, 1},
		{[]float64{0, 0, 0, 0}, 0},
		{[]float64{1, nan, 5, nan}, 1},
		{[]float64{math.Inf(-1), math.Inf(-1), -1, -2}, 2},
	} {
		top, at := make([]float64, 1), make([]int, 1)
		MaxRows(1, 4, c.row, top, at)
		assert.Equal(t, c.want, at[0], "%v", c.row)
		assert.Equal(t, math.Float64bits(c.row[c.want]), math.Float64bits(top[0]), "%v", c.row)
	}
}

func TestVectorRowsMatchPortableOnes(t *testing.T) {
	portable := portableTable[float32]()
	forEachISA(t, func(t *testing.T) {
		k := kernels[float32]()
		for _, atEnd := range []bool{false, true} {
			x, y, factors := newGround(t, 3*70, atEnd), newGround(t, 3*70, atEnd), newGround(t, 3, atEnd)
			for n := range 70 {
				for rows := range 4 {
					a, b := gaussian[float32](uint64(n), rows*n), gaussian[float32](9, rows*n)
					f := factors.put(gaussian[float32](7, rows))
					wantSums, sums := make([]float64, rows), gaussian[float64](2, rows+2)
					portable.dotRows(operands[float32]{a: a, b: b, sums: wantSums, unit: n})
					k.dotRows(operands[float32]{a: x.put(a), b: y.put(b), sums: sums[:rows], unit: n})
					require.Equal(t, wantSums, sums[:rows], "%d rows of %d", rows, n)
					require.Equal(t, gaussian[float64](2, rows+2)[rows:], sums[rows:], "beside the sums")

					want, got := make([]float32, rows*n), y.put(b)
					portable.scaleRows(operands[float32]{a: a, b: want, ofRow: f, unit: n})
					k.scaleRows(operands[float32]{a: x.put(a), b: got, ofRow: f, unit: n})
					y.requireUnused(t, "scaled rows")
					require.Equal(t, bitsOf(want), bitsOf(got), "%d rows of %d", rows, n)
				}
			}
		}
	})
}

func TestRowsAllocateNothing(t *testing.T) {
	rows, n := 40, sweepShard/4
	x, y := gaussian[float32](1, rows*n), make([]float32, rows*n)
	factors, at := gaussian[float32](2, rows), make([]int, rows)
	assert.Zero(t, allocations(func() {
		Add(x, y, y)
		Multiply(x, y, y)
		ScaleRows(rows, n, x, factors, y)
		FillRows(rows, n, factors, 2, y)
		DotRows(rows, n, x, y, factors)
		MeanRows(rows, n, x, factors)
		MaxRows(rows, n, x, factors, at)
		MaxRowsBackward(rows, n, factors, at, y)
	}))
}

package kernel

// Add is y = a + b. y may be a or b.
func Add[T Float](a, b, y []T) { forEach(kernels[T]().add, operands[T]{a: a, b: b, c: y}) }

func add[T Float](o operands[T]) {
	b, y := o.b[:len(o.a)], o.c[:len(o.a)]
	for i, v := range o.a {
		y[i] = v + b[i]
	}
}

// Multiply is y = a·b, element by element. y may be a or b.
func Multiply[T Float](a, b, y []T) {
	forEach(kernels[T]().multiply, operands[T]{a: a, b: b, c: y})
}

func multiply[T Float](o operands[T]) {
	b, y := o.b[:len(o.a)], o.c[:len(o.a)]
	for i, v := range o.a {
		y[i] = v * b[i]
	}
}

// ScaleRows multiplies each row of n elements by its own factor: y[r,i] = x[r,i]·factors[r]. y may
// be x.
func ScaleRows[T Float](rows, n int, x, factors, y []T) {
	forEachRow(kernels[T]().scaleRows, rows, n, operands[T]{a: x, b: y, ofRow: factors})
}

func scaleRows[T Float](o operands[T]) {
	for row, factor := range o.ofRow {
		y := o.b[row*o.unit : (row+1)*o.unit]
		for i, v := range o.a[row*o.unit : (row+1)*o.unit] {
			y[i] = v * factor
		}
	}
}

// FillRows sets each row of n elements to one value: y[r,i] = scale·values[r].
func FillRows[T Float](rows, n int, values []T, scale T, y []T) {
	forEachRow(kernels[T]().fillRows, rows, n, operands[T]{a: y, ofRow: values}, scale)
}

func fillRows[T Float](o operands[T]) {
	for row, v := range o.ofRow {
		v *= o.k[0]
		y := o.a[row*o.unit : (row+1)*o.unit]
		for i := range y {
			y[i] = v
		}
	}
}

// DotRows is the inner product of each pair of rows of n elements: dots[r] = Σi x[r,i]·y[r,i].
func DotRows[T Float](rows, n int, x, y, dots []T) {
	s := takeSweep[T]()
	sums := s.sumWorkspace(rows)
	s.do(rows, kernels[T]().dotRows, operands[T]{a: x, b: y, sums: sums, unit: n})
	for row, sum := range sums {
		dots[row] = T(sum)
	}
	s.done()
}

func dotRows[T Float](o operands[T]) {
	for row := range o.sums {
		from, to := row*o.unit, (row+1)*o.unit
		o.sums[row] = dot(o.a[from:to], o.b[from:to])
	}
}

// dot sums the products in the lanes of sumOf.
func dot[T Float](x, y []T) float64 {
	var lanes [sumLanes]float64
	for ; len(x) >= sumLanes; x, y = x[sumLanes:], y[sumLanes:] {
		for i, v := range x[:sumLanes] {
			lanes[i] += wideProduct(v, y[i])
		}
	}
	for i, v := range x {
		lanes[i] += wideProduct(v, y[i])
	}
	return fold(&lanes)
}

// wideProduct is the product rounded to float64. The conversion keeps Go from fusing it with a sum,
// so the bits are the same on every platform.
func wideProduct[T Float](v, w T) float64 { return float64(float64(v) * float64(w)) }

// MeanRows is the mean of each row of n elements.
func MeanRows[T Float](rows, n int, x, means []T) {
	s := takeSweep[T]()
	sums := s.sumWorkspace(rows)
	s.do(rows, kernels[T]().rowSums, operands[T]{a: x, sums: sums, unit: n})
	for row, sum := range sums {
		means[row] = T(sum / float64(n))
	}
	s.done()
}

// MaxRows is the largest value of each row of n elements and its index; the first of equal values.
// NaN counts as largest.
func MaxRows[T Float](rows, n int, x, largest []T, at []int) {
	forEachRow(kernels[T]().maxRows, rows, n, operands[T]{a: x, ofRow: largest, at: at})
}

func maxRows[T Float](o operands[T]) {
	for row := range o.ofRow {
		x := o.a[row*o.unit : (row+1)*o.unit]
		top := 0
		for i, v := range x {
			if above(v, x[top]) {
				top = i
			}
		}
		o.ofRow[row], o.at[row] = x[top], top
	}
}

// MaxRowsBackward is the gradient of MaxRows: dx[r,i] = dy[r] where i is at[r], else 0.
func MaxRowsBackward[T Float](rows, n int, dy []T, at []int, dx []T) {
	clear(dx)
	for row := range rows {
		dx[row*n+at[row]] = dy[row]
	}
}

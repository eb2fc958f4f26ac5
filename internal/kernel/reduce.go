package kernel

// ChannelSum is sum[c] = Σ over batch and plane of x[n,c,·]. The order of the sums is fixed: by plane, then through the batch.
func ChannelSum[T Float](batch, channels, plane int, x, sum []T) {
	s := takeSweep[T]()
	planes := s.sumRoom(batch * channels)
	s.do(batch*channels, kernels[T]().rowSums, operands[T]{a: x, sums: planes, unit: plane})
	addRows(batch, channels, planes, sum)
	s.done()
}

func rowSums[T Float](o operands[T]) {
	for row := range o.sums {
		o.sums[row] = sumOf(o.a[row*o.unit : (row+1)*o.unit])
	}
}

// sumOf adds in float64, in four sums that don't wait for each other.
func sumOf[T Float](x []T) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
	}
	for _, v := range x {
		a += float64(v)
	}
	return (a + b) + (c + d)
}

// addRows adds up the rows of a (rows, columns) table.
func addRows[T Float](rows, columns int, table []float64, sum []T) {
	for c := range columns {
		total := 0.0
		for r := range rows {
			total += table[r*columns+c]
		}
		sum[c] = T(total)
	}
}

// SumSquares is Σ x², in float64. The sums of fixed stretches are added in their order.
func SumSquares[T Float](x []T) float64 {
	stretches := (len(x) + squareStretch - 1) / squareStretch
	s := takeSweep[T]()
	parts := s.sumRoom(stretches)
	full := len(x) / squareStretch
	s.do(full, kernels[T]().squareSums, operands[T]{a: x[:full*squareStretch], sums: parts[:full], unit: squareStretch})
	if full < stretches {
		rest := x[full*squareStretch:]
		kernels[T]().squareSums(operands[T]{a: rest, sums: parts[full:], unit: len(rest)})
	}
	total := 0.0
	for _, part := range parts {
		total += part
	}
	s.done()
	return total
}

// squareStretch is how many squares SumSquares adds up at a time.
const squareStretch = 4096

func squareSums[T Float](o operands[T]) {
	for row := range o.sums {
		o.sums[row] = sumOfSquares(o.a[row*o.unit : (row+1)*o.unit])
	}
}

func sumOfSquares[T Float](x []T) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += square(x[0])
		b += square(x[1])
		c += square(x[2])
		d += square(x[3])
	}
	for _, v := range x {
		a += square(v)
	}
	return (a + b) + (c + d)
}

// square is rounded before it is added, on every platform.
func square[T Float](v T) float64 { return float64(float64(v) * float64(v)) }

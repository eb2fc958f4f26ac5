package kernel

// ChannelSum is sum[c] = Σ over batch and plane of x[n,c,·]. Each plane is summed in its order and the planes in the batch's.
func ChannelSum[T Float](batch, channels, plane int, x, sum []T) {
	list := idleSweeps[T]()
	s := list.take()
	planes := s.sumRoom(batch * channels)
	s.do(batch*channels, kernels[T]().rowSums, operands[T]{a: x, sums: planes, unit: plane})
	addRows(batch, channels, planes, sum)
	list.give(s)
}

func rowSums[T Float](o operands[T]) {
	for row := range o.sums {
		total := 0.0
		for _, v := range o.a[row*o.unit : (row+1)*o.unit] {
			total += float64(v)
		}
		o.sums[row] = total
	}
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
	list := idleSweeps[T]()
	s := list.take()
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
	list.give(s)
	return total
}

// squareStretch is how many squares SumSquares adds up at a time.
const squareStretch = 4096

func squareSums[T Float](o operands[T]) {
	for row := range o.sums {
		total := 0.0
		for _, v := range o.a[row*o.unit : (row+1)*o.unit] {
			total += float64(v) * float64(v)
		}
		o.sums[row] = total
	}
}

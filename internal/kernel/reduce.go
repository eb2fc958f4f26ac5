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

package kernel

// ChannelSum is sum[c] = Σ over batch and plane of x[n,c,·]. The order of the sums is fixed: by
// plane, then through the batch.
func ChannelSum[T Float](batch, channels, plane int, x, sum []T) {
	channelSum(nil, nil, batch, channels, plane, x, sum)
}

func channelSum[T Float](p *Part, table *Whole[float64], batch, channels, plane int, x, sum []T) {
	eachPlane(batch*channels, plane, x, func(planes []float64) { sumImages(p, table, channels, planes, sum) })
}

// eachPlane calls a function with the sum of each plane.
func eachPlane[T Float](n, plane int, x []T, use func(sums []float64)) {
	s := takeSweep[T]()
	sums := s.sumWorkspace(n)
	s.do(n, kernels[T]().rowSums, operands[T]{a: x, sums: sums, unit: plane})
	use(sums)
	s.done()
}

// sumImages sums a table with a row for each image over the batch.
func sumImages[T Float](p *Part, table *Whole[float64], columns int, images []float64, sum []T) {
	if rows := table.Of(p, images); rows != nil {
		AddRows(len(rows)/columns, columns, rows, sum)
	}
}

// imageSum is sumImages, which may be late.
type imageSum[T Float] struct {
	table Whole[float64]
	late  bool // the sum is read after [Part.Finish] only

	part    *Part
	columns int
	sum     []T
	rest    func() // add, stored once
}

func (s *imageSum[T]) of(p *Part, columns int, images []float64, sum []T) {
	if !s.late || p.alone() || !p.last() {
		sumImages(p, &s.table, columns, images, sum)
		return
	}
	if s.rest == nil {
		s.rest = s.add
	}
	s.part, s.columns, s.sum = p, columns, sum
	s.table.begin(p, images)
	p.completeAtEnd(s.rest)
}

func (s *imageSum[T]) add() {
	rows := s.table.finish(s.part)
	AddRows(len(rows)/s.columns, s.columns, rows, s.sum)
	s.sum = nil
}

func rowSums[T Float](o operands[T]) {
	for row := range o.sums {
		o.sums[row] = sumOf(o.a[row*o.unit : (row+1)*o.unit])
	}
}

// sumLanes is the number of parallel sums: element i goes to lane i mod sumLanes. No addition waits
// for the last, and assembly with vectors of any width can add in the same order.
const sumLanes = 16

func sumOf[T Float](x []T) float64 {
	var lanes [sumLanes]float64
	for ; len(x) >= sumLanes; x = x[sumLanes:] {
		for i, v := range x[:sumLanes] {
			lanes[i] += float64(v)
		}
	}
	for i, v := range x {
		lanes[i] += float64(v)
	}
	return fold(&lanes)
}

// fold sums the lanes: it adds the upper half to the lower half until one is left.
func fold(l *[sumLanes]float64) float64 {
	a := (l[0] + l[8]) + (l[4] + l[12])
	b := (l[1] + l[9]) + (l[5] + l[13])
	c := (l[2] + l[10]) + (l[6] + l[14])
	d := (l[3] + l[11]) + (l[7] + l[15])
	return (a + c) + (b + d)
}

// AddRows sums the rows of a (rows, columns) table.
func AddRows[T Float](rows, columns int, table []float64, sum []T) {
	for c := range columns {
		total := 0.0
		for r := range rows {
			total += table[r*columns+c]
		}
		sum[c] = T(total)
	}
}

// SumSquares is Σ x² in float64. It sums blocks of fixed length, then adds these sums in order.
func SumSquares[T Float](x []T) float64 {
	blocks := (len(x) + sumBlock - 1) / sumBlock
	s, apply := takeSweep[T](), kernels[T]().squareSums
	parts := s.sumWorkspace(blocks)
	full := len(x) / sumBlock
	s.do(full, apply, operands[T]{a: cut(x, 0, full, sumBlock), sums: parts[:full], unit: sumBlock})
	if full < blocks {
		from, to := full*sumBlock, len(x)
		apply(operands[T]{a: x[from:to], sums: parts[full:], unit: to - from})
	}
	total := 0.0
	for _, part := range parts {
		total += part
	}
	s.done()
	return total
}

// sumBlock is the number of elements in a block.
const sumBlock = 4096

func squareSums[T Float](o operands[T]) {
	for row := range o.sums {
		o.sums[row] = sumOfSquares(o.a[row*o.unit : (row+1)*o.unit])
	}
}

func sumOfSquares[T Float](x []T) float64 {
	var lanes [sumLanes]float64
	for ; len(x) >= sumLanes; x = x[sumLanes:] {
		for i, v := range x[:sumLanes] {
			lanes[i] += square(v)
		}
	}
	for i, v := range x {
		lanes[i] += square(v)
	}
	return fold(&lanes)
}

// square is the square rounded to float64. The conversion keeps Go from fusing it with a sum, so
// the bits are the same on every platform.
func square[T Float](v T) float64 { return float64(float64(v) * float64(v)) }

package kernel

// lowering lays the source planes of one image and group out so that every tap of a convolution reads one contiguous run.
//
// Output pixel j = oh·outW + ow of tap (c, r, s) needs source pixel (oh·strideH + rows[r], ow·strideW + cols[s]) of channel c. The lowered
// copy keeps, for each channel c and column tap s, the source columns that s needs, outW of them a row, its rows sorted by their phase
// modulo strideH:
//
//	L[c][s][phase][q][ow] = source[c][(q + first)·strideH + phase][ow·strideW + cols[s]]      (zero outside the source)
//
// Then tap (c, r, s) of pixel j is L[offset(c,r,s) + j]: a matrix product can read its operand straight from L, whole vectors of pixels at
// a time, and L is only as many times larger than the image as the kernel is wide.
type lowering struct {
	channels, height, width int // of the source
	outH, outW              int
	strideH, strideW        int
	cols                    []int // source column of a column tap at output column 0
	phases                  []rowPhase
	phaseSize               int // elements of one [q][ow] plane
	channelSize             int
	offsets                 []int32 // of tap (c, r, s), c-major
}

// rowPhase is the source rows ≡ phase modulo the row stride, from row first·stride + phase on.
type rowPhase struct{ phase, first, last int }

func newLowering(channels, height, width, outH, outW, strideH, strideW int, rows, cols []int) *lowering {
	l := &lowering{channels: channels, height: height, width: width, outH: outH, outW: outW, strideH: strideH, strideW: strideW, cols: cols}
	where := l.addPhases(rows)
	planeRows := 0
	for _, p := range l.phases {
		planeRows = max(planeRows, p.last-p.first+outH)
	}
	l.phaseSize = planeRows * outW
	l.channelSize = len(cols) * len(l.phases) * l.phaseSize
	l.offsets = make([]int32, 0, channels*len(rows)*len(cols))
	for c := range channels {
		for r, row := range rows {
			p := where[r]
			q := floorDiv(row, strideH) - l.phases[p].first
			for s := range cols {
				plane := s*len(l.phases) + p
				l.offsets = append(l.offsets, int32(c*l.channelSize+plane*l.phaseSize+q*outW))
			}
		}
	}
	return l
}

// addPhases collects the distinct phases of the row taps and returns each tap's.
func (l *lowering) addPhases(rows []int) []int {
	where := make([]int, len(rows))
	for r, row := range rows {
		q := floorDiv(row, l.strideH)
		phase := row - q*l.strideH
		i := 0
		for i < len(l.phases) && l.phases[i].phase != phase {
			i++
		}
		if i == len(l.phases) {
			l.phases = append(l.phases, rowPhase{phase, q, q})
		}
		l.phases[i].first = min(l.phases[i].first, q)
		l.phases[i].last = max(l.phases[i].last, q)
		where[r] = i
	}
	return where
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// size returns the elements of the lowered copy of n channels.
func (l *lowering) size(n int) int { return n * l.channelSize }

// taps returns the taps of one channel.
func (l *lowering) taps() int { return len(l.offsets) / l.channels }

// span returns the range of i < n for which 0 <= i·stride + start < limit.
func span(n, stride, start, limit int) (first, end int) {
	first = min(n, max(0, ceilDivFloor(-start, stride)))
	end = min(n, max(first, ceilDivFloor(limit-start, stride)))
	return first, end
}

// ceilDivFloor is the ceiling of a/b for any a and positive b.
func ceilDivFloor(a, b int) int { return -floorDiv(-a, b) }

// lower copies n channels of src to dst, whose border zeros must already be there: a buffer used for one lowering only keeps them.
func lower[T Float](e *engine[T], l *lowering, n int, src, dst []T) {
	for c := range n {
		plane := src[c*l.height*l.width:][:l.height*l.width]
		for s, col := range l.cols {
			for p := range l.phases {
				lowerPhase(e, l, p, col, plane, dst[c*l.channelSize+(s*len(l.phases)+p)*l.phaseSize:][:l.phaseSize])
			}
		}
	}
}

func lowerPhase[T Float](e *engine[T], l *lowering, p, col int, plane, dst []T) {
	phase := l.phases[p]
	start := phase.first*l.strideH + phase.phase
	row0, row1 := span(phase.last-phase.first+l.outH, l.strideH, start, l.height)
	col0, col1 := span(l.outW, l.strideW, col, l.width)
	if row0 == row1 || col0 == col1 {
		return
	}
	src := plane[(row0*l.strideH+start)*l.width+col0*l.strideW+col:]
	dst = dst[row0*l.outW+col0:]
	if l.strideW == 1 {
		e.copy(copyRows[T]{rows: row1 - row0, cols: col1 - col0, src: src, srcStride: l.strideH * l.width, dst: dst, dstStride: l.outW})
		return
	}
	for i := range row1 - row0 {
		row := src[i*l.strideH*l.width:]
		for j := range dst[i*l.outW:][:col1-col0] {
			dst[i*l.outW+j] = row[j*l.strideW]
		}
	}
}

package kernel

import "slices"

// im2col packs the source planes of one image and group so that every tap of a convolution reads
// one contiguous run.
//
// Output pixel j = oh·outW + ow of tap (c, r, s) needs source pixel (oh·strideH + rows[r],
// ow·strideW + cols[s]) of channel c. The packed copy L holds, for each channel c and column tap s,
// the source columns that s needs, outW of them a row. Its rows are sorted by their phase modulo
// strideH:
//
//	L[c][s][phase][q][ow] = source[c][(q + first)·strideH + phase][ow·strideW + cols[s]]
//
// with zeros outside the source.
//
// So tap (c, r, s) of pixel j is L[offset(c,r,s) + j]. A matrix product reads its operand straight
// from L, whole vectors of pixels at a time. The classic im2col copies every tap; this one shares
// the rows among the row taps, so L is only as many times larger than the image as the kernel is
// wide.
type im2col struct {
	channels, height, width int // of the source
	outH, outW              int
	strideH, strideW        int
	cols                    []int // source column of a column tap at output column 0
	phases                  []rowPhase
	phaseSize               int // elements in one [q][ow] plane
	channelSize             int
	offsets                 []int32 // of tap (c, r, s), c-major

	identity   bool        // L is the source: one tap, no stride, no padding
	splitWidth int         // of a source row after its columns are sorted by their phase modulo strideW
	splitPhase []int       // the phases that a column tap needs, in order
	picks      [16]int32   // 0, strideW, 2·strideW, …: for assembly
	blocks     []copyBlock // the copies that fill a channel of L
}

// copyBlock is a block to copy within one channel: its offsets in the source and in L, its rows and
// columns.
type copyBlock struct{ src, dst, rows, cols int32 }

// rowPhase holds the source rows that are phase modulo the row stride: rows first·stride + phase …
// last·stride + phase.
type rowPhase struct{ phase, first, last int }

func newIm2col(channels, height, width, outH, outW, strideH, strideW int, rows, cols []int) *im2col {
	l := &im2col{
		channels: channels, height: height, width: width, outH: outH, outW: outW, strideH: strideH, strideW: strideW,
		cols: cols,
	}
	oneTap := len(rows) == 1 && len(cols) == 1 && rows[0] == 0 && cols[0] == 0
	l.identity = oneTap && strideH == 1 && strideW == 1 && outH == height && outW == width
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
	l.addBlocks()
	return l
}

// addPhases collects the distinct phases of the row taps and returns the index of each tap's phase.
func (l *im2col) addPhases(rows []int) []int {
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

// size returns the elements of n packed channels.
func (l *im2col) size(n int) int { return n * l.channelSize }

// taps returns the number of taps of one channel.
func (l *im2col) taps() int { return len(l.offsets) / l.channels }

// span returns the range of i < n for which 0 <= i·stride + start < limit.
func span(n, stride, start, limit int) (first, end int) {
	first = min(n, max(0, ceilDivFloor(-start, stride)))
	end = min(n, max(first, ceilDivFloor(limit-start, stride)))
	return first, end
}

// ceilDivFloor is the ceiling of a/b for any a and positive b.
func ceilDivFloor(a, b int) int { return -floorDiv(-a, b) }

// addBlocks plans the copies of a channel: for each column tap and row phase, the part of the plane
// inside the source.
func (l *im2col) addBlocks() {
	l.splitWidth = ceilDiv(l.width, l.strideW)
	for i := range l.picks {
		l.picks[i] = int32(i * l.strideW)
	}
	for s, col := range l.cols {
		q := floorDiv(col, l.strideW)
		phase := col - q*l.strideW
		if !slices.Contains(l.splitPhase, phase) {
			l.splitPhase = append(l.splitPhase, phase)
		}
		col0, col1 := span(l.outW, 1, q, ceilDiv(max(0, l.width-phase), l.strideW))
		for p, rows := range l.phases {
			start := rows.first*l.strideH + rows.phase
			row0, row1 := span(rows.last-rows.first+l.outH, l.strideH, start, l.height)
			if row0 == row1 || col0 == col1 {
				continue
			}
			l.blocks = append(l.blocks, copyBlock{
				src:  int32((phase*l.height+row0*l.strideH+start)*l.splitWidth + col0 + q),
				dst:  int32((s*len(l.phases)+p)*l.phaseSize + row0*l.outW + col0),
				rows: int32(row1 - row0), cols: int32(col1 - col0),
			})
		}
	}
	slices.Sort(l.splitPhase)
}

// splitSize returns the elements of workspace that sorting the columns of n channels takes; 0 for
// column stride 1.
func (l *im2col) splitSize(n int) int {
	if l.strideW == 1 {
		return 0
	}
	return n * l.splitChannel()
}

// splitChannel returns the distance between channels after the sorting. Assembly may write up to
// pickSlack elements past a row.
func (l *im2col) splitChannel() int {
	if l.strideW == 1 {
		return l.height * l.width
	}
	return l.strideW*l.height*l.splitWidth + pickSlack
}

// packPatches copies n channels of src to dst. dst's border zeros must already be there; a buffer
// that serves one im2col only keeps them. split is workspace of splitSize.
func packPatches[T Float](e *engine[T], l *im2col, n int, src, split, dst []T) {
	if l.strideW > 1 {
		e.splitColumns(l, n, src, split)
		src = split
	}
	e.im2col(l, n, src, dst)
}

// splitColumns sorts the columns of n channels by those phases that a tap needs:
// split[c][phase][h][q] = src[c][h][q·strideW + phase].
func splitColumns[T Float](l *im2col, n int, src, split []T) {
	for c := range n {
		for _, phase := range l.splitPhase {
			for h := range l.height {
				row := src[(c*l.height+h)*l.width:][:l.width]
				dst := split[c*l.splitChannel()+(phase*l.height+h)*l.splitWidth:][:l.splitWidth]
				at := phase
				for q := range dst {
					if at >= len(row) {
						break
					}
					dst[q] = row[at]
					at += l.strideW
				}
			}
		}
	}
}

func im2colGeneric[T Float](l *im2col, n int, src, dst []T) {
	for c := range n {
		from, to := src[c*l.splitChannel():], dst[c*l.channelSize:]
		for _, b := range l.blocks {
			copyGeneric(copyRows[T]{
				rows: int(b.rows), cols: int(b.cols),
				src: from[b.src:], srcStride: l.strideH * l.splitWidth, dst: to[b.dst:], dstStride: l.outW,
			})
		}
	}
}

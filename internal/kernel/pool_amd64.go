//go:build amd64 && !purego

package kernel

import "math"

// maxPlaneFunc is an assembly function over one plane.
type maxPlaneFunc func(rows, cols, width int, x, y *float32, at *int32)

// vectorPool is pooling's assembly for one instruction set: of its own for the windows of most networks, at stride 2 without padding,
// and for all others functions over a plane that is laid out for them.
type vectorPool struct {
	lanes      int
	max2, max3 maxPlaneFunc
	maxTaps    func(rows, cols, step int, x *float32, n int, taps, starts, firsts *int32, place, placeStep int, y *float32, at *int32)
	maxRows    func(rows, cols, step, n int, x *float32, places *int32, y *float32, at *int32)
	sumTaps    func(rows, cols, step, outStep int, x *float32, n int, taps *int32, y *float32, scale, bias float32)
	pickRows   func(rows, cols, step, outStep int, x *float32, picks *int32, read, picked int, y *float32)
	copyRows   func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)
	flip       func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)
}

var (
	poolAVX2 = vectorPool{8, maxPool2AVX2, maxPool3AVX2, maxTapsAVX2, maxRowsAVX2, sumTapsAVX2, pickRowsAVX2, copyRowsAVX2, flipAVX2}

	poolAVX512 = vectorPool{16, maxPool2AVX512, maxPool3AVX512, maxTapsAVX512, maxRowsAVX512, sumTapsAVX512, pickRowsAVX512,
		copyRowsAVX512, flipAVX512}
)

func setPools(t *table[float32], v *vectorPool) {
	t.maxPlanes, t.maxBackwardPlanes = v.maxPlanes, vectorMaxBackwardPlanes
	t.sumPlanes, t.spreadPlanes = v.sumPlanes, v.spreadPlanes
}

func (v *vectorPool) maxPlanes(w *windows, worker int, x, y []float32, at []int32) {
	switch {
	case w.stride2(2):
		w.eachMax(v.max2, x, y, at)
		return
	case w.stride2(3):
		w.eachMax(v.max3, x, y, at)
		return
	case !w.laidOut() || w.DilationH > 1 && w.PadTop > 0:
		maxPlanes(w, worker, x, y, at)
		return
	}
	room := w.rooms.of(worker)
	if w.wholePlane() {
		v.maxWhole(w, room, x, y, at)
		return
	}
	for i := range len(y) / w.out {
		laid := v.layOut(w, room, inputs(w, x, i), float32(math.Inf(-1)))
		v.maxLaidOut(w, room, laid, outputs(w, y, i), outputs(w, at, i))
	}
}

func (w *windows) eachMax(f maxPlaneFunc, x, y []float32, at []int32) {
	for i := range len(y) / w.out {
		f(len(w.rows), len(w.columns), w.InWidth, &inputs(w, x, i)[0], &outputs(w, y, i)[0], &outputs(w, at, i)[0])
	}
}

// maxWhole is maxPlanes for one window a plane, which sees all of it: the planes become the columns of a row of results.
func (v *vectorPool) maxWhole(w *windows, room *poolRoom, x, y []float32, at []int32) {
	l := w.layout()
	for first := 0; first < len(y); first += v.lanes {
		n := min(v.lanes, len(y)-first)
		v.turn(w, room, x[first*w.in:], n)
		v.maxTaps(1, n, 0, &room.x[0], len(l.columns), &l.columns[0].offset, &noPlaces[0], &noPlaces[0], 0, 0, &y[first], &at[first])
	}
}

func (v *vectorPool) sumWhole(w *windows, room *poolRoom, x []float32, scale, bias float32, y []float32) {
	l := w.layout()
	for first := 0; first < len(y); first += v.lanes {
		n := min(v.lanes, len(y)-first)
		v.turn(w, room, x[first*w.in:], n)
		v.sumTaps(1, n, 0, n, &room.x[0], len(l.columns), &l.columns[0].offset, &y[first], scale, bias)
	}
}

// turn makes columns of n planes.
func (v *vectorPool) turn(w *windows, room *poolRoom, x []float32, n int) {
	room.x = grow(room.x, w.in*turnedPitch)
	v.flip(n, w.in, &x[0], w.in, &room.x[0], turnedPitch)
}

// noPlaces is where windows begin that see whole planes.
var noPlaces [turnedPitch]int32

// maxLaidOut takes the largest of each row's windows first where windows overlap so much that this is less work: of equal values the first
// in a row, and then of the rows, is the first in reading order all the same.
func (v *vectorPool) maxLaidOut(w *windows, room *poolRoom, x, y []float32, at []int32) {
	l, rows, cols := w.layout(), len(w.rows), len(w.columns)
	place := -w.PadTop * w.InWidth
	if !w.rowsFirst() {
		v.maxTaps(rows, cols, w.StrideH*l.rowSize, &x[0], len(l.taps), &l.taps[0].offset, &l.starts[0], &l.firsts[0],
			place, w.StrideH*w.InWidth, &y[0], &at[0])
		return
	}
	room.y, room.at = grow(room.y, l.rows*cols), grow(room.at, l.rows*cols)
	v.maxTaps(l.rows, cols, l.rowSize, &x[0], w.KernelW, &l.taps[0].offset, &l.starts[0], &l.firsts[0],
		place, w.InWidth, &room.y[0], &room.at[0])
	v.maxRows(rows, cols, w.StrideH*cols, w.KernelH, &room.y[0], &room.at[0], &y[0], &at[0])
}

// rowsFirst compares the taps of StrideH rows, as many as a row of results adds, and of KernelH results of rows, with a window's.
func (w *windows) rowsFirst() bool {
	return w.DilationH == 1 && w.StrideH*w.KernelW+w.KernelH+1 < w.KernelH*w.KernelW
}

// layOut returns L of a plane of x.
func (v *vectorPool) layOut(w *windows, room *poolRoom, x []float32, fill float32) []float32 {
	l := w.layout()
	if l.asItStands {
		return x
	}
	room.x = grow(room.x, l.rows*l.rowSize)
	laid, rows := room.x, min(w.InHeight, l.rows-w.PadTop)
	for phase := range l.phases {
		seen := len(w.columns) + (w.columnAxis().extent()-1-phase)/w.StrideW
		first, end := span(seen, w.StrideW, phase-w.PadLeft, w.InWidth)
		v.layOutPhase(w, phase, first, rows, x, laid)
		if first == 0 && end == seen {
			continue
		}
		for row := range rows {
			to := laid[(row+w.PadTop)*l.rowSize+phase*l.pitch:][:seen]
			setAll(to[:first], fill)
			setAll(to[end:], fill)
		}
	}
	setAll(laid[:w.PadTop*l.rowSize], fill)
	setAll(laid[(w.PadTop+rows)*l.rowSize:], fill)
	return laid
}

// layOutZeros is layOut with zeros outside, in a room that is used for nothing else: the zeros are there from when its memory was new, but for
// those behind a row's last element, where picking leaves others.
func (v *vectorPool) layOutZeros(w *windows, room *poolRoom, x []float32) []float32 {
	l := w.layout()
	if l.asItStands {
		return x
	}
	room.x = grow(room.x, l.rows*l.rowSize)
	rows, extent := min(w.InHeight, l.rows-w.PadTop), w.columnAxis().extent()
	for phase := range l.phases {
		seen := len(w.columns) + (extent-1-phase)/w.StrideW
		first, end := span(seen, w.StrideW, phase-w.PadLeft, w.InWidth)
		v.layOutPhase(w, phase, first, rows, x, room.x)
		if w.StrideW == 1 || end == seen {
			continue
		}
		for row := range rows {
			clear(room.x[(row+w.PadTop)*l.rowSize+phase*l.pitch:][end:seen])
		}
	}
	return room.x
}

// layOutPhase lays out every StrideW-th column of rows of x, from the one that stands at first in the phase.
func (v *vectorPool) layOutPhase(w *windows, phase, first, rows int, x, laid []float32) {
	l := w.layout()
	from, to := first*w.StrideW+phase-w.PadLeft, w.PadTop*l.rowSize+phase*l.pitch+first
	if from >= w.InWidth {
		return
	}
	cols := w.InWidth - from
	switch picked := v.lanes / w.StrideW; {
	case w.StrideW == 1:
		v.copyRows(rows, min(cols, l.pitch-first), &x[from], w.InWidth, &laid[to], l.rowSize)
	case picked > 0:
		v.pickRows(rows, cols, w.InWidth, l.rowSize, &x[from], &l.picks[0], picked*w.StrideW, picked, &laid[to])
	default:
		for row := range rows {
			picks := laid[to+row*l.rowSize:]
			for i := 0; i*w.StrideW < cols; i++ {
				picks[i] = x[row*w.InWidth+from+i*w.StrideW]
			}
		}
	}
}

// vectorMaxBackwardPlanes: dealing out one by one, as the portable code does, is faster than comparing places for all windows but these.
func vectorMaxBackwardPlanes(w *windows, at []int32, dy, dx []float32) {
	if !w.stride2(2) {
		maxBackwardPlanes(w, at, dy, dx)
		return
	}
	for i := range len(dy) / w.out {
		at, dy, dx := outputs(w, at, i), outputs(w, dy, i), inputs(w, dx, i)
		clearMargins(w, dx)
		maxPool2Backward(len(w.rows), len(w.columns), w.InWidth, &at[0], &dy[0], &dx[0])
	}
}

func (v *vectorPool) sumPlanes(w *windows, worker int, x []float32, scale, bias float32, y []float32) {
	rows, cols := len(w.rows), len(w.columns)
	if w.stride2(2) {
		for i := range len(y) / w.out {
			sumPool2(rows, cols, w.InWidth, &inputs(w, x, i)[0], &outputs(w, y, i)[0], scale, bias)
		}
		return
	}
	if !w.laidOut() {
		sumPlanes(w, worker, x, scale, bias, y)
		return
	}
	room, l := w.rooms.of(worker), w.layout()
	if w.wholePlane() {
		v.sumWhole(w, room, x, scale, bias, y)
		return
	}
	for i := range len(y) / w.out {
		laid := v.layOut(w, room, inputs(w, x, i), 0)
		v.sumTaps(rows, cols, w.StrideH*l.rowSize, cols, &laid[0], len(l.taps), &l.taps[0].offset, &outputs(w, y, i)[0], scale, bias)
	}
}

func (v *vectorPool) spreadPlanes(w *windows, worker int, dy []float32, scale float32, dx []float32) {
	switch {
	case w.stride2(2):
		for i := range len(dy) / w.out {
			dy, dx := outputs(w, dy, i), inputs(w, dx, i)
			clearMargins(w, dx)
			spreadPool2(len(w.rows), len(w.columns), w.InWidth, &dy[0], &dx[0], scale)
		}
		return
	case w.StrideW > mostGradientStride || w.out == 1 || !w.laidOut():
		spreadPlanes(w, worker, dy, scale, dx)
		return
	}
	room := w.rooms.of(worker)
	for i := range len(dy) / w.out {
		v.gather(w, room, inputs(w, dx, i), v.sumPhase(w, v.border(w, room, outputs(w, dy, i), scale)))
	}
}

// border returns scale·dy with a border of zeros.
func (v *vectorPool) border(w *windows, room *poolRoom, dy []float32, scale float32) []float32 {
	l, cols := w.layout(), len(w.columns)
	room.dy = grow(room.dy, l.borderedSize)
	clear(room.dy)
	itself := &l.taps[0].offset // 0
	v.sumTaps(len(w.rows), cols, cols, l.borderPitch, &dy[0], 1, itself, &room.dy[l.top*l.borderPitch+l.left], scale, 0)
	return room.dy
}

// gather sets dx to the sums of the windows that see it, a phase at a time. StrideW is 1 or 2.
func (v *vectorPool) gather(w *windows, room *poolRoom, dx []float32, sum phaseFunc) {
	pitch := ceilDiv(w.InWidth, w.StrideW)
	size := ceilDiv(w.InHeight, w.StrideH) * pitch
	room.dx = grow(room.dx, 2*size)
	for phases := w.layout().gradient; len(phases) > 0; phases = phases[w.StrideW:] {
		p := &phases[0]
		if p.rows == 0 {
			continue
		}
		if w.StrideW == 1 {
			w.gatherPhase(p, dx[p.row*w.InWidth:], w.StrideH*w.InWidth, sum)
			continue
		}
		for j := range 2 {
			w.gatherPhase(&phases[j], room.dx[phases[j].col*size:], pitch, sum)
		}
		w.merge(room.dx[:size], room.dx[size:], pitch, p.row, p.rows, dx)
	}
}

// phaseFunc sets the elements of a phase, which has taps, to their sums; from is where the first's window is in the bordered dy.
type phaseFunc func(p *gradientPhase, from int, to []float32, pitch int)

func (v *vectorPool) sumPhase(w *windows, dy []float32) phaseFunc {
	return func(p *gradientPhase, from int, to []float32, pitch int) {
		v.sumTaps(p.rows, p.columns, w.layout().borderPitch, pitch, &dy[from], len(p.taps), &p.taps[0].offset, &to[0], 1, 0)
	}
}

func (w *windows) gatherPhase(p *gradientPhase, to []float32, pitch int, sum phaseFunc) {
	l := w.layout()
	switch {
	case p.columns == 0:
	case len(p.taps) == 0:
		for row := range p.rows {
			clear(to[row*pitch:][:p.columns])
		}
	default:
		sum(p, (l.top+p.firstRow)*l.borderPitch+l.left+p.firstCol, to, pitch)
	}
}

// merge puts the even and the odd columns of rows of dx together, the rows StrideH apart.
func (w *windows) merge(even, odd []float32, pitch, first, rows int, dx []float32) {
	pairs := w.InWidth / 2
	if pairs > 0 {
		mergeRows(rows, pairs, pitch, w.StrideH*w.InWidth, &even[0], &odd[0], &dx[first*w.InWidth])
	}
	if w.InWidth%2 == 1 {
		for row := range rows {
			dx[(first+row*w.StrideH+1)*w.InWidth-1] = even[row*pitch+pairs]
		}
	}
}

// clearMargins sets the last row and column of a plane to zero where 2x2 windows don't reach them.
func clearMargins(w *windows, dx []float32) {
	clear(dx[2*len(w.rows)*w.InWidth:])
	if 2*len(w.columns) == w.InWidth {
		return
	}
	for i := w.InWidth - 1; i < len(dx); i += w.InWidth {
		dx[i] = 0
	}
}

//go:build amd64 && !purego

package kernel

import "math"

// maxPlaneFunc is an assembly function over one plane; maxValuesFunc is one without indices.
type (
	maxPlaneFunc  func(rows, cols, width int, x, y *float32, at *int32)
	maxValuesFunc func(rows, cols, width int, x, y *float32)
)

// vectorPool holds the assembly of pooling for one instruction set: special functions for the
// windows of most networks, at stride 2 without padding, and general ones that need the plane in a
// poolLayout.
type vectorPool struct {
	lanes      int
	max2, max3 maxPlaneFunc

	maxValues2, maxValues3 maxValuesFunc

	maxTaps func(
		rows, cols, step int, x *float32, n int, taps, starts, firsts *int32, origin, originStep int, y *float32,
		at *int32,
	)
	maxRows   func(rows, cols, step, n int, x *float32, indices *int32, y *float32, at *int32)
	sumTaps   func(rows, cols, step, outStep int, x *float32, n int, taps *int32, y *float32, scale, bias float32)
	pickRows  func(rows, cols, step, outStep int, x *float32, picks *int32, read, picked int, y *float32)
	copyRows  func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)
	transpose func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)
}

func setPools(t *table[float32], v *vectorPool) {
	t.maxPlanes, t.maxBackwardPlanes = v.maxPlanes, vectorMaxBackwardPlanes
	t.sumPlanes, t.spreadPlanes = v.sumPlanes, v.spreadPlanes
}

func (v *vectorPool) maxPlanes(w *windows, worker int, x, y []float32, at []int32) {
	switch {
	case w.sideByTwo == 2:
		w.eachMax(v.max2, v.maxValues2, x, y, at)
		return
	case w.sideByTwo == 3:
		w.eachMax(v.max3, v.maxValues3, x, y, at)
		return
	case !w.laidOut || w.DilationH > 1 && w.PadTop > 0:
		maxPlanes(w, worker, x, y, at)
		return
	}
	ws := w.workspaces.of(worker)
	at = ws.indices(at, len(y))
	if w.wholePlane() {
		v.maxWhole(w, ws, x, y, at)
		return
	}
	bands := w.bands()
	for i := range len(y) / w.out {
		x, y, at := inputs(w, x, i), outputs(w, y, i), outputs(w, at, i)
		for _, b := range bands {
			laid := v.layOut(b.windows, ws, x[b.x:][:b.in], float32(math.Inf(-1)))
			v.maxFromLayout(b, ws, laid, y[b.y:], at[b.y:])
		}
	}
}

func (w *windows) eachMax(f maxPlaneFunc, values maxValuesFunc, x, y []float32, at []int32) {
	for i := range len(y) / w.out {
		if at == nil {
			values(len(w.rows), len(w.columns), w.InWidth, &inputs(w, x, i)[0], &outputs(w, y, i)[0])
			continue
		}
		f(len(w.rows), len(w.columns), w.InWidth, &inputs(w, x, i)[0], &outputs(w, y, i)[0], &outputs(w, at, i)[0])
	}
}

// maxWhole is maxPlanes for windows that are the whole plane. It transposes planes, so that one row
// of results covers a vector of planes.
func (v *vectorPool) maxWhole(w *windows, ws *poolWorkspace, x, y []float32, at []int32) {
	l := w.layout()
	for first := 0; first < len(y); first += v.lanes {
		n := min(v.lanes, len(y)-first)
		v.transposePlanes(w, ws, x[first*w.in:], n)
		v.maxTaps(
			1, n, 0, &ws.x[0], len(l.columns), &l.columns[0].offset, &zeroStarts[0], &zeroStarts[0], 0, 0, &y[first],
			&at[first],
		)
	}
}

func (v *vectorPool) sumWhole(w *windows, ws *poolWorkspace, x []float32, scale, bias float32, y []float32) {
	l := w.layout()
	for first := 0; first < len(y); first += v.lanes {
		n := min(v.lanes, len(y)-first)
		v.transposePlanes(w, ws, x[first*w.in:], n)
		v.sumTaps(1, n, 0, n, &ws.x[0], len(l.columns), &l.columns[0].offset, &y[first], scale, bias)
	}
}

// transposePlanes makes n planes the columns of ws.x.
func (v *vectorPool) transposePlanes(w *windows, ws *poolWorkspace, x []float32, n int) {
	ws.x = grow(ws.x, w.in*transposedPitch)
	v.transpose(n, w.in, &x[0], w.in, &ws.x[0], transposedPitch)
}

// zeroStarts holds the starts of windows that are whole planes.
var zeroStarts [transposedPitch]int32

// maxFromLayout takes the maximum of each window's rows first if windows overlap so much that this
// is less work. The result is the same: the first of equal values in a row, and then among the
// rows, is the first in reading order. Indices count from the plane's first element.
func (v *vectorPool) maxFromLayout(w rowBand, ws *poolWorkspace, x, y []float32, at []int32) {
	l, rows, cols := w.layout(), len(w.rows), len(w.columns)
	origin := w.x - w.PadTop*w.InWidth
	if !w.rowsFirst() {
		v.maxTaps(rows, cols, w.StrideH*l.rowSize, &x[0], len(l.taps), &l.taps[0].offset, &l.starts[0], &l.firsts[0],
			origin, w.StrideH*w.InWidth, &y[0], &at[0])
		return
	}
	ws.y, ws.at = grow(ws.y, l.rows*cols), grow(ws.at, l.rows*cols)
	v.maxTaps(l.rows, cols, l.rowSize, &x[0], w.KernelW, &l.taps[0].offset, &l.starts[0], &l.firsts[0],
		origin, w.InWidth, &ws.y[0], &ws.at[0])
	v.maxRows(rows, cols, w.StrideH*cols, w.KernelH, &ws.y[0], &ws.at[0], &y[0], &at[0])
}

// rowsFirst compares the taps of a window with those of StrideH rows, the new ones for a row of
// results, plus KernelH results of rows.
func (w *windows) rowsFirst() bool {
	return w.DilationH == 1 && w.StrideH*w.KernelW+w.KernelH+1 < w.KernelH*w.KernelW
}

// layOut returns L of a plane of x.
func (v *vectorPool) layOut(w *windows, ws *poolWorkspace, x []float32, fill float32) []float32 {
	l := w.layout()
	if l.identity {
		return x
	}
	ws.x = grow(ws.x, l.rows*l.rowSize)
	laid := ws.x
	v.layOutPhases(w, x, laid)
	for phase, p := range l.spans {
		if p.first == 0 && p.end == p.seen {
			continue
		}
		for row := range l.inside {
			to := laid[(row+w.PadTop)*l.rowSize+phase*l.pitch:][:p.seen]
			setAll(to[:p.first], fill)
			setAll(to[p.end:], fill)
		}
	}
	setAll(laid[:w.PadTop*l.rowSize], fill)
	setAll(laid[(w.PadTop+l.inside)*l.rowSize:], fill)
	return laid
}

// layOutZeros is layOut with zeros outside, in a workspace that is used for nothing else. The zeros
// are there since the memory was new, except after a row's last element, where pickRows overwrites
// them.
func (v *vectorPool) layOutZeros(w *windows, ws *poolWorkspace, x []float32) []float32 {
	l := w.layout()
	if l.identity {
		return x
	}
	ws.x = grow(ws.x, l.rows*l.rowSize)
	v.layOutPhases(w, x, ws.x)
	if w.StrideW == 1 || l.splits(w.StrideW) {
		return ws.x
	}
	for phase, p := range l.spans {
		for row := 0; row < l.inside && p.end < p.seen; row++ {
			clear(ws.x[(row+w.PadTop)*l.rowSize+phase*l.pitch:][p.end:p.seen])
		}
	}
	return ws.x
}

// splits reports whether rows are split in two phases at once.
func (l *poolLayout) splits(strideW int) bool { return strideW == 2 && l.phases == 2 }

// layOutPhases copies the columns of x to their phases.
func (v *vectorPool) layOutPhases(w *windows, x, laid []float32) {
	l := w.layout()
	if l.splits(w.StrideW) {
		even, odd := w.PadLeft, w.PadLeft+1 // columns of the padded plane
		splitRows(
			l.inside, w.InWidth, w.InWidth, l.rowSize, &x[0],
			&laid[w.PadTop*l.rowSize+even%2*l.pitch+even/2], &laid[w.PadTop*l.rowSize+odd%2*l.pitch+odd/2],
		)
		return
	}
	for phase, p := range l.spans {
		v.layOutPhase(w, phase, p.first, l.inside, x, laid)
	}
}

// layOutPhase copies every StrideW-th column of rows of x, from the column that has index first in
// the phase.
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

// vectorMaxBackwardPlanes uses assembly, which compares indices, for 2x2 windows only. For all
// others the portable scatter is faster.
func vectorMaxBackwardPlanes(w *windows, at []int32, dy, dx []float32) {
	if w.sideByTwo != 2 {
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
	if w.sideByTwo == 2 {
		for i := range len(y) / w.out {
			sumPool2(rows, cols, w.InWidth, &inputs(w, x, i)[0], &outputs(w, y, i)[0], scale, bias)
		}
		return
	}
	if !w.laidOut {
		sumPlanes(w, worker, x, scale, bias, y)
		return
	}
	ws, l := w.workspaces.of(worker), w.layout()
	if w.wholePlane() {
		v.sumWhole(w, ws, x, scale, bias, y)
		return
	}
	for i := range len(y) / w.out {
		laid := v.layOut(w, ws, inputs(w, x, i), 0)
		v.sumTaps(
			rows, cols, w.StrideH*l.rowSize, cols, &laid[0], len(l.taps), &l.taps[0].offset, &outputs(w, y, i)[0],
			scale, bias,
		)
	}
}

func (v *vectorPool) spreadPlanes(w *windows, worker int, dy []float32, scale float32, dx []float32) {
	switch {
	case w.sideByTwo == 2:
		for i := range len(dy) / w.out {
			dy, dx := outputs(w, dy, i), inputs(w, dx, i)
			clearMargins(w, dx)
			spreadPool2(len(w.rows), len(w.columns), w.InWidth, &dy[0], &dx[0], scale)
		}
		return
	case w.StrideW > maxGradientStride || w.out == 1 || !w.laidOut:
		spreadPlanes(w, worker, dy, scale, dx)
		return
	}
	ws := w.workspaces.of(worker)
	for i := range len(dy) / w.out {
		v.gather(w, ws, inputs(w, dx, i), v.sumPhase(w, v.border(w, ws, outputs(w, dy, i), scale)))
	}
}

// border returns scale·dy with a border of zeros.
func (v *vectorPool) border(w *windows, ws *poolWorkspace, dy []float32, scale float32) []float32 {
	l, cols := w.layout(), len(w.columns)
	ws.dy = grow(ws.dy, l.borderedSize)
	clear(ws.dy)
	itself := &l.taps[0].offset // 0
	v.sumTaps(len(w.rows), cols, cols, l.borderPitch, &dy[0], 1, itself, &ws.dy[l.top*l.borderPitch+l.left], scale, 0)
	return ws.dy
}

// gather sets dx to the sums over the windows that contain each element, one phase at a time.
// StrideW must be 1 or 2.
func (v *vectorPool) gather(w *windows, ws *poolWorkspace, dx []float32, sum phaseFunc) {
	pitch := ceilDiv(w.InWidth, w.StrideW)
	size := ceilDiv(w.InHeight, w.StrideH) * pitch
	ws.dx = grow(ws.dx, 2*size)
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
			w.gatherPhase(&phases[j], ws.dx[phases[j].col*size:], pitch, sum)
		}
		w.merge(ws.dx[:size], ws.dx[size:], pitch, p.row, p.rows, dx)
	}
}

// phaseFunc sets the elements of a phase that has taps to their sums. from is the offset in the
// bordered dy of the first element's window.
type phaseFunc func(p *gradientPhase, from int, to []float32, pitch int)

func (v *vectorPool) sumPhase(w *windows, dy []float32) phaseFunc {
	return func(p *gradientPhase, from int, to []float32, pitch int) {
		v.sumTaps(
			p.rows, p.columns, w.layout().borderPitch, pitch, &dy[from], len(p.taps), &p.taps[0].offset, &to[0], 1, 0,
		)
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

// merge interleaves the even and the odd columns of rows of dx; the rows are StrideH apart.
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

// clearMargins clears the last row and column of a plane if 2x2 windows don't reach them.
func clearMargins(w *windows, dx []float32) {
	clear(dx[2*len(w.rows)*w.InWidth:])
	if 2*len(w.columns) == w.InWidth {
		return
	}
	for i := w.InWidth - 1; i < len(dx); i += w.InWidth {
		dx[i] = 0
	}
}

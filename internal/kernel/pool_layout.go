package kernel

// poolLayout is the memory layout from which vectors of pooling results read a plane. It includes
// the padding, and each row is sorted by the phase of its columns modulo StrideW:
//
//	L[r][phase][i] = x[r-PadTop][i·StrideW + phase - PadLeft]      (the padding's value outside)
//
// Tap (kh, kw) is r = kh·DilationH rows and s = kw·DilationW columns from a window's first element.
// For the results ow of row oh it is one run, L[oh·StrideH+r][s mod StrideW][ow + s/StrideW]. At
// StrideW = 1 without padding, L is the plane itself.
//
// In the backward pass, let h+PadTop = StrideH·p + i and w+PadLeft = StrideW·q + j. Then dx[h][w]
// is in the windows (p-a, q-b) that have a tap r = i+StrideH·a, s = j+StrideW·b. For the elements
// of one phase (i, j) these are taps of dy with a border of zeros around it.
type poolLayout struct {
	identity bool // L is x
	phases   int
	pitch    int // elements in a row of one phase
	rowSize  int // elements in a row of all phases
	rows     int
	inside   int         // rows of x, from the first one on, that windows see
	spans    []phaseSpan // of each phase's columns
	taps     []poolTap   // in reading order
	starts   []int32     // the first column of the windows of each result column
	firsts   []int32     // and their first column inside x
	picks    []int32     // 0, StrideW, 2·StrideW, …
	columns  []poolTap   // of a window that is the whole plane, for planes transposed to columns transposedPitch apart

	// The border around dy, and the phases ordered by i, then j.
	top, left    int
	borderPitch  int
	borderedSize int
	gradient     []gradientPhase
}

// phaseSpan holds the columns of a row of one phase: windows see the first seen ones, of which
// [first, end) are inside the plane.
type phaseSpan struct{ seen, first, end int }

// poolTap is a tap's offset from the first element of a result's window in L, and its index: in the
// forward pass its offset in x from the window's start, in the backward pass its number in the
// window.
type poolTap struct{ offset, index int32 }

// gradientPhase holds the elements dx[StrideH·p + i - PadTop][StrideW·q + j - PadLeft] for p, q
// from first on, and their taps in dy, in the order of dy.
type gradientPhase struct {
	number            int // index in the layout's gradient
	row, col          int // index of the first element in dx
	firstRow, rows    int // p
	firstCol, columns int // q
	taps              []poolTap
}

// transposedPitch is the most planes that are transposed together.
const transposedPitch = 16

// maxGradientStride is the largest StrideW for which the gradient of sums has phases; see gather.
const maxGradientStride = 2

// pickSlack is how many elements past the last one pickRows may write.
const pickSlack = 15

// maxLayoutPixels is the most pixels of a plane with a layout: its offsets, which are up to 195
// times as large, must fit in 32 bits.
const maxLayoutPixels = 1 << 23

// hasLayout reports whether the layout's size is of the plane's order. Windows that are mostly
// padding, or very far apart, would have as many taps and phases as a hostile spec asks for.
func (s PoolShape) hasLayout() bool {
	return s.rowAxis().shortInside() && s.columnAxis().shortInside() && s.inPlane() <= maxLayoutPixels
}

func (a axis) shortInside() bool {
	extent := a.extent()
	return extent <= 2*a.in && a.stride <= 2*a.in && a.before < extent && a.after < extent
}

func newPoolLayout(s PoolShape) *poolLayout {
	outH, outW := s.OutHeight(), s.OutWidth()
	extentH, extentW := s.rowAxis().extent(), s.columnAxis().extent()
	l := &poolLayout{
		identity: s.StrideW == 1 && s.inside(),
		phases:   min(s.StrideW, extentW),
		pitch:    max(outW, ceilDiv(s.InWidth+s.PadLeft, s.StrideW)) + (extentW-1)/s.StrideW + pickSlack,
		rows:     (outH-1)*s.StrideH + extentH,
	}
	l.inside = min(s.InHeight, l.rows-s.PadTop)
	for phase := range l.phases {
		p := phaseSpan{seen: outW + (extentW-1-phase)/s.StrideW}
		p.first, p.end = span(p.seen, s.StrideW, phase-s.PadLeft, s.InWidth)
		l.spans = append(l.spans, p)
	}
	l.rowSize = l.phases * l.pitch
	if l.identity {
		l.rowSize = s.InWidth
	}
	for kh := range s.KernelH {
		for kw := range s.KernelW {
			l.taps = append(l.taps, poolTap{
				offset: int32(kh*s.DilationH*l.rowSize + kw*s.DilationW%s.StrideW*l.pitch + kw*s.DilationW/s.StrideW),
				index:  int32(kh*s.DilationH*s.InWidth + kw*s.DilationW),
			})
		}
	}
	for ow, r := range s.columnAxis().reaches() {
		l.starts, l.firsts = append(l.starts, int32(ow*s.StrideW-s.PadLeft)), append(l.firsts, int32(r.from))
	}
	for i := range int32(pickSlack + 1) {
		l.picks = append(l.picks, i*int32(s.StrideW))
	}
	if outH*outW == 1 {
		for i := range int32(s.inPlane()) {
			l.columns = append(l.columns, poolTap{i * transposedPitch, i})
		}
	}
	if s.StrideW <= maxGradientStride {
		l.planGradient(s, outH, outW)
	}
	return l
}

func (l *poolLayout) planGradient(s PoolShape, outH, outW int) {
	l.top, l.left = (s.rowAxis().extent()-1)/s.StrideH, (s.columnAxis().extent()-1)/s.StrideW
	bottom, right := max(0, (s.InHeight-1+s.PadTop)/s.StrideH+1-outH), max(0, (s.InWidth-1+s.PadLeft)/s.StrideW+1-outW)
	l.borderPitch = l.left + outW + right
	l.borderedSize = (l.top + outH + bottom) * l.borderPitch
	for i := range s.StrideH {
		for j := range s.StrideW {
			p := l.gradientPhase(s, i, j)
			p.number = len(l.gradient)
			l.gradient = append(l.gradient, p)
		}
	}
}

func (l *poolLayout) gradientPhase(s PoolShape, i, j int) gradientPhase {
	p := gradientPhase{
		firstRow: max(0, ceilDivFloor(s.PadTop-i, s.StrideH)), firstCol: max(0, ceilDivFloor(s.PadLeft-j, s.StrideW)),
	}
	p.row, p.col = p.firstRow*s.StrideH+i-s.PadTop, p.firstCol*s.StrideW+j-s.PadLeft
	p.rows, p.columns = max(0, ceilDivFloor(s.InHeight-p.row, s.StrideH)), max(
		0, ceilDivFloor(s.InWidth-p.col, s.StrideW),
	)
	columns := s.columnAxis().tapsOfPhase(j)
	for _, kh := range s.rowAxis().tapsOfPhase(i) {
		a := kh * s.DilationH / s.StrideH
		for _, kw := range columns {
			b := kw * s.DilationW / s.StrideW
			p.taps = append(p.taps, poolTap{offset: int32(-a*l.borderPitch - b), index: int32(kh*s.KernelW + kw)})
		}
	}
	return p
}

// tapsOfPhase returns the taps that read elements of a phase modulo the stride, last tap first.
func (a axis) tapsOfPhase(phase int) (taps []int) {
	for k := a.kernel - 1; k >= 0; k-- {
		if k*a.dilation%a.stride == phase {
			taps = append(taps, k)
		}
	}
	return taps
}

// rowBand is some rows of a plane's results with the rows of x that they need: windows of a smaller
// plane. A band's layout stays in the L1 cache, where that of a large plane doesn't.
type rowBand struct {
	*windows
	x, y int // where it begins in a plane of x and of y
}

const (
	planeLayout = 6 << 10 // most elements of a plane's layout, or it is computed in bands
	bandLayout  = 3 << 10 // about as many elements has that of a band
	bandRows    = 4       // the rows of results of a band are a multiple: the kernels compute as many at once
)

// cut cuts the rows of results into bands, or not, if the plane's layout is small. Bands of one
// shape share their windows.
func (w windows) cut() (bands []rowBand) {
	rows, step := len(w.rows), w.bandStep()
	if step >= rows {
		return []rowBand{{windows: &w}}
	}
	shapes := map[PoolShape]*windows{}
	for from, to := 0, 0; to < rows; from = to {
		to = from + step
		if rows-to < bandRows { // the last band isn't smaller than the kernels' rows
			to = rows
		}
		first, shape := w.rowsOf(from, to)
		if shapes[shape] == nil {
			band := newWindows(shape)
			shapes[shape] = &band
		}
		bands = append(bands, rowBand{windows: shapes[shape], x: first * w.InWidth, y: from * len(w.columns)})
	}
	return bands
}

// bandStep returns the rows of results of a band. Neighboring bands lay out some rows of x twice;
// it doesn't cut where these are many.
func (w *windows) bandStep() int {
	l, rows := w.layout(), len(w.rows)
	if l.identity || l.rows*l.rowSize <= planeLayout {
		return rows
	}
	step := max(1, bandLayout/(w.StrideH*l.rowSize*bandRows)) * bandRows
	if w.rowAxis().extent() > (step+1)*w.StrideH {
		return rows
	}
	return step
}

// rowsOf returns the first row of x that rows [from, to) of the results need, and the shape of
// these rows' windows.
func (w *windows) rowsOf(from, to int) (first int, s PoolShape) {
	s = w.PoolShape
	first = from*s.StrideH - s.PadTop
	end := (to-1)*s.StrideH - s.PadTop + (s.KernelH-1)*s.DilationH + 1
	s.PadTop, s.PadBottom = max(0, -first), max(0, end-w.InHeight)
	first = max(0, first)
	s.InHeight = min(end, w.InHeight) - first
	return first, s
}

func setAll[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

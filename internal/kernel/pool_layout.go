package kernel

// A poolLayout is how vectors of results read the plane of a pooling. With its padding around it, its rows each sorted by their columns'
// phase modulo StrideW, the plane is
//
//	L[r][phase][i] = x[r-PadTop][i·StrideW + phase - PadLeft]      (the padding's value outside)
//
// and tap (kh, kw), which is r = kh·DilationH rows and s = kw·DilationW columns from a window's first, of the results ow of row oh is one run,
// L[oh·StrideH+r][s mod StrideW][ow + s/StrideW]. At StrideW = 1, where no window reads padding, that is the plane as it stands.
//
// Backwards dx[h][w], with h+PadTop = StrideH·p + i and w+PadLeft = StrideW·q + j, is seen by the windows (p-a, q-b) whose tap r = i+StrideH·a,
// s = j+StrideW·b there is. For the elements of one phase (i, j) these are taps of dy with a border of zeros around it.
type poolLayout struct {
	asItStands bool // L is x
	phases     int
	pitch      int // elements of a row of one phase
	rowSize    int // of all its phases
	rows       int
	taps       []poolTap // in reading order
	starts     []int32   // where a column's windows begin in a row of x
	firsts     []int32   // and where they begin to see it
	picks      []int32   // 0, StrideW, 2·StrideW, …
	columns    []poolTap // of a window that is a whole plane, where planes are columns turnedPitch apart

	// The border around dy, and the phases by i, then j.
	top, left    int
	borderPitch  int
	borderedSize int
	gradient     []gradientPhase
}

// poolTap is a tap's offset from a result's first, in elements, and its place: forwards in x, from where the window starts, backwards in the window.
type poolTap struct{ offset, place int32 }

// gradientPhase is the elements dx[StrideH·p + i - PadTop][StrideW·q + j - PadLeft] for p, q from first on, and their taps of dy, in its order.
type gradientPhase struct {
	number            int // among the layout's
	row, col          int // of the first element in dx
	firstRow, rows    int // p
	firstCol, columns int // q
	taps              []poolTap
}

// turnedPitch is how many planes are turned into columns at most.
const turnedPitch = 16

// mostGradientStride is up to which StrideW the gradient of sums has phases; see gather.
const mostGradientStride = 2

// pickSlack is how many elements behind its last the assembly that sorts columns may write.
const pickSlack = 15

// mostLaidOut is how many pixels a plane may have that is laid out: its offsets, 195 times as many at most, are 32 bits.
const mostLaidOut = 1 << 23

// laidOut says whether a layout is of the plane's order of size. It isn't where windows are mostly padding or very far apart, which a spec may say:
// their taps and phases would be as many as it says.
func (s PoolShape) laidOut() bool {
	return s.rowAxis().shortInside() && s.columnAxis().shortInside() && s.inPlane() <= mostLaidOut
}

func (a axis) shortInside() bool {
	extent := a.extent()
	return extent <= 2*a.in && a.stride <= 2*a.in && a.before < extent && a.after < extent
}

func newPoolLayout(s PoolShape) *poolLayout {
	outH, outW := s.OutHeight(), s.OutWidth()
	extentH, extentW := s.rowAxis().extent(), s.columnAxis().extent()
	l := &poolLayout{
		asItStands: s.StrideW == 1 && s.inside(),
		phases:     min(s.StrideW, extentW),
		pitch:      max(outW, ceilDiv(s.InWidth+s.PadLeft, s.StrideW)) + (extentW-1)/s.StrideW + pickSlack,
		rows:       (outH-1)*s.StrideH + extentH,
	}
	l.rowSize = l.phases * l.pitch
	if l.asItStands {
		l.rowSize = s.InWidth
	}
	for kh := range s.KernelH {
		for kw := range s.KernelW {
			l.taps = append(l.taps, poolTap{
				offset: int32(kh*s.DilationH*l.rowSize + kw*s.DilationW%s.StrideW*l.pitch + kw*s.DilationW/s.StrideW),
				place:  int32(kh*s.DilationH*s.InWidth + kw*s.DilationW),
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
			l.columns = append(l.columns, poolTap{i * turnedPitch, i})
		}
	}
	if s.StrideW <= mostGradientStride {
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
	p := gradientPhase{firstRow: max(0, ceilDivFloor(s.PadTop-i, s.StrideH)), firstCol: max(0, ceilDivFloor(s.PadLeft-j, s.StrideW))}
	p.row, p.col = p.firstRow*s.StrideH+i-s.PadTop, p.firstCol*s.StrideW+j-s.PadLeft
	p.rows, p.columns = max(0, ceilDivFloor(s.InHeight-p.row, s.StrideH)), max(0, ceilDivFloor(s.InWidth-p.col, s.StrideW))
	columns := s.columnAxis().tapsOfPhase(j)
	for _, kh := range s.rowAxis().tapsOfPhase(i) {
		a := kh * s.DilationH / s.StrideH
		for _, kw := range columns {
			b := kw * s.DilationW / s.StrideW
			p.taps = append(p.taps, poolTap{offset: int32(-a*l.borderPitch - b), place: int32(kh*s.KernelW + kw)})
		}
	}
	return p
}

// tapsOfPhase returns the taps that read elements of a phase modulo the stride, from the last one back.
func (a axis) tapsOfPhase(phase int) (taps []int) {
	for k := a.kernel - 1; k >= 0; k-- {
		if k*a.dilation%a.stride == phase {
			taps = append(taps, k)
		}
	}
	return taps
}

func setAll[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

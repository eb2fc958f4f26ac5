package kernel

// A poolLayout is how vectors of results read the plane of a pooling. With its padding around it, its rows each sorted by their columns'
// phase modulo StrideW, the plane is
//
//	L[r][phase][i] = x[r-PadH][i·StrideW + phase - PadW]      (the padding's value outside)
//
// and tap (kh, kw) of the results ow of row oh is one run, L[oh·StrideH+kh][kw mod StrideW][ow + kw/StrideW]. At StrideW = 1 without
// padding that is the plane as it stands.
//
// Backwards dx[h][w], with h+PadH = StrideH·p + i and w+PadW = StrideW·q + j, is seen by the windows (p-a, q-b) for all a, b with
// i+StrideH·a < KernelH and j+StrideW·b < KernelW. For the elements of one phase (i, j) these are taps of dy with a border of zeros around it.
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

// poolTap is a tap's offset from a result's first, in elements, and its place in x from where the window starts.
type poolTap struct{ offset, place int32 }

// gradientPhase is the elements dx[StrideH·p + i - PadH][StrideW·q + j - PadW] for p, q from first on, and their taps of dy, in its order.
type gradientPhase struct {
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
	return s.KernelH <= 2*s.InHeight && s.KernelW <= 2*s.InWidth && s.StrideH <= 2*s.InHeight && s.StrideW <= 2*s.InWidth &&
		s.PadH < s.KernelH && s.PadW < s.KernelW && s.inPlane() <= mostLaidOut
}

func newPoolLayout(s PoolShape) *poolLayout {
	outH, outW := s.OutHeight(), s.OutWidth()
	l := &poolLayout{
		asItStands: s.StrideW == 1 && s.PadH == 0 && s.PadW == 0,
		phases:     min(s.StrideW, s.KernelW),
		pitch:      max(outW, ceilDiv(s.InWidth+s.PadW, s.StrideW)) + (s.KernelW-1)/s.StrideW + pickSlack,
		rows:       (outH-1)*s.StrideH + s.KernelH,
	}
	l.rowSize = l.phases * l.pitch
	if l.asItStands {
		l.rowSize = s.InWidth
	}
	for kh := range s.KernelH {
		for kw := range s.KernelW {
			l.taps = append(l.taps, poolTap{
				offset: int32(kh*l.rowSize + kw%s.StrideW*l.pitch + kw/s.StrideW),
				place:  int32(kh*s.InWidth + kw),
			})
		}
	}
	for ow := range outW {
		start := int32(ow*s.StrideW - s.PadW)
		l.starts, l.firsts = append(l.starts, start), append(l.firsts, max(0, start))
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
	l.top, l.left = (s.KernelH-1)/s.StrideH, (s.KernelW-1)/s.StrideW
	bottom, right := max(0, (s.InHeight-1+s.PadH)/s.StrideH+1-outH), max(0, (s.InWidth-1+s.PadW)/s.StrideW+1-outW)
	l.borderPitch = l.left + outW + right
	l.borderedSize = (l.top + outH + bottom) * l.borderPitch
	for i := range s.StrideH {
		for j := range s.StrideW {
			l.gradient = append(l.gradient, l.gradientPhase(s, i, j))
		}
	}
}

func (l *poolLayout) gradientPhase(s PoolShape, i, j int) gradientPhase {
	p := gradientPhase{firstRow: max(0, ceilDivFloor(s.PadH-i, s.StrideH)), firstCol: max(0, ceilDivFloor(s.PadW-j, s.StrideW))}
	p.row, p.col = p.firstRow*s.StrideH+i-s.PadH, p.firstCol*s.StrideW+j-s.PadW
	p.rows, p.columns = max(0, ceilDivFloor(s.InHeight-p.row, s.StrideH)), max(0, ceilDivFloor(s.InWidth-p.col, s.StrideW))
	for a := ceilDivFloor(s.KernelH-i, s.StrideH) - 1; a >= 0; a-- {
		for b := ceilDivFloor(s.KernelW-j, s.StrideW) - 1; b >= 0; b-- {
			p.taps = append(p.taps, poolTap{offset: int32(-a*l.borderPitch - b)})
		}
	}
	return p
}

func setAll[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

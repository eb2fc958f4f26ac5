package kernel

import "sync"

// PoolShape is the geometry of a pooling layer over x (Batch, Channels, InHeight, InWidth).
// Dilations of zero mean one. Every window must contain an element of x.
type PoolShape struct {
	Batch, Channels, InHeight, InWidth   int
	KernelH, KernelW, StrideH, StrideW   int
	PadTop, PadBottom, PadLeft, PadRight int
	DilationH, DilationW                 int

	Ceil       bool // the last window may end beyond the padding if it begins in front of it
	ExcludePad bool // an average counts only elements of x, not the padding's zeros
}

// OutHeight returns the rows of the result.
func (s PoolShape) OutHeight() int { return s.rowAxis().windows() }

// OutWidth returns the columns of the result.
func (s PoolShape) OutWidth() int { return s.columnAxis().windows() }

func (s PoolShape) withDefaults() PoolShape {
	s.DilationH, s.DilationW = max(1, s.DilationH), max(1, s.DilationW)
	return s
}

func (s PoolShape) rowAxis() axis {
	s = s.withDefaults()
	return axis{
		in: s.InHeight, kernel: s.KernelH, stride: s.StrideH, before: s.PadTop, after: s.PadBottom,
		dilation: s.DilationH, ceil: s.Ceil,
	}
}

func (s PoolShape) columnAxis() axis {
	s = s.withDefaults()
	return axis{
		in: s.InWidth, kernel: s.KernelW, stride: s.StrideW, before: s.PadLeft, after: s.PadRight,
		dilation: s.DilationW, ceil: s.Ceil,
	}
}

func (s PoolShape) inPlane() int  { return s.InHeight * s.InWidth }
func (s PoolShape) outPlane() int { return s.OutHeight() * s.OutWidth() }

// windows holds what all poolings share: the geometry, and the division of the planes into shards.
// A plane is one channel of one image.
type windows struct {
	PoolShape
	rows, columns []reach
	in, out       int                // pixels of an input plane and of an output plane
	sideByTwo     int                // of square windows of stride 2 inside the input, no padding; 0 for others
	laidOut       bool               // see hasLayout
	layout        func() *poolLayout // planned at the first call
	bands         func() []rowBand   // likewise
	workspaces    *perWorker[poolWorkspace]
	perShard      int
}

// poolWorkspace is the vectorized poolings' workspace for one plane.
type poolWorkspace struct {
	x      []float32 // in the layout's order
	y      []float32 // largest value of each single-row window
	at     []int32   // and its index
	dy, dx []float32 // dy with a border; dx by the phases of its columns
	spare  []int32   // indices that nobody asks for
}

// indices returns at, or if it is nil, workspace for n indices.
func (ws *poolWorkspace) indices(at []int32, n int) []int32 {
	if at != nil {
		return at
	}
	ws.spare = grow(ws.spare, n)
	return ws.spare[:n]
}

func newWindows(s PoolShape) windows {
	s = s.withDefaults()
	in, side := s.inPlane(), 0
	if s.KernelH == s.KernelW && s.StrideH == 2 && s.StrideW == 2 && !s.dilated() && s.inside() {
		side = s.KernelH
	}
	w := windows{
		PoolShape:  s,
		sideByTwo:  side,
		laidOut:    s.hasLayout(),
		rows:       s.rowAxis().reaches(),
		columns:    s.columnAxis().reaches(),
		in:         in,
		out:        s.outPlane(),
		layout:     sync.OnceValue(func() *poolLayout { return newPoolLayout(s) }),
		workspaces: new(perWorker[poolWorkspace]),
		perShard:   max(1, sweepShard/max(1, in)),
	}
	w.bands = sync.OnceValue(w.cut)
	return w
}

func (w *windows) planes() int { return w.Batch * w.Channels }
func (w *windows) shards() int { return (w.planes() + w.perShard - 1) / w.perShard }

// planesOf returns the planes [from, to) of a shard.
func (w *windows) planesOf(shard int) (from, to int) {
	from = shard * w.perShard
	return from, min(from+w.perShard, w.planes())
}

// inputs and outputs return the i-th of some input or output planes.
func inputs[E any](w *windows, planes []E, i int) []E  { return planes[i*w.in:][:w.in:w.in] }
func outputs[E any](w *windows, planes []E, i int) []E { return planes[i*w.out:][:w.out:w.out] }

// inside reports whether every window reads the input alone, no padding.
func (s PoolShape) inside() bool { return s.rowAxis().inside() && s.columnAxis().inside() }

func (s PoolShape) dilated() bool { return s.DilationH > 1 || s.DilationW > 1 }

// wholePlane reports whether the only window is the whole plane.
func (w *windows) wholePlane() bool {
	return w.out == 1 && !w.dilated() && w.rows[0] == (reach{0, w.InHeight}) && w.columns[0] == (reach{0, w.InWidth})
}

// disjoint reports whether no two windows share an element, and no window skips one.
func (w *windows) disjoint() bool {
	rows := w.KernelH <= w.StrideH || len(w.rows) == 1
	columns := w.KernelW <= w.StrideW || len(w.columns) == 1
	return !w.dilated() && rows && columns
}

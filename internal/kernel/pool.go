package kernel

import "sync"

// PoolShape is the geometry of a pooling layer over x (Batch, Channels, InHeight, InWidth). Dilations of zero mean one. Every window must
// see an element of x.
type PoolShape struct {
	Batch, Channels, InHeight, InWidth   int
	KernelH, KernelW, StrideH, StrideW   int
	PadTop, PadBottom, PadLeft, PadRight int
	DilationH, DilationW                 int

	Ceil       bool // a last window may reach beyond the padding, if it begins in front of it
	ExcludePad bool // an average is one of the elements of x, without the padding's zeros
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
		in: s.InHeight, kernel: s.KernelH, stride: s.StrideH, before: s.PadTop, after: s.PadBottom, dilation: s.DilationH, ceil: s.Ceil,
	}
}

func (s PoolShape) columnAxis() axis {
	s = s.withDefaults()
	return axis{
		in: s.InWidth, kernel: s.KernelW, stride: s.StrideW, before: s.PadLeft, after: s.PadRight, dilation: s.DilationW, ceil: s.Ceil,
	}
}

func (s PoolShape) inPlane() int  { return s.InHeight * s.InWidth }
func (s PoolShape) outPlane() int { return s.OutHeight() * s.OutWidth() }

// windows is what the poolings share: the geometry, and the sharing out of the planes. A plane is the pixels of one channel of one image.
type windows struct {
	PoolShape
	rows, columns []reach
	in, out       int                // pixels of a plane
	layout        func() *poolLayout // planned when first asked for
	rooms         *perWorker[poolRoom]
	perShard      int
}

// poolRoom is an instruction set's scratch for one plane.
type poolRoom struct {
	x      []float32 // laid out
	y      []float32 // largest of the windows of single rows
	at     []int32   // and their places
	dy, dx []float32 // with a border; by the columns' phase
}

func newWindows(s PoolShape) windows {
	s = s.withDefaults()
	in := s.inPlane()
	return windows{
		PoolShape: s,
		rows:      s.rowAxis().reaches(),
		columns:   s.columnAxis().reaches(),
		in:        in,
		out:       s.outPlane(),
		layout:    sync.OnceValue(func() *poolLayout { return newPoolLayout(s) }),
		rooms:     new(perWorker[poolRoom]),
		perShard:  max(1, sweepShard/max(1, in)),
	}
}

func (w *windows) planes() int { return w.Batch * w.Channels }
func (w *windows) shards() int { return (w.planes() + w.perShard - 1) / w.perShard }

// planesOf returns the first plane of a shard and the one behind its last.
func (w *windows) planesOf(shard int) (from, to int) {
	from = shard * w.perShard
	return from, min(from+w.perShard, w.planes())
}

// inputs and outputs return the i-th plane of some.
func inputs[E any](w *windows, planes []E, i int) []E  { return planes[i*w.in:][:w.in:w.in] }
func outputs[E any](w *windows, planes []E, i int) []E { return planes[i*w.out:][:w.out:w.out] }

// stride2 says that the windows are 2 apart, as large as given, and all inside the input.
func (w *windows) stride2(kernel int) bool {
	return w.KernelH == kernel && w.KernelW == kernel && w.StrideH == 2 && w.StrideW == 2 && !w.dilated() && w.inside()
}

// inside says that no window reads padding or what lies beyond it.
func (s PoolShape) inside() bool { return s.rowAxis().inside() && s.columnAxis().inside() }

func (s PoolShape) dilated() bool { return s.DilationH > 1 || s.DilationW > 1 }

// wholePlane says that there is one window, which sees the whole plane.
func (w *windows) wholePlane() bool {
	return w.out == 1 && !w.dilated() && w.rows[0] == (reach{0, w.InHeight}) && w.columns[0] == (reach{0, w.InWidth})
}

// apart says that no two windows see the same element, and each all elements between its first and its last.
func (w *windows) apart() bool {
	return !w.dilated() && (w.KernelH <= w.StrideH || len(w.rows) == 1) && (w.KernelW <= w.StrideW || len(w.columns) == 1)
}

package kernel

import "sync"

// PoolShape is the geometry of a pooling layer over x (Batch, Channels, InHeight, InWidth).
type PoolShape struct {
	Batch, Channels, InHeight, InWidth             int
	KernelH, KernelW, StrideH, StrideW, PadH, PadW int
}

// OutHeight returns the rows of the result.
func (s PoolShape) OutHeight() int { return (s.InHeight+2*s.PadH-s.KernelH)/s.StrideH + 1 }

// OutWidth returns the columns of the result.
func (s PoolShape) OutWidth() int { return (s.InWidth+2*s.PadW-s.KernelW)/s.StrideW + 1 }

func (s PoolShape) inPlane() int  { return s.InHeight * s.InWidth }
func (s PoolShape) outPlane() int { return s.OutHeight() * s.OutWidth() }

// reach is a window's reach along one axis, cut to the input: from included, to not.
type reach struct{ from, to int }

func reaches(out, kernel, stride, pad, size int) []reach {
	s := make([]reach, out)
	for i := range s {
		from := i*stride - pad
		s[i] = reach{min(max(from, 0), size), min(max(from+kernel, 0), size)}
	}
	return s
}

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
	in := s.inPlane()
	return windows{
		PoolShape: s,
		rows:      reaches(s.OutHeight(), s.KernelH, s.StrideH, s.PadH, s.InHeight),
		columns:   reaches(s.OutWidth(), s.KernelW, s.StrideW, s.PadW, s.InWidth),
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
	return w.KernelH == kernel && w.KernelW == kernel && w.StrideH == 2 && w.StrideW == 2 && w.PadH == 0 && w.PadW == 0
}

// wholePlane says that there is one window, which sees the whole plane.
func (w *windows) wholePlane() bool {
	return w.out == 1 && w.rows[0] == (reach{0, w.InHeight}) && w.columns[0] == (reach{0, w.InWidth})
}

// apart says that no two windows see the same element.
func (w *windows) apart() bool {
	return (w.KernelH <= w.StrideH || len(w.rows) == 1) && (w.KernelW <= w.StrideW || len(w.columns) == 1)
}

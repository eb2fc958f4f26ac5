package kernel

import "slices"

// MaxPool takes the largest value of each window and, after KeepIndices, stores its index.
type MaxPool[T Float] struct {
	windows
	argmax            []int32 // nil: not kept
	src, dst          []T
	forward, backward func(worker, shard int)
}

// NewMaxPool returns a max pooling of the shape.
func NewMaxPool[T Float](s PoolShape) *MaxPool[T] {
	p := &MaxPool[T]{windows: newWindows(s)}
	p.forward, p.backward = p.forwardShard, p.backwardShard
	return p
}

// KeepIndices makes Forward store the indices that Backward and Gather read.
func (p *MaxPool[T]) KeepIndices() {
	if p.argmax == nil {
		p.argmax = make([]int32, p.planes()*p.out)
	}
}

// indicesOf returns the indices of planes [from, to), or nil if they aren't kept.
func (p *MaxPool[T]) indicesOf(from, to int) []int32 {
	if p.argmax == nil {
		return nil
	}
	return p.argmax[from*p.out : to*p.out]
}

// Forward sets y to the largest value of each window. The first of equal values in reading order
// wins; NaN counts as larger than any number; padding is never chosen.
func (p *MaxPool[T]) Forward(x, y []T) {
	p.src, p.dst = x, y
	Parallel(p.shards(), p.forward)
}

func (p *MaxPool[T]) forwardShard(worker, shard int) {
	from, to := p.planesOf(shard)
	in, out := p.src[from*p.in:to*p.in], p.dst[from*p.out:to*p.out]
	kernels[T]().maxPlanes(&p.windows, worker, in, out, p.indicesOf(from, to))
}

// maxPlanes sets y to the largest value of each window of the planes, and at to its index in the
// plane, or at may be nil.
func maxPlanes[T Float](w *windows, worker int, x, y []T, at []int32) {
	at = w.workspaces.of(worker).indices(at, len(y))
	for i := range len(y) / w.out {
		maxPlane(w, inputs(w, x, i), outputs(w, y, i), outputs(w, at, i))
	}
}

// maxPlane sets y to the largest value of each window of one plane and at to its index.
func maxPlane[T Float](w *windows, x, y []T, at []int32) {
	if w.sideByTwo == 2 {
		maxHalves(x, y, at, w.InWidth, w.OutWidth())
		return
	}
	i := 0
	for _, r := range w.rows {
		for _, c := range w.columns {
			y[i], at[i] = maxOf(w, x, r, c)
			i++
		}
	}
}

func maxOf[T Float](w *windows, x []T, rows, columns reach) (T, int32) {
	top := rows.from*w.InWidth + columns.from
	best := x[top]
	for r := rows.from; r < rows.to; r += w.DilationH {
		for i := r*w.InWidth + columns.from; i < r*w.InWidth+columns.to; i += w.DilationW {
			if above(x[i], best) {
				best, top = x[i], i
			}
		}
	}
	return best, int32(top)
}

// above orders NaN over every number, and the first NaN over later ones.
func above[T Float](v, best T) bool { return v > best || v != v && best == best }

// maxHalves is maxPlane for 2x2 windows at stride 2. It has no branch on which of the four is
// largest: that is hard to predict.
func maxHalves[T Float](x, y []T, at []int32, width, outWidth int) {
	for row := 0; row*outWidth < len(y); row++ {
		upper := x[2*row*width:][:2*outWidth]
		lower := x[(2*row+1)*width:][:2*outWidth]
		best, top := y[row*outWidth:][:outWidth], at[row*outWidth:][:outWidth]
		for c := range best {
			window := [4]T{upper[2*c], upper[2*c+1], lower[2*c], lower[2*c+1]}
			i := firstLargest(&window)
			best[c] = window[i]
			top[c] = int32((2*row+i>>1)*width + 2*c + i&1)
		}
	}
}

func firstLargest[T Float](window *[4]T) int {
	largest := max(window[0], window[1], window[2], window[3])
	if largest != largest {
		return slices.IndexFunc(window[:], func(v T) bool { return v != v })
	}
	i := 3
	if window[2] == largest {
		i = 2
	}
	if window[1] == largest {
		i = 1
	}
	if window[0] == largest {
		i = 0
	}
	return i
}

// Backward: y[o] = x[a(o)], a being Forward's argmax, so dx[h] = Σ dy[o] over the windows o with
// a(o) = h.
func (p *MaxPool[T]) Backward(dy, dx []T) {
	p.src, p.dst = dy, dx
	Parallel(p.shards(), p.backward)
}

func (p *MaxPool[T]) backwardShard(_, shard int) {
	from, to := p.planesOf(shard)
	at, dy := p.argmax[from*p.out:to*p.out], p.src[from*p.out:to*p.out]
	kernels[T]().maxBackwardPlanes(&p.windows, at, dy, p.dst[from*p.in:to*p.in])
}

func maxBackwardPlanes[T Float](w *windows, at []int32, dy, dx []T) {
	for i := range len(dy) / w.out {
		maxBackwardPlane(outputs(w, at, i), outputs(w, dy, i), inputs(w, dx, i))
	}
}

func maxBackwardPlane[T Float](at []int32, dy, dx []T) {
	clear(dx)
	for o, d := range dy {
		dx[at[o]] += d
	}
}

// Gather is y[o] = x[a(o)] with Forward's argmax a: the transpose of Backward.
func (p *MaxPool[T]) Gather(x, y []T) {
	for plane := range p.planes() {
		in, out := inputs(&p.windows, x, plane), outputs(&p.windows, y, plane)
		for o, at := range outputs(&p.windows, p.argmax, plane) {
			out[o] = in[at]
		}
	}
}

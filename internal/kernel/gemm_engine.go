package kernel

// This stands here because go generate only reads the files of the platform it runs on.
//go:generate sh -c "cd _asm && go run ./neon -out ../gemm_arm64.s -stubs ../gemm_stubs_arm64.go"

// rowTile is a run of rows of C that one call of a micro-kernel computes.
type rowTile struct{ row, rows int }

// tileRows cuts m rows into tiles of at most most rows, as equal as can be.
func tileRows(m, most int) []rowTile {
	n := ceilDiv(m, most)
	tiles := make([]rowTile, n)
	row := 0
	for i := range tiles {
		rows := ceilDiv(m-row, n-i)
		tiles[i] = rowTile{row, rows}
		row += rows
	}
	return tiles
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// panel is one step of a blocked product: a column panel of C, all its rows, over depth kc of the k there is,
//
//	C[row, 0:cols] = Σ_p A[row, p]·B[p, 0:cols]   (+ C if accumulate, + bias[row] if there is a bias)
//
// A is packed tile by tile: element (i, p) of tile t stands at a[t.row*k + (k0+p)*t.rows + i]. Row p of B begins at b[offsets[p]], or at
// b[p*width] where offsets is nil. A panel with offsets may have any number of columns, one without no more than the engine's; the engine
// may read past the last of them, to a multiple of its lanes.
type panel[T Float] struct {
	tiles   []rowTile
	a       []T
	k       int
	k0, kc  int
	b       []T
	offsets []int32
	width   int
	c       []T
	ldc     int
	cols    int
	bias    []T // by row of C, or nil; added in the call that has it

	accumulate bool
	relu       bool // C = max(C, 0) at the end
}

// engine is one instruction set's inner loops. All the rest, blocking, packing order and sharding, is the same for every engine.
type engine[T Float] struct {
	name string
	rows int                // most rows of a tile
	cols int                // most columns of a panel
	lane int                // packed panels are a multiple of lane wide
	mul  func(p *panel[T])  // see panel
	copy func(copyRows[T])  // see copyRows
	flip func(transpose[T]) // see transpose

	// lower makes n channels of a lowered image; see lowering.
	lower func(l *lowering, n int, src, dst []T)

	// gatherFlip packs dst[p*width+j] = src[offsets[j]+p] for p < n; at most cols offsets.
	gatherFlip func(offsets []int32, n int, src, dst []T, width int)

	// What products with a small result and long sums use; dotTile is 0 for an engine that has nothing better than mul for them.
	dotTile  int                   // most rows and columns of one dots
	dotLanes int                   // partial sums of each dot product
	dot      func(*dots[T])        // see dots
	laneSums func(lanes, sums []T) // adds up each dotLanes of lanes

	// depthwise plans a convolution in which every channel is convolved by itself, or returns nil where this engine has nothing better than the
	// general passes. Nil itself in an engine that never has.
	depthwise func(s ConvShape) depthwise[T]
}

// dots is rows × cols dot products at once, over n elements of each of several images, which lie aImage and bImage apart:
//
//	Σ_lanes acc[i*accStride + j*dotLanes:] += Σ_image Σ_p a[i*aStride + p]·b[offsets[j] + p],     i < rows, j < len(offsets), p < n
type dots[T Float] struct {
	rows, n        int
	a              []T
	aStride        int
	b              []T
	offsets        []int32
	images         int
	aImage, bImage int
	acc            []T
	accStride      int
}

// copyRows is a block copy: dst[i*dstStride+j] = src[i*srcStride+j] for i < rows, j < cols.
type copyRows[T Float] struct {
	rows, cols           int
	src, dst             []T
	srcStride, dstStride int
}

// transpose is a transposing block copy: dst[j*dstStride+i] = src[i*srcStride+j] for i < rows, j < cols.
type transpose[T Float] struct {
	rows, cols           int
	src, dst             []T
	srcStride, dstStride int
}

// engineFor returns the engine of element type T on the active instruction set.
func engineFor[T Float]() *engine[T] {
	if e, ok := any(engine32()).(*engine[T]); ok {
		return e
	}
	return genericEngine[T]()
}

// width returns the packed width of a panel of cols columns.
func (e *engine[T]) width(cols int) int { return ceilDiv(cols, e.lane) * e.lane }

// matrix is op(M) of a row-major M: element (i, j) stands at data[i*stride+j], or at data[j*stride+i] if transposed.
type matrix[T Float] struct {
	data       []T
	stride     int
	transposed bool
}

func (m matrix[T]) at(i, j int) []T {
	if m.transposed {
		return m.data[j*m.stride+i:]
	}
	return m.data[i*m.stride+j:]
}

// packTile packs a tile's rows of A, all k of them, in panel's layout.
func (e *engine[T]) packTile(a matrix[T], t rowTile, k int, dst []T) {
	src := a.at(t.row, 0)
	if a.transposed {
		e.copy(copyRows[T]{rows: k, cols: t.rows, src: src, srcStride: a.stride, dst: dst, dstStride: t.rows})
		return
	}
	e.flip(transpose[T]{rows: t.rows, cols: k, src: src, srcStride: a.stride, dst: dst, dstStride: t.rows})
}

// packPanel packs rows [k0, k0+kc), columns [col, col+cols) of B for a panel of the given width.
func (e *engine[T]) packPanel(b matrix[T], k0, kc, col, cols, width int, dst []T) {
	src := b.at(k0, col)
	if b.transposed {
		e.flip(transpose[T]{rows: cols, cols: kc, src: src, srcStride: b.stride, dst: dst, dstStride: width})
		return
	}
	e.copy(copyRows[T]{rows: kc, cols: cols, src: src, srcStride: b.stride, dst: dst, dstStride: width})
}

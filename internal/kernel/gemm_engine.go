package kernel

// This directive is in a file without build constraints because go generate only reads the files of
// its own platform.
//go:generate sh -c "cd _asm && go run ./neon -out ../gemm_arm64.s -stubs ../gemm_stubs_arm64.go"

// rowTile is a run of rows of C that one call of a micro-kernel computes.
type rowTile struct{ row, rows int }

// tileRows cuts m rows into tiles of at most most rows, whose sizes differ by at most 1.
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

// panel is one step of a blocked product: a column panel of C, all its rows, over kc of the k
// terms,
//
//	C[row, 0:cols] = Σ_p A[row, p]·B[p, 0:cols]   (+ C if accumulate, + bias[row] if there is a bias)
//
// Each sum begins at the bias, or at zero. If continues, it begins at C instead: then the terms of
// several panels add up as those of one, to the bit. Not all engines do that, and the columns must
// fill vectors.
//
// A is packed tile by tile: element (i, p) of tile t is a[t.row*k + (k0+p)*t.rows + i]. If there is
// a stride, A is row-major: that element is a[(t.row+i)*stride + k0+p]. Not all engines take that,
// and it needs offsets. Row p of B begins at b[offsets[p]], or at b[p*width] if offsets is nil. A
// panel with offsets may have any number of columns, one without at most the engine's. The engine
// may read past the last column, up to a multiple of its lanes.
type panel[T Float] struct {
	tiles   []rowTile
	a       []T
	stride  int // of the rows of A; 0 if it is packed
	k       int
	k0, kc  int
	b       []T
	offsets []int32
	width   int
	c       []T
	ldc     int
	cols    int
	bias    []T // one for each row of C, or nil

	accumulate bool
	continues  bool      // the sums begin at C
	limits     Limits[T] // of C, at the end
}

// engine holds one instruction set's inner loops. Blocking, packing order and sharding are the same
// for every engine.
type engine[T Float] struct {
	name      string
	rows      int                // most rows of a tile
	cols      int                // most columns of a panel
	lane      int                // the width of a packed panel is a multiple of this
	rowMajor  bool               // mul takes a row-major A
	continues bool               // mul takes panels that continue
	mulHalf   func(p *panel[T])  // mul for a row-major A and half a lane of columns
	mul       func(p *panel[T])  // see panel
	copy      func(copyRows[T])  // see copyRows
	transpose func(transpose[T]) // see transpose

	// Up to so many pixels of an image, in any batch, and images of an affine layer, a row-major A
	// is faster than a packed one.
	rowsPlane, turnedBatch int

	// im2col packs n channels of an image; see the type.
	im2col func(l *im2col, n int, src, dst []T)

	splitColumns func(l *im2col, n int, src, split []T) // see splitColumns

	// gatherTranspose packs dst[p*width+j] = src[offsets[j]+p] for p < n; at most cols offsets.
	gatherTranspose func(offsets []int32, n int, src, dst []T, width int)

	// For products with a small result and long sums. dotTile is 0 if mul is fastest for them too.
	dotTile  int                   // most rows and columns of one dots
	dotLanes int                   // partial sums of each dot product
	dot      func(*dots[T])        // see dots
	laneSums func(lanes, sums []T) // sums each group of dotLanes lanes

	// depthwise plans a convolution that convolves each channel separately, or returns nil if the
	// general passes are faster. The field is nil in an engine without such kernels.
	depthwise func(s ConvShape) depthwise[T]

	winograd winogradTransforms[T]
}

// dots computes rows × cols dot products at once, over n elements of each of several images, which
// are aImage and bImage apart:
//
//	Σ_lanes acc[i*accStride + j*dotLanes:] += Σ_image Σ_p a[i*aStride + p]·b[offsets[j] + p]
//
// for i < rows, j < len(offsets), p < n.
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

// transpose is a transposing block copy: dst[j*dstStride+i] = src[i*srcStride+j] for i < rows, j <
// cols.
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
	return any(engine64()).(*engine[T])
}

// width returns the packed width of a panel of cols columns.
func (e *engine[T]) width(cols int) int { return ceilDiv(cols, e.lane) * e.lane }

// matrix is op(M) of a row-major M: element (i, j) is data[i*stride+j], or data[j*stride+i] if
// transposed.
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

// packTile packs a tile's rows of A, all k columns, in panel's layout.
func (e *engine[T]) packTile(a matrix[T], t rowTile, k int, dst []T) {
	src := a.at(t.row, 0)
	if a.transposed {
		e.copy(copyRows[T]{rows: k, cols: t.rows, src: src, srcStride: a.stride, dst: dst, dstStride: t.rows})
		return
	}
	e.transpose(transpose[T]{rows: t.rows, cols: k, src: src, srcStride: a.stride, dst: dst, dstStride: t.rows})
}

// packPanel packs rows [k0, k0+kc), columns [col, col+cols) of B for a panel of the given width.
func (e *engine[T]) packPanel(b matrix[T], k0, kc, col, cols, width int, dst []T) {
	src := b.at(k0, col)
	if b.transposed {
		e.transpose(transpose[T]{rows: cols, cols: kc, src: src, srcStride: b.stride, dst: dst, dstStride: width})
		return
	}
	e.copy(copyRows[T]{rows: kc, cols: cols, src: src, srcStride: b.stride, dst: dst, dstStride: width})
}

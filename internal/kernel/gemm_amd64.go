//go:build amd64 && !purego

package kernel

import "math"

//go:generate sh -c "cd _asm && go run . -out gemm.s -stubs gemm.go.txt -pkg kernel && mv gemm.s ../gemm_amd64.s && mv gemm.go.txt ../gemm_stubs_amd64.go"

// tileFunc is a micro-kernel: it computes one tile of a panel. Row p of B is at offsets[p], or one
// panel width after row p-1 if offsets is nil. With offsets it can also compute the next panels-1
// panels, each a panel's width further in b and c, and with a stride A needs no packing.
type tileFunc func(
	kc int, a *float32, stride int, b *float32, offsets *int32, c *float32, ldc, cols, flags int, bias *float32,
	panels int, least, most float32,
)

// Flags of a tileFunc.
const (
	flagAccumulate = 1 << iota
	flagLeast
	flagMost
	flagContinue
	flagFirst // of the tiles of a panel
)

// dotFunc adds a tile's dot products to acc; see dots.
type dotFunc func(
	n int, a *float32, aStride int, b *float32, offsets *int32, images, aImage, bImage int, acc *float32, accStride int,
)

// vectorKernels holds the assembly of products, packing and depthwise convolutions for one
// instruction set. transpose and gatherTranspose take at most one vector of rows.
type vectorKernels struct {
	name  string
	lanes int           // of a vector
	tiles [2][]tileFunc // by vectors less one and by rows
	dots  [][]dotFunc   // by rows and by columns

	halves []tileFunc // by rows: tiles of half a vector, with a stride of A only

	rowsPlane, turnedBatch int // see engine

	laneSums        func(n int, lanes, sums *float32)
	copyRows        func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)
	im2col          im2colFunc
	transpose       func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)
	gatherTranspose func(rows, cols int, src *float32, offsets *int32, dst *float32, dstStride int)
	channels        *vectorChannels

	winogradInput       winogradTilesFunc
	winogradPlane       winogradPlaneFunc // nil without mask registers
	threeTaps, fiveTaps vectorTiles
}

type im2colFunc func(
	channels int, blocks *int32, n int, src *float32, srcChannel, srcStride int, dst *float32, dstChannel,
	dstStride int,
)

func engine32() *engine[float32] {
	switch active {
	case isaAVX512:
		return vectorAVX512.engine()
	case isaAVX2:
		return vectorAVX2.engine()
	}
	return genericEngine[float32]()
}

// engine returns the engine of the instruction set. Its methods slice operands to the elements that
// the assembly reads and writes, so that a wrong length panics instead of touching other memory.
func (v *vectorKernels) engine() *engine[float32] {
	return &engine[float32]{
		name: v.name, rows: len(v.tiles[0]) - 1, cols: 2 * v.lanes, lane: v.lanes, rowMajor: true, continues: true,
		rowsPlane: v.rowsPlane, turnedBatch: v.turnedBatch,
		mulHalf: v.mulHalf,
		mul:     v.mul, copy: v.copy, transpose: v.transposeRows, im2col: v.pack, gatherTranspose: v.gather,
		splitColumns: v.splitColumns,
		dotTile:      len(v.dots) - 1, dotLanes: v.lanes, dot: v.addDots, laneSums: v.sumLanes,
		depthwise: v.depthwise, winograd: v.winograd(),
	}
}

func (v *vectorKernels) mul(p *panel[float32]) {
	one, two, width := v.tiles[0], v.tiles[1], 2*v.lanes
	whole := p.cols / width
	if whole > 0 {
		mulTiles(p, two, 0, width, whole)
	}
	switch rest := p.cols - whole*width; {
	case rest > v.lanes:
		mulTiles(p, two, whole*width, rest, 1)
	case rest > 0:
		mulTiles(p, one, whole*width, rest, 1)
	}
}

func (v *vectorKernels) copy(m copyRows[float32]) {
	if m.rows == 0 || m.cols == 0 {
		return
	}
	src, dst := m.src[:(m.rows-1)*m.srcStride+m.cols], m.dst[:(m.rows-1)*m.dstStride+m.cols]
	v.copyRows(m.rows, m.cols, &src[0], m.srcStride, &dst[0], m.dstStride)
}

func (v *vectorKernels) transposeRows(m transpose[float32]) {
	if m.rows == 0 || m.cols == 0 {
		return
	}
	src, dst := m.src[:(m.rows-1)*m.srcStride+m.cols], m.dst[:(m.cols-1)*m.dstStride+m.rows]
	for i := 0; i < m.rows; i += v.lanes {
		v.transpose(min(v.lanes, m.rows-i), m.cols, &src[i*m.srcStride], m.srcStride, &dst[i], m.dstStride)
	}
}

func (v *vectorKernels) pack(l *im2col, n int, src, dst []float32) {
	if len(l.blocks) == 0 {
		return
	}
	channel := l.splitChannel()
	src, dst = src[:n*channel], dst[:n*l.channelSize]
	v.im2col(
		n, &l.blocks[0].src, len(l.blocks), &src[0], channel, l.strideH*l.splitWidth, &dst[0], l.channelSize, l.outW,
	)
}

// splitColumns takes wide strides by the portable code: a vector would hold one column of a phase.
func (v *vectorKernels) splitColumns(l *im2col, n int, src, split []float32) {
	picked := v.lanes / l.strideW
	if picked < 2 {
		splitColumns(l, n, src, split)
		return
	}
	plane := l.height * l.width
	src, split = src[:n*plane], split[:n*l.splitChannel()]
	for c := range n {
		for _, phase := range l.splitPhase {
			if phase >= l.width {
				continue
			}
			v.channels.pool.pickRows(
				l.height, l.width-phase, l.width, l.splitWidth, &src[c*plane+phase], &l.picks[0],
				picked*l.strideW, picked, &split[c*l.splitChannel()+phase*l.height*l.splitWidth],
			)
		}
	}
}

func (v *vectorKernels) gather(offsets []int32, n int, src, dst []float32, width int) {
	dst = dst[:(n-1)*width+len(offsets)]
	for j := 0; j < len(offsets); j += v.lanes {
		v.gatherTranspose(min(v.lanes, len(offsets)-j), n, &src[0], &offsets[j], &dst[j], width)
	}
}

func (v *vectorKernels) addDots(d *dots[float32]) {
	a := d.a[:(d.images-1)*d.aImage+(d.rows-1)*d.aStride+d.n]
	acc := d.acc[:(d.rows-1)*d.accStride+len(d.offsets)*v.lanes]
	v.dots[d.rows][len(d.offsets)](
		d.n, &a[0], d.aStride, &d.b[0], &d.offsets[0], d.images, d.aImage, d.bImage, &acc[0], d.accStride,
	)
}

func (v *vectorKernels) sumLanes(lanes, sums []float32) {
	v.laneSums(len(sums), &lanes[:v.lanes*len(sums)][0], &sums[0])
}

func (v *vectorKernels) depthwise(s ConvShape) depthwise[float32] {
	return newChannelConv(s, v.channels, v.sumLanes)
}

// flagsOf returns the flags of a panel's tiles, and its limits.
func flagsOf(p *panel[float32]) (flags int, least, most float32) {
	if p.accumulate {
		flags |= flagAccumulate
	}
	if p.continues {
		flags |= flagContinue
	}
	least, most = p.limits.bounds()
	if least >= -math.MaxFloat32 {
		flags |= flagLeast
	}
	if most <= math.MaxFloat32 {
		flags |= flagMost
	}
	return flags, least, most
}

// mulTiles computes panels panels of cols columns each, from column first on.
func mulTiles(p *panel[float32], tiles []tileFunc, first, cols, panels int) {
	var offsets *int32
	if p.offsets != nil {
		offsets = &p.offsets[0]
	}
	flags, least, most := flagsOf(p)
	for i, t := range p.tiles {
		flags := flags
		if i == 0 {
			flags |= flagFirst
		}
		var bias *float32
		if p.bias != nil {
			bias = &p.bias[t.row]
		}
		a := p.tileOfA(t)
		c := p.c[t.row*p.ldc+first:][:(t.rows-1)*p.ldc+cols*panels]
		tiles[t.rows](
			p.kc, &a[0], p.stride, &p.b[first], offsets, &c[0], p.ldc, cols, flags, bias, panels, least, most,
		)
	}
}

// tileOfA returns the elements of A that a tile reads.
func (p *panel[T]) tileOfA(t rowTile) []T {
	if p.stride == 0 {
		return p.a[t.row*p.k+p.k0*t.rows:][:p.kc*t.rows]
	}
	return p.a[t.row*p.stride+p.k0:][:(t.rows-1)*p.stride+p.kc]
}

func (v *vectorKernels) mulHalf(p *panel[float32]) {
	first, last := p.tiles[0].row, p.tiles[len(p.tiles)-1]
	rows := last.row + last.rows - first
	flags, least, most := flagsOf(p)
	tiles := ceilDiv(rows, len(v.halves)-1)
	for i := range tiles {
		from, to := first+i*rows/tiles, first+(i+1)*rows/tiles
		t := rowTile{from, to - from}
		var bias *float32
		if p.bias != nil {
			bias = &p.bias[t.row]
		}
		a, c := p.tileOfA(t), p.c[t.row*p.ldc:][:(t.rows-1)*p.ldc+v.lanes/2]
		v.halves[t.rows](
			p.kc, &a[0], p.stride, &p.b[0], &p.offsets[0], &c[0], p.ldc, v.lanes/2, flags, bias, 1, least, most,
		)
	}
}

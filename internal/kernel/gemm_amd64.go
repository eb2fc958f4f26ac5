//go:build amd64 && !purego

package kernel

//go:generate sh -c "cd _asm && go run . -out gemm.s -stubs gemm.go.txt -pkg kernel && mv gemm.s ../gemm_amd64.s && mv gemm.go.txt ../gemm_stubs_amd64.go"

// tileFunc is a micro-kernel: one tile of a panel. It reads b's rows at offsets, or one after the other where offsets is nil; with offsets
// it can go on to the panels beside it, which begin a panel's width further in b and c.
type tileFunc func(kc int, a, b *float32, offsets *int32, c *float32, ldc, cols, flags int, bias *float32, panels int)

// Flags of a tileFunc.
const (
	flagAccumulate = 1 << iota
	flagReLU
)

// The micro-kernels, by vectors less one and rows.
var tilesAVX2 = [2][7]tileFunc{
	{
		nil, tile1x1AVX2, tile2x1AVX2, tile3x1AVX2, tile4x1AVX2, tile5x1AVX2, tile6x1AVX2,
	},
	{
		nil, tile1x2AVX2, tile2x2AVX2, tile3x2AVX2, tile4x2AVX2, tile5x2AVX2, tile6x2AVX2,
	},
}

var tilesAVX512 = [2][15]tileFunc{
	{
		nil, tile1x1AVX512, tile2x1AVX512, tile3x1AVX512, tile4x1AVX512, tile5x1AVX512, tile6x1AVX512, tile7x1AVX512,
		tile8x1AVX512, tile9x1AVX512, tile10x1AVX512, tile11x1AVX512, tile12x1AVX512, tile13x1AVX512, tile14x1AVX512,
	},
	{
		nil, tile1x2AVX512, tile2x2AVX512, tile3x2AVX512, tile4x2AVX512, tile5x2AVX512, tile6x2AVX512, tile7x2AVX512,
		tile8x2AVX512, tile9x2AVX512, tile10x2AVX512, tile11x2AVX512, tile12x2AVX512, tile13x2AVX512, tile14x2AVX512,
	},
}

// dotFunc adds a tile's dot products to acc; see dots.
type dotFunc func(n int, a *float32, aStride int, b *float32, offsets *int32, images, aImage, bImage int, acc *float32, accStride int)

// The dot products, by rows and columns.
var dotsAVX2 = [4][4]dotFunc{
	1: {nil, dot1x1AVX2, dot1x2AVX2, dot1x3AVX2},
	2: {nil, dot2x1AVX2, dot2x2AVX2, dot2x3AVX2},
	3: {nil, dot3x1AVX2, dot3x2AVX2, dot3x3AVX2},
}

var dotsAVX512 = [6][6]dotFunc{
	1: {nil, dot1x1AVX512, dot1x2AVX512, dot1x3AVX512, dot1x4AVX512, dot1x5AVX512},
	2: {nil, dot2x1AVX512, dot2x2AVX512, dot2x3AVX512, dot2x4AVX512, dot2x5AVX512},
	3: {nil, dot3x1AVX512, dot3x2AVX512, dot3x3AVX512, dot3x4AVX512, dot3x5AVX512},
	4: {nil, dot4x1AVX512, dot4x2AVX512, dot4x3AVX512, dot4x4AVX512, dot4x5AVX512},
	5: {nil, dot5x1AVX512, dot5x2AVX512, dot5x3AVX512, dot5x4AVX512, dot5x5AVX512},
}

func engine32() *engine[float32] {
	switch active {
	case isaAVX512:
		e := simdEngine("avx512", 16, tilesAVX512[0][:], tilesAVX512[1][:], simdPack{copyRowsAVX512, lowerAVX512, flipAVX512, gatherFlipAVX512})
		e.dotTile = len(dotsAVX512) - 1
		e.dot = func(d *dots[float32]) { addDots(d, dotsAVX512[d.rows][len(d.offsets)], e.dotLanes) }
		e.laneSums = func(lanes, sums []float32) { laneSumsAVX512(len(sums), &lanes[:16*len(sums)][0], &sums[0]) }
		e.depthwise = func(s ConvShape) depthwise[float32] { return newChannelConv(s, &channelsAVX512, e.laneSums) }
		return e
	case isaAVX2:
		e := simdEngine("avx2", 8, tilesAVX2[0][:], tilesAVX2[1][:], simdPack{copyRowsAVX2, lowerAVX2, flipAVX2, gatherFlipAVX2})
		e.dotTile = len(dotsAVX2) - 1
		e.dot = func(d *dots[float32]) { addDots(d, dotsAVX2[d.rows][len(d.offsets)], e.dotLanes) }
		e.laneSums = func(lanes, sums []float32) { laneSumsAVX2(len(sums), &lanes[:8*len(sums)][0], &sums[0]) }
		e.depthwise = func(s ConvShape) depthwise[float32] { return newChannelConv(s, &channelsAVX2, e.laneSums) }
		return e
	}
	return genericEngine[float32]()
}

func addDots(d *dots[float32], f dotFunc, lanes int) {
	a := d.a[:(d.images-1)*d.aImage+(d.rows-1)*d.aStride+d.n]
	acc := d.acc[:(d.rows-1)*d.accStride+len(d.offsets)*lanes]
	f(d.n, &a[0], d.aStride, &d.b[0], &d.offsets[0], d.images, d.aImage, d.bImage, &acc[0], d.accStride)
}

// simdPack is the packing loops of one instruction set; flip and gatherFlip take one vector of rows at most.
type simdPack struct {
	copyRows   func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)
	lower      func(channels int, blocks *int32, n int, src *float32, srcChannel, srcStride int, dst *float32, dstChannel, dstStride int)
	flip       func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)
	gatherFlip func(rows, cols int, src *float32, offsets *int32, dst *float32, dstStride int)
}

// simdEngine wraps the assembly of one instruction set: what it reads and writes is sliced here first, so that a wrong length panics
// instead of touching another's memory.
func simdEngine(name string, lanes int, one, two []tileFunc, pack simdPack) *engine[float32] {
	return &engine[float32]{
		name: name, rows: len(one) - 1, cols: 2 * lanes, lane: lanes, dotLanes: lanes,
		mul: func(p *panel[float32]) {
			whole := p.cols / (2 * lanes)
			if whole > 0 {
				mulTiles(p, two, 0, 2*lanes, whole)
			}
			switch rest := p.cols - whole*2*lanes; {
			case rest > lanes:
				mulTiles(p, two, whole*2*lanes, rest, 1)
			case rest > 0:
				mulTiles(p, one, whole*2*lanes, rest, 1)
			}
		},
		copy: func(m copyRows[float32]) {
			if m.rows == 0 || m.cols == 0 {
				return
			}
			src, dst := m.src[:(m.rows-1)*m.srcStride+m.cols], m.dst[:(m.rows-1)*m.dstStride+m.cols]
			pack.copyRows(m.rows, m.cols, &src[0], m.srcStride, &dst[0], m.dstStride)
		},
		flip: func(m transpose[float32]) {
			if m.rows == 0 || m.cols == 0 {
				return
			}
			src, dst := m.src[:(m.rows-1)*m.srcStride+m.cols], m.dst[:(m.cols-1)*m.dstStride+m.rows]
			for i := 0; i < m.rows; i += lanes {
				pack.flip(min(lanes, m.rows-i), m.cols, &src[i*m.srcStride], m.srcStride, &dst[i], m.dstStride)
			}
		},
		lower: func(l *lowering, n int, src, dst []float32) {
			if len(l.blocks) == 0 {
				return
			}
			channel := l.strideW * l.height * l.splitWidth
			src, dst = src[:n*channel], dst[:n*l.channelSize]
			pack.lower(n, &l.blocks[0].src, len(l.blocks), &src[0], channel, l.strideH*l.splitWidth, &dst[0], l.channelSize, l.outW)
		},
		gatherFlip: func(offsets []int32, n int, src, dst []float32, width int) {
			dst = dst[:(n-1)*width+len(offsets)]
			for j := 0; j < len(offsets); j += lanes {
				pack.gatherFlip(min(lanes, len(offsets)-j), n, &src[0], &offsets[j], &dst[j], width)
			}
		},
	}
}

// mulTiles computes panels panels of cols columns, from column first on.
func mulTiles(p *panel[float32], tiles []tileFunc, first, cols, panels int) {
	var offsets *int32
	if p.offsets != nil {
		offsets = &p.offsets[0]
	}
	flags := 0
	if p.accumulate {
		flags |= flagAccumulate
	}
	if p.relu {
		flags |= flagReLU
	}
	for _, t := range p.tiles {
		var bias *float32
		if p.bias != nil {
			bias = &p.bias[t.row]
		}
		a := p.a[t.row*p.k+p.k0*t.rows:][:p.kc*t.rows]
		c := p.c[t.row*p.ldc+first:][:(t.rows-1)*p.ldc+cols*panels]
		tiles[t.rows](p.kc, &a[0], &p.b[first], offsets, &c[0], p.ldc, cols, flags, bias, panels)
	}
}

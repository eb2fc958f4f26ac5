package kernel

import "math"

const (
	weightTiles    = 64      // about as many tiles in one block of the sum
	tiledChannels  = 128     // most input channels of a shard
	tiledGradients = 1 << 16 // about as many elements of transformed gradients at once
	planeSets      = 512     // planes a multiple of this many elements apart share sets of the cache
	mostAhead      = 1 << 15 // most elements of an image that is worth prefetching
)

// tiledWeights is the gradient of the weights of a 3x3 or 5x5 convolution at stride 1 by
// F(4x4, 3x3) or F(2x2, 5x5). The forward pass (see winograd) is linear in the filter g, and the
// gradient is its transpose. With d the 6x6 input of a tile of channel c, and dy the gradient of
// the tile's output of channel o,
//
//	y = Aᵀ·((G·g·Gᵀ) ⊙ (Bᵀ·d·B))·A      dg = Gᵀ·(Σ_tiles (A·dy·Aᵀ) ⊙ (Bᵀ·d·B))·G
//
// which takes 36 multiplications for each tile where the definition takes 144, or 100. Each of the
// 36 points is a matrix product of depth tiles, of the gradients of channels o and the inputs of
// channels c.
//
// The transforms write their results in the order in which the product reads them, because a vector
// of tiles may hold any tiles of any channels. A leaf's sum over its tiles is made in blocks, which
// the shapes decide, and transformed back once.
type tiledWeights[T Float] struct {
	e              *engine[T]
	form           tileForm
	t              *tileTransforms[T]
	out            int // channels of a group
	tilesH, tilesW int
	images, rows   int // most images, and rows of tiles of each, in a block: all rows, or some of one image

	input    tileLayout  // of one image
	channels []int32     // where the input's channels begin
	pitch    int         // elements from one tile's transformed input to the next
	offsets  []int32     // of the tiles' transformed input
	inPlace  []planeTile // the tiles of an image in x itself; nil if they are always copied
	planes   []int32     // where x's channels begin

	gradient tileLayout
	packed   [2][]int32 // see packedOrder; for the rows of the first row tile, and for one row less
	direct   [2][]int32 // the same in dy itself; nil if its tiles are copied
	runs     []rowRun
	ldc      int // elements of a row of the products
}

// rowRun is a run of row tiles, whose rows count from row first.
type rowRun struct {
	first, rows int
	tiles       []rowTile
}

// planeTile is a tile of a plane, and of those of the other channels.
type planeTile struct {
	at    int // where it begins in the plane
	masks []uint16
}

// tileBlock is a block of the sum: rows rows of tiles, from row first on, of each of n images.
type tileBlock struct{ n, first, rows, tiles int }

// tileLayout is where the rows of tiles of a block lie in memory: channel after channel, image
// after image, with the padding.
type tileLayout struct {
	paddedPlane
	out     int // rows and columns from a tile to the next
	top     int // rows of padding
	border  int // rows by which a tile is higher than the distance to the next
	image   int // elements from one image to the next
	channel int // elements of each channel
}

type tiledScratch[T Float] struct {
	input, gradient                 []T
	pointsOfInput, pointsOfGradient []T
	products, taps                  []T
	temp                            [winogradPoints * 16]T
}

// winogradWeightsPays says whether tiledWeights is faster than the general passes, by the same
// measurements as winogradPays. The products are smaller against the transforms with few channels;
// with few tiles for many weights, the sum over a leaf is too short. Like winogradPays, it doesn't
// look at the batch.
func winogradWeightsPays[T Float](s ConvShape) bool {
	in, out := s.groupChannels()
	f, suits := winogradSuits[T](s)
	if f == fiveTaps {
		return suits && min(in, out) >= 16 && min(in, out)*s.tiles(f) >= 1500
	}
	enough := s.tiles(f) >= 9 || s.tiles(f) >= 4 && in*out <= 1<<13
	return suits && min(in, out) >= 8 && in*out >= 128 && enough
}

func newTiledWeights[T Float](e *engine[T], s ConvShape) *tiledWeights[T] {
	in, out := s.groupChannels()
	f, _ := formOf(s)
	c := &tiledWeights[T]{
		e: e, form: f, t: e.winograd.of(f), out: out,
		tilesH: ceilDiv(s.OutHeight(), f.out), tilesW: ceilDiv(s.OutWidth(), f.out),
	}
	c.rows = ceilDiv(c.tilesH, ceilDiv(c.tilesH*c.tilesW, weightTiles))
	c.images = max(1, weightTiles/(c.tilesH*c.tilesW))
	plane := paddedPlane{height: s.InHeight, width: s.InWidth, left: s.PadLeft}
	c.input = c.newLayout(plane, s.PadTop, f.border(), 1)
	c.gradient = c.newLayout(paddedPlane{height: s.OutHeight(), width: s.OutWidth()}, 0, 0, c.images)
	c.planInput(min(in, tiledChannels))
	c.planInPlace(min(in, tiledChannels))
	c.planGradient(s)
	return c
}

func (c *tiledWeights[T]) newLayout(p paddedPlane, top, border, images int) tileLayout {
	p.pitch = c.tilesW*c.form.out + border
	image := (c.rows*c.form.out + border) * p.pitch
	return tileLayout{paddedPlane: p, out: c.form.out, top: top, border: border, image: image, channel: images * image}
}

// planInput plans the transformed input, and the products, of at most n channels.
func (c *tiledWeights[T]) planInput(n int) {
	c.ldc = c.e.width(n)
	for i := range c.ldc { // copies of the last channel fill a vector
		c.channels = append(c.channels, int32(min(i, n-1)*c.input.channel))
	}
	c.pitch = c.ldc
	if c.pitch%32 == 0 {
		c.pitch += 16 // so that the tiles of a column of channels lie in different sets of the cache
	}
	for t := range c.images * c.rows * c.tilesW {
		c.offsets = append(c.offsets, int32(t*c.pitch))
	}
}

// planInPlace plans how the input of n channels is transformed without a copy. Since a vector holds
// the same tile of 16 channels, channels that share few sets of the cache are copied.
func (c *tiledWeights[T]) planInPlace(n int) {
	plane := c.input.height * c.input.width
	if c.e.winograd.plane == nil || n*plane > math.MaxInt32 || plane%planeSets == 0 {
		return
	}
	for i := range c.channels {
		c.planes = append(c.planes, int32(min(i, n-1)*plane))
	}
	known := map[uint64][]uint16{}
	for row := range c.tilesH {
		for col := range c.tilesW {
			top, left := row*c.form.out-c.input.top, col*c.form.out-c.input.left
			inside := insidePlane(c.input.height, c.input.width, top, left)
			masks, ok := known[inside]
			if !ok {
				masks = make([]uint16, len(c.channels)/c.e.lane*winogradPoints)
				for i := range masks {
					if inside>>(i%winogradPoints)&1 == 1 {
						masks[i] = math.MaxUint16
					}
				}
				known[inside] = masks
			}
			c.inPlace = append(c.inPlace, planeTile{at: top*c.input.width + left, masks: masks})
		}
	}
}

// planGradient plans the transformed gradient and cuts its rows into blocks.
func (c *tiledWeights[T]) planGradient(s ConvShape) {
	tiles := tileRows(c.out, c.e.rows)
	dy, plane := c.gradient, s.OutHeight()*s.OutWidth()
	dy.image, dy.channel = c.out*plane, plane
	whole := c.form.out == gradientCols && s.OutHeight()%c.form.out == 0 && s.OutWidth()%c.form.out == 0
	near := c.images*dy.image <= math.MaxInt32
	for i := range c.packed {
		n := tiles[0].rows - i
		c.packed[i] = c.packedOrder(c.gradient, n)
		if whole && near && (c.images == 1 || s.Groups == 1) { // with groups, images lie further apart
			c.direct[i] = c.packedOrder(dy, n)
		}
	}
	most := max(1, tiledGradients/(winogradPoints*len(c.offsets)*c.e.rows))
	for len(tiles) > 0 {
		b := rowRun{first: tiles[0].row}
		for _, t := range tiles[:min(most, len(tiles))] {
			b.tiles = append(b.tiles, rowTile{row: t.row - b.first, rows: t.rows})
			b.rows += t.rows
		}
		c.runs, tiles = append(c.runs, b), tiles[len(b.tiles):]
	}
}

// packedOrder lists where the tiles of n channels of the gradient begin, in the order of A in
// panel: the first tile of every channel, the second, and so on.
func (c *tiledWeights[T]) packedOrder(l tileLayout, n int) []int32 {
	var at []int32
	for image := range c.images {
		for row := range c.rows {
			for col := range c.tilesW {
				for channel := range n {
					at = append(at, int32(channel*l.channel+l.tile(image, row, col)))
				}
			}
		}
	}
	for len(at)%c.e.lane > 0 {
		at = append(at, at[len(at)-1])
	}
	return at
}

// tile returns where a tile of a channel begins.
func (l tileLayout) tile(image, row, col int) int {
	return image*l.image + row*l.out*l.pitch + col*l.out
}

// copyTiles copies what the tiles of a block read of n channels. src begins at the first channel of
// the block's first image; images are stride apart.
func copyTiles[T Float](e *engine[T], l tileLayout, k tileBlock, n int, src []T, stride int, dst []T) {
	plane := l.height * l.width
	for i := range k.n {
		for channel := range n {
			copyPadded(e, l.paddedPlane, src[i*stride+channel*plane:][:plane], k.first*l.out-l.top,
				k.rows*l.out+l.border, dst[channel*l.channel+i*l.image:])
		}
	}
}

// addImages computes dw of the block's images, which are a leaf.
func (c *tiledWeights[T]) addImages(w *convWeights[T], worker int, b weightBlock[T]) {
	s := w.shards.of(worker)
	turns := ceilDiv(b.end-b.image, c.images)
	together := ceilDiv(b.end-b.image, turns)
	whole := turns == 1 && c.rows == c.tilesH // the leaf is one block
	for image := b.image; image < b.end; image += together {
		n := min(together, b.end-image)
		dy, stride := w.gradient(worker, s, b, image, n)
		for first := 0; first < c.tilesH; first += c.rows {
			rows := min(c.rows, c.tilesH-first)
			k := tileBlock{n: n, first: first, rows: rows, tiles: n * rows * c.tilesW}
			c.transformInput(&s.tiled, k, b.n, w.x, w.sourceAt(image, b), w.sourceAt(1, b)-w.sourceAt(0, b))
			for _, r := range c.runs {
				c.transformGradient(&s.tiled, k, r, dy, stride)
				products, point := c.productsOf(&s.tiled, r, whole)
				c.multiply(s, k, r, b.n, products, point, image > b.image || first > 0)
				if image+n == b.end && first+rows == c.tilesH {
					c.transformBack(&s.tiled, r, b, products, point)
				}
			}
		}
	}
}

// transformInput transforms a block's input: point after point, tile after tile. The first channel
// of the block's first image begins at x[first]; images are stride apart.
func (c *tiledWeights[T]) transformInput(s *tiledScratch[T], k tileBlock, channels int, x []T, first, stride int) {
	s.pointsOfInput = grow(s.pointsOfInput, winogradPoints*c.inputPoint())
	for i := range k.n {
		points, at := s.pointsOfInput[i*k.rows*c.tilesW*c.pitch:], first+i*stride
		if c.readable(c.e.width(channels), at, len(x)) {
			c.transformInPlace(s, k, channels, x, at, stride, points)
		} else {
			c.transformCopy(s, k, channels, x[at:], points)
		}
	}
}

// readable says whether an image's tiles of n channels, the first at src[first], are read in place:
// all that they read lies in the size elements of src.
func (c *tiledWeights[T]) readable(n, first, size int) bool {
	tiles := len(c.inPlace)
	return tiles > 0 && first+c.inPlace[0].at >= 0 && first+c.inPlace[tiles-1].at+c.tileEnd(n) <= size
}

// tileEnd returns the elements from the beginning of a tile of x to the end of what is read of it
// in n channels.
func (c *tiledWeights[T]) tileEnd(n int) int {
	return int(c.planes[n-1]) + (winogradIn-1)*c.input.width + winogradCols
}

// transformInPlace transforms the tiles of an image, whose first channel begins at x[first]. It
// prefetches the next image, if that is small: since four tiles fill a cache line, each tile does
// so for every fourth channel.
func (c *tiledWeights[T]) transformInPlace(
	s *tiledScratch[T], k tileBlock, channels int, x []T, first, stride int, points []T,
) {
	n, plane := c.e.width(channels), c.input.height*c.input.width
	ahead, next := stride, plane
	if stride > mostAhead {
		ahead, next = 0, 0
	}
	for i, t := range c.inPlace[k.first*c.tilesW:][:k.rows*c.tilesW] {
		c.e.winograd.plane(tilePlane[T]{
			src: x, first: first + t.at, ahead: ahead + i%4*next,
			tiles: planeTiles{at: c.planes[:n], pitch: c.input.width, masks: t.masks, end: c.tileEnd(n)},
			dst:   points[i*c.pitch:], point: c.inputPoint(), temp: s.temp[:],
		})
	}
}

// transformCopy copies the tiles of an image, with their padding, and transforms them. Its first
// channel begins at x[0].
func (c *tiledWeights[T]) transformCopy(s *tiledScratch[T], k tileBlock, channels int, x, points []T) {
	s.input = grow(s.input, len(c.channels)*c.input.channel)
	k.n = 1
	copyTiles(c.e, c.input, k, channels, x, 0, s.input)
	for row := range k.rows {
		for col := range c.tilesW {
			c.e.winograd.input(tileInput[T]{
				src: s.input[c.input.tile(0, row, col):], pitch: c.input.pitch, at: c.channels[:c.e.width(channels)],
				dst: points[(row*c.tilesW+col)*c.pitch:], point: c.inputPoint(), temp: s.temp[:],
			})
		}
	}
}

// inputPoint returns the elements of each point of the transformed input.
func (c *tiledWeights[T]) inputPoint() int { return len(c.offsets)*c.pitch + 16 }

// transformGradient packs and transforms the gradient of some rows: point after point, row tile
// after row tile. What fills the last vector of a row tile, the next overwrites.
func (c *tiledWeights[T]) transformGradient(s *tiledScratch[T], k tileBlock, r rowRun, dy []T, stride int) {
	plane := c.gradient.height * c.gradient.width
	point := gradientPoint(k, r)
	s.gradient = grow(s.gradient, r.tiles[0].rows*c.gradient.channel+gradientCols-c.form.out)
	s.pointsOfGradient = grow(s.pointsOfGradient, winogradPoints*point)
	for _, t := range r.tiles {
		src := dy[(r.first+t.row)*plane:]
		at, n := c.direct[c.runs[0].tiles[0].rows-t.rows], c.e.width(t.rows*k.tiles)
		if c.directly(k, t, at) {
			src = src[k.first*c.form.out*c.gradient.width:]
		} else {
			copyTiles(c.e, c.gradient, k, t.rows, src, stride, s.gradient)
			src, at = s.gradient, c.packed[c.runs[0].tiles[0].rows-t.rows]
		}
		c.t.gradient(tileInput[T]{
			src: src, pitch: c.gradient.pitch, at: at[:n], dst: s.pointsOfGradient[t.row*k.tiles:], point: point,
			temp: s.temp[:],
		})
	}
}

// directly says whether a block's tiles are read from dy, at at. What fills the last vector of a
// block of fewer tiles would lie outside the block, and maybe outside dy.
func (c *tiledWeights[T]) directly(k tileBlock, t rowTile, at []int32) bool {
	n := t.rows * k.tiles
	return at != nil && (n%c.e.lane == 0 || k.n == c.images && k.rows == c.rows)
}

// gradientPoint returns the elements of each point of the transformed gradient.
func gradientPoint(k tileBlock, r rowRun) int { return r.rows*k.tiles + 16 }

// productsOf returns the products of some rows and the distance between their points. If a leaf is
// one block, all rows share memory.
func (c *tiledWeights[T]) productsOf(s *tiledScratch[T], r rowRun, whole bool) (products []T, point int) {
	rows, first := c.out, r.first
	if whole {
		rows, first = c.runs[0].rows, 0
	}
	point = rows*c.ldc + 16
	s.products = grow(s.products, winogradPoints*point)
	return s.products[first*c.ldc:], point
}

// multiply computes the products of some rows, or adds to them.
func (c *tiledWeights[T]) multiply(
	s *weightScratch[T], k tileBlock, r rowRun, channels int, products []T, point int, accumulate bool,
) {
	for i := range winogradPoints {
		s.p = panel[T]{
			tiles: r.tiles, a: s.tiled.pointsOfGradient[i*gradientPoint(k, r):], k: k.tiles, kc: k.tiles,
			b: s.tiled.pointsOfInput[i*c.inputPoint():], offsets: c.offsets,
			c: products[i*point:], ldc: c.ldc, cols: channels, accumulate: accumulate,
		}
		c.e.mul(&s.p)
	}
}

// transformBack writes dw of some rows from their products.
func (c *tiledWeights[T]) transformBack(s *tiledScratch[T], r rowRun, b weightBlock[T], products []T, point int) {
	filter := c.form.filter()
	s.taps = grow(s.taps, filter*c.ldc)
	for row := range r.rows {
		c.t.taps(tileTaps[T]{
			n: c.e.width(b.n), src: products[row*c.ldc:], point: point, dst: s.taps, tap: c.ldc, temp: s.temp[:],
		})
		dw := b.dw[(r.first+row)*b.stride:][:b.n*filter]
		most := filter - 1 // whole vectors of AVX2
		c.e.transpose(transpose[T]{
			rows: most, cols: b.n, src: s.taps, srcStride: c.ldc, dst: dw, dstStride: filter,
		})
		for i, v := range s.taps[most*c.ldc:][:b.n] {
			dw[i*filter+most] = v
		}
	}
}

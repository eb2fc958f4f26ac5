package kernel

const (
	weightTiles    = 64      // about as many tiles in one block of the sum
	tiledChannels  = 128     // most input channels of a shard
	tiledGradients = 1 << 16 // about as many elements of transformed gradients at once
)

// tiledWeights is the gradient of the weights of a 3x3 convolution at stride 1 by F(4x4, 3x3). The
// forward pass (see winograd) is linear in the filter g, and the gradient is its transpose. With d
// the 6x6 input of a tile of channel c, and dy the gradient of the tile's output of channel o,
//
//	y = Aᵀ·((G·g·Gᵀ) ⊙ (Bᵀ·d·B))·A      dg = Gᵀ·(Σ_tiles (A·dy·Aᵀ) ⊙ (Bᵀ·d·B))·G
//
// which takes 36 multiplications for each tile where the definition takes 144. Each of the 36
// points is a matrix product of depth tiles, of the gradients of channels o and the inputs of
// channels c.
//
// The transforms write their results in the order in which the product reads them, because a vector
// of tiles may hold any tiles of any channels. A leaf's sum over its tiles is made in blocks, which
// the shapes decide, and transformed back once.
type tiledWeights[T Float] struct {
	e              *engine[T]
	out            int // channels of a group
	tilesH, tilesW int
	images, rows   int // most images, and rows of tiles of each, in a block: all rows, or some of one image

	input    tileLayout
	channels []int32 // where the input's channels begin
	pitch    int     // elements from one tile's transformed input to the next
	offsets  []int32 // of the tiles' transformed input

	gradient tileLayout
	packed   [2][]int32 // see packedOrder; for the rows of the first row tile, and for one row less
	runs     []rowRun
	ldc      int // elements of a row of the products
}

// rowRun is a run of row tiles, whose rows count from row first.
type rowRun struct {
	first, rows int
	tiles       []rowTile
}

// tileBlock is a block of the sum: rows rows of tiles, from row first on, of each of n images.
type tileBlock struct{ n, first, rows, tiles int }

// tileLayout is where the rows of tiles of a block lie in memory: channel after channel, image
// after image, with the padding.
type tileLayout struct {
	paddedPlane
	top     int // rows of padding
	border  int // rows by which a tile is higher than the distance to the next
	lines   int // rows of each image
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
	enough := s.tiles() >= 9 || s.tiles() >= 4 && in*out <= 1<<13
	return winogradSuits[T](s) && min(in, out) >= 8 && in*out >= 128 && enough
}

func newTiledWeights[T Float](e *engine[T], s ConvShape) *tiledWeights[T] {
	in, out := s.groupChannels()
	c := &tiledWeights[T]{
		e: e, out: out, tilesH: ceilDiv(s.OutHeight(), winogradOut), tilesW: ceilDiv(s.OutWidth(), winogradOut),
	}
	c.rows = ceilDiv(c.tilesH, ceilDiv(c.tilesH*c.tilesW, weightTiles))
	c.images = max(1, weightTiles/(c.tilesH*c.tilesW))
	plane := paddedPlane{height: s.InHeight, width: s.InWidth, left: s.PadLeft}
	c.input = c.newLayout(plane, s.PadTop, winogradIn-winogradOut)
	c.gradient = c.newLayout(paddedPlane{height: s.OutHeight(), width: s.OutWidth()}, 0, 0)
	c.planInput(min(in, tiledChannels))
	c.planGradient()
	return c
}

func (c *tiledWeights[T]) newLayout(p paddedPlane, top, border int) tileLayout {
	p.pitch = c.tilesW*winogradOut + border
	lines := c.rows*winogradOut + border
	return tileLayout{paddedPlane: p, top: top, border: border, lines: lines, channel: c.images * lines * p.pitch}
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

// planGradient plans the transformed gradient and cuts its rows into blocks.
func (c *tiledWeights[T]) planGradient() {
	tiles := tileRows(c.out, c.e.rows)
	c.packed[0], c.packed[1] = c.packedOrder(tiles[0].rows), c.packedOrder(tiles[0].rows-1)
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
func (c *tiledWeights[T]) packedOrder(n int) []int32 {
	var at []int32
	for image := range c.images {
		for row := range c.rows {
			for col := range c.tilesW {
				for channel := range n {
					at = append(at, int32(channel*c.gradient.channel+c.gradient.tile(image, row, col)))
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
	return (image*l.lines+row*winogradOut)*l.pitch + col*winogradOut
}

// copyTiles copies what the tiles of a block read of n channels. src begins at the first channel of
// the block's first image; images are stride apart.
func copyTiles[T Float](e *engine[T], l tileLayout, k tileBlock, n int, src []T, stride int, dst []T) {
	plane := l.height * l.width
	for i := range k.n {
		for channel := range n {
			copyPadded(e, l.paddedPlane, src[i*stride+channel*plane:][:plane], k.first*winogradOut-l.top,
				k.rows*winogradOut+l.border, dst[channel*l.channel+i*l.lines*l.pitch:])
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
		x := w.x[w.sourceAt(image, b):]
		for first := 0; first < c.tilesH; first += c.rows {
			rows := min(c.rows, c.tilesH-first)
			k := tileBlock{n: n, first: first, rows: rows, tiles: n * rows * c.tilesW}
			c.transformInput(&s.tiled, k, b.n, x, w.shape.InChannels*c.input.height*c.input.width)
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

// transformInput packs and transforms a block's input: point after point, tile after tile.
func (c *tiledWeights[T]) transformInput(s *tiledScratch[T], k tileBlock, channels int, x []T, stride int) {
	s.input = grow(s.input, len(c.channels)*c.input.channel)
	copyTiles(c.e, c.input, k, channels, x, stride, s.input)
	point := c.inputPoint()
	s.pointsOfInput = grow(s.pointsOfInput, winogradPoints*point)
	for i := range k.n {
		for row := range k.rows {
			for col := range c.tilesW {
				t := (i*k.rows+row)*c.tilesW + col
				c.e.winograd.input(tileInput[T]{
					src: s.input[c.input.tile(i, row, col):], pitch: c.input.pitch,
					at: c.channels[:c.e.width(channels)], dst: s.pointsOfInput[t*c.pitch:], point: point,
					temp: s.temp[:],
				})
			}
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
	s.gradient = grow(s.gradient, r.tiles[0].rows*c.gradient.channel)
	s.pointsOfGradient = grow(s.pointsOfGradient, winogradPoints*point)
	for _, t := range r.tiles {
		copyTiles(c.e, c.gradient, k, t.rows, dy[(r.first+t.row)*plane:], stride, s.gradient)
		at := c.packed[c.runs[0].tiles[0].rows-t.rows]
		c.e.winograd.gradient(tileInput[T]{
			src: s.gradient, pitch: c.gradient.pitch, at: at[:c.e.width(t.rows*k.tiles)],
			dst: s.pointsOfGradient[t.row*k.tiles:], point: point, temp: s.temp[:],
		})
	}
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
	s.taps = grow(s.taps, winogradTaps*c.ldc)
	for row := range r.rows {
		c.e.winograd.taps(tileTaps[T]{
			n: c.e.width(b.n), src: products[row*c.ldc:], point: point, dst: s.taps, tap: c.ldc, temp: s.temp[:],
		})
		dw := b.dw[(r.first+row)*b.stride:][:b.n*winogradTaps]
		const most = winogradTaps - 1 // a vector of AVX2
		c.e.transpose(transpose[T]{
			rows: most, cols: b.n, src: s.taps, srcStride: c.ldc, dst: dw, dstStride: winogradTaps,
		})
		for i, v := range s.taps[most*c.ldc:][:b.n] {
			dw[i*winogradTaps+most] = v
		}
	}
}

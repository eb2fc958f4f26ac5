package kernel

// pixelTiles divides images (batch, channels, plane) into tiles of pixels, for kernels that work
// over the channels of each pixel.
type pixelTiles struct{ batch, channels, plane int }

// pixelTileSize is the most pixels in a tile. A row of a tile is one run of memory, and a tile's
// values, which are read several times, stay in the L2 cache up to some hundred channels. With 64,
// the short runs cost twice the time.
const pixelTileSize = 256

// pixelTile is a run of pixels of one image.
type pixelTile struct {
	start, stride int // channel c of the pixels begins at start + c·stride
	first, pixels int // the index of the first pixel in the batch, and their number
}

func (p pixelTiles) count() int { return p.batch * ceilDiv(p.plane, pixelTileSize) }

func (p pixelTiles) tile(i int) pixelTile {
	perImage := ceilDiv(p.plane, pixelTileSize)
	image, from := i/perImage, i%perImage*pixelTileSize
	return pixelTile{
		start: image*p.channels*p.plane + from, stride: p.plane,
		first: image*p.plane + from, pixels: min(pixelTileSize, p.plane-from),
	}
}

// rowOf returns one channel of a tile.
func rowOf[T Float](s []T, t pixelTile, channel int) []T {
	return s[t.start+channel*t.stride:][:t.pixels]
}

package kernel

// places divides images (batch, channels, plane) into tiles for what works over the channels at each
// place of the plane.
type places struct{ batch, channels, plane int }

// placeTileSize is how many places a tile has at most. A row of it is one run of memory, and a tile's
// values, which are read several times, stay in the L2 cache up to some hundred channels. With 64 the
// short runs cost twice the time.
const placeTileSize = 256

// placeTile is a run of places of one image.
type placeTile struct {
	start, stride int // channel c of the places begins at start + c·stride
	first, places int // the first place, counted through the batch, and how many there are
}

func (p places) tiles() int { return p.batch * ceilDiv(p.plane, placeTileSize) }

func (p places) tile(i int) placeTile {
	perImage := ceilDiv(p.plane, placeTileSize)
	image, from := i/perImage, i%perImage*placeTileSize
	return placeTile{
		start: image*p.channels*p.plane + from, stride: p.plane,
		first: image*p.plane + from, places: min(placeTileSize, p.plane-from),
	}
}

// rowOf is one channel of a tile.
func rowOf[T Float](s []T, t placeTile, channel int) []T {
	return s[t.start+channel*t.stride:][:t.places]
}

//go:build arm64 && !purego

package kernel

// tileNEON is a micro-kernel: rows × 4·vectors of C over depth kc. It reads b's rows at offsets, or width apart where offsets is nil.
type tileNEON func(kc int, a, b *float32, offsets *int32, width int, c *float32, ldc, flags int, bias *float32)

// Flags of a tileNEON.
const (
	flagAccumulate = 1 << iota
	flagReLU
)

const (
	rowsNEON    = 6
	lanesNEON   = 4
	vectorsNEON = 4
)

// The micro-kernels, by rows and vectors.
var tilesNEON = [rowsNEON + 1][vectorsNEON + 1]tileNEON{
	1: {nil, tile1x1NEON, tile1x2NEON, tile1x3NEON, tile1x4NEON},
	2: {nil, tile2x1NEON, tile2x2NEON, tile2x3NEON, tile2x4NEON},
	3: {nil, tile3x1NEON, tile3x2NEON, tile3x3NEON, tile3x4NEON},
	4: {nil, tile4x1NEON, tile4x2NEON, tile4x3NEON, tile4x4NEON},
	5: {nil, tile5x1NEON, tile5x2NEON, tile5x3NEON, tile5x4NEON},
	6: {nil, tile6x1NEON, tile6x2NEON, tile6x3NEON, tile6x4NEON},
}

// engine32 is the portable engine with the products in assembly.
func engine32() *engine[float32] {
	e := genericEngine[float32]()
	if active == isaNEON {
		e.name, e.rows, e.mul = active.String(), rowsNEON, mulNEON
	}
	return e
}

// mulNEON goes through the columns by as many as a tile has. What it reads and writes is sliced here first, so that a wrong length panics
// instead of touching another's memory.
func mulNEON(p *panel[float32]) {
	const most = lanesNEON * vectorsNEON
	var offsets *int32
	if p.offsets != nil {
		offsets = &p.offsets[:p.kc][0]
	}
	for _, t := range p.tiles {
		a := p.a[t.row*p.k+p.k0*t.rows:][:p.kc*t.rows]
		for first := 0; first < p.cols; first += most {
			mulTileNEON(p, t, a, offsets, first, min(most, p.cols-first))
		}
	}
}

// mulTileNEON computes columns first … first+cols-1 of a tile. Where the last vector is not whole, that goes by way of a copy.
func mulTileNEON(p *panel[float32], t rowTile, a []float32, offsets *int32, first, cols int) {
	tile := tilesNEON[t.rows][ceilDiv(cols, lanesNEON)]
	b := &p.b[first]
	if cols%lanesNEON != 0 {
		const width = lanesNEON * vectorsNEON
		var sums [rowsNEON * width]float32
		tile(p.kc, &a[0], b, offsets, p.width, &sums[0], width, 0, nil)
		for i := range t.rows {
			for j := 0; j < cols; j += lanesNEON {
				p.store(t.row+i, first+j, sums[i*width+j:][:lanesNEON])
			}
		}
		return
	}
	flags := 0
	if p.accumulate {
		flags |= flagAccumulate
	}
	if p.relu {
		flags |= flagReLU
	}
	var bias *float32
	if p.bias != nil {
		bias = &p.bias[t.row:][:t.rows][0]
	}
	c := p.c[t.row*p.ldc+first:][:(t.rows-1)*p.ldc+cols]
	tile(p.kc, &a[0], b, offsets, p.width, &c[0], p.ldc, flags, bias)
}

//go:build arm64 && !purego

package kernel

// Flags of tileNEON.
const (
	flagAccumulate = 1 << iota
	flagLimits
)

const (
	rowsNEON    = 6
	lanesNEON   = 4
	vectorsNEON = 4
)

// engine32 is the portable engine with the products in assembly.
func engine32() *engine[float32] {
	e := genericEngine[float32]()
	if active == isaNEON {
		e.name, e.rows, e.mul = active.String(), rowsNEON, mulNEON
	}
	return e
}

// mulNEON computes a panel by tiles of up to 16 columns. It slices operands to the elements that
// the assembly reads and writes, so that a wrong length panics instead of touching other memory.
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

// mulTileNEON computes columns first … first+cols-1 of a tile. If the last vector is partial, the
// tile goes to a buffer and is copied from there.
func mulTileNEON(p *panel[float32], t rowTile, a []float32, offsets *int32, first, cols int) {
	vectors, b := ceilDiv(cols, lanesNEON), &p.b[first]
	if cols%lanesNEON != 0 {
		const width = lanesNEON * vectorsNEON
		var sums [rowsNEON * width]float32
		tileNEON(t.rows, vectors, p.kc, &a[0], b, offsets, p.width, &sums[0], width, 0, nil, 0, 0)
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
	if p.limits != (Limits[float32]{}) {
		flags |= flagLimits
	}
	least, most := p.limits.bounds()
	var bias *float32
	if p.bias != nil {
		bias = &p.bias[t.row:][:t.rows][0]
	}
	c := p.c[t.row*p.ldc+first:][:(t.rows-1)*p.ldc+cols]
	tileNEON(t.rows, vectors, p.kc, &a[0], b, offsets, p.width, &c[0], p.ldc, flags, bias, least, most)
}

//go:build amd64 && !purego

package kernel

// sums64Func computes sums[i*cols+j] = Σ_p a[p*rows+i]·B[p, j] in the order of p, each product and
// each sum rounded, for a tile's rows and 4 or 8 columns. Row p of B is at offsets[p], or width
// after row p-1 if offsets is nil.
type sums64Func func(kc int, a, b *float64, offsets *int32, width int, sums *float64)

const (
	rows64  = 4
	lanes64 = 4
)

// sums64 has the functions by rows, and by vectors less one.
var sums64 = [rows64 + 1][2]sums64Func{
	1: {sums1x1Float64, sums1x2Float64},
	2: {sums2x1Float64, sums2x2Float64},
	3: {sums3x1Float64, sums3x2Float64},
	4: {sums4x1Float64, sums4x2Float64},
}

// engine64 is the portable engine with the sums of its products in assembly, which have the same
// bits: gradients are compared with differences in float64.
func engine64() *engine[float64] {
	e := genericEngine[float64]()
	if active != isaGeneric {
		e.name, e.mul = active.String(), mulFloat64
	}
	return e
}

// mulFloat64 slices operands to the elements that the assembly reads, so that a wrong length panics
// instead of touching other memory.
func mulFloat64(p *panel[float64]) {
	var sums [rows64 * 2 * lanes64]float64
	var offsets *int32
	if p.offsets != nil {
		offsets = &p.offsets[:p.kc][0]
	}
	for _, t := range p.tiles {
		a := p.tileOfA(t)
		for j := 0; j < p.cols; j += 2 * lanes64 {
			vectors := min(2, ceilDiv(p.cols-j, lanes64))
			b := p.b[j:]
			if offsets == nil {
				b = b[:(p.kc-1)*p.width+vectors*lanes64]
			}
			sums64[t.rows][vectors-1](p.kc, &a[0], &b[0], offsets, p.width, &sums[0])
			for i := range t.rows * vectors {
				p.store(t.row+i/vectors, j+i%vectors*lanes64, sums[i*lanes64:][:lanes64])
			}
		}
	}
}

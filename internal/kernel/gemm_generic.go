package kernel

// genericEngine is the portable engine: micro-kernels of 2 × 4 elements, which the compiler keeps
// in registers.
func genericEngine[T Float]() *engine[T] {
	return &engine[T]{
		name: "generic", rows: 4, cols: 16, lane: 4,
		mul: mulGeneric[T], copy: copyGeneric[T], transpose: transposeGeneric[T], im2col: im2colGeneric[T],
		splitColumns: splitColumns[T], gatherTranspose: gatherTransposeGeneric[T], winograd: portableWinograd[T](),
	}
}

func mulGeneric[T Float](p *panel[T]) {
	for _, t := range p.tiles {
		a := p.a[t.row*p.k+p.k0*t.rows:][:p.kc*t.rows]
		for i := 0; i < t.rows; i += 2 {
			for j := 0; j < p.cols; j += 4 {
				p.mulBlock(a, t, i, j)
			}
		}
	}
}

// mulBlock computes rows i, i+1 of tile t and columns j … j+3. For the last row of an odd tile,
// both rows are the same.
func (p *panel[T]) mulBlock(a []T, t rowTile, i, j int) {
	i1 := min(i+1, t.rows-1)
	sum := p.sums(a[i:], a[i1:], t.rows, j)
	p.store(t.row+i, j, sum[:4])
	if i1 > i {
		p.store(t.row+i1, j, sum[4:])
	}
}

// sums returns Σ_p a0[p*rows]·B[p, j:j+4] and the same of a1.
func (p *panel[T]) sums(a0, a1 []T, rows, j int) [8]T {
	var c00, c01, c02, c03, c10, c11, c12, c13 T
	at := 0
	for k := range p.kc {
		row := k * p.width
		if p.offsets != nil {
			row = int(p.offsets[k])
		}
		b := p.b[row+j : row+j+4 : row+j+4]
		x, y := a0[at], a1[at]
		c00 += x * b[0]
		c01 += x * b[1]
		c02 += x * b[2]
		c03 += x * b[3]
		c10 += y * b[0]
		c11 += y * b[1]
		c12 += y * b[2]
		c13 += y * b[3]
		at += rows
	}
	return [8]T{c00, c01, c02, c03, c10, c11, c12, c13}
}

func (p *panel[T]) store(row, j int, sum []T) {
	c := p.c[row*p.ldc+j:][:min(4, p.cols-j)]
	least, most := p.limits.bounds()
	for i := range c {
		v := sum[i]
		if p.bias != nil {
			v += p.bias[row]
		}
		if p.accumulate {
			v += c[i]
		}
		c[i] = min(max(v, least), most)
	}
}

func copyGeneric[T Float](m copyRows[T]) {
	for i := range m.rows {
		copy(m.dst[i*m.dstStride:][:m.cols], m.src[i*m.srcStride:][:m.cols])
	}
}

func transposeGeneric[T Float](m transpose[T]) {
	for i := range m.rows {
		at := i
		for _, v := range m.src[i*m.srcStride:][:m.cols] {
			m.dst[at] = v
			at += m.dstStride
		}
	}
}

func gatherTransposeGeneric[T Float](offsets []int32, n int, src, dst []T, width int) {
	for j, offset := range offsets {
		at := j
		for _, v := range src[offset:][:n] {
			dst[at] = v
			at += width
		}
	}
}

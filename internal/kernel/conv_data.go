package kernel

// convData is the gradient with respect to the input. The forward sum with q = h·stride +
// r·dilation - pad, the source row, gives
//
//	dx[n,c,q,·] = Σ_{o,r} w[o,c,r,·] · dy[n,o,h,·]    over the r with  q + pad - r·dilation = h·stride
//
// and the same for columns. Source rows of one phase, q = first + stride·i, use the same taps r,
// and tap r reads row h = i + (first+pad-r·dilation)/stride. So each pair of a row phase and a
// column phase is a correlation of dy, at stride 1, with the transposed weights of those taps. At
// stride 1 there is one phase, and its result is dx.
//
// A kernel that covers the whole image makes one result for each filter, which each source pixel
// reads by one tap. Then dx = dy·W, with a row for each image. The correlation adds the same
// products in the same blocks, and zeros between them.
type convData[T Float] struct {
	shape   ConvShape
	covers  *product[T] // dy·W; nil if the kernel doesn't cover the image
	phases  []dataPhase[T]
	part    []T // a phase's result, before it is scattered into dx
	dx      []T
	phase   *dataPhase[T]
	scatter func(worker, plane int)
}

type dataPhase[T Float] struct {
	rows, cols dataAxis
	c          *correlation[T] // nil if the phase has no taps
}

// dataAxis is one phase of one axis: the n positions first, first+stride, …, their taps, and the
// first index of dy that each tap reads.
type dataAxis struct {
	first, n     int
	taps, starts []int
}

func dataAxes(in, kernel, stride, pad, dilation int) []dataAxis {
	axes := make([]dataAxis, min(in, stride))
	for first := range axes {
		a := dataAxis{first: first, n: ceilDiv(in-first, stride)}
		for tap := range kernel {
			if d := first + pad - tap*dilation; floorDiv(d, stride)*stride == d {
				a.taps = append(a.taps, tap)
				a.starts = append(a.starts, d/stride)
			}
		}
		axes[first] = a
	}
	return axes
}

func newConvData[T Float](e *engine[T], s ConvShape) *convData[T] {
	d := &convData[T]{shape: s}
	d.scatter = d.scatterPlane
	for _, rows := range dataAxes(s.InHeight, s.KernelH, s.StrideH, s.PadTop, s.DilationH) {
		for _, cols := range dataAxes(s.InWidth, s.KernelW, s.StrideW, s.PadLeft, s.DilationW) {
			d.phases = append(d.phases, dataPhase[T]{rows, cols, newDataCorrelation(e, s, rows, cols)})
		}
	}
	if s.coversImage() {
		d.planCover()
	}
	return d
}

// planCover plans dy·W, unless the correlation cuts its sums inside a filter.
func (d *convData[T]) planCover() {
	taps, depth := d.shape.KernelH*d.shape.KernelW, d.phases[0].c.depth
	if depth%taps != 0 {
		return
	}
	d.covers = newProduct[T]()
	d.covers.plan(d.shape.Batch, d.shape.InChannels*taps, d.shape.OutChannels)
	d.covers.depth = depth / taps
}

func newDataCorrelation[T Float](e *engine[T], s ConvShape, rows, cols dataAxis) *correlation[T] {
	if len(rows.taps) == 0 || len(cols.taps) == 0 {
		return nil
	}
	in, out := s.groupChannels()
	im := newIm2col(out, s.OutHeight(), s.OutWidth(), rows.n, cols.n, 1, 1, rows.starts, cols.starts)
	c := newCorrelation(e, s.Batch, s.Groups, in, im)
	kernel := s.KernelH * s.KernelW
	var taps []int
	for _, r := range rows.taps {
		for _, col := range cols.taps {
			taps = append(taps, r*s.KernelW+col)
		}
	}
	c.packTile = func(w []T, group int, t rowTile, dst []T) {
		for o := range out {
			packTaps(e, w[((group*out+o)*in+t.row)*kernel:], kernel, t.rows, taps, dst[o*len(taps)*t.rows:])
		}
	}
	return c
}

// packTaps packs the given taps of the weights of one output channel and rows input channels:
// dst[tap][channel].
func packTaps[T Float](e *engine[T], w []T, kernel, rows int, taps []int, dst []T) {
	if len(taps) == kernel {
		e.transpose(transpose[T]{rows: rows, cols: kernel, src: w, srcStride: kernel, dst: dst, dstStride: rows})
		return
	}
	for i, tap := range taps {
		for row := range rows {
			dst[i*rows+row] = w[row*kernel+tap]
		}
	}
}

func (d *convData[T]) run(w, dy, dx []T) {
	if d.covers != nil && d.phases[0].c.prologue == nil {
		pixels := d.shape.InChannels * d.shape.InHeight * d.shape.InWidth
		d.covers.run(matrix[T]{dy, d.shape.OutChannels, false}, matrix[T]{w, pixels, false}, dx, pixels)
		return
	}
	if len(d.phases) == 1 && d.phases[0].c != nil {
		d.phases[0].c.run(dy, w, nil, dx)
		return
	}
	d.dx = dx
	planes := d.shape.Batch * d.shape.InChannels
	for i := range d.phases {
		d.phase = &d.phases[i]
		size := planes * d.phase.rows.n * d.phase.cols.n
		d.part = grow(d.part, size)
		if d.phase.c != nil {
			d.phase.c.run(dy, w, nil, d.part)
		}
		parallelAbove(parallelWork, int64(size), planes, d.scatter)
	}
	d.dx = nil
}

// scatterPlane writes a phase's part of one plane to its rows and columns of dx.
func (d *convData[T]) scatterPlane(_, plane int) {
	rows, cols := d.phase.rows, d.phase.cols
	dst := d.dx[plane*d.shape.InHeight*d.shape.InWidth:][:d.shape.InHeight*d.shape.InWidth]
	for i := range rows.n {
		row := dst[(rows.first+i*d.shape.StrideH)*d.shape.InWidth:][:d.shape.InWidth]
		if d.phase.c == nil {
			for at := cols.first; at < len(row); at += d.shape.StrideW {
				row[at] = 0
			}
			continue
		}
		at := cols.first
		for _, v := range d.part[(plane*rows.n+i)*cols.n:][:cols.n] {
			row[at] = v
			at += d.shape.StrideW
		}
	}
}

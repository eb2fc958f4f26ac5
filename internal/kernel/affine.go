package kernel

// Affine is a fully connected layer y = x·Wᵀ + b: x is batch × in, W out × in, b out, y batch ×
// out.
//
// With dy = ∂L/∂y the chain rule gives, as in "Deep Learning from Scratch" (Saitoh, 5.6),
//
//	dx = dy·W     dW = dyᵀ·x     db = Σ_rows dy
//
// An Affine owns its workspace and serves one call at a time. The result of a row of x has the same
// bits at every index in the batch.
type Affine[T Float] struct {
	batch, in, out  int
	forward         affineForward[T] // for the images and the outputs that this process computes
	data, weights   *product[T]
	part            *Part
	outputs, inputs *affineShares[T] // of y and dx; nil where each peer computes all of its images'
	packedX         []T              // all of x as dw's product reads it, in common memory; nil without
	pairs           Whole[T]         // rows of dy, each after its row of x unless that is packed
	pairedX         int              // values of x in such a row
	paired          int              // the step of the part that the rows are of
	biasDy          Whole[T]

	late, lateBias bool   // dw, db are read after [Part.Finish] only
	dw, db         []T    // of the running calls
	rest, restBias func() // ownWeights and wholeBias, stored once
}

// NewAffine plans a layer of the given sizes.
func NewAffine[T Float](batch, in, out int) *Affine[T] {
	a := &Affine[T]{batch: batch, in: in, out: out, data: newProduct[T](), weights: newProduct[T]()}
	a.Split(nil)
	return a
}

// Split makes the layer compute a part of a batch.
func (a *Affine[T]) Split(p *Part) {
	a.part, a.outputs, a.inputs, a.paired = p, nil, nil, -1
	batch, out := a.batch, a.out
	if sharesPay(p, a.in, a.out) {
		a.outputs = &affineShares[T]{part: p, columns: a.out}
		a.inputs = &affineShares[T]{part: p, columns: a.in}
		from, to := p.Share(a.out)
		batch, out = p.batch, to-from
	}
	a.forward = newAffineForward[T](batch, a.in, out, p.Total(a.batch), a.in*a.out)
	a.pairs, a.pairedX, a.packedX = Whole[T]{}, a.in, nil
	if a.SharesWeights() {
		a.shareOperands()
	}
}

// shareOperands puts the operands of dw where all peers see them, if they have memory in common.
// Then each packs x of its images once, for all.
func (a *Affine[T]) shareOperands() {
	p := a.part
	a.planWeights(p.Share(a.out))
	if a.weights.shared {
		a.packedX = CommonOf[T](p, a.weights.sizeOfB()+slack)
	}
	if a.packedX != nil {
		a.pairedX = 0
	}
	a.pairs.share(p, a.pairedX+a.out)
}

// SharesWeights reports whether BackwardWeights computes a share of dw's rows and gathers those of
// the peers. Then dw may lie in memory that the peers have in common.
func (a *Affine[T]) SharesWeights() bool {
	return !a.part.alone() && a.part.batch*a.in*a.out > littleWork
}

// Forward computes y = x·Wᵀ + bias; bias may be nil.
func (a *Affine[T]) Forward(x, w, bias, y []T) { a.ForwardWithin(Limits[T]{}, x, w, bias, y) }

// ForwardWithin is Forward with limits on y, in the same pass.
func (a *Affine[T]) ForwardWithin(limits Limits[T], x, w, bias, y []T) {
	if a.outputs == nil {
		a.forward.run(x, w, bias, y, limits)
		return
	}
	x, own := a.outputs.begin(x[:a.batch*a.in])
	from, to := a.part.Share(a.out)
	if bias != nil {
		bias = bias[from:to]
	}
	a.forward.run(x, w[from*a.in:to*a.in], bias, own, limits)
	a.outputs.exchange(y[:a.batch*a.out])
}

// BackwardData computes dx = dy·W.
func (a *Affine[T]) BackwardData(w, dy, dx []T) {
	if a.inputs == nil {
		a.columnsOfData(0, a.in, dy[:a.batch*a.out], w, dx)
		return
	}
	dy, own := a.inputs.begin(dy[:a.batch*a.out])
	from, to := a.part.Share(a.in)
	a.columnsOfData(from, to, dy, w, own)
	a.inputs.exchange(dx[:a.batch*a.in])
}

func (a *Affine[T]) columnsOfData(from, to int, dy, w, dx []T) {
	a.data.plan(len(dy)/a.out, to-from, a.out)
	a.data.run(matrix[T]{dy, a.out, false}, matrix[T]{w[from:], a.in, false}, dx, to-from)
}

// BackwardWeights computes dw = dyᵀ·x. Peers exchange x and dy, which are mostly smaller than dw;
// each computes its share of dw's rows over the whole batch, or all of dw if that is little work.
func (a *Affine[T]) BackwardWeights(x, dy, dw []T) {
	x, dy, dw = x[:a.batch*a.in], dy[:a.batch*a.out], dw[:a.out*a.in]
	p := a.part
	if p == nil {
		a.rowsOfWeights(0, a.out, matrix[T]{x, a.in, false}, matrix[T]{dy, a.out, true}, dw)
		return
	}
	a.pair(x, dy)
	if !p.last() {
		return
	}
	if a.rest == nil {
		a.rest = a.ownWeights
	}
	after := soon
	if a.inputs != nil {
		after = afterShares
	}
	a.dw, a.paired = dw, p.steps
	p.complete(a.late, after, a.rest)
}

// pair begins to complete x and dy, in one exchange.
func (a *Affine[T]) pair(x, dy []T) {
	p, size := a.part, a.pairedX+a.out
	rows := a.pairs.rowsOf(p, size)
	e := a.data.e
	if a.packedX != nil {
		p.enter() // rowsOf hasn't, if there was no room for the rows in common memory
		a.weights.packRows(matrix[T]{x, a.in, false}, p.First(), a.batch, a.packedX)
	} else {
		e.copy(copyRows[T]{rows: a.batch, cols: a.in, src: x, srcStride: a.in, dst: rows, dstStride: size})
	}
	e.copy(copyRows[T]{rows: a.batch, cols: a.out, src: dy, srcStride: a.out, dst: rows[a.pairedX:], dstStride: size})
	a.pairs.send(p, size, p.firstImage)
}

// littleWork is the multiply-adds that take less time than an exchange.
const littleWork = 1 << 20

// ownWeights is the rest of BackwardWeights in a part: this process's rows of dw.
func (a *Affine[T]) ownWeights() {
	p, rows, size := a.part, a.pairs.finish(a.part), a.pairedX+a.out
	from, to := 0, a.out
	if a.SharesWeights() {
		from, to = p.Share(a.out)
	}
	a.rowsOfWeights(from, to, matrix[T]{rows, size, false}, matrix[T]{rows[a.pairedX:], size, true}, a.dw)
	if a.SharesWeights() {
		p.gatherShares(bytesOf(a.dw), a.in*sizeOf[T]())
	}
	a.dw = nil
}

// rowsOfWeights computes rows of dw. It doesn't read x if that is packed.
func (a *Affine[T]) rowsOfWeights(from, to int, x, dy matrix[T], dw []T) {
	dy.data, dw = dy.data[from:], dw[from*a.in:]
	a.planWeights(from, to)
	if a.packedX != nil {
		a.weights.runPacked(dy, a.packedX, dw, a.in)
		return
	}
	a.weights.run(dy, x, dw, a.in)
}

func (a *Affine[T]) planWeights(from, to int) {
	a.weights.plan(to-from, a.in, a.part.Total(a.batch))
}

// LateWeights lets BackwardWeights return before dw is complete, which it then is after
// [Part.Finish].
func (a *Affine[T]) LateWeights() { a.late = true }

// LateBias is LateWeights for BackwardBias.
func (a *Affine[T]) LateBias() { a.lateBias = true }

// BackwardBias computes db, the sum of dy's rows.
func (a *Affine[T]) BackwardBias(dy, db []T) {
	dy, p := dy[:a.batch*a.out], a.part
	if !a.lateBias || p.alone() || !p.last() {
		a.sumRows(a.biasDy.Of(p, dy), a.out, db)
		return
	}
	if a.restBias == nil {
		a.restBias = a.wholeBias
	}
	copy(a.biasDy.rowsOf(p, a.out), dy)
	a.db = db
	p.completeAtEnd(a.restBias)
}

// wholeBias is the rest of a late BackwardBias. The gradient of the weights of the same step has
// brought dy, unless the weights have none.
func (a *Affine[T]) wholeBias() {
	if a.paired == a.part.steps {
		a.sumRows(a.pairs.finish(a.part)[a.pairedX:], a.pairedX+a.out, a.db)
	} else {
		a.biasDy.send(a.part, a.out, a.part.firstImage)
		a.sumRows(a.biasDy.finish(a.part), a.out, a.db)
	}
	a.db = nil
}

// sumRows adds rows of dy, stride apart.
func (a *Affine[T]) sumRows(dy []T, stride int, db []T) {
	clear(db[:a.out])
	for at := 0; at < len(dy); at += stride {
		for j, v := range dy[at:][:a.out] {
			db[j] += v
		}
	}
}

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
	batch, in, out          int
	forward                 affineForward[T] // for the images and the outputs that this process computes
	data, weights           *product[T]
	part                    *Part
	outputs, inputs         *affineShares[T] // of y and dx; nil where each peer computes all of its images'
	wholeX, wholeDy, biasDy Whole[T]         // operands of the gradients of the weights and of the bias

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
	a.part, a.outputs, a.inputs = p, nil, nil
	batch, out := a.batch, a.out
	if sharesPay(p, a.in, a.out) {
		a.outputs = &affineShares[T]{part: p, columns: a.out}
		a.inputs = &affineShares[T]{part: p, columns: a.in}
		from, to := p.share(a.out)
		batch, out = p.batch, to-from
	}
	a.forward = newAffineForward[T](batch, a.in, out, p.Total(a.batch), a.in*a.out)
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
	from, to := a.part.share(a.out)
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
	from, to := a.part.share(a.in)
	a.columnsOfData(from, to, dy, w, own)
	a.inputs.exchange(dx[:a.batch*a.in])
}

func (a *Affine[T]) columnsOfData(from, to int, dy, w, dx []T) {
	a.data.plan(len(dy)/a.out, to-from, a.out)
	a.data.run(matrix[T]{dy, a.out, false}, matrix[T]{w[from:], a.in, false}, dx, to-from)
}

// BackwardWeights computes dw = dyᵀ·x. Peers exchange x and dy, which are mostly smaller than dw;
// each computes its share of dw's rows over the whole batch.
func (a *Affine[T]) BackwardWeights(x, dy, dw []T) {
	x, dy, dw = x[:a.batch*a.in], dy[:a.batch*a.out], dw[:a.out*a.in]
	if a.part.alone() {
		x, dy = a.wholeX.Of(a.part, x), a.wholeDy.Of(a.part, dy)
		if x != nil {
			a.rowsOfWeights(0, a.out, x, dy, dw)
		}
		return
	}
	a.wholeX.begin(a.part, x)
	a.wholeDy.begin(a.part, dy)
	if !a.part.last() {
		return
	}
	if a.rest == nil {
		a.rest = a.ownWeights
	}
	a.dw = dw
	after := soon
	if a.inputs != nil {
		after = afterShares
	}
	a.part.complete(a.late, after, a.rest)
}

// ownWeights is the rest of BackwardWeights with peers: this process's rows of dw.
func (a *Affine[T]) ownWeights() {
	x, dy := a.wholeX.finish(a.part), a.wholeDy.finish(a.part)
	from, to := a.part.share(a.out)
	a.rowsOfWeights(from, to, x, dy, a.dw)
	a.part.gatherShares(bytesOf(a.dw), a.in*sizeOf[T]())
	a.dw = nil
}

func (a *Affine[T]) rowsOfWeights(from, to int, x, dy, dw []T) {
	a.weights.plan(to-from, a.in, len(x)/a.in)
	a.weights.run(matrix[T]{dy[from:], a.out, true}, matrix[T]{x, a.in, false}, dw[from*a.in:], a.in)
}

// LateWeights lets BackwardWeights return before dw is complete, which it then is after
// [Part.Finish].
func (a *Affine[T]) LateWeights() { a.late = true }

// LateBias is LateWeights for BackwardBias.
func (a *Affine[T]) LateBias() { a.lateBias = true }

// BackwardBias computes db, the sum of dy's rows.
func (a *Affine[T]) BackwardBias(dy, db []T) {
	if !a.lateBias || a.part.alone() || !a.part.last() {
		a.sumRows(a.biasDy.Of(a.part, dy[:a.batch*a.out]), db)
		return
	}
	if a.restBias == nil {
		a.restBias = a.wholeBias
	}
	a.db = db
	a.biasDy.begin(a.part, dy[:a.batch*a.out])
	a.part.completeAtEnd(a.restBias)
}

// wholeBias is the rest of a late BackwardBias.
func (a *Affine[T]) wholeBias() {
	a.sumRows(a.biasDy.finish(a.part), a.db)
	a.db = nil
}

func (a *Affine[T]) sumRows(dy, db []T) {
	clear(db[:a.out])
	for at := 0; at < len(dy); at += a.out {
		for j, v := range dy[at:][:a.out] {
			db[j] += v
		}
	}
}

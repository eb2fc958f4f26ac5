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
	dots                    *affineDots[T]   // for the forward pass; nil where packed products are faster
	turned                  *affineTurned[T] // the same; nil where packing the weights pays
	forward, data, weights  *product[T]
	part                    *Part
	wholeX, wholeDy, biasDy Whole[T] // operands of the gradients of the weights and of the bias

	late, lateBias bool   // dw, db are read after [Part.Finish] only
	dw, db         []T    // of the running calls
	rest, restBias func() // ownWeights and wholeBias, stored once
}

// longSum is the input size from which dot products beat a packed product in the forward pass:
// packing both operands costs more than it gains.
const longSum = 1024

// cachedWeights is the most weights that dot products read from cache. More come from memory, and
// there the long runs of packing fetch them better, unless only one tile of rows uses them.
const cachedWeights = 1 << 21

// turnedBatch is the largest batch for which packing the weights costs more than it gains.
const turnedBatch = 128

// NewAffine plans a layer of the given sizes.
func NewAffine[T Float](batch, in, out int) *Affine[T] {
	a := &Affine[T]{
		batch: batch, in: in, out: out, forward: newProduct[T](), data: newProduct[T](), weights: newProduct[T](),
	}
	a.plan()
	return a
}

// plan chooses how the forward pass is computed. The whole batch's size decides, because the two
// ways have different bits.
func (a *Affine[T]) plan() {
	e, batch := a.forward.e, a.part.Total(a.batch)
	a.dots = nil
	if e.dotTile > 0 && (batch <= e.dotTile || a.in >= longSum && a.in*a.out <= cachedWeights) {
		a.dots = newAffineDots(e, a.batch, a.in, a.out)
	}
	a.turned = nil
	if a.dots == nil && e.rowMajor && a.batch <= turnedBatch {
		a.turned = newAffineTurned(e, a.batch, a.in, a.out)
	}
}

// Split makes the layer compute a part of a batch.
func (a *Affine[T]) Split(p *Part) {
	a.part = p
	a.plan()
}

// Forward computes y = x·Wᵀ + bias; bias may be nil.
func (a *Affine[T]) Forward(x, w, bias, y []T) { a.apply(x, w, bias, y, Limits[T]{}) }

// ForwardWithin is Forward with limits on y, in the same pass.
func (a *Affine[T]) ForwardWithin(limits Limits[T], x, w, bias, y []T) {
	a.apply(x, w, bias, y, limits)
}

func (a *Affine[T]) apply(x, w, bias, y []T, limits Limits[T]) {
	if a.dots != nil {
		a.dots.run(x, w, bias, y, limits)
		return
	}
	if a.turned != nil {
		a.turned.run(x, w, bias, y, limits)
		return
	}
	a.forward.plan(a.batch, a.out, a.in)
	a.forward.bias, a.forward.limits = bias, limits
	a.forward.run(matrix[T]{x, a.in, false}, matrix[T]{w, a.in, true}, y, a.out)
}

// BackwardData computes dx = dy·W.
func (a *Affine[T]) BackwardData(w, dy, dx []T) {
	a.data.plan(a.batch, a.in, a.out)
	a.data.run(matrix[T]{dy, a.out, false}, matrix[T]{w, a.in, false}, dx, a.in)
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
	a.part.complete(a.late, soon, a.rest)
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

package kernel

// affineForward computes y = x·Wᵀ + b, where y has the rows of x and some or all outputs of a
// layer.
type affineForward[T Float] struct {
	batch, in, out int // out: those that are computed

	// the one of the three that is fastest
	dots    *affineDots[T]
	turned  *affineTurned[T]
	product *product[T]
}

// longSum is the input size from which dot products beat a packed product: packing both operands
// costs more than it gains.
const longSum = 1024

// cachedWeights is the most weights that dot products read from cache. More come from memory, and
// there the long runs of packing fetch them better, unless only one tile of rows uses them.
const cachedWeights = 1 << 21

// newAffineForward plans out of the outputs of a layer for batch images. The whole batch and all
// weights choose dot products or not, because these have other bits than the others.
func newAffineForward[T Float](batch, in, out, wholeBatch, weights int) affineForward[T] {
	e := engineFor[T]()
	if e.dotTile > 0 && (wholeBatch <= e.dotTile || in >= longSum && weights <= cachedWeights) {
		return affineForward[T]{batch: batch, in: in, out: out, dots: newAffineDots(e, batch, in, out)}
	}
	f := affineForward[T]{batch: batch, in: in, out: out}
	if batch <= e.turnedBatch {
		f.turned = newAffineTurned(e, batch, in, out)
	} else {
		f.product = newProduct[T]()
	}
	return f
}

func (f *affineForward[T]) run(x, w, bias, y []T, limits Limits[T]) {
	switch {
	case f.dots != nil:
		f.dots.run(x, w, bias, y, limits)
	case f.turned != nil:
		f.turned.run(x, w, bias, y, limits)
	default:
		f.product.plan(f.batch, f.out, f.in)
		f.product.bias, f.product.limits = bias, limits
		f.product.run(matrix[T]{x, f.in, false}, matrix[T]{w, f.in, true}, y, f.out)
	}
}

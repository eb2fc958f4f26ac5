package kernel

// table holds one implementation of the kernels that work element by element, row by row or plane
// by plane.
type table[T Float] struct {
	relu, reluBackward       pass[T]
	sigmoid, sigmoidBackward pass[T]
	tanh, tanhBackward       pass[T]
	curves                   curveTable[T]
	dropout                  pass[T]
	exp                      pass[T]
	softmax, softmaxBackward pass[T]
	logSoftmax               pass[T]
	logSoftmaxBackward       pass[T]
	crossEntropy             pass[T]
	crossEntropyBackward     pass[T]
	rowSums, squareSums      pass[T]
	add, multiply            pass[T]
	scaleRows, dotRows       pass[T]
	fillRows, maxRows        pass[T]
	binaryCrossEntropy       pass[T]
	squaredErrors            pass[T]

	normPlane, normPlaneReLU pass[T]
	normPlaneBackward        pass[T]
	squaresAbout             func(x []T, mean float64, lanes *[sumLanes]float64) float64
	productsAbout            func(dy, x []T, mean float64, lanes *[sumLanes]float64) float64

	sgd, momentum, nesterov pass[T]
	adaGrad, rmsProp        pass[T]
	adam, adamW             pass[T]

	// Any number of whole planes of a pooling. scale and bias are those of sumPlane.
	maxPlanes         func(w *windows, worker int, x, y []T, at []int32)
	maxBackwardPlanes func(w *windows, at []int32, dy, dx []T)
	sumPlanes         func(w *windows, worker int, x []T, scale, bias T, y []T)
	spreadPlanes      func(w *windows, worker int, dy []T, scale T, dx []T)

	// Tiles of LRN, and their channels.
	normTile      func(l *LRN[T], t tile)
	normTermRow   func(l *LRN[T], t tile, c int, y, dy, term, ratio []T)
	normSpreadRow func(rows []T, count int, factor T, x, dx []T)
}

// pass works through one shard of a sweep.
type pass[T Float] func(operands[T])

// operands holds the arguments of a pass. The function that starts a sweep and its pass agree on
// the meaning of each slice and constant.
type operands[T Float] struct {
	a, b, c, d []T       // unit elements for each item
	ofRow      []T       // one element for each item
	at         []int     // one element for each item
	sums       []float64 // one element for each item
	k          *[9]T     // constants
	exp        pass[T]   // for the passes that need powers
	rate       float64
	key        uint64
	unit       int // elements in an item: 1, or the length of a row
	first      int // index of the shard's first item
}

func portableTable[T Float]() table[T] {
	return table[T]{
		relu: relu[T], reluBackward: reluBackward[T],
		sigmoid: sigmoid[T], sigmoidBackward: sigmoidBackward[T],
		tanh: tanh[T], tanhBackward: tanhBackward[T],
		curves:  portableCurves[T](),
		dropout: dropout[T],
		exp:     exp[T],
		softmax: softmax[T], softmaxBackward: softmaxBackward[T],
		logSoftmax: logSoftmax[T], logSoftmaxBackward: logSoftmaxBackward[T],
		crossEntropy: crossEntropy[T], crossEntropyBackward: crossEntropyBackward[T],
		rowSums: rowSums[T], squareSums: squareSums[T],
		add: add[T], multiply: multiply[T],
		scaleRows: scaleRows[T], dotRows: dotRows[T],
		fillRows: fillRows[T], maxRows: maxRows[T],
		binaryCrossEntropy: binaryCrossEntropy[T], squaredErrors: squaredErrors[T],
		normPlane: normPlane[T], normPlaneReLU: normPlaneReLU[T], normPlaneBackward: normPlaneBackward[T],
		squaresAbout: squaresAbout[T], productsAbout: productsAbout[T],
		sgd: sgd[T], momentum: momentum[T], nesterov: nesterov[T],
		adaGrad: adaGrad[T], rmsProp: rmsProp[T],
		adam: adam[T], adamW: adamW[T],
		maxPlanes: maxPlanes[T], maxBackwardPlanes: maxBackwardPlanes[T],
		sumPlanes: sumPlanes[T], spreadPlanes: spreadPlanes[T],
		normTile: normTile[T], normTermRow: normTermRow[T], normSpreadRow: normSpreadRow[T],
	}
}

var (
	tables32 = [...]table[float32]{
		isaGeneric: portableTable[float32](), isaNEON: portableTable[float32](), isaAVX2: avx2Table(),
		isaAVX512: avx512Table(),
	}
	table64 = portableTable[float64]()
)

// portable returns the portable implementations for T.
func portable[T Float]() *table[T] {
	var t *table[T]
	switch p := any(&t).(type) {
	case **table[float32]:
		*p = &tables32[isaGeneric]
	case **table[float64]:
		*p = &table64
	}
	return t
}

// kernels returns the implementations in use for T.
func kernels[T Float]() *table[T] {
	var t *table[T]
	switch p := any(&t).(type) {
	case **table[float32]:
		*p = &tables32[active]
	case **table[float64]:
		*p = &table64
	}
	return t
}

// sweepShard is the number of elements in a shard of a sweep, in whole items: enough to be worth
// handing to another core, few enough to stay in its L2 cache.
const sweepShard = 1 << 14

// sweep is one parallel pass over items. Sweeps are reused, because a new closure for each call
// would allocate.
type sweep[T Float] struct {
	operands[T]
	apply     pass[T]
	items     int
	run       func(worker, shard int)
	workspace []float64 // storage of sums
	constants [9]T      // storage of k, shared by all shards, so that a call doesn't allocate
}

// The idle sweeps.
var (
	sweeps32 stack[sweep[float32]]
	sweeps64 stack[sweep[float64]]
)

func sweeps[T Float]() *stack[sweep[T]] {
	var idle *stack[sweep[T]]
	switch p := any(&idle).(type) {
	case **stack[sweep[float32]]:
		*p = &sweeps32
	case **stack[sweep[float64]]:
		*p = &sweeps64
	}
	return idle
}

func takeSweep[T Float]() *sweep[T] {
	s := sweeps[T]().take()
	if s.run == nil {
		s.run = s.shard
	}
	return s
}

// done returns the sweep to the idle ones and drops the caller's slices.
func (s *sweep[T]) done() {
	s.operands = operands[T]{}
	sweeps[T]().put(s)
}

// do runs a pass over the items of o with constants k; o.unit must be set. The caller may read a
// pass's sums until it calls done.
func (s *sweep[T]) do(items int, apply pass[T], o operands[T], k ...T) {
	copy(s.constants[:], k)
	o.k = &s.constants
	s.items, s.apply, s.operands = items, apply, o
	if s.perShard() >= items {
		apply(o)
		return
	}
	Parallel((items+s.perShard()-1)/s.perShard(), s.run)
}

// sumWorkspace returns workspace for one sum for each item.
func (s *sweep[T]) sumWorkspace(items int) []float64 {
	if cap(s.workspace) < items {
		s.workspace = make([]float64, items)
	}
	return s.workspace[:items]
}

func (s *sweep[T]) perShard() int { return max(1, sweepShard/max(1, s.unit)) }

func (s *sweep[T]) shard(_, shard int) {
	from := shard * s.perShard()
	to := min(from+s.perShard(), s.items)
	o := s.operands
	o.first += from
	o.a, o.b = cut(o.a, from, to, s.unit), cut(o.b, from, to, s.unit)
	o.c, o.d = cut(o.c, from, to, s.unit), cut(o.d, from, to, s.unit)
	o.ofRow, o.at, o.sums = cut(o.ofRow, from, to, 1), cut(o.at, from, to, 1), cut(o.sums, from, to, 1)
	s.apply(o)
}

func cut[E any](s []E, from, to, unit int) []E {
	if s == nil {
		return nil
	}
	return s[from*unit : to*unit]
}

// forEach runs a pass over single elements.
func forEach[T Float](apply pass[T], o operands[T], k ...T) { forEachRow(apply, len(o.a), 1, o, k...) }

// forEachRow runs a pass over rows of unit elements.
func forEachRow[T Float](apply pass[T], rows, unit int, o operands[T], k ...T) {
	s := takeSweep[T]()
	o.unit = unit
	s.do(rows, apply, o, k...)
	s.done()
}

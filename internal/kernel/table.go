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

	normPlane, normPlaneWithin pass[T]
	normPlaneAdded             pass[T]
	normPlaneBackward          pass[T]
	squaresAbout               func(x []T, mean float64, lanes *[sumLanes]float64) float64
	productsAbout              func(dy, x []T, mean float64, lanes *[sumLanes]float64) float64

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
		normPlane: normPlane[T], normPlaneWithin: normPlaneWithin[T], normPlaneAdded: normPlaneAdded[T],
		normPlaneBackward: normPlaneBackward[T],
		squaresAbout:      squaresAbout[T], productsAbout: productsAbout[T],
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

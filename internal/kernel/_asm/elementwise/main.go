// Command elementwise writes the package's float32 assembly for activations, softmax, dropout, updates,
// pooling, depthwise convolution, LRN and joins. Run it by `go generate` in the package's folder.
//
// The last, partial vector of a row runs the same instructions as the others, on masked lanes: an element's bits never depend on where it
// stands. All operations are exactly rounded ones (no rsqrt or rcp), so they don't depend on the processor's maker either.
package main

import (
	. "github.com/mmcloughlin/avo/build"
)

func main() {
	ConstraintExpr("!purego")
	for _, s := range []*simd{avx2, avx512} {
		activations(s)
		curves(s)
		updates(s)
		norms(s)
		sums(s)
		joins(s)
		softmaxRows(s)
		dropout(s)
		depthwise(s)
	}
	pools()
	Generate()
}

// Command elementwise writes the package's float32 assembly for activations, softmax, dropout,
// updates, pooling, depthwise convolution, LRN and joins. Run it by `go generate` in the package's
// folder.
//
// The last, partial vector of a row runs the same instructions as the others, on masked lanes, so
// an element's bits don't depend on its index. All operations are exactly rounded (no rsqrt or
// rcp), so they don't depend on the processor's maker either.
package main

import (
	"strings"
	"unicode/utf8"

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

// doc sets the current function's comment, wrapped at 100 columns.
func doc(text string) {
	const columns = 100 - len("// ")
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	Doc(append(lines, line)...)
}

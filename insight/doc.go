// Package insight shows what a trained network has learned: which pixels a decision depends on
// ([Method]), and what a unit looks for ([Dream], [Sees]).
package insight

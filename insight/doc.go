// Package insight shows what a trained network has learned: which parts of a picture a decision hangs
// on ([Method]), and what a unit looks for ([Dream], [ReceptiveField]).
package insight

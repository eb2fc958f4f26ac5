// Package train teaches a graph.Model: the book's Trainer, grown up. The loop itself only draws batches, runs the step and the solver, and
// measures; everything else (progress, history, checkpoints, early stopping) is a [Callback].
//
// Same seed, same data and same settings give the same bits.
package train

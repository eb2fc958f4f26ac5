// Package train trains a graph.Model. The loop draws batches, runs the step and the solver, and
// measures accuracies; everything else is a [Callback]: progress, history, checkpoints, early
// stopping.
//
// The same seed, data and settings give the same bits.
package train

// Package graph turns a network, declared as a list of layers, into something that runs.
//
// A [Spec] is the declaration: plain data, the same in Go and in JSON. [New] infers every shape and
// creates the parameters. The [Model] it returns lowers itself to gorgonia expression graphs of the
// ops in convgraph/ops, one graph for each batch size:
//
//	Spec (layers) → nodes → symbolic graph → Step (loss and gradients, on gorgonia's tape machine)
//	                                       → predictor (forward only)
//
// All graphs of a model share one set of parameter tensors, so what a [Step] trains is what the
// model predicts with.
//
// Images are batches in NCHW order, (N, C, H, W); a network of features reads (N, features). Shapes
// in a spec are those of one sample, without N.
package graph

// Package graph turns a network that is declared as a list of layers into something that runs.
//
// A [Spec] is the declaration: plain data, the same in Go and in JSON. [New] works out every shape and makes the parameters; the [Model] it
// returns lowers itself to gorgonia expression graphs of the ops in convgraph/ops, one for each batch size that is asked for:
//
//	Spec (layers) → shapes → symbolic graph → Step (loss and gradients, on gorgonia's tape machine)
//	                                        → predictor (forward only)
//
// All of a model's graphs share one set of parameter tensors, so a trained step is at once what predicts.
package graph

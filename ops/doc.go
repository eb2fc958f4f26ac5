// Package ops holds the operations of convolutional networks as gorgonia nodes: convolution, pooling, normalisation, activation and loss,
// each with a gradient of its own.
//
// Every op is declared in one file as mathematics: a shape rule, a forward function and one vector-Jacobian product per input (see [rule]
// in rule.go); node.go is the one adapter that turns a rule into a gorgonia Op. An op works on any *gorgonia.Node of float32 or float64, next
// to gorgonia's own ops, is differentiated by gorgonia.Grad and run by gorgonia's tape machine.
//
// Tensors are row-major and images are NCHW: batch, channels, height, width.
//
// Building two graphs at the same time is not safe in gorgonia itself; running two is.
package ops

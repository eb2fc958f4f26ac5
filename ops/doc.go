// Package ops holds the operations of convolutional networks as gorgonia nodes: convolution,
// pooling, normalization, activation and loss, with their gradients.
//
// Each op is declared in one file as mathematics: a shape rule, a forward function and one
// vector-Jacobian product per input (see rule.go). One adapter, in node.go, turns a rule into a
// gorgonia Op. An op takes nodes of float32 or float64 and mixes with gorgonia's own ops;
// gorgonia.Grad differentiates it and gorgonia's tape machine runs it. Gradients are ops with rules
// of their own (see second.go), so gorgonia.Grad differentiates them, too.
//
// Tensors are row-major and images are NCHW: batch, channels, height, width.
//
// Building two graphs at the same time is not safe in gorgonia itself; running two is.
package ops

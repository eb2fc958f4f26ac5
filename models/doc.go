// Package models declares the networks of the book's chapter on convolutional networks: SimpleConvNet (Deep Learning from Scratch,
// chapter 7), LeNet (LeCun et al. 1998) and AlexNet (Krizhevsky et al. 2012). Each file reads like the paper's own table; the result is
// plain data, a [graph.Spec], to be given to [graph.New].
package models

// Package models declares the built-in networks. SimpleConvNet (Deep Learning from Scratch, chapter
// 7), LeNet (LeCun et al. 1998) and AlexNet (Krizhevsky et al. 2012) are those of the book's
// chapter on convolutional networks; ResNet, GoogLeNet, SqueezeNet, MobileNetV2 and
// EfficientNet-Lite0 have the parameter names of the PyTorch packages whose weights they take. Each
// file reads like the paper's own table. The result is plain data, a [graph.Spec] for [graph.New].
package models

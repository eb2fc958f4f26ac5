// Package onnx carries models to and from .onnx files, the form in which
// networks travel between frameworks (https://onnx.ai).
//
// A model of this module is a chain of layers, so that is what can be imported:
// one input, each operator taking the result of the one before, everything else
// constant. An operator, an attribute or a use of one that has no counterpart
// here is refused, by name and with its node, and never taken for something
// near it.
package onnx

import (
	"fmt"
	"io"

	"convgraph/graph"
	"convgraph/internal/atomicfile"
	"convgraph/internal/wholefile"
	"convgraph/onnx/schema"
)

// Write writes a model to a file, atomically. See Marshal.
func Write(path string, m *graph.Model) error {
	data, err := Marshal(m)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Marshal returns a model as the bytes of a .onnx file of opset 17: one input
// "input" (N, C, H, W), N left open; the outputs "logits" and "probabilities"
// of a model that ends in Softmax, "output" of any other. Parameters keep their
// names and the model's element type; layers that ONNX has no operator for are
// written with others that compute the same (a Subsample or partly connected
// convolution as a Conv, a classic Dropout as the Mul that it is in prediction).
// The same model gives the same bytes.
func Marshal(m *graph.Model) ([]byte, error) {
	model, err := export(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: model %q: %w", m.Spec().Name, err)
	}
	return schema.Encode(model)
}

// ReadFile reads a file. See Decode.
func ReadFile(path string, options ...graph.Option) (*graph.Model, error) {
	data, err := wholefile.Read(path)
	if err != nil {
		return nil, err
	}
	m, err := Decode(data, options...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Decode makes a model, which predicts and trains as any other, of the bytes of
// a .onnx file: Conv, Relu, Sigmoid, Tanh, MaxPool, AveragePool, LRN, Dropout,
// Flatten, Gemm, MatMul, Softmax; Add as a bias; Sub and Div by a number for
// each channel; Reshape, Pad and Mul by a number where they fold into another
// layer; Identity, Constant and arithmetic on shapes. The batch may be open or
// of any fixed size. A parameter that several nodes share becomes each layer's
// own. A model that ends in logits (N, classes) gets a Softmax behind them, so
// that it can be trained: Predict gives the logits still.
func Decode(data []byte, options ...graph.Option) (*graph.Model, error) {
	file, err := schema.Decode(data)
	if err != nil {
		return nil, err
	}
	m, err := imported(file, len(data), options)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return m, nil
}

// Package onnx carries models to and from .onnx files, the form in which networks travel between
// frameworks (https://onnx.ai).
//
// A file is a graph of operators, and so is a network here: each operator becomes a layer, or a
// constant, or only the way in which the next layer reads its input. What exporters spell out in many
// nodes, such as an activation, comes back as the one layer that it was. An operator, an attribute or
// a use of one that has no counterpart here is refused, by name and with its node, and never taken for
// something near it.
package onnx

import (
	"fmt"
	"io"
	"path/filepath"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/file"
	"convgraph/onnx/schema"
)

// Write writes a model to a file, atomically. See [Marshal].
func Write(path string, m *graph.Model) error {
	data, err := Marshal(m)
	if err != nil {
		return err
	}
	return file.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Marshal returns a model as the bytes of a .onnx file: one input "input" (N, C, H, W), N left open;
// the outputs "logits" and "probabilities" of a model whose last layer makes probabilities, "output"
// of any other. Parameters keep their names, their shapes and the model's element type. Layers that
// ONNX has no operator for are written with several that compute the same. The operator set is 17, or
// a later one where a layer needs it. The metadata hold the model's spec, so that [Decode] returns the
// same model, and for other programs its class names and its preprocessing as JSON, "class_names" and
// "preprocess". The same model gives the same bytes.
func Marshal(m *graph.Model) ([]byte, error) {
	model, err := export(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: model %q: %w", m.Spec().Name, err)
	}
	return schema.Encode(model)
}

// A Reader reads .onnx files. The zero Reader does for files that say everything themselves.
type Reader struct {
	// Input is the shape of an image, (C, H, W) or (features), for a file that leaves sizes open.
	Input tensor.Shape
	// Output is the name of the value that the network ends with, for a file of several outputs. It
	// may be any value of the graph.
	Output string
	// ChannelsFirst makes of a file whose input is (N, H, W, C), as TensorFlow's are, a network of images
	// (C, H, W), which pictures can be given to.
	ChannelsFirst bool

	folder string // of the model's file
}

// ReadFile reads a file. See [Reader.Decode]. Numbers that the model keeps in another file are read
// from the same folder.
func (r Reader) ReadFile(path string, options ...graph.Option) (*graph.Model, error) {
	data, err := file.Read(path)
	if err != nil {
		return nil, err
	}
	r.folder = filepath.Dir(path)
	m, err := r.Decode(data, options...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// Decode makes a model, which predicts and trains as any other, of the bytes of a .onnx file. The
// batch may be open or of any fixed size. A parameter that several nodes share becomes each layer's
// own. A model that ends in logits (N, classes) has the loss of classes, so that it can be trained and
// gives probabilities. A file that [Marshal] wrote gives back the model that it was, to the bit.
func (r Reader) Decode(data []byte, options ...graph.Option) (*graph.Model, error) {
	decoded, err := schema.Decode(data)
	if err != nil {
		return nil, err
	}
	m, err := imported(decoded, len(data), r, options)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return m, nil
}

// ReadFile is [Reader.ReadFile] of the zero Reader.
func ReadFile(path string, options ...graph.Option) (*graph.Model, error) {
	return Reader{}.ReadFile(path, options...)
}

// Decode is [Reader.Decode] of the zero Reader.
func Decode(data []byte, options ...graph.Option) (*graph.Model, error) {
	return Reader{}.Decode(data, options...)
}

// Package onnx reads and writes models as .onnx files, the exchange format of neural network
// frameworks (https://onnx.ai).
//
// A file is a graph of operators. An operator becomes a layer, a constant, or only a change of the
// layout in which the next layer reads its input. Activations and normalizations that exporters
// write as many nodes become one layer again. An operator, an attribute or a use of one without a
// counterpart here is refused with its name and node, and never approximated.
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

// Marshal returns a model as the bytes of a .onnx file. It has one input, "input" (N, C, H, W) with
// open N, and the outputs "logits" and "probabilities" if the model's last layer computes
// probabilities, or else "output". Parameters keep their names, their shapes and the model's
// element type. Layers without an ONNX operator are written as several operators that compute the
// same. The operator set is 17, or a later one if a layer needs it. The metadata contain the
// model's spec, so that [Decode] returns the same model, and for other programs its class names and
// its preprocessing as JSON, "class_names" and "preprocess". The same model gives the same bytes.
func Marshal(m *graph.Model) ([]byte, error) {
	model, err := export(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: model %q: %w", m.Spec().Name, err)
	}
	return schema.Encode(model)
}

// A Reader reads .onnx files. The zero Reader is enough for files with fixed sizes and one output.
type Reader struct {
	// Input is the shape of an image, (C, H, W) or (features), for a file with open sizes.
	Input tensor.Shape
	// Output is the name of the network's output, for a file with several. It may be any value of
	// the graph.
	Output string
	// ChannelsFirst converts a network with the input (N, H, W, C), like TensorFlow's, to one that
	// reads (N, C, H, W), so that it can read pictures.
	ChannelsFirst bool

	folder string // of the model's file
}

// ReadFile reads a file. See [Reader.Decode]. External data are read from files in the same folder.
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

// Decode returns the model in the bytes of a .onnx file. It predicts and trains like any other
// model. The batch may be open or of any fixed size. A parameter shared by several nodes is copied
// for each layer. A model that ends in logits (N, classes) has the cross-entropy as its loss, so
// that it can be trained and has probabilities. A file that [Marshal] wrote returns the identical
// model.
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

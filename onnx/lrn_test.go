package onnx

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"gorgonia.org/tensor"

	"convgraph/onnx/schema"
)

// An initializer may have the name of what comes before: then the square isn't of an image, and it is no normalisation.
func TestSquareOfAConstantIsNoNormalization(t *testing.T) {
	im := &importer{value: "x", shape: tensor.Shape{3, 4, 4}, constants: map[string]*schema.Tensor{"x": {}}}
	nodes := []schema.Node{
		{Op: "Mul", Inputs: []string{"x", "x"}, Outputs: []string{"square"}},
		{Op: "Reshape", Inputs: []string{"data", "shape"}, Outputs: []string{"y"}},
	}
	assert.Nil(t, im.lrnNodes(nodes))
}

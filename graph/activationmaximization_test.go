package graph_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/ops/gradcheck"
)

// answer computes a unit's activation by prediction, without gradients.
func answer(t *testing.T, m *graph.Model, x *tensor.Dense, layer, unit int) float64 {
	t.Helper()
	all, err := m.Activations(x)
	require.NoError(t, err)
	out := all[layer].Value
	if out.Dims() == 2 {
		return get(out, unit)
	}
	height, width := out.Shape()[2], out.Shape()[3]
	return get(out, unit*height*width+height/2*width+width/2)
}

// TestAscentAgreesWithNumbers checks the gradient of a unit of every layer, in a network with every
// kind of layer.
func TestAscentAgreesWithNumbers(t *testing.T) {
	for _, spec := range []*graph.Spec{mixedNet(), models.GradientCheckNet().Spec(), branchedNet()} {
		m := newModel(t, spec, graph.WithDtype(tensor.Float64))
		x := images(m, 1)
		for i, layer := range m.Summary().Layers {
			unit := layer.Output[0] - 1
			t.Run(fmt.Sprintf("%s/%s", spec.Name, layer.Name), func(t *testing.T) {
				a, err := m.NewActivationMaximization(layer.Name, unit)
				require.NoError(t, err)
				defer a.Close()
				got, _, err := a.Run(x)
				require.NoError(t, err)
				assert.InDelta(t, answer(t, m, x, i, unit), got, 1e-12)
				gradcheck.Func{
					Inputs: []gradcheck.Input{{Name: "x", Value: x}},
					Loss:   func() (float64, error) { y, _, err := a.Run(x); return y, err },
					Gradients: func() ([]*tensor.Dense, error) {
						_, g, err := a.Run(x)
						return []*tensor.Dense{g}, err
					},
				}.Test(t, gradcheck.Options{Directions: 6})
			})
		}
	}
}

// branchedNet forks and joins in several ways.
func branchedNet() *graph.Spec {
	conv := graph.Conv2D{Filters: 4, Kernel: graph.Square(3), Pad: graph.Square(1)}
	return graph.Sequential("branched", tensor.Shape{2, 5, 6}, graph.He(), conv, graph.Tanh{},
		graph.Block("residual", graph.Residual(graph.Serial(conv, graph.BatchNorm{}, graph.SiLU{}, conv)),
			graph.Tanh{}),
		graph.Block("inception",
			graph.Branches(graph.Concat{}, conv, graph.Serial(conv, graph.Sigmoid{}), graph.AvgPool{
				Kernel: graph.Square(3), Stride: graph.Square(1), Pad: graph.Square(1)})),
		graph.Block("se", graph.Gate(graph.GlobalAvgPool{}, graph.Affine{Units: 3}, graph.Tanh{},
			graph.Affine{Units: 12}, graph.Sigmoid{})),
		graph.Affine{Units: 3}, graph.Softmax{})
}

// TestAscentSeesTheModelsParameters changes a weight between two runs.
func TestAscentSeesTheModelsParameters(t *testing.T) {
	m := newModel(t, smallNet())
	x := images(m, 1)
	a, err := m.NewActivationMaximization("conv1", 2)
	require.NoError(t, err)
	defer a.Close()
	before, _, err := a.Run(x)
	require.NoError(t, err)
	bias, err := m.Param("conv1.bias")
	require.NoError(t, err)
	bias.Float32s()[2] += 3
	after, _, err := a.Run(x)
	require.NoError(t, err)
	assert.InDelta(t, before+3, after, 1e-5)
}

func TestUpToPredictsTheLayersOutput(t *testing.T) {
	m := newModel(t, mixedNet())
	x := images(m, 3)
	want, err := m.Activations(x)
	require.NoError(t, err)
	for i, layer := range m.Summary().Layers {
		part, err := m.UpTo(layer.Name)
		require.NoError(t, err)
		assert.Equal(t, layer.Output.TotalSize(), part.Classes())
		got, err := part.Activations(x)
		require.NoError(t, err)
		require.Len(t, got, i+1)
		assert.Equal(t, want[i].Value.Float32s(), got[i].Value.Float32s(), layer.Name)
	}
}

func TestAscentErrors(t *testing.T) {
	m := newModel(t, smallNet())
	_, err := m.NewActivationMaximization("conv2", 0)
	assert.EqualError(t, err, `model "small" has no layer "conv2": it has [conv1 relu1 pool1 fc1 relu2 fc2 softmax1]`)
	for _, unit := range []int{-1, 3} {
		_, err = m.NewActivationMaximization("conv1", unit)
		assert.EqualError(t, err, fmt.Sprintf(`model "small": got unit %d of layer "conv1", want 0 to 2`, unit))
	}
	a, err := m.NewActivationMaximization("fc2", 3)
	require.NoError(t, err)
	defer a.Close()
	_, _, err = a.Run(images(m, 2))
	assert.EqualError(t, err, `model "small": got 2 images, want 1 at a time`)
	_, _, err = a.Run(tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(1, 1, 8, 7)))
	assert.ErrorContains(t, err, "images: got shape (1, 1, 8, 7)")
}

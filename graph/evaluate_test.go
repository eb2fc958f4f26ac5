package graph_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// identity is a model of three classes whose logits are its input.
func identity(t *testing.T, dt tensor.Dtype) *graph.Model {
	m := newModel(t, graph.Sequential("identity", tensor.Shape{3}, graph.Gaussian(0), graph.Affine{Units: 3},
		graph.Softmax{}), graph.WithDtype(dt))
	for i := range 3 {
		set(m.Params()[0].Value, 4*i, 1)
	}
	return m
}

func vectors(dt tensor.Dtype, columns int, values ...float64) *tensor.Dense {
	shape := tensor.Shape{len(values) / columns, columns}
	if columns == 1 {
		shape = shape[:1]
	}
	d := tensor.New(tensor.Of(dt), tensor.WithShape(shape...))
	for i, v := range values {
		set(d, i, v)
	}
	return d
}

func TestAccuracyAndLoss(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		m := identity(t, dt)
		x := vectors(dt, 3,
			0, 1, 2, // class 2, right
			5, 5, 0, // a tie: the first of the largest, 0; right
			-9, 0, 0, // 1, wrong
			800, 0, -800) // 0, right; its loss is 0 although e^800 isn't a number
		want := (math.Log(1+math.Exp(-1)+math.Exp(-2)) + math.Log(2+math.Exp(-5)) + math.Log(2+math.Exp(-9))) / 4
		for _, labels := range []*tensor.Dense{
			vectors(dt, 1, 2, 0, 2, 0),
			vectors(tensor.Float64, 1, 2, 0, 2, 0),
			vectors(tensor.Float32, 3, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0),
		} {
			accuracy, err := m.Accuracy(x, labels)
			require.NoError(t, err)
			assert.Equal(t, 0.75, accuracy)
			loss, err := m.Loss(x, labels)
			require.NoError(t, err)
			assert.InDelta(t, want, loss, 1e-15)
		}
	}
}

func TestLossOfConfidentMistakesIsFinite(t *testing.T) {
	m := identity(t, tensor.Float32)
	loss, err := m.Loss(vectors(tensor.Float32, 3, 1e30, 0, -1e30), vectors(tensor.Float32, 1, 2))
	require.NoError(t, err)
	assert.InEpsilon(t, 2e30, loss, 1e-6)
}

func TestAccuracyOfNothing(t *testing.T) {
	m := newModel(t, smallNet())
	accuracy, err := m.Accuracy(images(m, 0), labels(m, 0))
	require.NoError(t, err)
	assert.Zero(t, accuracy)
	loss, err := m.Loss(images(m, 0), labels(m, 0))
	require.NoError(t, err)
	assert.Zero(t, loss)
}

func TestLabelErrors(t *testing.T) {
	m := newModel(t, smallNet())
	x := images(m, 2)
	strided, err := vectors(tensor.Float32, 2, 0, 1, 2, 3).Slice(nil, tensor.S(0))
	require.NoError(t, err)
	for _, c := range []struct {
		labels *tensor.Dense
		want   string
	}{
		{vectors(tensor.Float32, 1, 0, 1, 2),
			`model "small": targets: got shape (3) for 2 images, want (2) class numbers or (2, 4)`},
		{vectors(tensor.Float32, 3, 0, 1, 0, 1, 0, 0),
			`model "small": targets: got shape (2, 3) for 2 images, want (2) class numbers or (2, 4)`},
		{vectors(tensor.Float32, 1, 0, 4), `model "small": label 1: got 4, want a whole number from 0 to 3`},
		{vectors(tensor.Float32, 1, -1, 0), `model "small": label 0: got -1, want a whole number from 0 to 3`},
		{vectors(tensor.Float32, 1, 0, 1.5), `model "small": label 1: got 1.5, want a whole number from 0 to 3`},
		{vectors(tensor.Float64, 1, 0, math.NaN()), `model "small": label 1: got NaN, want a whole number from 0 to 3`},
		{vectors(tensor.Float64, 1, math.Inf(1), 0),
			`model "small": label 0: got +Inf, want a whole number from 0 to 3`},
		{tensor.New(tensor.Of(tensor.Int), tensor.WithShape(2)),
			`model "small": targets are int: want float32 or float64`},
		{nil, `model "small": targets: got nil, want one for each of 2 images`},
		{strided.(*tensor.Dense),
			`model "small": targets are a view or column-major: want them row-major in one piece (see Materialize)`},
	} {
		_, err := m.Accuracy(x, c.labels)
		assert.EqualError(t, err, c.want)
		_, err = m.Loss(x, c.labels)
		assert.EqualError(t, err, c.want)
		_, err = m.Gradient(x, c.labels)
		assert.EqualError(t, err, c.want)
	}
}

func TestArgMax(t *testing.T) {
	assert.Equal(t, []int{1, 0},
		graph.ArgMax(tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float64{1, 3, 2, 5, 5, 4}))))
	assert.Nil(t, graph.ArgMax(nil))
	assert.Nil(t, graph.ArgMax(vectors(tensor.Float32, 1, 1, 2)))
	assert.Nil(t, graph.ArgMax(tensor.New(tensor.Of(tensor.Int), tensor.WithShape(2, 2))))
}

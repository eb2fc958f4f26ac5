package graph_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// everyProduct has a layer for each way in which the kernels read weights: where they lie, packed,
// transformed, plane by plane and as rows of dot products.
func everyProduct() *graph.Spec {
	return graph.Sequential("products", tensor.Shape{16, 14, 14}, graph.He(),
		graph.Conv2D{Filters: 48, Kernel: graph.Square(1)},
		graph.Conv2D{Filters: 48, Kernel: graph.Square(3), Pad: graph.Square(1), Groups: 48}, graph.ReLU{},
		graph.Conv2D{Filters: 32, Kernel: graph.Square(3), Pad: graph.Square(1), Stride: graph.Square(2)},
		graph.ReLU{}, graph.Conv2D{Filters: 32, Kernel: graph.Square(3), Pad: graph.Square(1)}, graph.ReLU{},
		graph.Affine{Units: 19}, graph.Sigmoid{}, graph.Affine{Units: 5}, graph.Softmax{})
}

// TestPredictionsFollowTheParameters changes the parameters between predictions of a model, and
// compares them with those of a new model that has the same parameters.
func TestPredictionsFollowTheParameters(t *testing.T) {
	m := newModel(t, everyProduct())
	other := newModel(t, everyProduct(), graph.WithSeed(2))
	x := images(m, 40)
	check := func(how string) {
		t.Helper()
		fresh := newModel(t, everyProduct(), graph.WithSeed(3))
		require.NoError(t, fresh.SetParams(arraysOf(m)))
		for _, n := range []int{1, 3, 40} {
			want, err := fresh.Predict(rows(t, x, 0, n))
			require.NoError(t, err)
			got := make([]float32, n*m.Classes())
			require.NoError(t, m.PredictInto(got, x.Float32s()[:n*m.Spec().Input.TotalSize()]))
			require.Equal(t, bits(want.Float32s()), bits(got), "%s: %d images", how, n)
		}
	}
	check("as drawn")

	for i, p := range m.Params() {
		p.Value.Float32s()[i%p.Shape.TotalSize()] += 0.25
		check("an element of " + p.Name)
	}
	weight, err := m.Param("conv3.weight")
	require.NoError(t, err)
	weight.Zero()
	check("a tensor's method")

	step := newStep(t, m, 4)
	fill(step, rows(t, x, 0, 4), labels(m, 4))
	run(t, step, 0)
	require.NoError(t, gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(0.1)).Step(step.Gradients()))
	check("a training step")

	m.LoadMatching(other)
	check("LoadMatching")
	arrays := arraysOf(newModel(t, everyProduct(), graph.WithSeed(4)))
	require.NoError(t, m.SetParams(arrays))
	check("SetParams")

	m, err = graph.NewOf(everyProduct(), arrays)
	require.NoError(t, err)
	check("NewOf")
	arrays[0].Value.Float32s()[1] = -2 // the model's own memory
	check("the arrays that the model took over")
}

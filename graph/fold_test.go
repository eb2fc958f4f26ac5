package graph_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// foldNet has each BatchNorm that can be folded: after convolutions with and without a bias,
// grouped, depthwise and partly connected, after an affine layer, after another BatchNorm, in a
// branch, and read by name; and others that can't.
func foldNet() *graph.Spec {
	conv := func(filters int) graph.Conv2D {
		return graph.Conv2D{Filters: filters, Kernel: graph.Square(3), Pad: graph.Square(1), NoBias: true}
	}
	grouped, depthwise, partial := conv(8), conv(8), conv(4)
	grouped.Groups, grouped.NoBias, grouped.Bias = 2, false, 0.3
	depthwise.Groups = 8
	partial.Connections = [][]int{{0, 1, 3}, {2}, {1, 7}, {4, 5, 6, 7}}
	return graph.Sequential("fold", tensor.Shape{2, 6, 5}, graph.He(),
		conv(4), graph.BatchNorm{}, graph.ReLU{},
		grouped, graph.BatchNorm{Eps: 0.1}, graph.BatchNorm{},
		depthwise, graph.BatchNorm{Frozen: true},
		graph.Residual(graph.Serial(conv(8), graph.BatchNorm{}), graph.Conv2D{Filters: 8, Kernel: graph.Square(1)},
			graph.BatchNorm{}),
		graph.ReLU{}, partial, graph.BatchNorm{},
		graph.Affine{Units: 6, NoBias: true}, graph.BatchNorm{}, graph.ReLU{}, graph.Affine{Units: 3}, graph.Softmax{})
}

// scatter gives every parameter of a model irregular values, and positive variances.
func scatter(m *graph.Model) {
	r := rand.New(rand.NewPCG(3, 9))
	for _, p := range m.Params() {
		for i := range p.Shape.TotalSize() {
			v := 0.5 * r.NormFloat64()
			if p.Running {
				v = 0.2 + math.Abs(v)
			}
			set(p.Value, i, v)
		}
	}
}

// TestFolded checks that a folded network computes the same as the network.
func TestFolded(t *testing.T) {
	for dtype, tolerance := range map[tensor.Dtype]float64{tensor.Float64: 1e-12, tensor.Float32: 1e-5} {
		m := newModel(t, foldNet(), graph.WithDtype(dtype))
		scatter(m)
		folded, names, err := m.Folded()
		require.NoError(t, err)
		assert.Equal(t, []string{"bn1", "bn2", "bn3", "bn4", "bn5", "bn6", "bn7", "bn8"}, names)
		for _, n := range folded.Nodes() {
			assert.NotEqual(t, "batch_norm", graph.Kind(n.Layer), n.Name)
		}
		conv1, err := folded.Node("conv1")
		require.NoError(t, err)
		assert.NotNil(t, conv1.Param("bias"), "a convolution without a bias gets one")

		want, err := m.Predict(images(m, 5))
		require.NoError(t, err)
		got, err := folded.Predict(images(m, 5))
		require.NoError(t, err)
		assertNear(t, want, got, tolerance)
	}
}

// assertNear checks that two tensors differ by at most a fraction of the largest value.
func assertNear(t *testing.T, want, got *tensor.Dense, tolerance float64) {
	t.Helper()
	require.Equal(t, want.Shape(), got.Shape())
	largest, difference := 0.0, 0.0
	for i := range want.Shape().TotalSize() {
		w, g := at(want, i), at(got, i)
		largest, difference = max(largest, math.Abs(w)), max(difference, math.Abs(w-g))
	}
	require.Greater(t, largest, 0.0)
	assert.Less(t, difference, tolerance*largest)
}

// at returns the element with the index i in row-major order.
func at(d *tensor.Dense, i int) float64 {
	if d.Dtype() == tensor.Float64 {
		return d.Float64s()[i]
	}
	return float64(d.Float32s()[i])
}

// TestFoldedLeavesOthers: a BatchNorm that doesn't directly follow a convolution, or isn't its only
// reader, stays. Names don't change.
func TestFoldedLeavesOthers(t *testing.T) {
	conv := graph.Conv2D{Filters: 2, Kernel: graph.Square(3), Pad: graph.Square(1)}
	shared := graph.Conv2D{Name: "shared", Filters: 2, Kernel: graph.Square(1)}
	m := newModel(t, graph.Sequential("partly", tensor.Shape{2, 4, 4}, graph.He(),
		graph.BatchNorm{}, graph.ReLU{}, graph.BatchNorm{},
		conv, graph.BatchNorm{},
		shared, graph.Residual(graph.BatchNorm{}), graph.ReLU{}, graph.BatchNorm{},
		graph.Affine{Units: 3}), graph.WithDtype(tensor.Float64))
	scatter(m)
	folded, names, err := m.Folded()
	require.NoError(t, err)
	assert.Equal(t, []string{"bn3"}, names)
	var kept []string
	for _, n := range folded.Nodes() {
		kept = append(kept, n.Name)
	}
	assert.Equal(t, []string{"bn1", "relu1", "bn2", "conv1", "shared", "bn4", "add1", "relu2", "bn5", "fc1"}, kept)
	want, err := m.Predict(images(m, 3))
	require.NoError(t, err)
	got, err := folded.Predict(images(m, 3))
	require.NoError(t, err)
	assertNear(t, want, got, 1e-12)

	// The spec of the result reads back from a file, too.
	path := t.TempDir() + "/folded.safetensors"
	require.NoError(t, folded.Save(path))
	again, err := graph.Load(path, graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	read, err := again.Predict(images(m, 3))
	require.NoError(t, err)
	assert.Equal(t, got.Float64s(), read.Float64s())

	_, _, err = folded.Folded()
	assert.EqualError(t, err,
		`model "partly": nothing to fold: want a BatchNorm that is the only reader of a Conv2D or Affine layer`)
}

// TestFoldedLeavesTheModel checks that the model itself doesn't change.
func TestFoldedLeavesTheModel(t *testing.T) {
	m := newModel(t, foldNet(), graph.WithDtype(tensor.Float64))
	scatter(m)
	before, err := m.Predict(images(m, 2))
	require.NoError(t, err)
	folded, _, err := m.Folded()
	require.NoError(t, err)
	for _, p := range folded.Params() {
		for i := range p.Shape.TotalSize() {
			set(p.Value, i, 0)
		}
	}
	after, err := m.Predict(images(m, 2))
	require.NoError(t, err)
	assert.Equal(t, before.Float64s(), after.Float64s())
	assert.Equal(t, graph.Code(foldNet().Layers[0]), graph.Code(m.Spec().Layers[0]))
}

// TestFoldedRefusesWhatIsNotFinite: statistics that would make a weight or a bias infinite are an
// error.
func TestFoldedRefusesWhatIsNotFinite(t *testing.T) {
	for want, spoil := range map[string]func(p *graph.Parameter){
		`model "broken": layer "bn1" (BatchNorm{}): channel 1 scales the weights of "conv1" by NaN: ` +
			`want finite products`: func(p *graph.Parameter) {
			if p.Name == "bn1.running_var" {
				set(p.Value, 1, -1)
			}
		},
		`model "broken": layer "bn1" (BatchNorm{}): channel 0 makes the bias of "conv1" +Inf: ` +
			`want a finite number`: func(p *graph.Parameter) {
			if p.Name == "bn1.bias" {
				set(p.Value, 0, math.Inf(1))
			}
		},
	} {
		m := newModel(t, graph.Sequential("broken", tensor.Shape{1, 3, 3}, graph.He(),
			graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}, graph.BatchNorm{}))
		for _, p := range m.Params() {
			spoil(p)
		}
		_, _, err := m.Folded()
		assert.EqualError(t, err, want)
	}
}

func ExampleModel_Folded() {
	m, err := graph.New(graph.Sequential("net", tensor.Shape{1, 8, 8}, graph.He(),
		graph.Conv2D{Filters: 4, Kernel: graph.Square(3), NoBias: true}, graph.BatchNorm{}, graph.ReLU{},
		graph.Affine{Units: 2}, graph.Softmax{}))
	if err != nil {
		panic(err)
	}
	folded, names, err := m.Folded()
	if err != nil {
		panic(err)
	}
	fmt.Println(names)
	for _, n := range folded.Nodes() {
		fmt.Println(n.Name, graph.Code(n.Layer))
	}
	// Output:
	// [bn1]
	// conv1 Conv2D{Filters: 4, Kernel: Square(3)}
	// relu1 ReLU{}
	// fc1 Affine{Units: 2}
	// softmax1 Softmax{}
}

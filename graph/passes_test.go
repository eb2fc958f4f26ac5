package graph_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

// fusibleNet has every pattern that a pass matches, and similar ones that none matches.
func fusibleNet() *graph.Spec {
	square := graph.Square
	return graph.Sequential("fusible", tensor.Shape{2, 17, 15}, graph.He(),
		graph.Conv2D{Filters: 4, Kernel: graph.Pair{3, 2}, Pad: square(1), Bias: 0.1}, graph.ReLU{},
		graph.MaxPool{Kernel: square(3), Stride: square(2), Pad: square(1)},
		graph.Conv2D{Filters: 6, Kernel: square(3), Groups: 2}, graph.ReLU{},
		graph.LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75},
		graph.Conv2D{Filters: 3, Kernel: square(2), Connections: [][]int{{0, 1}, {2, 5}, {3, 4}}}, graph.ReLU{},
		graph.MaxPool{Kernel: square(2)},
		graph.Conv2D{Filters: 4, Kernel: square(1)}, graph.MaxPool{Kernel: square(1)}, graph.ReLU{},
		graph.Conv2D{Filters: 4, Kernel: square(2), Pad: square(1), Stride: square(2)}, graph.ReLU{},
		graph.AvgPool{Kernel: square(2)},
		graph.Affine{Units: 9, Bias: 0.2}, graph.ReLU{}, graph.Dropout{Rate: 0.5}, graph.Affine{Units: 8},
		graph.Sigmoid{}, graph.Affine{Units: 6}, graph.ReLU{},
		graph.Softmax{})
}

// normNet has batch normalizations before a rectifier, frozen and not, and others.
func normNet() *graph.Spec {
	conv := graph.Conv2D{Filters: 16, Kernel: graph.Square(3), Pad: graph.Square(1), NoBias: true}
	wide := conv
	wide.Filters = 32
	return graph.Sequential("norm", tensor.Shape{2, 13, 12}, graph.He(),
		conv, graph.BatchNorm{}, graph.ReLU{},
		wide, graph.BatchNorm{Frozen: true}, graph.ReLU{},
		graph.Residual(graph.Serial(wide, graph.BatchNorm{}, graph.ReLU{}, wide, graph.BatchNorm{})), graph.ReLU{},
		wide, graph.BatchNorm{}, graph.Tanh{}, graph.GlobalAvgPool{},
		graph.Affine{Units: 8}, graph.BatchNorm{}, graph.ReLU{}, graph.Affine{Units: 6}, graph.Softmax{})
}

// sumNet has sums of normalized values before a rectifier, and similar ones.
func sumNet() *graph.Spec {
	conv := graph.Conv2D{Filters: 8, Kernel: graph.Square(3), Pad: graph.Square(1), NoBias: true}
	norm := graph.Serial(conv, graph.BatchNorm{})
	return graph.Sequential("sums", tensor.Shape{2, 9, 8}, graph.He(),
		conv, graph.BatchNorm{}, graph.ReLU{},
		graph.Residual(norm, norm), graph.ReLU{}, // both terms could be fused with the sum
		graph.Branches(graph.Add{}, graph.Serial(), norm), graph.ReLU{},
		graph.Branches(graph.Add{}, norm, graph.Serial(), conv), graph.ReLU{},
		graph.Residual(graph.Serial(conv, graph.BatchNorm{Frozen: true})), graph.ReLU{},
		graph.Residual(norm), graph.Clip{Max: 6},
		graph.Residual(graph.BatchNorm{}), graph.ReLU{}, // the other term is what the normalization reads
		// the order in which three gradients are added counts
		graph.Branches(graph.Concat{}, graph.Tanh{},
			graph.Serial(graph.Residual(graph.BatchNorm{}, conv), graph.ReLU{})),
		graph.GlobalAvgPool{}, graph.Affine{Units: 6}, graph.Softmax{})
}

// clipNet has clippings after each kind of layer, as in networks for mobile devices.
func clipNet() *graph.Spec {
	conv := graph.Conv2D{Filters: 16, Kernel: graph.Square(3), Pad: graph.Square(1), NoBias: true}
	wide, each := graph.Conv2D{Filters: 24, Kernel: graph.Square(1), Bias: 0.1}, conv
	each.Filters, each.Groups = 24, 24
	relu6 := graph.Clip{Max: 6}
	return graph.Sequential("clip", tensor.Shape{2, 13, 12}, graph.He(),
		conv, graph.BatchNorm{}, relu6,
		wide, graph.Clip{Min: -0.5, Max: 1},
		each, graph.BatchNorm{Frozen: true}, relu6,
		wide, relu6, graph.MaxPool{Kernel: graph.Square(2)},
		graph.Residual(graph.Serial(each, relu6, wide, graph.BatchNorm{}, graph.Clip{Min: -1, Max: 1})), relu6,
		graph.Conv2D{Filters: 3, Kernel: graph.Square(2), Connections: [][]int{{0, 1}, {2, 5}, {3, 4}}}, relu6,
		graph.GlobalAvgPool{}, graph.Affine{Units: 8}, relu6, graph.Affine{Units: 6}, graph.Softmax{})
}

func TestPassesFuse(t *testing.T) {
	fused := func(spec *graph.Spec, options ...graph.Option) []string {
		s, err := graph.Summarize(spec, options...)
		require.NoError(t, err)
		var all []string
		for _, f := range s.Fused {
			all = append(all, strings.Join(f.Layers, "+")+" "+f.Pass)
		}
		return all
	}
	assert.Equal(t, []string{
		"conv1+relu1+pool1 conv-relu-pool", "conv2+relu2 conv-relu", "conv5+relu5 conv-relu", "fc1+relu6 affine-relu",
		"fc3+relu7 affine-relu",
	}, fused(fusibleNet()))
	assert.Empty(t, fused(fusibleNet(), graph.WithoutFusion()))
	assert.Empty(t, fused(mixedNet()))
	assert.Equal(t, []string{
		"bn1+relu1 batchnorm-relu", "bn2+relu2 batchnorm-relu", "bn3+relu3 batchnorm-relu",
		"bn4+add1+relu4 batchnorm-add-relu", "bn6+relu5 batchnorm-relu",
	}, fused(normNet()))
	assert.Equal(t, []string{
		"bn1+clip1 batchnorm-clip", "conv2+clip2 conv-clip", "bn2+clip3 batchnorm-clip", "conv4+clip4 conv-clip",
		"conv5+clip5 conv-clip", "bn3+clip6 batchnorm-clip",
	}, fused(clipNet()))
	assert.Equal(t, []string{
		"bn1+relu1 batchnorm-relu", "bn2+add1+relu2 batchnorm-add-relu", "bn4+add2+relu3 batchnorm-add-relu",
		"bn8+add6+relu6 batchnorm-add-relu",
	}, fused(sumNet()))
	alexnet, err := models.ByName("alexnet")
	require.NoError(t, err)
	assert.Equal(t, []string{
		"conv1+relu1 conv-relu", "conv2+relu2 conv-relu", "conv3+relu3 conv-relu", "conv4+relu4 conv-relu",
		"conv5+relu5+pool3 conv-relu-pool", "fc1+relu6 affine-relu", "fc2+relu7 affine-relu",
	}, fused(alexnet))

	s, err := graph.Summarize(models.DefaultSimpleConvNet().Spec())
	require.NoError(t, err)
	assert.Equal(t, []graph.FusedLayers{
		{Layers: []string{"conv1", "relu1", "pool1"}, Pass: "conv-relu-pool", SavedBytes: 2 * 30 * 24 * 24 * 4,
			Once: true},
		{Layers: []string{"fc1", "relu2"}, Pass: "affine-relu", SavedBytes: 100 * 4},
	}, s.Fused)
}

// TestFusionChangesNoBit trains a model with and without passes, and compares all results.
func TestFusionChangesNoBit(t *testing.T) {
	for _, spec := range []*graph.Spec{fusibleNet(), normNet(), sumNet(), clipNet(), smallNet(),
		models.GradientCheckNet().Spec(), tinyAlexNet()} {
		for _, dt := range []tensor.Dtype{tensor.Float64, tensor.Float32} {
			requireTwins(t, spec, 20, []graph.Option{graph.WithDtype(dt)},
				[]graph.Option{graph.WithDtype(dt), graph.WithoutFusion()})
		}
	}
}

func tinyAlexNet() *graph.Spec {
	spec := models.AlexNet{Size: 67, Classes: 10, Width: 1. / 16}.Spec()
	spec.Init = graph.He()
	return spec
}

// requireTwins makes two models of one spec with different options, and compares several steps of
// gradient descent.
func requireTwins(t *testing.T, spec *graph.Spec, steps int, options, others []graph.Option) {
	t.Helper()
	const batch = 5
	m, n := newModel(t, spec, options...), newModel(t, spec, others...)
	x, l := images(m, batch), labels(m, batch)
	a, b := newStep(t, m, batch, graph.WithInputGradient()), newStep(t, n, batch, graph.WithInputGradient())
	fill(a, x, l)
	fill(b, x, l)
	for i := range steps {
		loss, _ := run(t, a, uint64(i))
		other, _ := run(t, b, uint64(i))
		require.Equal(t, math.Float64bits(other), math.Float64bits(loss), "%s: loss of step %d", spec.Name, i)
		requireSame(t, value(t)(b.InputGradient()), value(t)(a.InputGradient()), "%s: gradient of x in step %d",
			spec.Name, i)
		requireSame(t, value(t)(b.Logits()), value(t)(a.Logits()), "%s: logits of step %d", spec.Name, i)
		for j, p := range a.Gradients() {
			g, err := p.Grad()
			require.NoError(t, err)
			h, err := b.Gradients()[j].Grad()
			require.NoError(t, err)
			requireSame(t, h.(*tensor.Dense), g.(*tensor.Dense), "%s: gradient of %s in step %d", spec.Name,
				m.Params()[j].Name, i)
		}
		descend(t, a)
		descend(t, b)
	}
	for _, count := range []int{1, 2, 19} {
		x := images(m, count)
		requireSame(t, value(t)(n.Predict(x)), value(t)(m.Predict(x)), "%s: logits of %d images", spec.Name, count)
		requireSame(t, value(t)(n.Probabilities(x)), value(t)(m.Probabilities(x)), "%s: probabilities of %d images",
			spec.Name, count)
	}
	activations, err := m.Activations(x)
	require.NoError(t, err)
	want, err := n.Activations(x)
	require.NoError(t, err)
	require.Len(t, activations, len(spec.Layers))
	for i, w := range want {
		requireSame(t, w.Value, activations[i].Value, "%s: layer %s", spec.Name, w.Node.Name)
	}
}

func value(t *testing.T) func(*tensor.Dense, error) *tensor.Dense {
	return func(d *tensor.Dense, err error) *tensor.Dense {
		t.Helper()
		require.NoError(t, err)
		return d
	}
}

// requireSame compares bits, except that 0 equals -0.
func requireSame(t *testing.T, want, got *tensor.Dense, format string, args ...any) {
	t.Helper()
	require.Equal(t, want.Shape(), got.Shape())
	for i := range want.Shape().TotalSize() {
		if w, g := get(want, i), get(got, i); math.Float64bits(w) != math.Float64bits(g) && !(w == 0 && g == 0) {
			require.Failf(t, "differs", format+": element %d is %v, want %v", append(args, i, g, w)...)
		}
	}
}

func descend(t *testing.T, s *graph.Step) {
	t.Helper()
	for _, p := range s.Gradients() {
		g, err := p.Grad()
		require.NoError(t, err)
		values := p.Value().(*tensor.Dense)
		for i := range values.Shape().TotalSize() {
			set(values, i, get(values, i)-0.05*get(g.(*tensor.Dense), i))
		}
	}
}

// TestFusionKeepsUnits maximizes a unit of a fused layer, and one of a layer inside a fused group.
func TestFusionKeepsUnits(t *testing.T) {
	for _, layer := range []string{"conv1", "relu1", "pool1", "relu5", "fc2"} {
		var answers [2]float64
		var gradients [2]*tensor.Dense
		for i, options := range [][]graph.Option{nil, {graph.WithoutFusion()}} {
			m := newModel(t, fusibleNet(), options...)
			a, err := m.NewActivationMaximization(layer, 1)
			require.NoError(t, err)
			defer a.Close()
			answers[i], gradients[i], err = a.Run(images(m, 1))
			require.NoError(t, err)
		}
		assert.Equal(t, answers[1], answers[0], layer)
		requireSame(t, gradients[1], gradients[0], "%s", layer)
	}
}

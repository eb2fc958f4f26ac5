package graph_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

func TestLossFollowsFromTheLastLayer(t *testing.T) {
	for _, c := range []struct {
		last  graph.Part
		loss  graph.Loss
		want  graph.Loss
		error string
	}{
		{last: graph.Softmax{}, want: graph.CrossEntropy},
		{last: graph.Sigmoid{}, want: graph.BinaryCrossEntropy},
		{last: graph.Affine{Units: 3}, want: graph.MeanSquaredError},
		{last: graph.Affine{Units: 3}, loss: graph.CrossEntropy, want: graph.CrossEntropy},
		{last: graph.Affine{Units: 3}, loss: graph.BinaryCrossEntropy, want: graph.BinaryCrossEntropy},
		{last: graph.Softmax{}, loss: graph.MeanSquaredError, want: graph.MeanSquaredError},
		{last: graph.Sigmoid{}, loss: graph.MeanSquaredError, want: graph.MeanSquaredError},
		{last: graph.Sigmoid{}, loss: graph.CrossEntropy,
			error: `model "m": loss "cross_entropy": got a last layer Sigmoid, want Softmax, or logits`},
		{last: graph.Softmax{}, loss: graph.BinaryCrossEntropy,
			error: `model "m": loss "binary_cross_entropy": got a last layer Softmax, want Sigmoid, or logits`},
		{last: graph.Softmax{Axis: 1}, loss: graph.CrossEntropy,
			error: `model "m": loss "cross_entropy": got a last layer Softmax of axis 1, want axis 0`},
		{last: graph.ReLU{}, loss: "hinge",
			error: `model "m": loss "hinge" is unknown: ` +
				`want one of ["cross_entropy" "binary_cross_entropy" "mean_squared_error"]`},
		{last: graph.Tanh{}, loss: graph.CrossEntropy,
			error: `model "m": loss "cross_entropy": got logits (3, 2, 2), ` +
				`want (classes) or (classes, 1, 1)`},
	} {
		spec := graph.Sequential("m", tensor.Shape{3, 2, 2}, graph.He(),
			graph.Conv2D{Filters: 3, Kernel: graph.Square(1)}, c.last)
		if _, linear := c.last.(graph.Affine); !linear && c.error == "" {
			spec = graph.Sequential("m", tensor.Shape{3}, graph.He(), graph.Affine{Units: 3}, c.last)
		}
		spec.Loss = c.loss
		m, err := graph.New(spec)
		if c.error != "" {
			assert.EqualError(t, err, c.error)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, c.want, m.TrainingLoss())
		assert.Equal(t, c.want != graph.MeanSquaredError, m.HasProbabilities())
	}
}

// TestSoftmaxOfAPlaneHasTheSquaredError: the cross-entropy needs one class for each image.
func TestSoftmaxOfAPlaneHasTheSquaredError(t *testing.T) {
	m, err := graph.New(graph.Sequential("m", tensor.Shape{3, 2, 2}, graph.He(), graph.Softmax{}))
	require.NoError(t, err)
	assert.Equal(t, graph.MeanSquaredError, m.TrainingLoss())
	assert.True(t, m.HasProbabilities())
}

// TestSoftmaxOverAnotherAxisIsNotOfClasses: a softmax over an axis of size 1 is always 1.
func TestSoftmaxOverAnotherAxisIsNotOfClasses(t *testing.T) {
	m, err := graph.New(graph.Sequential("m", tensor.Shape{3, 1, 1}, graph.He(), graph.Softmax{Axis: 1}))
	require.NoError(t, err)
	assert.Equal(t, graph.MeanSquaredError, m.TrainingLoss())
	x := tensor.New(tensor.WithShape(1, 3, 1, 1), tensor.WithBacking([]float32{1, 2, 3}))
	p, err := m.Probabilities(x)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 1, 1}, p.Data())
}

// lossNets returns a network for each loss, with its logits for an image of three numbers.
func lossNets() []*graph.Spec {
	net := func(loss graph.Loss, last ...graph.Part) *graph.Spec {
		spec := graph.Sequential(string(loss), tensor.Shape{3}, graph.Gaussian(0),
			append([]graph.Part{graph.Affine{Units: 3}}, last...)...)
		spec.Loss = loss
		return spec
	}
	return []*graph.Spec{
		net(graph.CrossEntropy), net(graph.CrossEntropy, graph.Softmax{}),
		net(graph.BinaryCrossEntropy), net(graph.BinaryCrossEntropy, graph.Sigmoid{}),
		net(graph.MeanSquaredError),
	}
}

// TestEachLoss compares the loss, the step's loss, the accuracy and the gradients with their
// definitions, for soft targets.
func TestEachLoss(t *testing.T) {
	x := []float64{0.5, -1, 2, -3, 0.25, 0.125}
	targets := []float64{0.2, 0.3, 0.5, 0.7, 0.1, 0.2}
	for _, spec := range lossNets() {
		m := newModel(t, spec, graph.WithDtype(tensor.Float64))
		for i := range 3 {
			set(m.Params()[0].Value, 4*i, 1)
		}
		want, right := 0.0, 0.0
		for n := range 2 {
			row, target := x[3*n:][:3], targets[3*n:][:3]
			sum := math.Exp(row[0]) + math.Exp(row[1]) + math.Exp(row[2])
			for i := range 3 {
				p := 1 / (1 + math.Exp(-row[i]))
				switch m.TrainingLoss() {
				case graph.CrossEntropy:
					want -= target[i] * math.Log(math.Exp(row[i])/sum) / 2
				case graph.BinaryCrossEntropy:
					want -= (target[i]*math.Log(p) + (1-target[i])*math.Log(1-p)) / 6
					if (p > 0.5) == (target[i] > 0.5) {
						right += 1. / 6
					}
				default:
					want += (row[i] - target[i]) * (row[i] - target[i]) / 6
				}
			}
		}
		if m.TrainingLoss() != graph.BinaryCrossEntropy {
			right = 0.5 // the first image's largest target is its largest logit's, the second's isn't
		}
		images, soft := vectors(tensor.Float64, 3, x...), vectors(tensor.Float64, 3, targets...)
		loss, err := m.Loss(images, soft)
		require.NoError(t, err)
		assert.InDelta(t, want, loss, 1e-14, spec.Name)
		accuracy, err := m.Accuracy(images, soft)
		require.NoError(t, err)
		assert.InDelta(t, right, accuracy, 1e-15, spec.Name)
		gradients, err := m.Gradients(images, soft)
		require.NoError(t, err)
		assert.InDelta(t, want, gradients.Loss, 1e-14, spec.Name)
		requireGradientsAgree(t, m, images, soft)
	}
}

// TestTargetsMustFitTheLoss gives each loss targets for which it isn't defined.
func TestTargetsMustFitTheLoss(t *testing.T) {
	for _, c := range []struct {
		loss    graph.Loss
		targets []float64
		want    string
	}{
		{graph.CrossEntropy, []float64{0.5, 0.4, 0},
			"target of image 0: got the sum 0.9, want a distribution with the sum 1"},
		{graph.CrossEntropy, []float64{1.5, -0.5, 0}, "target 0 of image 0: got 1.5, want a number from 0 to 1"},
		{graph.CrossEntropy, []float64{math.NaN(), 0, 1}, "target 0 of image 0: got NaN, want a number from 0 to 1"},
		{graph.BinaryCrossEntropy, []float64{1, 1, 1.01}, "target 2 of image 0: got 1.01, want a number from 0 to 1"},
		{graph.BinaryCrossEntropy, []float64{1, -1, 0}, "target 1 of image 0: got -1, want a number from 0 to 1"},
		{graph.MeanSquaredError, []float64{1, math.Inf(-1), 0},
			"target 1 of image 0: got -Inf, want a number that is finite"},
		{graph.BinaryCrossEntropy, []float64{1, 1, 1}, ""},
		{graph.MeanSquaredError, []float64{-100, 1e9, 0}, ""},
	} {
		for _, spec := range lossNets() {
			if spec.Loss != c.loss {
				continue
			}
			m := newModel(t, spec)
			x, targets := images(m, 1), vectors(tensor.Float64, 3, c.targets...)
			for _, err := range []error{second(m.Loss(x, targets)), second(m.Accuracy(x, targets)),
				second(m.Gradients(x, targets))} {
				if c.want == "" {
					assert.NoError(t, err)
					continue
				}
				assert.EqualError(t, err, `model "`+spec.Name+`": `+c.want)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestSoftmaxOverChannels: (classes, 1, 1) is classified like (classes), and a softmax in the
// middle normalizes each position.
func TestSoftmaxOverChannels(t *testing.T) {
	plane := newModel(t, graph.Sequential("plane", tensor.Shape{2, 3, 3}, graph.He(),
		graph.Conv2D{Name: "last", Filters: 4, Kernel: graph.Square(3)}, graph.Softmax{}),
		graph.WithDtype(tensor.Float64))
	flat := newModel(t, graph.Sequential("plane", tensor.Shape{2, 3, 3}, graph.He(),
		graph.Conv2D{Name: "last", Filters: 4, Kernel: graph.Square(3)}, graph.Flatten{}, graph.Softmax{}),
		graph.WithDtype(tensor.Float64))
	x, l := images(plane, 3), labels(plane, 3)
	want, err := flat.Gradients(x, l)
	require.NoError(t, err)
	got, err := plane.Gradients(x, l)
	require.NoError(t, err)
	assert.Equal(t, want.Loss, got.Loss)
	assert.Equal(t, want.Images.Data(), got.Images.Data())
	accuracy, err := plane.Accuracy(x, l)
	require.NoError(t, err)
	other, err := flat.Accuracy(x, l)
	require.NoError(t, err)
	assert.Equal(t, other, accuracy)
	probabilities, err := plane.Probabilities(x)
	require.NoError(t, err)
	assert.Equal(t, tensor.Shape{3, 4, 1, 1}, probabilities.Shape())

	inner := newModel(t, graph.Sequential("inner", tensor.Shape{2, 3, 3}, graph.He(),
		graph.Conv2D{Filters: 4, Kernel: graph.Square(1)}, graph.Softmax{}, graph.Affine{Units: 3}, graph.Softmax{}),
		graph.WithDtype(tensor.Float64))
	activations, err := inner.Activations(images(inner, 1))
	require.NoError(t, err)
	p := activations[1].Value.Float64s()
	for i := range 9 {
		assert.InDelta(t, 1, p[i]+p[9+i]+p[18+i]+p[27+i], 1e-15)
	}
	requireGradientsAgree(t, inner, images(inner, 2), labels(inner, 2))
}

// TestStepsLossesAreTheImages compares each image's loss in a step with the loss of that image
// alone, in both element types.
func TestStepsLossesAreTheImages(t *testing.T) {
	for _, last := range []graph.Part{graph.Softmax{}, graph.Sigmoid{}, graph.Affine{Units: 3}} {
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			spec := graph.Sequential("m", tensor.Shape{2}, graph.He(), graph.Affine{Units: 3}, last)
			m, err := graph.New(spec, graph.WithSeed(4), graph.WithDtype(dt))
			require.NoError(t, err)
			const n = 4
			step, err := m.NewStep(n)
			require.NoError(t, err)
			defer step.Close()
			for i := range 2 * n {
				set(step.Images(), i, float64(i*i%5)-1.5)
			}
			for i := range n {
				set(step.Targets(), 3*i+i%3, 1)
			}
			mean, err := step.Run(0)
			require.NoError(t, err)
			losses, sum := make([]float64, n), 0.0
			require.NoError(t, step.LossesInto(losses))
			for i, got := range losses {
				want, err := m.Loss(rowOf(step.Images(), i), rowOf(step.Targets(), i))
				require.NoError(t, err)
				assert.InDelta(t, want, got, 1e-6, "%T, image %d", last, i)
				sum += got
			}
			assert.InDelta(t, mean, sum/n, 1e-6, "%T", last)
			assert.EqualError(t, step.LossesInto(losses[1:]), `model "m": losses: got 3, want 4, one for each image`)
		}
	}
}

// rowOf returns row i of a matrix, as a matrix of its own.
func rowOf(d *tensor.Dense, i int) *tensor.Dense {
	n := d.Shape()[1]
	row := tensor.New(tensor.Of(d.Dtype()), tensor.WithShape(1, n))
	for k := range n {
		set(row, k, get(d, i*n+k))
	}
	return row
}

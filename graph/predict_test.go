package graph_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

// TestPredictTakesAnyNumber compares N images at once with one at a time: the same bits in float64;
// in float32 the affine layer's sums may have another order for few rows.
func TestPredictTakesAnyNumber(t *testing.T) {
	for _, spec := range []*graph.Spec{smallNet(), mixedNet(), models.GradientCheckNet().Spec()} {
		for dt, tolerance := range map[tensor.Dtype]float64{tensor.Float32: 1e-5, tensor.Float64: 0} {
			m := newModel(t, spec, graph.WithDtype(dt))
			all := images(m, 257)
			var alone []float64
			for i := range 257 {
				logits, err := m.Predict(rows(t, all, i, i+1))
				require.NoError(t, err)
				require.Equal(t, tensor.Shape{1, m.Classes()}, logits.Shape())
				for c := range m.Classes() {
					alone = append(alone, get(logits, c))
				}
			}
			for _, n := range []int{0, 1, 2, 3, 99, 100, 101, 257} {
				logits, err := m.Predict(rows(t, all, 0, n))
				require.NoError(t, err)
				require.Equal(t, tensor.Shape{n, m.Classes()}, logits.Shape())
				for i, want := range alone[:n*m.Classes()] {
					require.InDelta(t, want, get(logits, i), tolerance, "%s, %v: logit %d of %d images", spec.Name, dt,
						i, n)
				}
			}
		}
	}
}

// TestIndexInTheBatchDoesntMatter predicts the same image at every index of a batch.
func TestIndexInTheBatchDoesntMatter(t *testing.T) {
	for _, spec := range []*graph.Spec{smallNet(), mixedNet(), models.GradientCheckNet().Spec()} {
		m := newModel(t, spec)
		const n = 64
		x := images(m, n)
		size := m.Spec().Input.TotalSize()
		image := append([]float32(nil), x.Float32s()[:size]...)
		var first []uint32
		for place := range n {
			y := rows(t, x, 0, n)
			copy(y.Float32s()[place*size:], image)
			logits, err := m.Predict(y)
			require.NoError(t, err)
			got := bits(logits.Float32s()[place*m.Classes():][:m.Classes()])
			if place == 0 {
				first = got
			}
			require.Equal(t, first, got, "%s: place %d", spec.Name, place)
		}
	}
}

// rows copies the images from first to last, excluding last.
func rows(t *testing.T, x *tensor.Dense, first, last int) *tensor.Dense {
	t.Helper()
	size := x.Shape().TotalSize() / x.Shape()[0]
	shape := append(tensor.Shape{last - first}, x.Shape()[1:]...)
	if x.Dtype() == tensor.Float64 {
		return tensor.New(tensor.WithShape(shape...),
			tensor.WithBacking(append([]float64{}, x.Float64s()[first*size:last*size]...)))
	}
	return tensor.New(tensor.WithShape(shape...),
		tensor.WithBacking(append([]float32{}, x.Float32s()[first*size:last*size]...)))
}

func bits(values []float32) []uint32 {
	out := make([]uint32, len(values))
	for i, v := range values {
		out[i] = math.Float32bits(v)
	}
	return out
}

func TestPredictErrors(t *testing.T) {
	m := newModel(t, models.DefaultSimpleConvNet().Spec())
	image := func(dt tensor.Dtype, shape ...int) *tensor.Dense {
		return tensor.New(tensor.Of(dt), tensor.WithShape(shape...))
	}
	view, err := image(tensor.Float32, 4, 1, 28, 28).Slice(tensor.S(0, 4, 2))
	require.NoError(t, err)
	for _, c := range []struct {
		images *tensor.Dense
		want   string
	}{
		{image(tensor.Float32, 1, 1, 20, 20),
			`model "simpleconvnet": images have shape (1, 1, 20, 20): want (N, then (1, 28, 28))`},
		{image(tensor.Float32, 1, 28, 28),
			`model "simpleconvnet": images have shape (1, 28, 28): want (N, then (1, 28, 28))`},
		{image(tensor.Float32, 2, 784),
			`model "simpleconvnet": images have shape (2, 784): want (N, then (1, 28, 28))`},
		{image(tensor.Float64, 1, 1, 28, 28),
			`model "simpleconvnet": images are float64: want float32, as the model is`},
		{image(tensor.Int, 1, 1, 28, 28), `model "simpleconvnet": images are int: want float32, as the model is`},
		{nil, `model "simpleconvnet": images are nil: want (N, then (1, 28, 28))`},
		{view.(*tensor.Dense),
			`model "simpleconvnet": images are a view or column-major: ` +
				`want them row-major in one piece (see Materialize)`},
	} {
		_, err := m.Predict(c.images)
		assert.EqualError(t, err, c.want)
		_, err = m.Probabilities(c.images)
		assert.EqualError(t, err, c.want)
		_, err = m.Activations(c.images)
		assert.EqualError(t, err, c.want)
		_, err = m.Gradient(c.images, labels(m, 1))
		assert.EqualError(t, err, c.want)
	}
}

func TestPredictInto(t *testing.T) {
	for _, spec := range []*graph.Spec{smallNet(), mixedNet()} {
		m := newModel(t, spec)
		for _, n := range []int{0, 1, 5, 130} {
			x := images(m, n)
			want, err := m.Predict(x)
			require.NoError(t, err)
			logits := make([]float32, n*m.Classes())
			require.NoError(t, m.PredictInto(logits, x.Float32s()))
			require.Equal(t, bits(want.Float32s()), bits(logits))
			assert.Zero(t, testing.AllocsPerRun(20, func() {
				if err := m.PredictInto(logits, x.Float32s()); err != nil {
					t.Fatal(err)
				}
			}), "%s: allocations for %d images", spec.Name, n)
		}
	}
}

func TestProbabilitiesInto(t *testing.T) {
	m := newModel(t, smallNet())
	x := images(m, 5)
	want, err := m.Probabilities(x)
	require.NoError(t, err)
	probabilities := make([]float32, 5*m.Classes())
	require.NoError(t, m.ProbabilitiesInto(probabilities, x.Float32s()))
	require.Equal(t, bits(want.Float32s()), bits(probabilities))
	assert.Zero(t, testing.AllocsPerRun(20, func() {
		if err := m.ProbabilitiesInto(probabilities, x.Float32s()); err != nil {
			t.Fatal(err)
		}
	}))
	assert.ErrorContains(t, m.ProbabilitiesInto(make([]float32, 7), make([]float32, 128)), "space for 7 probabilities")
	headless := newModel(t, graph.Sequential("headless", tensor.Shape{3}, graph.He(), graph.Affine{Units: 2}))
	assert.EqualError(t, headless.ProbabilitiesInto(make([]float32, 2), make([]float32, 3)),
		`model "headless" has the loss "mean_squared_error": want one with probabilities`)
}

func TestPredictIntoErrors(t *testing.T) {
	m := newModel(t, smallNet())
	double := newModel(t, smallNet(), graph.WithDtype(tensor.Float64))
	assert.EqualError(t, m.PredictInto(make([]float32, 4), make([]float32, 63)),
		`model "small" (float32): got 63 values of images and space for `+
			`4 logits: want float32, a multiple of 64 and 4 for each image`)
	assert.ErrorContains(t, m.PredictInto(make([]float32, 7), make([]float32, 128)), "space for 7 logits")
	assert.ErrorContains(t, double.PredictInto(make([]float32, 4), make([]float32, 64)), `model "small" (float64)`)
}

// TestActivations checks that each layer's output is the next one's input.
func TestActivations(t *testing.T) {
	m := newModel(t, mixedNet())
	x := images(m, 7)
	activations, err := m.Activations(x)
	require.NoError(t, err)
	var names []string
	value := map[string]*tensor.Dense{}
	for i, a := range activations {
		names, value[a.Node.Name] = append(names, a.Node.Name), a.Value
		assert.Equal(t, append(tensor.Shape{7}, m.Summary().Layers[i].Output...), a.Value.Shape(), a.Node.Name)
	}
	assert.Equal(t,
		"normalize1 conv1 tanh1 lrn1 pool1 conv2 relu1 pool2 sigmoid1 pool3 dropout1 dropout2 flatten1 fc1 softmax1",
		strings.Join(names, " "))

	for i, v := range x.Float32s() {
		mean, std := 0.5, 0.3
		if i/90%2 == 1 {
			mean, std = 0.4, 0.5
		}
		assert.InDelta(t, (float64(v)-mean)/std, value["normalize1"].Float32s()[i], 1e-6)
	}
	for i, v := range value["conv1"].Float32s() {
		assert.InDelta(t, 1.7159*math.Tanh(2./3*float64(v)), value["tanh1"].Float32s()[i], 1e-6)
	}
	for i, v := range value["conv2"].Float32s() {
		assert.Equal(t, max(v, 0), value["relu1"].Float32s()[i])
	}
	assert.Equal(t, value["pool3"].Float32s(), value["dropout1"].Float32s(), "dropout isn't there in prediction")
	for i, v := range value["dropout1"].Float32s() {
		assert.Equal(t, 0.75*v, value["dropout2"].Float32s()[i], "classic dropout is made up for in prediction")
	}
	logits, err := m.Predict(x)
	require.NoError(t, err)
	assert.Equal(t, logits.Data(), value["fc1"].Data())
	probabilities, err := m.Probabilities(x)
	require.NoError(t, err)
	assert.Equal(t, probabilities.Data(), value["softmax1"].Data())
}

func TestProbabilities(t *testing.T) {
	m := newModel(t, smallNet(), graph.WithDtype(tensor.Float64))
	logits, err := m.Predict(images(m, 5))
	require.NoError(t, err)
	probabilities, err := m.Probabilities(images(m, 5))
	require.NoError(t, err)
	require.Equal(t, tensor.Shape{5, 4}, probabilities.Shape())
	for i := range 5 {
		p, z := probabilities.Float64s()[4*i:][:4], logits.Float64s()[4*i:][:4]
		assert.InDelta(t, 1, p[0]+p[1]+p[2]+p[3], 1e-15)
		for c := range 4 {
			assert.InDelta(t, math.Exp(z[c]-z[0]), p[c]/p[0], 1e-12)
		}
	}
	headless := newModel(t, graph.Sequential("headless", tensor.Shape{3}, graph.He(), graph.Affine{Units: 2}))
	_, err = headless.Probabilities(images(headless, 1))
	assert.EqualError(t, err, `model "headless" has the loss "mean_squared_error": want one with probabilities`)
}

// TestModelsOfSizeOne has mostly dimensions of 1, which gorgonia may treat as scalars and vectors.
func TestModelsOfSizeOne(t *testing.T) {
	m := newModel(t, graph.Sequential("one", tensor.Shape{1, 1, 1}, graph.Gaussian(1),
		graph.Conv2D{Filters: 1, Kernel: graph.Square(1)},
		graph.Subsample{Kernel: graph.Square(1)}, graph.LRN{Size: 1, K: 1, Alpha: 1, Beta: 1},
		graph.MaxPool{Kernel: graph.Square(1)}, graph.AvgPool{Kernel: graph.Square(1)}, graph.Tanh{},
		graph.Affine{Units: 1},
		graph.Affine{Units: 2}, graph.Softmax{}), graph.WithDtype(tensor.Float64))
	for _, n := range []int{1, 3} {
		requireGradientsAgree(t, m, images(m, n), labels(m, n))
	}
}

// TestOneClass: the only probability is 1, and the gradients are 0.
func TestOneClass(t *testing.T) {
	m := newModel(t, graph.Sequential("one", tensor.Shape{2}, graph.He(), graph.Affine{Units: 1}, graph.Softmax{}))
	x := images(m, 3)
	for _, labels := range []*tensor.Dense{vectors(tensor.Float32, 1, 0, 0, 0),
		tensor.New(tensor.WithShape(3, 1), tensor.WithBacking([]float32{1, 1, 1}))} {
		accuracy, err := m.Accuracy(x, labels)
		require.NoError(t, err)
		assert.Equal(t, 1.0, accuracy)
		grads, err := m.Gradient(x, labels)
		require.NoError(t, err)
		assert.Equal(t, []float32{0, 0}, grads[0].Value.Float32s())
	}
}

// TestHeadlessModels end in a layer without a loss of its own. They return its output, which may be
// an image, and train by the mean squared error.
func TestHeadlessModels(t *testing.T) {
	m := newModel(t, graph.Sequential("headless", tensor.Shape{1, 3, 3}, graph.He(), graph.ReLU{},
		graph.Dropout{Rate: 0.5}))
	x := images(m, 2)
	out, err := m.Predict(x)
	require.NoError(t, err)
	assert.Equal(t, tensor.Shape{2, 1, 3, 3}, out.Shape())
	assert.Equal(t, x.Data(), out.Data())
	assert.Equal(t, graph.MeanSquaredError, m.TrainingLoss())
	_, err = m.NewStep(2)
	assert.EqualError(t, err, `model "headless": nothing to differentiate: want a trained parameter`)
}

// TestPredictingFromManyGoroutines is also for the race detector.
func TestPredictingFromManyGoroutines(t *testing.T) {
	m := newModel(t, mixedNet())
	x := images(m, 40)
	var want [41][]float32
	for n := range want {
		logits, err := m.Predict(rows(t, x, 0, n))
		require.NoError(t, err)
		want[n] = logits.Float32s()
	}
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			for i := range 4 {
				n := 1 + (g*5+i*7)%40
				logits, err := m.Predict(rows(t, x, 0, n))
				if assert.NoError(t, err) {
					assert.Equal(t, want[n], logits.Float32s())
				}
				into := make([]float32, n*m.Classes())
				if assert.NoError(t, m.PredictInto(into, x.Float32s()[:n*180])) {
					assert.Equal(t, want[n], into)
				}
			}
		})
	}
	wait.Wait()
}

// TestBuildingFromManyGoroutines makes, trains and uses models concurrently, for the race detector:
// gorgonia's graphs share state.
func TestBuildingFromManyGoroutines(t *testing.T) {
	results := make([]string, 6)
	var wait sync.WaitGroup
	for g := range results {
		wait.Go(func() {
			m, err := graph.New(mixedNet())
			if !assert.NoError(t, err) {
				return
			}
			logits, err := m.Predict(images(m, 3))
			assert.NoError(t, err)
			grads, err := m.Gradient(images(m, 2), labels(m, 2))
			assert.NoError(t, err)
			_, err = m.Describe(2, true)
			assert.NoError(t, err)
			results[g] = fmt.Sprint(logits.Data(), grads[0].Value.Data())
		})
	}
	wait.Wait()
	for _, r := range results {
		assert.Equal(t, results[0], r)
	}
}

package classify_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/picture"
)

func spec(input ...int) *graph.Spec {
	return graph.Sequential("mine", input, graph.He(), graph.Affine{Units: 4}, graph.Softmax{})
}

// What is done to pictures follows from the input, and the ink is the caller's to say.
func TestPreprocessing(t *testing.T) {
	digits, colours := spec(1, 28, 28), spec(3, 8, 8)
	assert.Equal(t, picture.Preprocessing{Digit: picture.Detect}, classify.Preprocessing(digits))
	assert.True(t, classify.FolderPreprocessing(digits).IsZero(), "drawings in class folders are taken as they are")
	assert.True(t, classify.Preprocessing(colours).IsZero())
	alexnet := models.AlexNet{Size: 67, Classes: 10, Width: 1. / 8}.Spec()
	assert.Equal(t, picture.Preprocessing{Resize: 76}, classify.Preprocessing(alexnet)) // 67·256/227
	assert.Equal(t, picture.Preprocessing{Resize: 76}, classify.FolderPreprocessing(alexnet))

	dark, err := classify.WithInk(classify.Preprocessing(digits), picture.Dark)
	require.NoError(t, err)
	assert.Equal(t, picture.Preprocessing{Digit: picture.Dark}, dark)
	same, err := classify.WithInk(classify.Preprocessing(colours), picture.Detect)
	require.NoError(t, err)
	assert.True(t, same.IsZero())
	_, err = classify.WithInk(same, picture.Light)
	assert.EqualError(t, err, "ink is light on dark: that is for networks whose pictures are prepared as MNIST's digits")

	assert.NoError(t, classify.TakesPictures(digits))
	for _, s := range []*graph.Spec{spec(9), spec(2, 5, 5)} {
		assert.ErrorContains(t, classify.TakesPictures(s), `model "mine" takes no pictures: got input [`)
	}
}

func TestTop(t *testing.T) {
	s := spec(3)
	want := []classify.Guess{{1, "1", 0.4}, {3, "3", 0.4}, {2, "2", 0.15}}
	assert.Equal(t, want, classify.Top(s, []float32{0.05, 0.4, 0.15, 0.4}, 3))
	assert.Equal(t, want[:1], classify.Top(s, []float32{0.05, 0.4, 0.15, 0.4}, 1))
	assert.Len(t, classify.Top(s, []float32{0.05, 0.4, 0.15, 0.4}, 9), 4)
	s.ClassNames = []string{"a", "b", "c", "d"}
	assert.Equal(t, classify.Guess{Class: 3, Name: "d", Probability: 1}, classify.Top(s, []float32{0, 0, 0, 1}, 3)[0])
}

// A prediction says what the model's probabilities say.
func TestPredict(t *testing.T) {
	m, err := graph.New(spec(1, 2, 2))
	require.NoError(t, err)
	x := tensor.New(tensor.WithShape(1, 1, 2, 2), tensor.WithBacking([]float32{0.1, 0.9, 0.3, 0}))
	want, err := m.Probabilities(x)
	require.NoError(t, err)
	got, err := classify.Predict(m, "x.png", &picture.Sample{Pixels: x.Float32s(), Ink: picture.Light})
	require.NoError(t, err)
	top := classify.Top(m.Spec(), want.Float32s(), 3)
	assert.Equal(t, &classify.Prediction{Image: "x.png", Guess: top[0], Top: top, Ink: "light on dark"}, got)

	headless, err := graph.New(graph.Sequential("headless", tensor.Shape{4}, graph.He(), graph.Affine{Units: 2}))
	require.NoError(t, err)
	_, err = classify.Predict(headless, "", &picture.Sample{Pixels: make([]float32, 4)})
	assert.EqualError(t, err, `model "headless" has the loss "mean_squared_error": it has no probabilities`)
}

func TestPercent(t *testing.T) {
	for want, p := range map[string]float64{"100.00%": 1, "> 99.99%": 0.99997, "99.99%": 0.9999, "0.01%": 0.0001, "< 0.01%": 0.00001, "0.00%": 0} {
		assert.Equal(t, want, classify.Percent(p))
	}
}

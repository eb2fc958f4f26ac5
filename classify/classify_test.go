package classify_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
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

// TestPreprocessing: the input decides the default preprocessing, and the caller can set the ink.
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
	assert.EqualError(t, err,
		"ink is light on dark: that is for networks whose pictures are prepared as MNIST's digits")

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

// TestPredict compares a prediction with the model's probabilities.
func TestPredict(t *testing.T) {
	m, err := graph.New(spec(1, 2, 2))
	require.NoError(t, err)
	x := tensor.New(tensor.WithShape(1, 1, 2, 2), tensor.WithBacking([]float32{0.1, 0.9, 0.3, 0}))
	want, err := m.Probabilities(x)
	require.NoError(t, err)
	got, err := classify.Predict(m, "x.png", &picture.Sample{Pixels: x.Float32s(), Ink: picture.Light})
	require.NoError(t, err)
	top := classify.Top(m.Spec(), want.Float32s(), 3)
	assert.Equal(t, top, got.Top)
	assert.Equal(t, top[0], *got.Guess)
	assert.Nil(t, got.Labels)
	assert.Regexp(t, `^x\.png: \d \(.*%\), then \d .*; light on dark$`, got.String())
}

// TestPredictForEachLoss: labels are outputs above 1/2, and a model without probabilities gives
// numbers.
func TestPredictForEachLoss(t *testing.T) {
	for _, c := range []struct {
		last       []graph.Part
		text, json string
	}{
		{[]graph.Part{graph.Sigmoid{}}, "x: c (88.08%), a (73.11%)",
			`{"image":"x","class":2,"name":"c","probability":0.880797,
			"top":[{"class":2,"name":"c","probability":0.880797},{"class":0,"name":"a","probability":0.731059},
			{"class":1,"name":"b","probability":0.268941}],
			"labels":[{"class":2,"name":"c","probability":0.880797},{"class":0,"name":"a","probability":0.731059}]}`},
		{nil, "x: a: 1, b: -1, c: 2", `{"image":"x","outputs":[1,-1,2],"names":["a","b","c"]}`},
	} {
		spec := graph.Sequential("m", tensor.Shape{1}, graph.He(), graph.Affine{Units: 3}, graph.Serial(c.last...))
		spec.ClassNames = []string{"a", "b", "c"}
		m, err := graph.New(spec)
		require.NoError(t, err)
		copy(m.Params()[0].Value.Float32s(), []float32{1, -1, 2})
		p, err := classify.Predict(m, "x", &picture.Sample{Pixels: []float32{1}})
		require.NoError(t, err)
		assert.Equal(t, c.text, p.String())
		got, err := json.Marshal(p)
		require.NoError(t, err)
		assert.JSONEq(t, c.json, rounded(t, got))
		p, err = classify.Predict(m, "x", &picture.Sample{Pixels: []float32{0}})
		require.NoError(t, err)
		assert.Contains(t, []string{"no label", "a: 0, b: 0, c: 0"}, p.Answer())
	}
}

var longNumber = regexp.MustCompile(`\d\.\d{7,}`)

// rounded returns a JSON text with each number cut to six digits.
func rounded(t *testing.T, text []byte) string {
	t.Helper()
	return longNumber.ReplaceAllStringFunc(string(text), func(s string) string {
		v, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return fmt.Sprintf("%.6f", v)
	})
}

func TestPercent(t *testing.T) {
	for want, p := range map[string]float64{"100.00%": 1, "> 99.99%": 0.99997, "99.99%": 0.9999, "0.01%": 0.0001,
		"< 0.01%": 0.00001, "0.00%": 0} {
		assert.Equal(t, want, classify.Percent(p))
	}
}

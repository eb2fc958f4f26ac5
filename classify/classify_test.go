package classify_test

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/digit"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/train/dataset"
)

func spec(input ...int) *graph.Spec {
	return graph.Sequential("mine", input, graph.He(), graph.Affine{Units: 4}, graph.Softmax{})
}

// AlexNet sees the middle 227 of 256 pixels, as its evaluation in training does.
func TestAlexNetSeesTheMiddle(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 90, 76))
	for i := range 90 * 76 {
		img.SetRGBA(i%90, i/90, color.RGBA{uint8(i % 90 * 2), uint8(i / 90 * 3), uint8(i % 251), 255}) // each place has its own colour
	}
	got, err := classify.Prepare(models.AlexNet{Size: 67, Classes: 10, Width: 1. / 8}.Spec(), img, digit.Detect)
	require.NoError(t, err)
	assert.Equal(t, digit.Detect, got.Ink)

	side := 76 // 67·256/227
	whole, err := dataset.Fit(img, tensor.Shape{3, side, side})
	require.NoError(t, err)
	for _, at := range []image.Point{{0, 0}, {30, 41}, {66, 66}} {
		for c := range 3 {
			assert.Equal(t, whole[(c*side+at.Y+4)*side+at.X+4], got.Pixels[(c*67+at.Y)*67+at.X])
		}
	}
}

// A digit's picture is prepared as package digit does, from a file, too.
func TestDigits(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 40, 50))
	for i := range img.Pix {
		img.Pix[i] = 250
	}
	for y := 10; y < 40; y++ {
		img.SetGray(20, y, color.Gray{})
		img.SetGray(21, y, color.Gray{})
	}
	want, err := digit.FromImage(img, digit.Detect)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "one.png")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, img))
	require.NoError(t, f.Close())

	got, err := classify.Read(spec(1, 28, 28), path, digit.Detect)
	require.NoError(t, err)
	assert.Equal(t, &classify.Sample{Pixels: want.Pixels, Ink: digit.Dark}, got)
	_, err = classify.Read(spec(1, 28, 28), path, digit.Light)
	assert.EqualError(t, err, path+": nothing is drawn in the picture that is light on dark")
	_, err = classify.Read(spec(3, 8, 8), path, digit.Light)
	assert.EqualError(t, err, path+`: ink is light on dark: that is for models of 1×28×28 images, "mine" takes (3, 8, 8)`)
	for _, s := range []*graph.Spec{spec(9), spec(2, 5, 5)} {
		_, err = classify.Read(s, path, digit.Detect)
		assert.ErrorContains(t, err, `model "mine" takes (`)
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
	got, err := classify.Predict(m, "x.png", &classify.Sample{Pixels: x.Float32s(), Ink: digit.Light})
	require.NoError(t, err)
	top := classify.Top(m.Spec(), want.Float32s(), 3)
	assert.Equal(t, &classify.Prediction{Image: "x.png", Guess: top[0], Top: top, Ink: "light on dark"}, got)

	headless, err := graph.New(graph.Sequential("headless", tensor.Shape{4}, graph.He(), graph.Affine{Units: 2}))
	require.NoError(t, err)
	_, err = classify.Predict(headless, "", &classify.Sample{Pixels: make([]float32, 4)})
	assert.EqualError(t, err, `model "headless" doesn't end in Softmax: it has no probabilities`)
}

func TestPercent(t *testing.T) {
	for want, p := range map[string]float64{"100.00%": 1, "> 99.99%": 0.99997, "99.99%": 0.9999, "0.01%": 0.0001, "< 0.01%": 0.00001, "0.00%": 0} {
		assert.Equal(t, want, classify.Percent(p))
	}
}

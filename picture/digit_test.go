package picture_test

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"convgraph/graph"
	"convgraph/internal/testutil"
	"convgraph/models"
	"convgraph/picture"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
	"convgraph/train/solver"
)

const side = 28

// samples returns every n-th test image.
func samples(t *testing.T, n int) [][]float32 {
	t.Helper()
	_, test, err := mnist.Load()
	require.NoError(t, err)
	all := make([][]float32, n)
	for i := range all {
		all[i] = make([]float32, side*side)
		_, err := test.Sample(i*(test.Len()/n), all[i])
		require.NoError(t, err)
	}
	return all
}

// trained is a small SimpleConvNet after training on a few thousand digits.
func trained(t *testing.T) *graph.Model {
	t.Helper()
	net := models.DefaultSimpleConvNet()
	net.FilterNum, net.HiddenSize, net.WeightInitStd = 8, 32, graph.He()
	m, err := graph.New(net.Spec())
	require.NoError(t, err)
	adam, err := solver.New("adam", solver.Config{LR: 0.004})
	require.NoError(t, err)
	set, test, err := mnist.Load()
	require.NoError(t, err)
	trainer := train.NewTrainer(m, adam, dataset.Take(set, 5000), dataset.Take(test, 100))
	trainer.Epochs, trainer.Batch, trainer.EvalSamples = 2, 50, 100
	_, err = trainer.Run(t.Context())
	require.NoError(t, err)
	return m
}

func class(t *testing.T, m *graph.Model, pixels []float32) int {
	t.Helper()
	logits := make([]float32, m.Classes())
	require.NoError(t, m.PredictInto(logits, pixels))
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	return best
}

// TestAnyPictureOfADigitIsRecognized shows a network MNIST's own images in other colors, sizes and
// positions.
func TestAnyPictureOfADigitIsRecognized(t *testing.T) {
	n := 40
	if testutil.RaceEnabled {
		n = 10
	}
	m, images := trained(t), samples(t, n)
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			agree := 0
			for i, pixels := range images {
				d, err := picture.Digit(v.make(gray(pixels)), picture.Detect)
				require.NoError(t, err)
				assert.Equal(t, v.dark, d.Ink == picture.Dark, "ink of image %d", i)
				requireForm(t, d.Pixels)
				if class(t, m, pixels) == class(t, m, d.Pixels) {
					agree++
				}
			}
			assert.GreaterOrEqual(t, agree, len(images)*95/100, "of %d", len(images))
		})
	}
}

// requireForm checks the properties that the database states for its images.
func requireForm(t testing.TB, pixels []float32) {
	t.Helper()
	require.Len(t, pixels, side*side)
	left, right, top, bottom := side, -1, side, -1
	largest := float32(0)
	for i, v := range pixels {
		if !(v >= 0 && v <= 1) {
			t.Fatalf("pixel %d is %v", i, v)
		}
		largest = max(largest, v)
		if v > 0 {
			left, right = min(left, i%side), max(right, i%side)
			top, bottom = min(top, i/side), max(bottom, i/side)
		}
	}
	require.Equal(t, float32(1), largest)
	require.LessOrEqual(t, max(right-left, bottom-top)+1, 20)
}

func meanDifference(a, b []float32) (mean float64) {
	for i := range a {
		mean += math.Abs(float64(a[i]-b[i])) / float64(len(a))
	}
	return mean
}

// TestMNISTStaysAsItIs: an image in MNIST's form doesn't change, except for a faint rim, a speck,
// and the rounding of a few centers.
func TestMNISTStaysAsItIs(t *testing.T) {
	same := 0
	images := samples(t, 200)
	for _, pixels := range images {
		d, err := picture.Digit(gray(pixels), picture.Detect)
		require.NoError(t, err)
		if meanDifference(pixels, d.Pixels) < 0.002 {
			same++
		}
	}
	assert.GreaterOrEqual(t, same, 195)
}

// TestLargePicturesAreReduced: a picture above the canvas's size gives the result of a smaller one.
func TestLargePicturesAreReduced(t *testing.T) {
	n := 3
	if testutil.RaceEnabled {
		n = 1
	}
	for _, pixels := range samples(t, n) {
		small, err := picture.Digit(enlarged(gray(pixels), 280), picture.Detect)
		require.NoError(t, err)
		large, err := picture.Digit(painted(enlarged(gray(pixels), 2240), black, red), picture.Detect)
		require.NoError(t, err)
		assert.Less(t, meanDifference(small.Pixels, large.Pixels), 0.01)
	}
}

// TestVeryWidePictures: no part of a row is lost or swapped, however long the row.
func TestVeryWidePictures(t *testing.T) {
	wide := func(left int) []float32 {
		img := image.NewGray(image.Rect(0, 0, 20_000, 40))
		draw.Draw(img, image.Rect(left, 0, left+1000, 40), image.White, image.Point{}, draw.Src)
		d, err := picture.Digit(img, picture.Detect)
		require.NoError(t, err)
		return d.Pixels
	}
	assert.Equal(t, wide(1000), wide(17_000))
}

// drawing is a bar of ink on a page.
func drawing(page, bar image.Rectangle, background, ink color.Color) *image.RGBA {
	img := moved(image.NewUniform(ink), page.Size(), page.Min, background)
	for y := page.Min.Y; y < page.Max.Y; y++ {
		for x := page.Min.X; x < page.Max.X; x++ {
			c := background
			if image.Pt(x, y).In(bar) {
				c = ink
			}
			img.Set(x, y, c)
		}
	}
	return img
}

// A bar of 10x40 on a page becomes one of 5x20 around the middle, at every position.
func TestPositionAndSize(t *testing.T) {
	for _, at := range []image.Point{{0, 0}, {3, 50}, {88, 59}} {
		bar := image.Rect(0, 0, 10, 40).Add(at)
		d, err := picture.Digit(drawing(image.Rect(0, 0, 99, 100), bar, white, black), picture.Detect)
		require.NoError(t, err)
		for i, v := range d.Pixels {
			x, y := i%side, i/side
			want := float32(0)
			if x >= 12 && x < 17 && y >= 4 && y < 24 {
				want = 1
			}
			require.Equal(t, want, v, "at %d, %d", x, y)
		}
	}
}

// A thin line keeps its ink on a page of any size.
func TestThinLinesStayVisible(t *testing.T) {
	d, err := picture.Digit(
		drawing(image.Rect(0, 0, 900, 900), image.Rect(400, 100, 403, 800), white, black), picture.Detect,
	)
	require.NoError(t, err)
	requireForm(t, d.Pixels)
}

func TestIgnoresSpecks(t *testing.T) {
	img := drawing(image.Rect(0, 0, 100, 100), image.Rect(40, 40, 50, 80), white, black)
	clean, err := picture.Digit(img, picture.Detect)
	require.NoError(t, err)
	img.Set(3, 3, black)
	img.Set(97, 96, color.Gray{Y: 90})
	dusty, err := picture.Digit(img, picture.Detect)
	require.NoError(t, err)
	assert.Equal(t, clean.Pixels, dusty.Pixels)
	assert.Equal(t, picture.Dark, dusty.Ink)
}

// The caller's ink overrides the border: here the border is nearly all ink.
func TestGivenInk(t *testing.T) {
	img := drawing(image.Rect(0, 0, 60, 60), image.Rect(20, 0, 30, 60), black, white)
	d, err := picture.Digit(img, picture.Detect)
	require.NoError(t, err)
	assert.Equal(t, picture.Light, d.Ink)
	same, err := picture.Digit(img, picture.Light)
	require.NoError(t, err)
	assert.Equal(t, d, same)

	_, err = picture.Digit(drawing(image.Rect(0, 0, 60, 60), image.Rect(20, 20, 24, 40), white, black), picture.Light)
	assert.EqualError(t, err, "nothing is drawn in the picture that is light on dark")

	forced, err := picture.Digit(img, picture.Dark)
	require.NoError(t, err)
	assert.Equal(t, picture.Dark, forced.Ink)
	requireForm(t, forced.Pixels)
	white := 0
	for _, v := range forced.Pixels {
		if v == 1 {
			white++
		}
	}
	assert.Equal(t, 320, white, "of 20x20 pixels all but the bar's: three columns and a third")
}

func TestRejectsPicturesWithoutDigit(t *testing.T) {
	flat := drawing(image.Rect(0, 0, 30, 30), image.Rectangle{}, paper, paper)
	for _, img := range []image.Image{flat, image.NewNRGBA(image.Rect(0, 0, 5, 5)), image.NewGray(image.Rect(
		0, 0, 1, 1,
	)), noisy(flat, 1, 3)} {
		for _, ink := range []picture.Ink{picture.Detect, picture.Dark, picture.Light} {
			_, err := picture.Digit(img, ink)
			assert.EqualError(t, err, map[picture.Ink]string{
				picture.Detect: "nothing is drawn in the picture: all of it has about one color",
				picture.Dark:   "nothing is drawn in the picture that is dark on light",
				picture.Light:  "nothing is drawn in the picture that is light on dark",
			}[ink])
		}
	}
	_, err := picture.Digit(image.NewGray(image.Rectangle{}), picture.Detect)
	assert.EqualError(t, err, "the picture is empty: it has no pixels")
	_, err = picture.Digit(flat, "red")
	assert.EqualError(t, err, `got ink "red", want "detect", "dark" or "light"`)
}

var mnistDigits = picture.Preprocessing{Digit: picture.Detect}

func TestReadDigit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bar.png")
	file, err := os.Create(path)
	require.NoError(t, err)
	img := drawing(image.Rect(0, 0, 40, 40), image.Rect(10, 10, 15, 30), white, black)
	require.NoError(t, png.Encode(file, img))
	require.NoError(t, file.Close())
	want, err := picture.Digit(img, picture.Detect)
	require.NoError(t, err)
	got, err := mnistDigits.Read(path, []int{1, side, side})
	require.NoError(t, err)
	assert.Equal(t, want, got)

	broken := filepath.Join(dir, "broken.png")
	require.NoError(t, os.WriteFile(broken, []byte("PK\x03\x04"), 0o644))
	_, err = mnistDigits.Read(broken, []int{1, side, side})
	assert.EqualError(
		t, err, broken+": got a file that starts with 50 4b 03 04, want PNG, JPEG, GIF, WebP, BMP or TIFF",
	)
	_, err = mnistDigits.Read(filepath.Join(dir, "missing.png"), []int{1, side, side})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// Any picture of two colors has MNIST's form afterwards.
func TestAnyPicture(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		width, height := rapid.IntRange(1, 40).Draw(r, "width"), rapid.IntRange(1, 40).Draw(r, "height")
		img := image.NewNRGBA(image.Rect(0, 0, width, height))
		copy(img.Pix, rapid.SliceOfN(rapid.Byte(), len(img.Pix), len(img.Pix)).Draw(r, "pixels"))
		d, err := picture.Digit(
			img, rapid.SampledFrom([]picture.Ink{picture.Detect, picture.Dark, picture.Light}).Draw(r, "ink"),
		)
		if err == nil {
			requireForm(t, d.Pixels)
		}
	})
}

func BenchmarkDigit(b *testing.B) {
	img := throughJPEG(drawing(image.Rect(0, 0, 4000, 3000), image.Rect(1500, 500, 1900, 2500), white, black), 90)
	for b.Loop() {
		if _, err := picture.Digit(img, picture.Detect); err != nil {
			b.Fatal(err)
		}
	}
}

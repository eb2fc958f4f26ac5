package viz_test

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/viz"
)

var update = flag.Bool("update", false, "rewrite the golden pictures")

func TestPictures(t *testing.T) {
	filters, small := gabors(30, 1, 5, 0.4), noise(30, 1, 5, 0.02)
	for name, picture := range map[string]viz.Raster{
		"filters-before": viz.FilterGrid{Title: "SimpleConvNet, conv1 before learning (seed 1)", Filters: small},
		"filters-after":  viz.FilterGrid{Title: "SimpleConvNet, conv1 after 20 epochs (seed 1)", Filters: filters},
		"filters-shared": viz.FilterGrid{Title: "both on one scale: before", Filters: small, Scale: viz.ScaleShared,
			Range: &viz.Range{Min: -0.4, Max: 0.4}},
		"filters-colour": viz.FilterGrid{Title: "AlexNet, conv1", Filters: gabors(32, 3, 11, 0.2)},
		"filters-deep":   viz.FilterGrid{Title: "LeNet, C3", Filters: gabors(16, 6, 5, 0.3)},
		"filters-many":   viz.FilterGrid{Filters: gabors(40, 4, 3, 0.3)},
		"responses": viz.Responses{
			Title: "What the first filters answer to", Input: viz.TestPattern(), Filters: gabors(8, 1, 5, 0.4),
			Maps: correlate(viz.GreyPlane(viz.TestPattern()), gabors(8, 1, 5, 0.4)),
		},
		"features": viz.FeatureMaps{Title: "relu1 of SimpleConvNet",
			Maps: rectify(correlate(digit(), filters))},
		"features-shared": viz.FeatureMaps{Title: "conv1 of SimpleConvNet", Maps: correlate(digit(), filters),
			Scale: viz.ScaleShared},
		"features-vector": viz.FeatureMaps{Title: "affine1 of SimpleConvNet", Maps: waves(100)},
		"features-103":    viz.FeatureMaps{Title: "a vector of 103", Maps: waves(103)},
		"features-4096":   viz.FeatureMaps{Title: "fc6 of AlexNet", Maps: waves(4096)},
		"overview":        overview(),
		"overview-many":   manyClasses(),
		"overview-labels": labelled(),
		"overview-values": measured(),
		"contactsheet":    contactSheet(),
		"portrait":        portrait(),
		"contactsheet-down": viz.ContactSheet{Items: []viz.Item{{Image: viz.TestPattern(), Caption: "128 down to 60"},
			{Image: viz.TestPattern()}}, Tile: 60},
		"confusion": viz.Confusion{Title: "SimpleConvNet on the MNIST test set", Counts: confusions(10, 980)},
		"confusion-names": viz.Confusion{Counts: confusions(4, 50),
			Labels: []string{"T-shirt", "trousers", "pullover", "ankle boot"}},
		"confusion-many":  viz.Confusion{Title: "100 classes", Counts: confusions(100, 50)},
		"saliency":        saliency(1),
		"saliency-signed": saliency(-1),
		"accuracy":        accuracy(20),
		"accuracy-1":      accuracy(1),
		"accuracy-100":    accuracy(100),
		"accuracy-gap": viz.AccuracyCurve{Train: []float64{0.31, math.NaN(), 0.52, 0.64},
			Test: []float64{0.3, 0.45, 0.5, 0.6}},
		"accuracy-low": viz.AccuracyCurve{Title: "a training that fails", Train: []float64{0.265, 0.23},
			Test: []float64{0.23, 0.21}},
		"accuracy-kept": kept(),
		"rates":         rates(),
		"testpattern":   raw{viz.TestPattern()},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, viz.EncodePNG(&b, picture))
			compareGolden(t, filepath.Join("testdata", name+".png"), b.Bytes())
		})
	}
}

// raw is an image as a picture.
type raw struct{ img image.Image }

func (r raw) Image() (image.Image, error) { return r.img, nil }

// mostFar is less than the number of pixels in which two small digits differ.
const mostFar = 4

// compareGolden tolerates slight differences of text and scaling between architectures, but not a
// different tile or digit.
func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
		return
	}
	file, err := os.ReadFile(path)
	require.NoError(t, err, "write it with: go test ./viz -update")
	want, have := decode(t, file), decode(t, got)
	require.Equal(t, want.Bounds(), have.Bounds(), path)
	total, far := difference(want, have)
	pixels := float64(want.Bounds().Dx() * want.Bounds().Dy())
	assert.LessOrEqual(t, total/pixels, 0.2, "%s: mean difference of a pixel (0 to 255)", path)
	assert.LessOrEqual(t, far, mostFar, "%s: pixels that are far apart", path)
}

// difference sums the pixels' differences and counts those above a quarter of the range.
func difference(a, b image.Image) (total float64, far int) {
	r := a.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			d := max(gap(r1, r2), gap(g1, g2), gap(b1, b2)) / 257
			total += d
			if d > 64 {
				far++
			}
		}
	}
	return total, far
}

func gap(a, b uint32) float64 { return math.Abs(float64(a) - float64(b)) }

func decode(t *testing.T, file []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(file))
	require.NoError(t, err)
	return img
}

// The comparison must detect one changed digit in small print.
func TestGoldenComparisonSeesADigit(t *testing.T) {
	sheet := func(caption string) image.Image {
		img, err := viz.ContactSheet{Items: []viz.Item{{Image: digitImage(0), Caption: "7\n" + caption}}}.Image()
		require.NoError(t, err)
		return img
	}
	_, far := difference(sheet("No. 1718"), sheet("No. 1716"))
	assert.Greater(t, far, mostFar)
}

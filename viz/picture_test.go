package viz_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"convgraph/viz"
)

func TestPicturesRefuseWhatDoesNotFit(t *testing.T) {
	good := gabors(2, 1, 3, 1)
	input := viz.TestPattern()
	for _, c := range []struct {
		name    string
		picture viz.Raster
		want    string
	}{
		{"no filters", viz.FilterGrid{}, "filters: got size 0x0x0x0 (out, in, height, width), want each at least 1"},
		{"weights missing",
			viz.FilterGrid{Filters: viz.Filters{Out: 2, In: 1, Height: 3, Width: 3, Data: make([]float32, 17)}},
			"filters: got 17 weights for 2x1x3x3 (out, in, height, width), want 18"},
		{"unknown scale", viz.FilterGrid{Filters: good, Scale: 7}, "got scale 7, want ScaleEach or ScaleShared"},
		{"range upside down", viz.FilterGrid{Filters: good, Scale: viz.ScaleShared,
			Range: &viz.Range{Min: 1, Max: 0}}, "range 1.00\u00a0…\u00a00, want finite numbers"},
		{"maps missing", viz.FeatureMaps{Maps: viz.Planes{Count: 1, Height: 2, Width: 2, Data: make([]float32, 3)}},
			"feature maps: got 3 values for 1x2x2 (count, height, width), want 4"},
		{"a map too many", viz.Responses{Input: input, Filters: good, Maps: correlate(digit(), gabors(3, 1, 3, 1))},
			"responses: got 3 maps for 2 filters"},
		{"responses without input", viz.Responses{Filters: good, Maps: correlate(digit(), good)}, "no input image"},
		{"responses of deep filters", viz.Responses{Input: input, Filters: gabors(2, 2, 3, 1),
			Maps: correlate(digit(), good)}, "got filters of 2 channels, want 1 (gray) or 3"},
		{"overview of both", viz.Overview{Input: input, Probabilities: []float32{1}, Values: []float32{1}},
			"overview: got 1 class scores and 1 values, want one or the other"},
		{"overview's layer", viz.Overview{Input: input, Rows: []viz.OverviewRow{{Name: "conv1"}},
			Probabilities: []float32{1}}, "overview: layer conv1: got size 0x0x0"},
		{"overview's labels", viz.Overview{Input: input, Probabilities: []float32{1}, Labels: []string{"a", "b"}},
			"2 labels for 1 class scores"},
		{"empty sheet", viz.ContactSheet{}, "contact sheet: no images"},
		{"hole in the sheet", viz.ContactSheet{Items: []viz.Item{{Image: input}, {}}},
			"contact sheet: image 1 is empty"},
		{"no portrait", viz.Portrait{}, "portrait: no ideal input"},
		{"hole in the portrait", viz.Portrait{Ideal: input, Items: []viz.Item{{}}}, "portrait: image 0 is empty"},
		{"no classes", viz.Confusion{}, "confusion matrix: no classes"},
		{"ragged counts", viz.Confusion{Counts: [][]int{{1, 2}, {3}}}, "confusion matrix: row 1: got 1 counts, want 2"},
		{"negative count", viz.Confusion{Counts: [][]int{{1, -2}, {3, 4}}}, "row 0, column 1: got count -2"},
		{"labels of classes", viz.Confusion{Counts: [][]int{{1}}, Labels: []string{"a", "b"}},
			"2 labels for 1 classes"},
		{"heat of another size", viz.Saliency{Input: input, Heat: digit()},
			"got heat of 1 planes of 28x28 (width, height), want 1 of the image's 128x128"},
		{"no accuracies", viz.AccuracyCurve{Train: []float64{math.NaN()}}, "accuracy curve: no values to draw"},
		{"percent for fractions", viz.AccuracyCurve{Train: []float64{98.9}},
			"accuracy curve: got accuracies 98.9 … 98.9, want fractions from 0 to 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.ErrorContains(t, viz.EncodePNG(io.Discard, c.picture), c.want)
		})
	}
}

// The grays follow the weights linearly: black the least, white the greatest, for both scales.
func TestFilterGridGrays(t *testing.T) {
	f := viz.Filters{Out: 2, In: 1, Height: 1, Width: 3, Data: []float32{-1, 0, 1, 0, 1, 4}}
	corner := image.Pt(17, 17) // the margin and the frame
	for _, c := range []struct {
		name  string
		grid  viz.FilterGrid
		grays []uint8 // of both tiles, one below the other
	}{
		{"each", viz.FilterGrid{}, []uint8{0, 128, 255, 0, 64, 255}},
		{"shared", viz.FilterGrid{Scale: viz.ScaleShared}, []uint8{0, 51, 102, 51, 102, 255}},
		{"given", viz.FilterGrid{Scale: viz.ScaleShared, Range: &viz.Range{Min: 0, Max: 2}},
			[]uint8{0, 0, 128, 0, 128, 255}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.grid.Filters, c.grid.Columns, c.grid.Tile = f, 1, 30
			img, err := c.grid.Image()
			require.NoError(t, err)
			var grays []uint8
			for tile := range 2 {
				for x := range 3 {
					at := corner.Add(image.Pt(10*x+5, tile*(12+6)+5))
					grays = append(grays, color.GrayModel.Convert(img.At(at.X, at.Y)).(color.Gray).Y)
				}
			}
			assert.Equal(t, c.grays, grays)
		})
	}
}

// Non-finite values have their own color and don't affect the scale.
func TestNotFinite(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	img, err := viz.Planes{Count: 1, Height: 1, Width: 4,
		Data: []float32{0, 1, nan, inf}}.Image(viz.RangeOf([]float32{0, 1, nan, inf}))
	require.NoError(t, err)
	assert.Equal(t, color.RGBA{0, 0, 0, 255}, img.At(0, 0))
	assert.Equal(t, color.RGBA{255, 255, 255, 255}, img.At(1, 0))
	assert.Equal(t, color.RGBA{255, 0, 255, 255}, img.At(2, 0))
	assert.Equal(t, color.RGBA{255, 0, 255, 255}, img.At(3, 0))
	assert.Equal(t, viz.Range{}, viz.RangeOf([]float32{nan, inf}))
}

// Constant filters and those without a finite weight can be drawn.
func TestFilterGridNeverFailsOnWholeData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := viz.Filters{
			Out: rapid.IntRange(1, 9).Draw(t, "out"), In: rapid.IntRange(1, 4).Draw(t, "in"),
			Height: rapid.IntRange(1, 7).Draw(t, "height"), Width: rapid.IntRange(1, 70).Draw(t, "width"),
		}
		n := f.Out * f.In * f.Height * f.Width
		f.Data = rapid.SliceOfN(rapid.Float32(), n, n).Draw(t, "weights")
		scale := rapid.SampledFrom([]viz.Scale{viz.ScaleEach, viz.ScaleShared}).Draw(t, "scale")
		if _, err := (viz.FilterGrid{Filters: f, Scale: scale}).Image(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPlanesOfImages(t *testing.T) {
	img := image.NewRGBA(image.Rect(5, 7, 7, 8)) // bounds that don't begin at 0
	img.Set(5, 7, color.RGBA{255, 0, 0, 255})
	img.Set(6, 7, color.RGBA{0, 255, 255, 255})
	rgb := viz.RGBPlanes(img)
	assert.Equal(t, viz.Planes{Count: 3, Height: 1, Width: 2, Data: []float32{1, 0, 0, 1, 0, 1}}, rgb)
	gray := viz.GrayPlane(img)
	assert.InDelta(t, 0.299, gray.Data[0], 1e-3)
	assert.InDelta(t, 0.701, gray.Data[1], 1e-3)

	back, err := rgb.Image(viz.Range{Min: 0, Max: 1})
	require.NoError(t, err)
	assert.Equal(t, color.RGBA{255, 0, 0, 255}, back.At(0, 0))
	_, err = viz.Planes{Count: 2, Height: 1, Width: 1, Data: []float32{0, 0}}.Image(viz.Range{})
	assert.ErrorContains(t, err, "image: got 2 channels, want 1 (gray) or 3")
}

func TestRangeReads(t *testing.T) {
	for want, r := range map[string]viz.Range{
		"−0.420 … 0.300": {Min: -0.42, Max: 0.3},
		"0 … 12.5":       {Min: 0, Max: 12.5},
		"−3 … 1230":      {Min: -3, Max: 1230},
		"1e−05 … 2e−05":  {Min: 1e-5, Max: 2e-5},
		"0 … 0":          {},
	} {
		assert.Equal(t, want, strings.ReplaceAll(r.String(), "\u00a0", " "))
	}
}

func TestAccuracyCurveAsSVG(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, viz.EncodeSVG(&b, accuracy(20)))
	texts := svgTexts(t, b.Bytes())
	for _, want := range []string{"SimpleConvNet on MNIST", "epoch", "accuracy", "train, last 99.63%",
		"test, last 98.66%", "100.0%", "95.0%", "20"} {
		assert.Contains(t, texts, want)
	}
}

// svgTexts parses the document and returns the contents of its text elements.
func svgTexts(t *testing.T, document []byte) []string {
	t.Helper()
	var texts []string
	d := xml.NewDecoder(bytes.NewReader(document))
	inText := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "text" {
				inText++
			}
		case xml.EndElement:
			if e.Name.Local == "text" {
				inText--
			}
		case xml.CharData:
			if s := strings.TrimSpace(string(e)); inText > 0 && s != "" {
				texts = append(texts, s)
			}
		}
	}
}

func TestWritersReplaceFilesOrLeaveThem(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "picture.png")
	require.NoError(t, viz.WritePNG(path, raw{viz.TestPattern()}))
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 128, 128), decode(t, before).Bounds())

	err = viz.WritePNG(path, viz.FilterGrid{})
	assert.ErrorContains(t, err, path+": filters: got size 0x0x0x0")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)

	vector := filepath.Join(dir, "accuracy.svg")
	require.NoError(t, viz.WriteSVG(vector, accuracy(3)))
	assert.ErrorContains(t, viz.WriteSVG(vector, viz.AccuracyCurve{}), vector+": accuracy curve: no values to draw")
	assert.Error(t, viz.WritePNG(filepath.Join(dir, "missing", "p.png"), raw{viz.TestPattern()}))

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "nothing half-written is left behind")
}

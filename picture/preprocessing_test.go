package picture_test

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"convgraph/picture"
)

func noise(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = uint8(rng.Uint32())
	}
	return img
}

func opaque(width, height int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Rect, image.Black, image.Point{}, draw.Src)
	draw.Draw(img, img.Rect, noise(width, height), image.Point{}, draw.Over)
	return img
}

func apply(t testing.TB, p picture.Preprocessing, img image.Image, input ...int) []float32 {
	t.Helper()
	s, err := p.Apply(img, input)
	require.NoError(t, err)
	return s.Pixels
}

func TestCheckNamesTheField(t *testing.T) {
	colour, grey, digits := []int{3, 224, 200}, []int{1, 32, 32}, []int{1, 28, 28}
	for _, c := range []struct {
		p     picture.Preprocessing
		input []int
		want  string
	}{
		{picture.Preprocessing{Fit: "crop"}, colour, `fit: got "crop", want "stretch", "shorter" or none`},
		{
			picture.Preprocessing{Interpolation: "nearest"}, colour,
			`interpolation: got "nearest", want "bilinear", "bicubic" or none`,
		},
		{picture.Preprocessing{Resize: 199}, colour, "resize: got 199, want 200 to 8192 for an input of 224x200"},
		{picture.Preprocessing{Resize: -1}, colour, "resize: got -1, want 200 to 8192 for an input of 224x200"},
		{
			picture.Preprocessing{Resize: 1 << 40}, colour,
			"resize: got 1099511627776, want 200 to 8192 for an input of 224x200",
		},
		{
			picture.Preprocessing{Fit: picture.Shorter, Resize: 223}, colour,
			"resize: got 223, want 224 to 8192 for an input of 224x200",
		},
		{
			picture.Preprocessing{Resize: 100}, []int{1, 1, 100},
			"resize: got 100, which scales an input of 1x100 to 100x10000, want sides of at most 8192",
		},
		{picture.Preprocessing{Mean: []float64{1, 2}}, colour, "mean: got 2 values, want 3, one for each channel"},
		{picture.Preprocessing{Mean: []float64{}}, colour, "mean: got 0 values, want 3, one for each channel"},
		{picture.Preprocessing{Std: []float64{1, 2, 3}}, grey, "std: got 3 values, want 1, one for each channel"},
		{picture.Preprocessing{Std: []float64{1, 0, 1}}, colour, "std: got 0 for channel 1, want more than 0"},
		{picture.Preprocessing{Std: []float64{1e-60}}, grey, "std: got 1e-60 for channel 0, want more than 0"},
		{picture.Preprocessing{Std: []float64{-1}}, grey, "std: got -1 for channel 0, want more than 0"},
		{
			picture.Preprocessing{Mean: []float64{math.NaN()}}, grey,
			"mean: got NaN for channel 0, want a finite float32",
		},
		{picture.Preprocessing{Mean: []float64{1e300}}, grey, "mean: got 1e+300 for channel 0, want a finite float32"},
		{picture.Preprocessing{Digit: "red"}, digits, `digit: got "red", want "detect", "dark", "light" or none`},
		{picture.Preprocessing{Digit: picture.Detect}, grey, "digit: got input [1 32 32], want [1 28 28]"},
		{
			picture.Preprocessing{Digit: picture.Dark, Resize: 30}, digits,
			`digit: got fit "", resize 30 and interpolation "" with it, want none`,
		},
		{
			picture.Preprocessing{Resize: 300}, []int{10},
			"got input [10], want (channels, height, width) with 1 channel (grey) or 3 (red, green, blue)",
		},
		{
			picture.Preprocessing{Resize: 300}, []int{1, 0, 3},
			"got input [1 0 3], want a height and a width from 1 to 8192",
		},
	} {
		assert.EqualError(t, c.p.Check(c.input), c.want, "%+v", c.p)
		_, err := c.p.Apply(noise(3, 3), c.input)
		assert.EqualError(t, err, c.want)
	}
	assert.NoError(t, picture.Preprocessing{}.Check([]int{784}), "the zero value suits a network of vectors")
	assert.NoError(
		t, picture.Preprocessing{Fit: picture.Shorter, Resize: 256, Mean: []float64{0.5, 0.5, 0.5}}.Check(colour),
	)
	assert.NoError(t, picture.Preprocessing{Digit: picture.Light, Std: []float64{0.3}}.Check(digits))
	err := picture.Preprocessing{}.ApplyTo(make([]float32, 5), noise(3, 3), []int{1, 2, 2})
	assert.EqualError(t, err, "got a slice of 5 values, want 4 for input [1 2 2]")
}

// A declaration survives JSON, and the zero value is empty.
func TestPreprocessingJSON(t *testing.T) {
	for text, p := range map[string]picture.Preprocessing{
		`{}`: {},
		`{"fit":"shorter","resize":256,"interpolation":"bicubic","mean":[0.5],"std":[0.25]}`: {
			Fit: picture.Shorter, Resize: 256, Interpolation: picture.Bicubic, Mean: []float64{0.5},
			Std: []float64{0.25}},
		`{"digit":"detect"}`: {Digit: picture.Detect},
	} {
		got, err := json.Marshal(p)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
		var back picture.Preprocessing
		require.NoError(t, json.Unmarshal(got, &back))
		assert.Equal(t, p, back)
		assert.Equal(t, text == `{}`, p.IsZero())
	}
}

func TestDefaults(t *testing.T) {
	assert.Equal(t, picture.Preprocessing{Digit: picture.Detect}, picture.DefaultFor([]int{1, 28, 28}))
	for _, input := range [][]int{{1, 28, 27}, {3, 28, 28}, {784}, nil} {
		assert.True(t, picture.DefaultFor(input).IsZero(), "%v", input)
	}
	assert.Equal(t, picture.Preprocessing{Resize: 256}, picture.AlexNet([]int{3, 227, 227}))
	assert.Equal(t, picture.Preprocessing{Resize: 76}, picture.AlexNet([]int{3, 67, 67}))
	assert.True(t, picture.AlexNet([]int{4096}).IsZero())
}

// A grey drawing of the input's size doesn't change with any filter.
func TestPicturesOfTheInputsSizeStay(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 28, 28))
	for i := range img.Pix {
		img.Pix[i] = uint8(i)
	}
	for _, fit := range []picture.Fit{picture.Cover, picture.Stretch, picture.Shorter} {
		for _, by := range []picture.Interpolation{picture.Default, picture.Bilinear, picture.Bicubic} {
			for channels := 1; channels <= 3; channels += 2 {
				for i, v := range apply(t, picture.Preprocessing{Fit: fit, Interpolation: by}, img, channels, 28, 28) {
					require.Equal(t, float32(uint8(i%784))/255, v, "%q %q", fit, by)
				}
			}
		}
	}
}

// Cover with Pillow's filter gives the result of Default, up to one level of rounding.
func TestCoverFiltersAgree(t *testing.T) {
	img := opaque(61, 43)
	old := apply(t, picture.Preprocessing{Resize: 20}, img, 3, 17, 15)
	exact := apply(t, picture.Preprocessing{Resize: 20, Interpolation: picture.Bilinear}, img, 3, 17, 15)
	for i := range old {
		require.InDelta(t, exact[i], old[i], 2./255+1e-6)
	}
}

// AlexNet's crop is the middle of the picture scaled to the larger size.
func TestAlexNetSeesTheMiddle(t *testing.T) {
	img := opaque(90, 76)
	got := apply(t, picture.AlexNet([]int{3, 67, 67}), img, 3, 67, 67)
	whole := apply(t, picture.Preprocessing{}, img, 3, 76, 76)
	for c := range 3 {
		for y := range 67 {
			for x := range 67 {
				require.Equal(t, whole[(c*76+y+4)*76+x+4], got[(c*67+y)*67+x])
			}
		}
	}
}

// The middle of Uncropped's result is the result of the preprocessing itself.
func TestUncropped(t *testing.T) {
	img := opaque(52, 37)
	for _, p := range []picture.Preprocessing{
		{Resize: 20}, {Resize: 20, Interpolation: picture.Bicubic, Mean: []float64{0.1, 0.2, 0.3}},
		{Fit: picture.Stretch, Resize: 20}, {Fit: picture.Shorter, Resize: 22},
	} {
		input := []int{3, 16, 18}
		want := apply(t, p, img, input...)
		larger, size := p.Uncropped(input)
		whole := apply(t, larger, img, size...)
		top, left := (size[1]-16)/2, (size[2]-18)/2
		for c := range 3 {
			for y := range 16 {
				for x := range 18 {
					require.Equal(
						t, want[(c*16+y)*18+x], whole[(c*size[1]+top+y)*size[2]+left+x], "%+v at %d, %d", p, x, y,
					)
				}
			}
		}
	}
	same, size := picture.Preprocessing{Fit: picture.Stretch}.Uncropped([]int{3, 16, 18})
	assert.Equal(t, picture.Preprocessing{Fit: picture.Stretch}, same)
	assert.Equal(t, []int{3, 16, 18}, size)
}

// A digit's values are normalized like any others.
func TestDigitsAreNormalized(t *testing.T) {
	img := drawing(image.Rect(0, 0, 40, 40), image.Rect(10, 10, 15, 30), white, black)
	plain, err := picture.Digit(img, picture.Detect)
	require.NoError(t, err)
	s, err := picture.Preprocessing{
		Digit: picture.Dark, Mean: []float64{0.1307}, Std: []float64{0.3081},
	}.Apply(img, []int{1, 28, 28})
	require.NoError(t, err)
	assert.Equal(t, picture.Dark, s.Ink)
	for i, v := range plain.Pixels {
		require.Equal(t, (v-float32(0.1307))/float32(0.3081), s.Pixels[i])
	}
}

// Any declaration that passes Check prepares any picture: the values are finite and the same each
// time.
func TestAnyPreprocessing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		side := func(name string) int { return rapid.IntRange(1, 40).Draw(r, name) }
		input := []int{rapid.SampledFrom([]int{1, 3}).Draw(r, "channels"), side("height"), side("width")}
		p := picture.Preprocessing{
			Fit: rapid.SampledFrom([]picture.Fit{
				picture.Cover, picture.Stretch, picture.Shorter,
			}).Draw(r, "fit"),
			Interpolation: rapid.SampledFrom([]picture.Interpolation{
				picture.Default, picture.Bilinear, picture.Bicubic,
			}).Draw(r, "filter"),
			Resize: rapid.IntRange(0, 60).Draw(r, "resize"),
		}
		img := noise(side("picture's width"), side("picture's height"))
		s, err := p.Apply(img, input)
		if p.Check(input) != nil {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		for _, v := range s.Pixels {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("value %v", v)
			}
		}
		again := make([]float32, len(s.Pixels))
		require.NoError(t, p.ApplyTo(again, img, input))
		require.Equal(t, s.Pixels, again)
	})
}

// lines is a picture of any size that takes no memory.
type lines struct{ width, height int }

func (l lines) ColorModel() color.Model { return color.GrayModel }
func (l lines) Bounds() image.Rectangle { return image.Rect(0, 0, l.width, l.height) }
func (l lines) At(x, y int) color.Color { return color.Gray{Y: uint8(x + y)} }

// A picture of 1 x 1,000,000 pixels takes only the memory of its row and the result.
func TestExtremeProportionsAllocateLittle(t *testing.T) {
	for _, fit := range []picture.Fit{picture.Cover, picture.Stretch, picture.Shorter} {
		for _, img := range []lines{{1, 1 << 20}, {1 << 20, 1}} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			apply(t, picture.Preprocessing{Fit: fit, Resize: 64}, img, 3, 56, 56)
			runtime.ReadMemStats(&after)
			// A row of 2^20 pixels and as many weights, nothing 56 times as large.
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "%q %v", fit, img)
		}
	}
}

// BenchmarkApply compares the cost of preparing with that of decoding.
func BenchmarkApply(b *testing.B) {
	img := throughJPEG(opaque(500, 375), 90)
	for _, p := range []picture.Preprocessing{
		{}, {Resize: 256}, {Fit: picture.Shorter, Resize: 256},
		{Fit: picture.Shorter, Resize: 256, Interpolation: picture.Bicubic},
	} {
		b.Run(fmt.Sprintf("%s%d%s", p.Fit, p.Resize, p.Interpolation), func(b *testing.B) {
			dst := make([]float32, 3*224*224)
			for b.Loop() {
				if err := p.ApplyTo(dst, img, []int{3, 224, 224}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestIntensities: what a network reads becomes the picture again.
func TestIntensities(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 4, 4))
	for i := range img.Pix {
		img.Pix[i] = uint8(15 * i)
	}
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	plain, err := picture.Preprocessing{}.Apply(img, []int{3, 4, 4})
	require.NoError(t, err)
	p := picture.Preprocessing{Mean: []float64{0.5, 0.4, 0.3}, Std: []float64{0.2, 0.1, 2}}
	normalized, err := p.Apply(img, []int{3, 4, 4})
	require.NoError(t, err)
	assert.InDeltaSlice(t, plain.Pixels, p.Intensities(normalized.Pixels, 3), 1e-6)
	assert.Equal(t, normalized.Pixels, p.Normalized(plain.Pixels, 3))
	assert.Equal(t, plain.Pixels, picture.Preprocessing{}.Intensities(plain.Pixels, 3))
}

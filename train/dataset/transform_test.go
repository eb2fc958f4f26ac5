package dataset_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/picture"
	"convgraph/train/dataset"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// apply runs one transform on an image (channels,height,width). What dst holds before must not
// matter, so it is NaN.
func apply(t testing.TB, step dataset.Transform, channels, height, width int, pixels []float32,
	rng *rand.Rand) []float32 {
	t.Helper()
	out, err := step.Output(tensor.Shape{channels, height, width})
	require.NoError(t, err)
	dst := make([]float32, out.TotalSize())
	for i := range dst {
		dst[i] = float32(math.NaN())
	}
	step.Apply(picture.Image{Channels: out[0], Height: out[1], Width: out[2], Pixels: dst},
		picture.Image{Channels: channels, Height: height, Width: width, Pixels: pixels}, rng)
	return dst
}

// ramp is 1, 2, 3 …
func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i + 1)
	}
	return v
}

func ExampleCentreCrop() {
	step := dataset.CentreCrop{Height: 1, Width: 2}
	shape, err := step.Output(tensor.Shape{1, 3, 4})
	dst := picture.Image{Channels: 1, Height: 1, Width: 2, Pixels: make([]float32, 2)}
	step.Apply(dst,
		picture.Image{Channels: 1, Height: 3, Width: 4, Pixels: []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}, nil)
	fmt.Println(shape, dst.Pixels, err)
	// Output: (1, 1, 2) [6 7] <nil>
}

func TestCentreCropOfEveryChannel(t *testing.T) {
	got := apply(t, dataset.CentreCrop{Height: 2, Width: 2}, 2, 4, 4, ramp(32), nil)
	assert.Equal(t, []float32{6, 7, 10, 11, 22, 23, 26, 27}, got)
}

func TestRandomCropIsUniform(t *testing.T) {
	rng := newRand(1)
	counts := map[float32]int{}
	for range 6000 {
		got := apply(t, dataset.RandomCrop{Height: 3, Width: 2}, 1, 4, 4, ramp(16), rng)
		require.Equal(t, []float32{got[0], got[0] + 1, got[0] + 4, got[0] + 5, got[0] + 8, got[0] + 9}, got)
		counts[got[0]]++
	}
	require.Len(t, counts, 6, "two rows by three columns")
	for corner, n := range counts {
		assert.InDelta(t, 1000, n, 150, "corner %v", corner)
	}
}

func TestRandomCropPadsWithZeros(t *testing.T) {
	seen := map[string]bool{}
	rng := newRand(2)
	for range 200 {
		seen[fmt.Sprint(apply(t, dataset.RandomCrop{Height: 2, Width: 2, Padding: 1}, 1, 2, 2, ramp(4), rng))] = true
	}
	assert.Equal(t, map[string]bool{
		"[0 0 0 1]": true, "[0 0 1 2]": true, "[0 0 2 0]": true,
		"[0 1 0 3]": true, "[1 2 3 4]": true, "[2 0 4 0]": true,
		"[0 3 0 0]": true, "[3 4 0 0]": true, "[4 0 0 0]": true,
	}, seen)
	outside := apply(t, dataset.RandomCrop{Height: 2, Width: 2, Padding: 50}, 1, 1, 1, ramp(1), rng)
	assert.Equal(t, make([]float32, 4), outside, "a window wholly outside, as nearly all are")
}

func TestMirror(t *testing.T) {
	rng := newRand(3)
	mirrored := 0
	for range 1000 {
		switch got := fmt.Sprint(apply(t, dataset.Mirror{}, 2, 1, 3, ramp(6), rng)); got {
		case "[3 2 1 6 5 4]":
			mirrored++
		case "[1 2 3 4 5 6]":
		default:
			t.Fatal(got)
		}
	}
	assert.InDelta(t, 500, mirrored, 60)
}

func TestResizeKeepsConstantsAndMeans(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := func(name string) int { return rapid.IntRange(1, 9).Draw(rt, name) }
		c, h, w := size("channels"), size("height"), size("width")
		flat := make([]float32, c*h*w)
		for i := range flat {
			flat[i] = float32(1 + i/(h*w))
		}
		step := dataset.Resize{Height: size("new height"), Width: size("new width")}
		got := apply(t, step, c, h, w, flat, nil)
		for i, v := range got {
			require.InDelta(rt, 1+i/(step.Height*step.Width), v, 1e-5)
		}
	})
}

func TestResizeValues(t *testing.T) {
	same := apply(t, dataset.Resize{Height: 2, Width: 3}, 2, 2, 3, ramp(12), nil)
	assert.Equal(t, ramp(12), same)

	// Doubling: the outputs' centres lie a quarter of a pixel beside the inputs'.
	assert.InDeltaSlice(t, []float32{0, 0.25, 0.75, 1},
		apply(t, dataset.Resize{Height: 1, Width: 4}, 1, 1, 2, []float32{0, 1}, nil), 1e-6)
	assert.InDeltaSlice(t, []float32{0, 0.25, 0.75, 1},
		apply(t, dataset.Resize{Height: 4, Width: 1}, 1, 2, 1, []float32{0, 1}, nil), 1e-6)

	// Halving: the first output's centre is at 1 and its radius 2, so that inputs 0 to 2 weigh 3/4,
	// 3/4 and 1/4.
	got := apply(t, dataset.Resize{Height: 1, Width: 2}, 1, 1, 4, []float32{7, 0, 0, 0}, nil)
	assert.InDeltaSlice(t, []float32{7 * 0.75 / 1.75, 0}, got, 1e-6)
	got = apply(t, dataset.Resize{Height: 1, Width: 2}, 1, 1, 4, []float32{0, 7, 0, 0}, nil)
	assert.InDeltaSlice(t, []float32{7 * 0.75 / 1.75, 7 * 0.25 / 1.75}, got, 1e-6)
}

func TestDistortZeroChangesNothing(t *testing.T) {
	assert.Equal(t, ramp(2*5*4), apply(t, dataset.Distort{}, 2, 5, 4, ramp(2*5*4), newRand(4)))
}

// blob is a bright Gaussian spot at (y,x), whose place can be found again as the centre of mass.
func blob(height, width int, y, x float64) []float32 {
	v := make([]float32, height*width)
	for i := range v {
		dy, dx := float64(i/width)-y, float64(i%width)-x
		v[i] = float32(math.Exp(-(dy*dy + dx*dx) / 4))
	}
	return v
}

func centreOfMass(v []float32, width int) (y, x float64) {
	total := 0.0
	for i, m := range v {
		total += float64(m)
		y += float64(m) * float64(i/width)
		x += float64(m) * float64(i%width)
	}
	return y / total, x / total
}

// The middle of a 41x41 image is (20,20).
func TestDistortDirections(t *testing.T) {
	const side = 41
	rng := newRand(5)
	var lowest, highest float64
	for range 200 {
		y, x := centreOfMass(apply(t, dataset.Distort{Shift: 5}, 1, side, side, blob(side, side, 20, 20), rng), side)
		require.InDelta(t, 20, y, 5.01)
		require.InDelta(t, 20, x, 5.01)
		lowest, highest = min(lowest, x-20), max(highest, x-20)
	}
	assert.Less(t, lowest, -4.5)
	assert.Greater(t, highest, 4.5)

	lowest, highest = 0, 0
	for range 200 {
		y, x := centreOfMass(apply(t, dataset.Distort{Rotate: 30}, 1, side, side, blob(side, side, 20, 30), rng), side)
		require.InDelta(t, 10, math.Hypot(y-20, x-20), 0.05, "a rotation keeps the distance from the middle")
		angle := math.Atan2(y-20, x-20) * 180 / math.Pi
		lowest, highest = min(lowest, angle), max(highest, angle)
	}
	assert.InDelta(t, -30, lowest, 2)
	assert.InDelta(t, 30, highest, 2)

	lowest, highest = 1, 1
	for range 200 {
		y, x := centreOfMass(apply(t, dataset.Distort{Scale: 0.2}, 1, side, side, blob(side, side, 28, 20), rng), side)
		require.InDelta(t, 20, x, 0.01)
		lowest, highest = min(lowest, (y-20)/8), max(highest, (y-20)/8)
	}
	assert.InDelta(t, 0.8, lowest, 0.02)
	assert.InDelta(t, 1.2, highest, 0.02)
}

// The displacements of Simard's field: a uniform variable's variance is alpha²/3, and the blur,
// whose weights are a Gaussian's in two dimensions, divides it by 4π·sigma².
func TestElasticDisplacementSize(t *testing.T) {
	const side, alpha, sigma = 61, 40.0, 3.0
	want := alpha / math.Sqrt(3*4*math.Pi*sigma*sigma)
	// On an image whose value is its column, what a pixel becomes less its own column is the
	// displacement.
	columns := make([]float32, side*side)
	for i := range columns {
		columns[i] = float32(i % side)
	}
	rng := newRand(6)
	sum, n := 0.0, 0
	for range 20 {
		got := apply(t, dataset.Distort{ElasticAlpha: alpha, ElasticSigma: sigma}, 1, side, side, columns, rng)
		for y := 15; y < side-15; y++ {
			for x := 15; x < side-15; x++ {
				move := float64(got[y*side+x]) - float64(x)
				sum += move * move
				n++
			}
		}
	}
	assert.InDelta(t, 1, math.Sqrt(sum/float64(n))/want, 0.1)
}

func TestElasticMovesAllChannelsAlike(t *testing.T) {
	one := blob(20, 20, 9, 10)
	got := apply(t, dataset.Distort{ElasticAlpha: 34, ElasticSigma: 4, Rotate: 10}, 2, 20, 20,
		append(append([]float32{}, one...), one...), newRand(7))
	assert.Equal(t, got[:400], got[400:])
	assert.NotEqual(t, one, got[:400])
}

func TestSubtractMean(t *testing.T) {
	assert.Equal(t, []float32{0, 1, 1, 2}, apply(t, dataset.SubtractMean{Mean: []float32{1, 2}}, 2, 1, 2, ramp(4), nil))
	assert.Equal(t, []float32{0, 0, 0, 0}, apply(t, dataset.SubtractMean{Mean: ramp(4)}, 2, 1, 2, ramp(4), nil))
}

func TestPCAColourShiftsAlongTheComponents(t *testing.T) {
	step := dataset.PCAColour{Components: [3][3]float32{{0, 0, 0}, {1, -2, 3}, {0, 0, 0}}, Std: 0.1}
	rng := newRand(8)
	sum := 0.0
	for range 2000 {
		got := apply(t, step, 3, 1, 2, ramp(6), rng)
		a := got[0] - 1
		require.InDeltaSlice(t, []float32{1 + a, 2 + a, 3 - 2*a, 4 - 2*a, 5 + 3*a, 6 + 3*a}, got, 1e-5)
		sum += float64(a) * float64(a)
	}
	assert.InDelta(t, 0.1, math.Sqrt(sum/2000), 0.01)
}

func TestTransformsRefuse(t *testing.T) {
	in := tensor.Shape{1, 5, 6}
	for want, step := range map[string]dataset.Transform{
		"centre crop to 6x6: want 1x1 to 5x6, the image with its padding": dataset.CentreCrop{Height: 6, Width: 6},
		"centre crop to 0x6":                        dataset.CentreCrop{Height: 0, Width: 6},
		"random crop to 8x6: want 1x1 to 7x8":       dataset.RandomCrop{Height: 8, Width: 6, Padding: 1},
		"random crop: padding -1":                   dataset.RandomCrop{Height: 1, Width: 1, Padding: -1},
		"resize to 0x3: want 1x1 to 8192x8192":      dataset.Resize{Width: 3},
		"distort: shift -1: want 0 to 1024":         dataset.Distort{Shift: -1},
		"distort: rotation NaN: want 0 to 180":      dataset.Distort{Rotate: math.NaN()},
		"distort: scale 1: want 0 to 0.99":          dataset.Distort{Scale: 1},
		"distort: elastic sigma 0: want more":       dataset.Distort{ElasticAlpha: 34},
		"a mean of 2 values, want 1 (one a channel": dataset.SubtractMean{Mean: ramp(2)},
		"have 1 channels, want 3":                   dataset.PCAColour{},
	} {
		_, err := step.Output(in)
		assert.ErrorContains(t, err, want)
	}
	for _, step := range []dataset.Transform{dataset.CentreCrop{Height: 1, Width: 1},
		dataset.Resize{Height: 1, Width: 1}, dataset.Mirror{},
		dataset.Distort{}, dataset.SubtractMean{}, dataset.PCAColour{}} {
		_, err := step.Output(tensor.Shape{3, 3})
		assert.ErrorContains(t, err, "want channels, height and width")
	}
	_, err := dataset.PCAColour{Std: -1}.Output(tensor.Shape{3, 1, 1})
	assert.ErrorContains(t, err, "std -1")
}

func BenchmarkTransform(b *testing.B) {
	for _, bench := range []struct {
		name   string
		step   dataset.Transform
		ch, wh int
	}{
		{"Affine28", dataset.Distort{Shift: 2, Rotate: 10, Scale: 0.1}, 1, 28},
		{"Elastic28", dataset.Distort{ElasticAlpha: 34, ElasticSigma: 4}, 1, 28},
		{"RandomCrop227", dataset.RandomCrop{Height: 227, Width: 227}, 3, 256},
		{"Mirror227", dataset.Mirror{}, 3, 227},
	} {
		b.Run(bench.name, func(b *testing.B) {
			out, err := bench.step.Output(tensor.Shape{bench.ch, bench.wh, bench.wh})
			require.NoError(b, err)
			dst := picture.Image{Channels: out[0], Height: out[1], Width: out[2],
				Pixels: make([]float32, out.TotalSize())}
			src := picture.Image{Channels: bench.ch, Height: bench.wh, Width: bench.wh,
				Pixels: ramp(bench.ch * bench.wh * bench.wh)}
			rng := newRand(1)
			b.ReportAllocs()
			for b.Loop() {
				bench.step.Apply(dst, src, rng)
			}
		})
	}
}

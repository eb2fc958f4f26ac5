package insight

import (
	"fmt"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/picture"
)

// TestSees: pixels outside a cell's receptive field don't change the cell, and at each side some
// pixel inside does.
func TestSees(t *testing.T) {
	m, err := graph.New(graph.Sequential("branched", tensor.Shape{1, 24, 22}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3), Stride: graph.Square(2),
			Pad: graph.Square(1)}, graph.Sigmoid{},
		graph.Branches(graph.Concat{},
			graph.Conv2D{Filters: 2, Kernel: graph.Square(1)},
			graph.Conv2D{Filters: 2, Kernel: graph.Square(3), Dilation: graph.Square(2), Pad: graph.Square(2)}),
		graph.AvgPool{Kernel: graph.Square(2)},
		graph.Conv2D{Name: "last", Filters: 2, Kernel: graph.Pair{2, 1}},
		graph.GlobalAvgPool{Name: "all"}))
	require.NoError(t, err)
	n, err := m.Node("last")
	require.NoError(t, err)
	const row, column = 2, 3
	field := Sees(m, n, row, column)
	part, err := m.UpTo("last")
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, 24*22)
	for i := range x {
		x[i] = r.Float32()
	}
	at := func() float32 {
		y, err := part.Predict(tensor.New(tensor.WithShape(1, 1, 24, 22), tensor.WithBacking(x)))
		require.NoError(t, err)
		return y.Float32s()[row*n.Shape[2]+column]
	}
	was, touched := at(), image.Rectangle{}
	for i := range x {
		before := x[i]
		x[i] += 100
		if at() != was {
			touched = touched.Union(image.Rect(i%22, i/22, i%22+1, i/22+1))
		}
		x[i] = before
	}
	assert.Equal(t, touched, field)
	all, err := m.Node("all")
	require.NoError(t, err)
	assert.Equal(t, image.Rect(0, 0, 22, 24), Sees(m, all, 0, 0))
}

// TestJiggle: back is the transpose of apply, and amount 0 moves nothing.
func TestJiggle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const side = 9
	random := func() []float64 {
		v := make([]float64, side*side)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		return v
	}
	dot := func(a, b []float64) (sum float64) {
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	x, y, moved, back := random(), random(), make([]float64, side*side), make([]float64, side*side)
	j := newJiggle(side, 2, 0, r)
	j.apply(moved, x)
	j.back(back, y)
	assert.InDelta(t, dot(moved, y), dot(x, back), 1e-9)
	newJiggle(side, 0, 7, r).apply(moved, x)
	assert.InDeltaSlice(t, x, moved, 1e-9)
}

// TestCanvasClimbs compares the first step's direction with finite differences of a weighted sum of
// pixels.
func TestCanvasClimbs(t *testing.T) {
	for _, channels := range []int{1, 3} {
		r := rand.New(rand.NewPCG(1, uint64(channels)))
		c := newCanvas(6, channels, -0.5, r.NormFloat64)
		weights := make([]float64, len(c.pixels))
		for i := range weights {
			weights[i] = r.NormFloat64()
		}
		loss := func() (sum float64) {
			for i, v := range c.paint() {
				sum += weights[i] * v
			}
			return sum
		}
		slopes := make([]complex128, len(c.spectrum))
		const h = 1e-4
		for i := range c.spectrum {
			slope := func(direction complex128) float64 {
				was := c.spectrum[i]
				c.spectrum[i] = was + h*direction
				up := loss()
				c.spectrum[i] = was - h*direction
				down := loss()
				c.spectrum[i] = was
				return (up - down) / (2 * h)
			}
			slopes[i] = complex(slope(1), slope(1i))
		}
		before := append([]complex128{}, c.spectrum...)
		c.paint()
		c.climb(weights, 0.1)
		for i := range before {
			step := c.spectrum[i] - before[i]
			for _, v := range [][2]float64{{real(slopes[i]), real(step)}, {imag(slopes[i]), imag(step)}} {
				if v[0] > 1e-8 || v[0] < -1e-8 {
					assert.Positive(t, v[0]*v[1], "coefficient %d", i)
					assert.InDelta(t, 0.1, max(v[1], -v[1]), 1e-6, "Adam's first step has the length of the rate")
				}
			}
		}
		was := loss()
		c.climb(weights, 0.1)
		assert.Greater(t, loss(), was)
	}
}

// edge is a network of one filter, light on the left and dark on the right.
func edge(t *testing.T) *graph.Model {
	t.Helper()
	m, err := graph.New(graph.Sequential("edge", tensor.Shape{1, 30, 30}, graph.He(),
		graph.Conv2D{Name: "conv", Filters: 2, Kernel: graph.Square(4)}, graph.ReLU{Name: "relu"}))
	require.NoError(t, err)
	weight, err := m.Param("conv.weight")
	require.NoError(t, err)
	for i := range 16 {
		weight.Float32s()[i] = float32(1 - i%4/2*2)
		weight.Float32s()[16+i] = -1 // dark everywhere
	}
	return m
}

// TestDreamFindsTheEdge: the picture nearly maximizes the response, has the filter's size, and is
// the same each time.
func TestDreamFindsTheEdge(t *testing.T) {
	m := edge(t)
	p, err := Dream(m, "relu", 0, DreamOptions{Seed: 3})
	require.NoError(t, err)
	assert.Equal(t, [3]int{1, 4, 4}, [3]int{p.Channels, p.Height, p.Width})
	assert.Greater(t, p.Answer, 0.85*8, "8 light pixels of 1 are the most")
	for i, v := range p.Values {
		assert.Equal(t, i%4 < 2, v > 0.5, "pixel %d is %g", i, v)
	}
	again, err := Dream(m, "relu", 0, DreamOptions{Seed: 3})
	require.NoError(t, err)
	assert.Equal(t, p, again)
	dark, err := Dream(m, "relu", 1, DreamOptions{Seed: 3})
	require.NoError(t, err, "a unit that a rectifier silences is seen before it")
	assert.Greater(t, dark.Answer, -2.0)
}

// TestDreamOfAffineLayers: the picture has the input's size, square or not, and the preprocessing's
// mean and std are applied.
func TestDreamOfAffineLayers(t *testing.T) {
	m, err := graph.New(graph.Sequential("flat", tensor.Shape{3, 8, 12}, graph.He(), graph.Affine{Name: "fc", Units: 3},
		graph.Softmax{Name: "p"}))
	require.NoError(t, err)
	p := picture.Preprocessing{Mean: []float64{0.5, 0.4, 0.3}, Std: []float64{0.2, 0.3, 0.4}}
	found, err := Dream(m, "p", 1, DreamOptions{Preprocessing: p, Steps: 60})
	require.NoError(t, err)
	assert.Equal(t, [3]int{3, 8, 12}, [3]int{found.Channels, found.Height, found.Width})
	x := make([]float32, len(found.Values))
	for i, v := range found.Values {
		c := i / 96
		x[i] = (v - float32(p.Mean[c])) / float32(p.Std[c])
	}
	logits := make([]float32, 3)
	require.NoError(t, m.PredictInto(logits, x))
	assert.InDelta(t, logits[1], found.Answer, 1e-3)
	assert.Greater(t, logits[1], max(logits[0], logits[2]))
}

func TestSourceOf(t *testing.T) {
	m, err := graph.New(graph.Sequential("joined", tensor.Shape{1, 6, 6}, graph.He(),
		graph.Branches(graph.Concat{},
			graph.Serial(graph.Conv2D{Name: "a", Filters: 2, Kernel: graph.Square(1)}, graph.ReLU{}),
			graph.Serial(graph.Conv2D{Name: "b", Filters: 3, Kernel: graph.Square(1)}, graph.ReLU{})),
		graph.Dropout{Rate: 0.5}, graph.GlobalAvgPool{Name: "mean"}, graph.Softmax{Name: "p"}))
	require.NoError(t, err)
	n, err := m.Node("p")
	require.NoError(t, err)
	s := SourceOf(n, 3)
	assert.Equal(t, "b", s.Node.Name)
	assert.Equal(t, 1, s.Unit)
	assert.True(t, s.Mean)
}

func TestDreamRefuses(t *testing.T) {
	m := edge(t)
	_, err := Dream(m, "relu", 2, DreamOptions{})
	assert.ErrorContains(t, err, `layer "relu" has units 0 to 1, there is no 2`)
	_, err = Dream(m, "nothing", 0, DreamOptions{})
	assert.ErrorContains(t, err, `has no layer "nothing"`)
	double, err := graph.New(m.Spec(), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	_, err = Dream(double, "relu", 0, DreamOptions{})
	assert.ErrorContains(t, err, "is of float64, want float32")
	maps, err := graph.New(graph.Sequential("maps", tensor.Shape{2, 6, 6}, graph.He(),
		graph.Conv2D{Name: "c", Filters: 2, Kernel: graph.Square(1)}))
	require.NoError(t, err)
	_, err = Dream(maps, "c", 0, DreamOptions{})
	assert.ErrorContains(t, err, `model "maps" takes no pictures`)
}

func ExampleDream() {
	m, _ := graph.New(graph.Sequential("light", tensor.Shape{1, 8, 8}, graph.He(),
		graph.Conv2D{Name: "conv", Filters: 1, Kernel: graph.Square(1)}))
	weight, _ := m.Param("conv.weight")
	weight.Float32s()[0] = 2
	p, _ := Dream(m, "conv", 0, DreamOptions{})
	fmt.Println(p.Height, p.Width, p.Values[0] > 0.9) // one light pixel
	// Output: 1 1 true
}

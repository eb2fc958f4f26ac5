package insight

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
)

// reference holds Captum's numbers; testdata/make_reference.py writes them.
type reference struct {
	Parameters map[string][]float32
	X, Noise   []float32

	Gradient, Integrated, Smooth, Occlusion, Cam []float64

	CamResized []float64 `json:"cam_resized"`
}

func readReference(t *testing.T) (*graph.Model, *reference) {
	t.Helper()
	f, err := os.Open("testdata/reference.json.gz")
	require.NoError(t, err)
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	require.NoError(t, err)
	r := &reference{}
	require.NoError(t, json.NewDecoder(unpacked).Decode(r))
	m, err := graph.New(graph.Sequential("reference", tensor.Shape{3, 12, 14}, graph.He(),
		graph.Conv2D{Name: "0", Filters: 4, Kernel: graph.Square(3), Pad: graph.Square(1)}, graph.ReLU{},
		graph.MaxPool{Kernel: graph.Square(2)},
		graph.Conv2D{Name: "3", Filters: 6, Kernel: graph.Square(3)}, graph.ReLU{Name: "4"},
		graph.Affine{Name: "6", Units: 3}, graph.Softmax{}))
	require.NoError(t, err)
	var arrays []formats.Array
	for _, p := range m.Params() {
		values := r.Parameters[p.Name]
		require.Len(t, values, p.Shape.TotalSize(), p.Name)
		if p.Name == "6.weight" && p.Shape[0] != 3 {
			values = transposed(values, 3)
		}
		arrays = append(arrays, formats.Array{Name: p.Name,
			Value: tensor.New(tensor.WithShape(p.Shape...), tensor.WithBacking(values))})
	}
	require.NoError(t, m.SetParams(arrays))
	return m, r
}

func transposed(values []float32, rows int) []float32 {
	columns := len(values) / rows
	out := make([]float32, len(values))
	for i, v := range values {
		out[i%columns*rows+i/columns] = v
	}
	return out
}

const target = 1

func requireHeat(t *testing.T, want []float64, got *Heat) {
	t.Helper()
	require.Len(t, got.Values, len(want))
	largest := 0.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	require.Positive(t, largest)
	for i, v := range want {
		require.InDelta(t, v, got.Values[i], 1e-5*largest, "pixel %d", i)
	}
}

// TestMethodsAgreeWithCaptum compares every pixel of every method.
func TestMethodsAgreeWithCaptum(t *testing.T) {
	m, r := readReference(t)
	for _, c := range []struct {
		method  Method
		options Options
		want    []float64
	}{
		{Gradient, Options{}, r.Gradient},
		{IntegratedGradients, Options{Steps: 20}, r.Integrated},
		{Occlusion, Options{Window: 4, Stride: 3}, r.Occlusion},
		{GradCAM, Options{}, r.CamResized},
		{GradCAM, Options{Layer: "4"}, r.CamResized},
	} {
		t.Run(string(c.method), func(t *testing.T) {
			heat, err := c.method.Heat(m, r.X, target, c.options)
			require.NoError(t, err)
			assert.Equal(t, 12, heat.Height)
			assert.Equal(t, 14, heat.Width)
			requireHeat(t, c.want, heat)
		})
	}
	q := &question{model: m, pixels: r.X, class: target}
	maps, err := q.weighedMaps()
	require.NoError(t, err)
	requireHeat(t, r.Cam, maps)

	q.Samples = 4
	heat, err := q.smoothWith(func(copy, pixel int) float64 { return 0.5 * float64(r.Noise[copy*len(r.X)+pixel]) })
	require.NoError(t, err)
	requireHeat(t, r.Smooth, heat)
}

// TestIntegratedGradientsAddUp: the heat sums to the difference of the picture's and a blank
// picture's scores.
func TestIntegratedGradientsAddUp(t *testing.T) {
	m, r := readReference(t)
	heat, err := IntegratedGradients.Heat(m, r.X, target, Options{Steps: 400})
	require.NoError(t, err)
	logits := make([]float32, 2*m.Classes())
	require.NoError(t, m.PredictInto(logits, append(append([]float32{}, r.X...), make([]float32, len(r.X))...)))
	sum := 0.0
	for _, v := range heat.Values {
		sum += float64(v)
	}
	assert.InDelta(t, logits[target]-logits[m.Classes()+target], sum, 5e-3)
}

// TestSmoothGradDependsOnTheSeed: equal seeds give equal heat, other seeds other heat.
func TestSmoothGradDependsOnTheSeed(t *testing.T) {
	m, r := readReference(t)
	heat := func(seed uint64) []float32 {
		h, err := SmoothGrad.Heat(m, r.X, target, Options{Samples: 5, Seed: seed})
		require.NoError(t, err)
		return h.Values
	}
	assert.Equal(t, heat(1), heat(1))
	assert.NotEqual(t, heat(1), heat(2))
}

func TestGaussLegendre(t *testing.T) {
	for _, n := range []int{1, 2, 3, 20, 50} {
		nodes, weights := gaussLegendre(n)
		for power := range 2 * n { // exact up to degree 2n-1
			sum := 0.0
			for i, x := range nodes {
				sum += weights[i] * math.Pow(x, float64(power))
			}
			assert.InDelta(t, 1/float64(power+1), sum, 1e-12, "%d nodes, power %d", n, power)
		}
	}
}

func TestHeatRefuses(t *testing.T) {
	m, r := readReference(t)
	maps, err := graph.New(graph.Sequential("maps", tensor.Shape{1, 4, 4}, graph.He(),
		graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}))
	require.NoError(t, err)
	flat, err := graph.New(graph.Sequential("flat", tensor.Shape{1, 2, 2}, graph.He(), graph.Affine{Units: 2},
		graph.Softmax{}))
	require.NoError(t, err)
	for want, ask := range map[string]func() (*Heat, error){
		"class is 3, want 0 to 2": func() (*Heat, error) { return Gradient.Heat(m, r.X, 3, Options{}) },
		"got 5 values, want 504":  func() (*Heat, error) { return Gradient.Heat(m, r.X[:5], 0, Options{}) },
		`method is "guess", want one of gradient, grad-cam, integrated-gradients, ` +
			`smoothgrad, occlusion`: func() (*Heat, error) {
			return Method("guess").Heat(m, r.X, 0, Options{})
		},
		`has no layer "nothing"`: func() (*Heat, error) {
			return GradCAM.Heat(m, r.X, 0, Options{Layer: "nothing"})
		},
		`layer "6" gives (3), want maps (C, H, W)`: func() (*Heat, error) {
			return GradCAM.Heat(m, r.X, 0, Options{Layer: "6"})
		},
		`model "maps" gives maps (2, 2, 2), want single`: func() (*Heat, error) {
			return Gradient.Heat(maps, make([]float32, 16), 0, Options{})
		},
		`model "flat" has no layer of maps`: func() (*Heat, error) {
			return GradCAM.Heat(flat, make([]float32, 4), 0, Options{})
		},
	} {
		_, err := ask()
		assert.ErrorContains(t, err, want)
	}
}

// TestOcclusionOfEveryStride: a stride longer than the window leaves gaps without heat.
func TestOcclusionOfEveryStride(t *testing.T) {
	assert.Equal(t, []int{0, 3, 6, 9}, starts(12, 4, 3))
	assert.Equal(t, []int{0}, starts(5, 9, 2))
	assert.Equal(t, []int{0, 5}, starts(10, 2, 5))
	m, r := readReference(t)
	heat, err := Occlusion.Heat(m, r.X, target, Options{Window: 1, Stride: 20})
	require.NoError(t, err)
	assert.Zero(t, heat.Values[1])
	assert.NotZero(t, heat.Values[0])
}

func ExampleMethod_Heat() {
	m, _ := graph.New(graph.Sequential("sum", tensor.Shape{1, 2, 2}, graph.He(), graph.Affine{Name: "fc", Units: 1}))
	weight, _ := m.Param("fc.weight")
	copy(weight.Float32s(), []float32{1, -2, 3, 0})
	heat, _ := Gradient.Heat(m, []float32{1, 1, 1, 1}, 0, Options{})
	fmt.Println(heat.Values)
	// Output: [1 2 3 0]
}

package inspect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
)

type explanation struct {
	Layer, Kind, Reads, Note string
	Inputs                   []string
	Value                    float32
	Sees                     area
	Convolution              *struct {
		Window window
		Taps   []struct {
			Map                       int
			Inputs, Weights, Products []float32
			Inside                    []bool
			Subtotal                  float32
		}
		More struct {
			Count int
			Sum   float32
		}
		Sum, Bias, Total float32
	}
	Pooling *struct {
		How                           string
		Window                        window
		Inputs                        []float32
		Inside                        []bool
		Winner, Count                 int
		Sum, Coefficient, Bias, Total float32
	}
	Elementwise *struct {
		Layer     string
		From      struct{ Map, Row, Column int }
		In, Total float32
		Formula   string
		Constants []struct {
			Name  string
			Value float32
		}
		Curve *struct {
			Low, High float32
			Values    []float32
		}
	}
	Join *struct {
		How   string
		Terms []struct {
			Layer string
			From  struct{ Map, Row, Column int }
			Value float32
		}
		More struct {
			Count int
			Sum   float32
		}
		Total float32
	}
	Standardization *struct {
		How                                                             string
		First, Last, Count                                              int
		In, Mean, Variance, Eps, Std, Standardized, Weight, Bias, Total float32
	}
	Normalization *struct {
		In         float32
		Neighbours []struct {
			From          struct{ Map, Row, Column int }
			Input, Square float32
		}
		More struct {
			Count int
			Sum   float32
		}
		Sum, K, Alpha, Beta, Base, Divisor, Total float32
	}
	Affine *struct {
		Largest []struct {
			From                   struct{ Map, Row, Column int }
			Input, Weight, Product float32
		}
		More struct {
			Count int
			Sum   float32
		}
		Sum, Bias, Total float32
	}
	Softmax *struct {
		Largest, Sum float32
		More         int
		Classes      []struct {
			Class                           int
			Name                            string
			Logit, Exponential, Probability float32
		}
	}
}

type area struct{ Top, Left, Bottom, Right int }

type window struct {
	Top, Left, Height, Width int
	Dilation                 [2]int
}

func explain(t *testing.T, h http.Handler, layer string, m, row, column int, x []float32) explanation {
	url := fmt.Sprintf("/api/explain?snapshot=0&layer=%s&map=%d&row=%d&column=%d", layer, m, row, column)
	return decode[explanation](t, request(h, http.MethodPost, url, asBytes(x)))
}

// networks returns networks that together have every kind of layer.
func networks(t *testing.T) map[string]*graph.Spec {
	specs := map[string]*graph.Spec{
		"padded": graph.Sequential("padded", tensor.Shape{4, 9, 8}, graph.He(),
			graph.Normalize{Mean: []float64{0.5, 0.4, 0.3, 0.2}, Std: []float64{0.2, 0.3, 0.4, 0.5}},
			graph.Conv2D{
				Filters: 6, Kernel: graph.Pair{3, 2}, Stride: graph.Pair{1, 2}, Pad: graph.Pair{2, 1},
				Dilation: graph.Pair{2, 1}, Groups: 2,
			},
			graph.Sigmoid{}, graph.AvgPool{Kernel: graph.Square(3), Stride: graph.Square(2), Pad: graph.Square(1)},
			graph.Dropout{Rate: 0.5, Classic: true},
			graph.MaxPool{Kernel: graph.Square(2), Stride: graph.Square(1), Pad: graph.Square(1)},
			graph.LRN{Size: 4, K: 1, Alpha: 0.5, Beta: 0.6},
			graph.Flatten{}, graph.Tanh{A: 1.7, B: 0.6}, graph.Affine{Units: 12}, graph.Softmax{}),
		"many maps": graph.Sequential("many", tensor.Shape{20, 6, 6}, graph.He(),
			graph.Conv2D{Filters: 3, Kernel: graph.Square(3)}, graph.Affine{Units: 4}),
		"alexnet": models.AlexNet{Size: 67, Classes: 10, Width: 1. / 8}.Spec(),
	}
	for name, spec := range branched() {
		specs[name] = spec
	}
	for _, name := range []string{"simpleconvnet", "lenet", "lenet-tanh", "lenet-modern"} {
		spec, err := models.ByName(name)
		require.NoError(t, err)
		specs[name] = spec
	}
	text, err := os.ReadFile("../../examples/deepconvnet.json")
	require.NoError(t, err)
	specs["deepconvnet"], err = graph.ParseSpec(text)
	require.NoError(t, err)
	return specs
}

// For random cells of every layer the value is the kernel's own, and the explanation's parts add up
// to it.
func TestExplanationsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, spec := range networks(t) {
		m := newModel(t, spec, 7)
		unsettle(m, random)
		h, x := serve(t, m), noise(m)
		all := activations(t, m, x)
		for i, l := range decode[network](t, request(h, http.MethodGet, "/api/network", nil)).Layers {
			for range 4 {
				channel, row, column := random.IntN(l.Output.Maps), random.IntN(l.Output.Height),
					random.IntN(l.Output.Width)
				e := explain(t, h, l.Name, channel, row, column, x)
				at := (channel*l.Output.Height+row)*l.Output.Width + column
				assert.Equal(t, all[i][at], e.Value, "%s, %s", name, l.Name)
				assert.Equal(t, l.Reads, e.Inputs, "%s, %s", name, l.Name)
				if e.Note != "" {
					added, adds := map[string]float32{"pad_channels": 0, "pad": 0.5, "resize": 0}[l.Kind]
					assert.True(t, adds, "%s, %s", name, l.Name)
					assert.Equal(t, added, e.Value, "%s, %s", name, l.Name)
					continue
				}
				assertAddsUp(t, e, name+", "+l.Name)
			}
		}
	}
}

// unsettle gives random values to parameters that start at 0.
func unsettle(m *graph.Model, random *rand.Rand) {
	for _, p := range m.Params() {
		for i, v := range p.Value.Float32s() {
			if v == 0 {
				p.Value.Float32s()[i] = random.Float32() - 0.5
			}
		}
	}
}

func assertAddsUp(t *testing.T, e explanation, where string) {
	const rounding = 2e-5 // of float32 sums in another order, for values of about 1
	close := func(want, got float64) {
		t.Helper()
		assert.InDelta(t, want, got, rounding*math.Max(1, math.Abs(want)), where)
	}
	value := float64(e.Value)
	switch {
	case e.Convolution != nil:
		c := e.Convolution
		sum := float64(c.More.Sum)
		for _, tap := range c.Taps {
			products := 0.0
			for i, p := range tap.Products {
				assert.Equal(t, tap.Inputs[i]*tap.Weights[i], p, where)
				assert.True(t, tap.Inside[i] || tap.Inputs[i] == 0, where)
				products += float64(p)
			}
			close(float64(tap.Subtotal), products)
			sum += products
		}
		close(float64(c.Sum), sum)
		close(value, sum+float64(c.Bias))
		close(value, float64(c.Total))
	case e.Pooling != nil:
		close(value, float64(e.Pooling.Total))
		if e.Pooling.How == "max" {
			assert.Equal(t, e.Value, e.Pooling.Inputs[e.Pooling.Winner], where)
		}
	case e.Elementwise != nil:
		assert.NotEmpty(t, e.Elementwise.Formula, where)
		close(value, float64(e.Elementwise.Total))
	case e.Join != nil:
		sum, product := float64(e.Join.More.Sum), 1.
		for _, term := range e.Join.Terms {
			sum, product = sum+float64(term.Value), product*float64(term.Value)
		}
		first, second := float64(e.Join.Terms[0].Value), float64(e.Join.Terms[1].Value)
		close(value, map[string]float64{
			"sum": sum, "difference": first - second, "product": product, "quotient": first / second,
			"maximum": math.Max(first, second), "minimum": math.Min(first, second),
		}[e.Join.How])
		close(value, float64(e.Join.Total))
	case e.Standardization != nil:
		n := e.Standardization
		close(float64(n.Std), math.Sqrt(float64(n.Variance)+float64(n.Eps)))
		close(float64(n.Standardized), (float64(n.In)-float64(n.Mean))/float64(n.Std))
		close(value, float64(n.Weight)*float64(n.Standardized)+float64(n.Bias))
		close(value, float64(n.Total))
	case e.Normalization != nil:
		n := e.Normalization
		sum := float64(n.More.Sum)
		for _, other := range n.Neighbours {
			assert.Equal(t, other.Input*other.Input, other.Square, where)
			sum += float64(other.Square)
		}
		close(float64(n.Sum), sum)
		close(float64(n.Base), float64(n.K)+float64(n.Alpha)*sum)
		close(float64(n.Divisor), math.Pow(float64(n.Base), float64(n.Beta)))
		close(value, float64(n.In)/float64(n.Divisor))
		close(value, float64(n.Total))
	case e.Affine != nil:
		a := e.Affine
		sum := float64(a.More.Sum) + float64(a.Bias)
		for i, c := range a.Largest {
			assert.Equal(t, c.Input*c.Weight, c.Product, where)
			sum += float64(c.Product)
			if i > 0 {
				assert.GreaterOrEqual(t, math.Abs(float64(a.Largest[i-1].Product)), math.Abs(float64(c.Product)), where)
			}
		}
		close(value, sum)
		close(value, float64(a.Total))
	case e.Softmax != nil:
		for _, c := range e.Softmax.Classes {
			close(math.Exp(float64(c.Logit)-float64(e.Softmax.Largest)), float64(c.Exponential))
			close(float64(c.Probability), float64(c.Exponential)/float64(e.Softmax.Sum))
		}
	default:
		t.Errorf("%s: no part of an explanation", where)
	}
}

// Every kind of layer has an explanation and occurs in a test network.
func TestEveryKindIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, spec := range networks(t) {
		for _, l := range spec.Layers {
			seen[graph.Kind(l)] = true
		}
	}
	for _, kind := range graph.Kinds() {
		assert.True(t, seen[kind], "%s: no network of the tests has such a layer", kind)
	}
}

// By hand: a window that extends beyond its input, with known weights.
func TestConvolutionByHand(t *testing.T) {
	m := newModel(t, graph.Sequential("tiny", tensor.Shape{1, 2, 2}, graph.He(),
		graph.Conv2D{Filters: 1, Kernel: graph.Square(2), Pad: graph.Square(1)}), 1)
	copy(m.Params()[0].Value.Float32s(), []float32{1, 2, 3, 4})
	copy(m.Params()[1].Value.Float32s(), []float32{0.5})
	e := explain(t, serve(t, m), "conv1", 0, 0, 1, []float32{10, 20, 30, 40})
	c := e.Convolution
	require.NotNil(t, c)
	assert.Equal(t, window{Top: -1, Left: 0, Height: 2, Width: 2, Dilation: [2]int{1, 1}}, c.Window)
	assert.Equal(t, []float32{0, 0, 10, 20}, c.Taps[0].Inputs)
	assert.Equal(t, []bool{false, false, true, true}, c.Taps[0].Inside)
	assert.Equal(t, []float32{0, 0, 30, 80}, c.Taps[0].Products)
	assert.Equal(t, []float32{110, 0.5, 110.5, 110.5}, []float32{c.Sum, c.Bias, c.Total, e.Value})
	assert.Equal(t, "input", e.Reads)
	assert.Equal(t, area{0, 0, 0, 1}, e.Sees)
}

// As in the kernel: the first of equal values wins, padding never wins, NaN always wins.
func TestPoolingByHand(t *testing.T) {
	m := newModel(t, graph.Sequential("tiny", tensor.Shape{1, 2, 2}, graph.He(),
		graph.Conv2D{Filters: 1, Kernel: graph.Square(1)},
		graph.MaxPool{Kernel: graph.Square(2), Stride: graph.Square(1), Pad: graph.Square(1)}), 1)
	weight := m.Params()[0].Value.Float32s()
	for _, c := range []struct {
		weight      float32
		x           []float32
		row, column int
		winner      int
	}{
		{1, []float32{3, 5, 5, 4}, 1, 1, 1},
		{-1, []float32{3, 5, 5, 4}, 0, 0, 3},
		{float32(math.Inf(1)), []float32{1, 1, 0, 1}, 1, 1, 2}, // ∞·0
	} {
		weight[0] = c.weight
		url := fmt.Sprintf("/api/explain?snapshot=0&layer=pool1&map=0&row=%d&column=%d", c.row, c.column)
		w := request(serve(t, m), http.MethodPost, url, asBytes(c.x))
		assert.Contains(t, w.Body.String(), fmt.Sprintf(`"winner":%d,`, c.winner), "%+v", c)
	}
}

// By hand: the first, a middle and the last of four maps of one cell, normalised over four maps:
// two below, itself, one above.
func TestNormalizationByHand(t *testing.T) {
	m := newModel(t, graph.Sequential("tiny", tensor.Shape{4, 1, 1}, graph.He(),
		graph.LRN{Size: 4, K: 2, Alpha: 0.5, Beta: 0.5}), 1)
	h, x := serve(t, m), []float32{1, 2, 3, 5}
	for own, want := range map[int]struct {
		maps      []int
		sum, base float32
	}{
		0: {[]int{0, 1}, 1 + 4, 2 + 2.5},
		2: {[]int{0, 1, 2, 3}, 1 + 4 + 9 + 25, 2 + 19.5},
		3: {[]int{1, 2, 3}, 4 + 9 + 25, 2 + 19},
	} {
		e := explain(t, h, "lrn1", own, 0, 0, x)
		n := e.Normalization
		var maps []int
		for _, other := range n.Neighbours {
			maps = append(maps, other.From.Map)
			assert.Equal(t, x[other.From.Map], other.Input)
		}
		assert.Equal(t, want.maps, maps)
		assert.Equal(t, x[own], n.In)
		assert.Equal(t, want.sum, n.Sum)
		assert.Equal(t, want.base, n.Base)
		assert.InDelta(t, float64(x[own])/math.Sqrt(float64(want.base)), e.Value, 1e-6)
		assert.InDelta(t, e.Value, n.Total, 1e-6)
	}
}

// Of many neighbours the 16 nearest are listed, and the others' squares are summed.
func TestNormalizationByManyMaps(t *testing.T) {
	m := newModel(t, graph.Sequential("wide", tensor.Shape{40, 1, 2}, graph.He(),
		graph.LRN{Size: 100, K: 1, Alpha: 0.1, Beta: 0.75}), 1)
	h, x := serve(t, m), noise(m)
	for own, first := range map[int]int{0: 0, 20: 12, 39: 24} {
		e := explain(t, h, "lrn1", own, 0, 1, x)
		assert.Len(t, e.Normalization.Neighbours, 16)
		assert.Equal(t, first, e.Normalization.Neighbours[0].From.Map)
		assert.Equal(t, 24, e.Normalization.More.Count)
		assertAddsUp(t, e, fmt.Sprint(own))
	}
}

// A unit of Flatten comes from a cell of a map.
func TestElementwiseFrom(t *testing.T) {
	m := newModel(t, graph.Sequential("tiny", tensor.Shape{3, 2, 4}, graph.He(), graph.Flatten{}), 1)
	x := noise(m)
	e := explain(t, serve(t, m), "flatten1", 13, 0, 0, x).Elementwise
	assert.Equal(t, struct{ Map, Row, Column int }{1, 1, 1}, e.From)
	assert.Equal(t, x[13], e.In)
}

// Of many classes the likeliest ten and the one in question are listed, in the network's order.
func TestSoftmaxOfManyClasses(t *testing.T) {
	m := newModel(t, graph.Sequential("classes", tensor.Shape{30}, graph.He(), graph.Softmax{}), 1)
	x := make([]float32, 30)
	for i := range x {
		x[i] = float32(i)
	}
	s := explain(t, serve(t, m), "softmax1", 4, 0, 0, x).Softmax
	var classes []int
	for _, c := range s.Classes {
		classes = append(classes, c.Class)
	}
	assert.Equal(t, []int{4, 21, 22, 23, 24, 25, 26, 27, 28, 29}, classes)
	assert.Equal(t, 20, s.More)
	assert.Equal(t, float32(29), s.Largest)
}

// A filter of LeNet's C3 reads the maps of Table I and no others.
func TestPartialConnections(t *testing.T) {
	spec, err := models.ByName("lenet")
	require.NoError(t, err)
	m := newModel(t, spec, 1)
	e := explain(t, serve(t, m), "c3", 3, 2, 1, noise(m))
	var maps []int
	for _, tap := range e.Convolution.Taps {
		maps = append(maps, tap.Map)
	}
	assert.Equal(t, []int{3, 4, 5}, maps)
}

// The first 16 maps are listed, the others summed.
func TestManyMapsAreSummed(t *testing.T) {
	m := newModel(t, networks(t)["many maps"], 1)
	c := explain(t, serve(t, m), "conv1", 1, 2, 3, noise(m)).Convolution
	assert.Len(t, c.Taps, 16)
	assert.Equal(t, 4, c.More.Count)
}

// By hand: the sum, the product and the concatenation of branches.
func TestJoinsByHand(t *testing.T) {
	spec := graph.Sequential("tiny", tensor.Shape{2, 1, 2}, graph.He(),
		graph.Branches(graph.Concat{}, graph.Slice{Begin: 1, End: 2}, graph.Residual(graph.Clip{Max: 6}),
			graph.Gate(graph.GlobalMaxPool{})))
	h, x := serve(t, newModel(t, spec, 1)), []float32{-1, 8, 3, 5}

	e := explain(t, h, "add1", 0, 0, 1, x)
	require.Len(t, e.Join.Terms, 2)
	assert.Equal(t, []string{"clip1", "input"}, e.Inputs)
	assert.Equal(t, "sum", e.Join.How)
	assert.Equal(t, []float32{6, 8, 14}, []float32{e.Join.Terms[0].Value, e.Join.Terms[1].Value, e.Value})

	e = explain(t, h, "multiply1", 1, 0, 0, x)
	assert.Equal(t, "product", e.Join.How)
	assert.Equal(t, []string{"input", "pool1"}, e.Inputs)
	assert.Equal(t, []float32{3, 5, 15}, []float32{e.Join.Terms[0].Value, e.Join.Terms[1].Value, e.Value})
	assert.Equal(t, 0, e.Join.Terms[1].From.Column, "the gate's only cell")
	assert.Equal(t, area{0, 0, 0, 1}, e.Sees, "through the gate")

	for m, want := range []struct {
		layer string
		of    int
	}{{"slice1", 0}, {"add1", 0}, {"add1", 1}, {"multiply1", 0}, {"multiply1", 1}} {
		e := explain(t, h, "concat1", m, 0, 0, x).Elementwise
		assert.Equal(t, want.layer, e.Layer)
		assert.Equal(t, want.of, e.From.Map)
	}
}

// By hand: the mean and the variance of each norm.
func TestStandardizationByHand(t *testing.T) {
	x := []float32{1, 2, 3, 5, 8, 13, 21, 34}
	for name, c := range map[string]struct {
		layer          graph.Layer
		first, last, n int
		mean, variance float32
	}{
		"batch": {graph.BatchNorm{Name: "norm"}, 1, 1, 0, 0.5, 4},
		"group": {graph.GroupNorm{Name: "norm", Groups: 2}, 0, 1, 4, 2.75, 2.1875},
		"layer": {graph.LayerNorm{Name: "norm"}, 0, 3, 4, 13.5, 156.25},
	} {
		m := newModel(t, graph.Sequential("tiny", tensor.Shape{4, 1, 2}, graph.He(), c.layer), 1)
		for _, p := range m.Params() {
			switch p.Name {
			case "norm.running_mean":
				p.Value.Float32s()[1] = 0.5
			case "norm.running_var":
				p.Value.Float32s()[1] = 4
			}
		}
		e := explain(t, serve(t, m), "norm", 1, 0, 1, x)
		n := e.Standardization
		require.NotNil(t, n, name)
		assert.Equal(t, []int{c.first, c.last, c.n}, []int{n.First, n.Last, n.Count}, name)
		assert.Equal(t, []float32{5, c.mean, c.variance, 1e-5}, []float32{n.In, n.Mean, n.Variance, n.Eps}, name)
		assert.InDelta(t, float64(5-c.mean)/math.Sqrt(float64(c.variance)+1e-5), e.Value, 1e-6, name)
	}
}

// A mean over a window that extends beyond its input divides by the cells that count.
func TestMeanByHand(t *testing.T) {
	pool := graph.AvgPool{Kernel: graph.Square(2), PadEnd: graph.Square(1), Stride: graph.Square(2), Ceil: true}
	for _, c := range []struct {
		exclude     bool
		row, column int
		count       int
	}{{false, 0, 0, 4}, {false, 1, 1, 4}, {true, 1, 1, 1}, {true, 0, 1, 2}} {
		pool.ExcludePad = c.exclude
		m := newModel(t, graph.Sequential("tiny", tensor.Shape{1, 3, 3}, graph.He(), pool), 1)
		e := explain(t, serve(t, m), "pool1", 0, c.row, c.column, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9})
		assert.Equal(t, c.count, e.Pooling.Count, "%+v", c)
		assert.Equal(t, e.Value, e.Pooling.Sum/float32(c.count), "%+v", c)
	}
}

// An activation's formula, constants and curve come from its function.
func TestActivationsCurve(t *testing.T) {
	m := newModel(t, graph.Sequential("tiny", tensor.Shape{1}, graph.He(), graph.ELU{Alpha: 0.5}), 1)
	e := explain(t, serve(t, m), "elu1", 0, 0, 0, []float32{-4}).Elementwise
	assert.Equal(t, graph.ELU{Alpha: 0.5}.Function().Formula, e.Formula)
	require.Len(t, e.Constants, 1)
	assert.Equal(t, "alpha", e.Constants[0].Name)
	assert.Equal(t, float32(0.5), e.Constants[0].Value)
	require.NotNil(t, e.Curve)
	assert.Equal(t, []float32{-5, 5}, []float32{e.Curve.Low, e.Curve.High})
	last := len(e.Curve.Values) - 1
	assert.InDelta(t, 0.5*(math.Exp(-5)-1), e.Curve.Values[0], 1e-7)
	assert.Equal(t, []float32{0, 5}, []float32{e.Curve.Values[last/2], e.Curve.Values[last]})
}

// Through branches: pixels outside of a cell's receptive field don't change its value.
func TestSeesOverBranches(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for name, spec := range branched() {
		m := newModel(t, spec, 7)
		h, x := serve(t, m), noise(m)
		for _, l := range decode[network](t, request(h, http.MethodGet, "/api/network", nil)).Layers {
			c, row, column := random.IntN(l.Output.Maps), random.IntN(l.Output.Height), random.IntN(l.Output.Width)
			e := explain(t, h, l.Name, c, row, column, x)
			changed := slices.Clone(x)
			size := spec.Input
			for i := range changed {
				row, column := i/size[2]%size[1], i%size[2]
				if e.Note != "" || row < e.Sees.Top || row > e.Sees.Bottom || column < e.Sees.Left ||
					column > e.Sees.Right {
					changed[i] += random.Float32() - 0.5
				}
			}
			assert.Equal(t, e.Value, explain(t, h, l.Name, c, row, column, changed).Value, "%s, %s", name, l.Name)
		}
	}
}

// A sum's receptive field is its widest branch's; a concatenated map's is its own branch's.
func TestSeesTheWidestBranch(t *testing.T) {
	conv := func(name string, k int) graph.Layer {
		return graph.Conv2D{Name: name, Filters: 2, Kernel: graph.Square(k), Pad: graph.Square(k / 2)}
	}
	spec := graph.Sequential("tiny", tensor.Shape{1, 9, 9}, graph.He(),
		graph.Branches(graph.Concat{}, conv("narrow", 1), graph.Residual(conv("wide", 5), conv("shortcut", 3))))
	h, x := serve(t, newModel(t, spec, 1)), make([]float32, 81)
	assert.Equal(t, area{2, 2, 6, 6}, explain(t, h, "add1", 0, 4, 4, x).Sees)
	assert.Equal(t, area{4, 4, 4, 4}, explain(t, h, "concat1", 1, 4, 4, x).Sees)
	assert.Equal(t, area{2, 2, 6, 6}, explain(t, h, "concat1", 2, 4, 4, x).Sees)
}

// Pixels outside of a cell's receptive field don't change its value.
func TestSees(t *testing.T) {
	spec := models.DefaultSimpleConvNet().Spec()
	m := newModel(t, spec, 1)
	h, x := serve(t, m), noise(m)
	for layer, want := range map[string][4]int{"conv1": {3, 5, 7, 9}, "relu1": {3, 5, 7, 9}, "pool1": {6, 10, 11, 15}} {
		e := explain(t, h, layer, 2, 3, 5, x)
		got := [4]int{e.Sees.Top, e.Sees.Left, e.Sees.Bottom, e.Sees.Right}
		require.Equal(t, want, got, layer)
		changed := slices.Clone(x)
		for i := range changed {
			if row, column := i/28, i%28; row < got[0] || row > got[2] || column < got[1] || column > got[3] {
				changed[i] = 1 - changed[i]
			}
		}
		assert.Equal(t, e.Value, explain(t, h, layer, 2, 3, 5, changed).Value, layer)
	}
	for _, layer := range []string{"fc1", "relu2", "fc2", "softmax1"} {
		e := explain(t, h, layer, 2, 0, 0, x)
		assert.Equal(t, area{0, 0, 27, 27}, e.Sees, layer)
	}
}

// A model of NaN is explained with NaN.
func TestNaN(t *testing.T) {
	m := newModel(t, models.DefaultSimpleConvNet().Spec(), 1)
	m.Params()[0].Value.Float32s()[0] = float32(math.NaN())
	m.Params()[2].Value.Float32s()[0] = float32(math.Inf(-1))
	h, x := serve(t, m), noise(m)
	for _, layer := range []string{"conv1", "relu1", "pool1", "fc1", "relu2", "fc2", "softmax1"} {
		w := request(h, http.MethodPost, "/api/explain?snapshot=0&map=0&row=0&column=0&layer="+layer, asBytes(x))
		assert.Equal(t, http.StatusOK, w.Code, layer)
		assert.Contains(t, w.Body.String(), `"NaN"`, layer)
	}
	assert.Contains(t, request(h, http.MethodGet, "/api/filters?snapshot=0", nil).Body.String(), `"NaN"`)
}

// The page has a title and a sentence for every kind of layer, except activations, whose function
// has them.
func TestEveryKindHasWords(t *testing.T) {
	text, err := os.ReadFile("assets/words.js")
	require.NoError(t, err)
	for _, kind := range graph.Kinds() {
		l, _ := graph.LayerOfKind(kind)
		if _, ok := l.(graph.ActivationFunction); ok {
			continue
		}
		assert.Len(t, regexp.MustCompile(`[\s{]`+kind+`: "`).FindAll(text, -1), 2, kind)
	}
}

// By hand: the joins of two values.
func TestPairsByHand(t *testing.T) {
	pair := func(j graph.Join) graph.Part {
		return graph.Branches(j, graph.Slice{End: 1}, graph.Slice{Begin: 1, End: 2})
	}
	for how, c := range map[string]struct {
		join graph.Join
		want float32
	}{
		"difference": {graph.Subtract{Name: "pair"}, 7}, "quotient": {graph.Divide{Name: "pair"}, -6},
		"maximum": {graph.Maximum{Name: "pair"}, 6}, "minimum": {graph.Minimum{Name: "pair"}, -1},
	} {
		m := newModel(t, graph.Sequential("tiny", tensor.Shape{2, 1, 1}, graph.He(), pair(c.join)), 1)
		e := explain(t, serve(t, m), "pair", 0, 0, 0, []float32{6, -1})
		assert.Equal(t, how, e.Join.How)
		assert.Equal(t, []float32{c.want, c.want}, []float32{e.Value, e.Join.Total}, how)
		assert.Equal(t, []string{"slice1", "slice2"}, e.Inputs, how)
	}
}

// By hand: a matrix of 2×3 is indexed, transposed, reshaped and padded.
func TestMovesByHand(t *testing.T) {
	for name, c := range map[string]struct {
		layer             graph.Layer
		row, column, from int
	}{
		"take":      {graph.Take{Name: "move", Axis: 2, Indices: []int{2, 0}}, 1, 0, 5},
		"transpose": {graph.Rearrange{Name: "move", Order: []int{0, 2, 1}, Shape: []int{1, 3, 2}}, 2, 0, 2},
		"reshape":   {graph.Rearrange{Name: "move", Shape: []int{1, 3, 2}}, 2, 0, 4},
		"pad":       {graph.Pad{Name: "move", Begin: graph.Pair{1, 2}}, 1, 3, 1},
	} {
		m := newModel(t, graph.Sequential("tiny", tensor.Shape{1, 2, 3}, graph.He(), c.layer), 1)
		h := serve(t, m)
		e := explain(t, h, "move", 0, c.row, c.column, []float32{0, 1, 2, 3, 4, 5})
		row, column := c.from/3, c.from%3
		assert.Equal(t, float32(c.from), e.Value, name)
		assert.Equal(t, struct{ Map, Row, Column int }{0, row, column}, e.Elementwise.From, name)
		assert.Equal(t, area{row, column, row, column}, e.Sees, name)
	}
}

// By hand: a cell between four others, and the root of a sum of squares.
func TestResizeAndLpPoolByHand(t *testing.T) {
	image, x := tensor.Shape{1, 2, 2}, []float32{3, -4, 0, 8}
	m := newModel(t, graph.Sequential("tiny", image, graph.He(), graph.Resize{Size: graph.Square(3), Mode: "linear"}),
		1)
	e := explain(t, serve(t, m), "resize1", 0, 1, 1, x)
	assert.Equal(t, window{Height: 2, Width: 2, Dilation: [2]int{1, 1}}, e.Convolution.Window)
	assert.Equal(t, []float32{0.25, 0.25, 0.25, 0.25}, e.Convolution.Taps[0].Weights)
	assert.Equal(t, []float32{1.75, 1.75}, []float32{e.Value, e.Convolution.Total})
	assert.Equal(t, area{0, 0, 1, 1}, e.Sees)

	m = newModel(t, graph.Sequential("tiny", image, graph.He(),
		graph.LpPool{Kernel: graph.Pair{1, 2}, Stride: graph.Square(1)}), 1)
	e = explain(t, serve(t, m), "pool1", 0, 0, 0, x)
	assert.Equal(t, "lp", e.Pooling.How)
	assert.Equal(t, []float32{25, 5, 5}, []float32{e.Pooling.Sum, e.Pooling.Total, e.Value})
	assert.Equal(t, area{0, 0, 0, 1}, e.Sees)
}

// By hand: probabilities along an image's columns, which are named by their indices.
func TestSoftmaxAlongAnAxis(t *testing.T) {
	layers := []graph.Layer{graph.Softmax{Name: "p", Axis: 2}, graph.LogSoftmax{Name: "p", Axis: 2}}
	for i, l := range layers {
		m := newModel(t, graph.Sequential("tiny", tensor.Shape{1, 2, 2}, graph.He(), l), 1)
		e := explain(t, serve(t, m), "p", 0, 1, 0, []float32{7, 9, float32(math.Log(3)), 0})
		s := e.Softmax
		require.Len(t, s.Classes, 2)
		assert.Equal(t, []string{"column 0", "column 1"}, []string{s.Classes[0].Name, s.Classes[1].Name})
		assert.InDelta(t, 0.75, s.Classes[0].Probability, 1e-6)
		assert.InDelta(t, []float64{0.75, math.Log(0.75)}[i], e.Value, 1e-6)
		assert.Equal(t, area{1, 0, 1, 1}, e.Sees)
	}
}

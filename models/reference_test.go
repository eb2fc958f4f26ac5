package models_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/splitmix"
	"convgraph/models"
	"convgraph/train/solver"
)

// A referenceFile is what testdata/make_reference.py writes: numbers of PyTorch's. The script says
// how its tensors are made.
type referenceFile struct {
	Torch    string
	Numbers  []referenceNumbers
	Networks []referenceNetwork
	Logits   []referenceLogits
	Training []referenceTraining
}

type referenceNumbers struct {
	Name   string
	Shape  tensor.Shape
	Words  []string
	Values []float64
}

type referenceNetwork struct {
	Name       string
	Trained    int
	Parameters []referenceParameter
}

type referenceParameter struct {
	Name    string
	Shape   tensor.Shape
	Trained bool
}

type referenceLogits struct {
	Network string
	Input   tensor.Shape
	Classes int
	Logits  [][]float64
}

type referenceTraining struct {
	Network          string
	Input            tensor.Shape
	Classes, Batch   int
	LR, Momentum     float64
	WeightDecay      float64 `json:"weight_decay"`
	Losses           []float64
	Gradients, After []digest
}

// A digest holds a few numbers that a tensor is recognized by.
type digest struct {
	Name                string
	Sum, Squares, Probe float64
	Ends                []float64
}

func readModelReference(t *testing.T) (file referenceFile) {
	t.Helper()
	readJSON(t, "testdata/reference.json.gz", &file)
	require.NotEmpty(t, file.Torch)
	return file
}

// referenceNets declares the networks of the file.
var referenceNets = map[string]func(input tensor.Shape, classes int) (*graph.Spec, error){
	"plain": plainNet,
	"resnet20": func(input tensor.Shape, classes int) (*graph.Spec, error) {
		return models.CIFARResNet{Input: input, Classes: classes}.Spec(), nil
	},
	"resnet18": resNet(18),
	"resnet34": resNet(34),
	"resnet50": resNet(50),
	"squeezenet1_0": func(input tensor.Shape, classes int) (*graph.Spec, error) {
		return models.SqueezeNet{Classes: classes, Size: input[1], Paper: true}.Spec(), nil
	},
	"efficientnet_lite0": func(input tensor.Shape, classes int) (*graph.Spec, error) {
		return models.EfficientNetLite0{Classes: classes, Size: input[1]}.Spec(), nil
	},
	"squeezenet1_1": func(input tensor.Shape, classes int) (*graph.Spec, error) {
		return models.SqueezeNet{Classes: classes, Size: input[1]}.Spec(), nil
	},
	"mobilenet_v2": func(input tensor.Shape, classes int) (*graph.Spec, error) {
		return models.MobileNetV2{Classes: classes, Size: input[1]}.Spec(), nil
	},
	"googlenet": func(input tensor.Shape, classes int) (*graph.Spec, error) {
		spec := models.GoogLeNet{Classes: classes}.Spec()
		spec.Input = input // not a square in one case
		return spec, nil
	},
}

func resNet(depth int) func(tensor.Shape, int) (*graph.Spec, error) {
	return func(input tensor.Shape, classes int) (*graph.Spec, error) {
		return models.ResNet{Depth: depth, Classes: classes, Size: input[1]}.Spec()
	}
}

// plainNet is a chain of layers, without branches or normalization.
func plainNet(input tensor.Shape, classes int) (*graph.Spec, error) {
	return graph.Sequential("plain", input, graph.He(),
		graph.Conv2D{Filters: 8, Kernel: graph.Square(5), Stride: graph.Square(2), Pad: graph.Square(2)},
		graph.ReLU{},
		graph.MaxPool{Kernel: graph.Square(3), Stride: graph.Square(2), Pad: graph.Square(1)},
		graph.Conv2D{Filters: 12, Kernel: graph.Square(3), Pad: graph.Square(1), Groups: 2},
		graph.ReLU{},
		graph.AvgPool{Kernel: graph.Square(2)},
		graph.Affine{Units: 20},
		graph.ReLU{},
		graph.Affine{Units: classes},
		graph.Softmax{},
	), nil
}

// word is the i-th 64-bit number of a name: splitmix64, seeded by the name's FNV-1a hash.
func word(name string, i int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return splitmix.Mix(h.Sum64() + uint64(i)*splitmix.Gamma)
}

// uniform gives the first n numbers of a name in [-1, 1). They are exact in float32.
func uniform(name string, n int) []float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	seed, u := h.Sum64(), make([]float64, n)
	for i := range u {
		u[i] = float64(splitmix.Mix(seed)>>40)/(1<<23) - 1
		seed += splitmix.Gamma
	}
	return u
}

// referenceValues are the values that the formula gives a parameter.
func referenceValues(name string, shape tensor.Shape) []float64 {
	scale, offset := 1./4, 0.
	switch kind := name[strings.LastIndex(name, ".")+1:]; {
	case kind == "weight" && len(shape) > 1:
		scale = math.Sqrt(6 / float64(shape[1:].TotalSize()))
	case kind == "weight":
		offset = 1
	case kind == "running_var":
		scale, offset = 1./2, 1
	}
	values := uniform(name, shape.TotalSize())
	for i, u := range values {
		values[i] = float64(float32(offset + float64(u*scale)))
	}
	return values
}

// TestReferenceNumbers compares the formula's numbers with those of the script.
func TestReferenceNumbers(t *testing.T) {
	for _, n := range readModelReference(t).Numbers {
		for i, w := range n.Words {
			assert.Equal(t, w, fmt.Sprintf("%016x", word(n.Name, i)), "%s: word %d", n.Name, i)
		}
		values := referenceValues(n.Name, n.Shape)
		require.Len(t, values, n.Shape.TotalSize())
		assert.Equal(t, n.Values, values[:len(n.Values)], n.Name)
	}
}

// TestReferenceParameters compares the networks' parameters with PyTorch's: names, shapes and
// order.
func TestReferenceParameters(t *testing.T) {
	networks := readModelReference(t).Networks
	require.Len(t, networks, len(referenceNets))
	for _, n := range networks {
		require.Contains(t, referenceNets, n.Name)
		trained := 0
		for _, p := range n.Parameters {
			if p.Trained {
				trained += p.Shape.TotalSize()
			}
		}
		require.Equal(t, n.Trained, trained, n.Name)
		classes := n.Parameters[len(n.Parameters)-1].Shape[0]
		spec, err := referenceNets[n.Name](tensor.Shape{3, 32, 32}, classes)
		require.NoError(t, err)
		m, err := graph.New(spec)
		require.NoError(t, err)
		assert.Equal(t, n.Parameters, parametersOf(m), n.Name)
	}
}

// parametersOf are a model's parameters as the file has them.
func parametersOf(m *graph.Model) (all []referenceParameter) {
	for _, p := range m.Params() {
		all = append(all, referenceParameter{Name: p.Name, Shape: p.Shape, Trained: p.Trained()})
	}
	return all
}

// referenceModel declares a network and gives it the formula's parameters.
func referenceModel(t *testing.T, name string, input tensor.Shape, classes int, dt tensor.Dtype) *graph.Model {
	t.Helper()
	require.Contains(t, referenceNets, name)
	spec, err := referenceNets[name](input, classes)
	require.NoError(t, err)
	m, err := graph.New(spec, graph.WithDtype(dt))
	require.NoError(t, err)
	for _, p := range m.Params() {
		fill(p.Value, referenceValues(p.Name, p.Shape))
	}
	return m
}

// fill copies the values into a tensor of either element type.
func fill(d *tensor.Dense, values []float64) {
	if d.Dtype() == tensor.Float64 {
		copy(d.Float64s(), values)
		return
	}
	single := d.Float32s()
	for i := range single {
		single[i] = float32(values[i])
	}
}

func valuesOf(d *tensor.Dense) []float64 {
	if d.Dtype() == tensor.Float64 {
		return d.Float64s()
	}
	values := make([]float64, len(d.Float32s()))
	for i, v := range d.Float32s() {
		values[i] = float64(v)
	}
	return values
}

// precisions are the element types, each with how near to PyTorch's float64 it must come. In
// float32 a ReLU's input near 0 may round to the other side, which changes a gradient by some
// thousandths; a step is a small part of that.
var precisions = []struct {
	dtype               tensor.Dtype
	tolerance, gradient float64
}{{tensor.Float64, 1e-9, 1e-9}, {tensor.Float32, 1e-4, 1e-2}}

// TestReferenceLogits compares the networks' logits with PyTorch's.
func TestReferenceLogits(t *testing.T) {
	for _, want := range readModelReference(t).Logits {
		for _, p := range precisions {
			t.Run(fmt.Sprintf("%s %v %v", want.Network, want.Input, p.dtype), func(t *testing.T) {
				m := referenceModel(t, want.Network, want.Input, want.Classes, p.dtype)
				shape := append(tensor.Shape{len(want.Logits)}, want.Input...)
				images := tensor.New(tensor.Of(p.dtype), tensor.WithShape(shape...))
				fill(images, uniform("image", shape.TotalSize()))
				logits, err := m.Predict(images)
				require.NoError(t, err)
				got := valuesOf(logits)
				require.Len(t, got, len(want.Logits)*want.Classes)
				for i, row := range want.Logits {
					compareValues(t, fmt.Sprintf("image %d", i), p.tolerance, row, got[i*want.Classes:][:want.Classes])
				}
			})
		}
	}
}

// TestReferenceTraining takes SGD's steps from the same parameters on the same batches as PyTorch
// did, and compares every loss, the gradients of the first step, and what all parameters and
// running statistics are in the end.
func TestReferenceTraining(t *testing.T) {
	for _, want := range readModelReference(t).Training {
		for _, p := range precisions {
			t.Run(fmt.Sprintf("%s %v", want.Network, p.dtype), func(t *testing.T) {
				trainAsReference(t, want, p.dtype, p.tolerance, p.gradient)
			})
		}
	}
}

func trainAsReference(t *testing.T, want referenceTraining, dt tensor.Dtype, tolerance, gradient float64) {
	t.Helper()
	m := referenceModel(t, want.Network, want.Input, want.Classes, dt)
	config := solver.Config{LR: want.LR, Momentum: want.Momentum, WeightDecay: want.WeightDecay}
	sgd, err := solver.New("momentum", config)
	require.NoError(t, err)
	step, err := m.NewStep(want.Batch)
	require.NoError(t, err)
	defer step.Close()
	for i, wantLoss := range want.Losses {
		fill(step.Images(), uniform(fmt.Sprintf("images %d", i), step.Images().Shape().TotalSize()))
		fill(step.Targets(), oneHot(fmt.Sprintf("labels %d", i), want.Batch, want.Classes))
		loss, err := step.Run(uint64(i))
		require.NoError(t, err)
		assert.InEpsilon(t, wantLoss, loss, tolerance, "loss of step %d", i)
		if i == 0 {
			compareDigests(t, "gradient", gradient, want.Gradients, gradientsOf(t, step))
		}
		require.NoError(t, sgd.Step(step.Gradients()))
	}
	after := map[string][]float64{}
	for _, p := range m.Params() {
		after[p.Name] = valuesOf(p.Value)
	}
	compareDigests(t, "after the last step", tolerance, want.After, after)
}

// oneHot gives the rows of a batch's labels.
func oneHot(name string, rows, classes int) []float64 {
	targets := make([]float64, rows*classes)
	for row := range rows {
		targets[row*classes+int(word(name, row)>>40)%classes] = 1
	}
	return targets
}

func gradientsOf(t *testing.T, step *graph.Step) map[string][]float64 {
	t.Helper()
	gradients := map[string][]float64{}
	for _, pair := range step.Gradients() {
		grad, err := pair.Grad()
		require.NoError(t, err)
		gradients[pair.(interface{ Name() string }).Name()] = valuesOf(grad.(*tensor.Dense))
	}
	return gradients
}

// compareDigests checks that exactly the tensors with a digest are present.
func compareDigests(t *testing.T, what string, tolerance float64, want []digest, got map[string][]float64) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for _, w := range want {
		require.Contains(t, got, w.Name, what)
		w.check(t, what+" "+w.Name, tolerance, got[w.Name])
	}
}

// newDigest is the digest of a tensor.
func newDigest(name string, x []float64) digest {
	d := digest{Name: name, Ends: append(append([]float64{}, x[:3]...), x[len(x)-3:]...)}
	for i, u := range uniform("probe", len(x)) {
		d.Sum += x[i]
		d.Squares += x[i] * x[i]
		d.Probe += x[i] * u
	}
	return d
}

// check holds a tensor x to the digest: |difference|₂ may be tolerance·|wanted|₂. By Cauchy and
// Schwarz that bounds the difference of the sums. The probe gets no √n: an error follows no pattern
// of the probe's.
func (d digest) check(t assert.TestingT, what string, tolerance float64, x []float64) {
	got, n, norm := newDigest(d.Name, x), float64(len(x)), math.Sqrt(d.Squares)
	assert.InDelta(t, d.Sum, got.Sum, tolerance*math.Sqrt(n)*norm, "%s: sum", what)
	assert.InDelta(t, d.Squares, got.Squares, 2*tolerance*d.Squares, "%s: sum of squares", what)
	assert.InDelta(t, d.Probe, got.Probe, tolerance*norm, "%s: probe", what)
	for i, v := range d.Ends {
		bound := 10 * tolerance * max(math.Abs(v), norm/math.Sqrt(n)) // one value may be further off than all
		assert.InDelta(t, v, got.Ends[i], bound, "%s: value %d of both ends", what, i)
	}
}

// failures counts what an assertion reports.
type failures struct{ count int }

func (f *failures) Errorf(string, ...any) { f.count++ }

// TestDigestSeesMistakes checks that a digest refuses tensors that are slightly wrong.
func TestDigestSeesMistakes(t *testing.T) {
	const rows, columns = 24, 30
	right := uniform("tensor", rows*columns)
	changed := func(change func(x []float64)) []float64 {
		x := append([]float64{}, right...)
		change(x)
		return x
	}
	for name, c := range map[string]struct {
		x       []float64
		refused bool
	}{
		"the same":            {right, false},
		"of rounding":         {changed(func(x []float64) { scale(x, 1+1e-6) }), false},
		"longer by 0.05%":     {changed(func(x []float64) { scale(x, 1.0005) }), true},
		"two values swapped":  {changed(func(x []float64) { x[100], x[101] = x[101], x[100] }), true},
		"transposed":          {changed(func(x []float64) { transpose(x, right, rows, columns) }), true},
		"the first value off": {changed(func(x []float64) { x[0] += 0.001 }), true},
	} {
		var f failures
		newDigest("tensor", right).check(&f, name, 1e-4, c.x)
		assert.Equal(t, c.refused, f.count > 0, name)
	}
}

func scale(x []float64, by float64) {
	for i := range x {
		x[i] *= by
	}
}

func transpose(dst, src []float64, rows, columns int) {
	for i := range rows {
		for j := range columns {
			dst[j*rows+i] = src[i*columns+j]
		}
	}
}

// compareValues fails at a number that is off by more than the tolerance, relative to itself or,
// where it is small, to the root mean square of them all.
func compareValues(t *testing.T, what string, tolerance float64, want, got []float64) {
	t.Helper()
	require.Len(t, got, len(want), what)
	rms := math.Sqrt(dot(want, want) / float64(len(want)))
	for i, w := range want {
		require.InDelta(t, w, got[i], tolerance*max(math.Abs(w), rms), "%s: value %d", what, i)
	}
}

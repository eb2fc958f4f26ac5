package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
)

// variants are layers of every kind, for small inputs. Not every layer fits every input.
var variants = map[string][]Layer{
	"conv2d": {
		Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)},
		Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1), Groups: 2, NoBias: true},
		Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1), Groups: 4},
		Conv2D{Filters: 2, Kernel: Pair{2, 3}, Stride: Pair{2, 1}, PadBegin: Pair{1, 0}, PadEnd: Pair{0, 2},
			Dilation: Pair{1, 2}, Bias: 0.1},
		Conv2D{Filters: 3, Kernel: Square(2), Connections: [][]int{{0, 1}, {2}, {0, 3}}},
		Conv2D{Filters: 3, Kernel: Square(2), Connections: [][]int{{0, 1}, {2}, {0, 3}}, NoBias: true},
	},
	"max_pool": {
		MaxPool{Kernel: Square(2)},
		MaxPool{Kernel: Square(3), Stride: Square(2), Ceil: true},
		MaxPool{Kernel: Square(2), Stride: Square(1), Dilation: Square(2), PadBegin: Pair{1, 0}, PadEnd: Pair{0, 1}},
		MaxPool{Kernel: Square(3), Stride: Square(1), Pad: Square(1)},
	},
	"avg_pool": {
		AvgPool{Kernel: Square(2)},
		AvgPool{Kernel: Square(3), Stride: Square(2), Pad: Square(1), Ceil: true, ExcludePad: true},
		AvgPool{Kernel: Square(2), Stride: Square(1), Dilation: Square(2), PadBegin: Pair{1, 0}},
		AvgPool{Kernel: Square(3), Stride: Square(1), Pad: Square(1)},
	},
	"subsample": {Subsample{Kernel: Square(2)},
		Subsample{Kernel: Square(2), Stride: Square(1), Coefficient: 0.5}},
	"affine":           {Affine{Units: 5}, Affine{Units: 4, NoBias: true}},
	"flatten":          {Flatten{}},
	"normalize":        {Normalize{Mean: []float64{0.1, 0.2, 0.3, 0.4}, Std: []float64{0.5, 1, 2, 3}}},
	"relu":             {ReLU{}},
	"sigmoid":          {Sigmoid{}},
	"tanh":             {Tanh{}, Tanh{A: 1.7159, B: 2. / 3}},
	"leaky_relu":       {LeakyReLU{}, LeakyReLU{Alpha: 0.3}},
	"prelu":            {PReLU{}, PReLU{Shared: true, Start: 0.5}},
	"elu":              {ELU{}, ELU{Alpha: 0.5}},
	"celu":             {CELU{}, CELU{Alpha: 2}},
	"selu":             {SELU{}},
	"silu":             {SiLU{}},
	"gelu":             {GELU{}, GELU{Approximate: true}},
	"mish":             {Mish{}},
	"softplus":         {Softplus{}},
	"softsign":         {Softsign{}},
	"clip":             {Clip{Max: 6}, Clip{Min: -0.5, Max: 0.7}},
	"hard_sigmoid":     {HardSigmoid{}, HardSigmoid{Alpha: 0.2, Beta: 0.5}},
	"hard_swish":       {HardSwish{}},
	"lrn":              {LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75}},
	"batch_norm":       {BatchNorm{}, BatchNorm{Momentum: 0.5, Eps: 1e-3}, BatchNorm{Frozen: true}},
	"group_norm":       {GroupNorm{Groups: 2, Eps: 1e-3}, GroupNorm{Groups: 1}},
	"layer_norm":       {LayerNorm{Eps: 1e-2}},
	"global_avg_pool":  {GlobalAvgPool{}},
	"global_max_pool":  {GlobalMaxPool{}},
	"slice":            {Slice{Begin: 1, End: 3}, Slice{End: 2}},
	"channel_shuffle":  {ChannelShuffle{Groups: 2}},
	"pad_channels":     {PadChannels{Begin: 1, End: 2}, PadChannels{}},
	"dropout":          {Dropout{Rate: 0.3}, Dropout{Rate: 0.3, Classic: true}, Dropout{}},
	"dropout2d":        {Dropout2D{Rate: 0.3}},
	"stochastic_depth": {StochasticDepth{Rate: 0.3}},
	"softmax":          {Softmax{}, Softmax{Axis: 2}},
	"log_softmax":      {LogSoftmax{}, LogSoftmax{Axis: 1}},
	"erf":              {Erf{}},
	"lp_pool":          {LpPool{Kernel: Square(2)}, LpPool{P: 3, Kernel: Square(3), Stride: Square(2), Pad: Square(1)}},
	"scale": {Scale{Shape: []int{4, 1, 1}}, Scale{Shape: []int{1, 6, 1}, NoBias: true},
		Scale{Shape: []int{4}, NoWeight: true}},
	"take":      {Take{Indices: []int{3, 0, 0}}, Take{Axis: 2, Indices: []int{1, 0}}},
	"rearrange": {Rearrange{Order: []int{1, 2, 0}, Shape: []int{6, 7, 4}}, Rearrange{Shape: []int{4}}},
	"pad":       {Pad{Begin: Pair{1, 0}, End: Pair{0, 2}, Value: 0.5}},
	"resize": {Resize{Size: Pair{9, 3}, Mode: "linear"},
		Resize{Size: Square(4), Mode: "cubic", Antialias: true}, Resize{Size: Square(5)}},
	"subtract": {Subtract{}},
	"divide":   {Divide{}},
	"maximum":  {Maximum{}},
	"minimum":  {Minimum{}},
	"add":      {Add{}},
	"multiply": {Multiply{}},
	"concat":   {Concat{}},
}

// TestEveryKindHasVariants checks that the tests over the variants cover every kind.
func TestEveryKindHasVariants(t *testing.T) {
	for _, kind := range Kinds() {
		require.NotEmpty(t, variants[kind], kind)
		for _, l := range variants[kind] {
			require.Equal(t, kind, Kind(l))
		}
	}
	require.Len(t, variants, len(Kinds()))
}

// TestEveryKindsGradients checks a network around each variant against central differences, in
// training: with dropout, and with the batch's statistics in BatchNorm.
func TestEveryKindsGradients(t *testing.T) {
	for _, kind := range Kinds() {
		for i, l := range variants[kind] {
			t.Run(fmt.Sprintf("%s/%d", kind, i), func(t *testing.T) {
				checked := 0
				for _, input := range []tensor.Shape{{4, 6, 7}, {4, 1, 1}, {4}} {
					spec, fits := around(l, input)
					if !fits {
						continue
					}
					m, err := New(spec, WithDtype(tensor.Float64), WithSeed(uint64(i)))
					require.NoError(t, err)
					requireSlopes(t, m)
					checked++
				}
				require.NotZero(t, checked)
			})
		}
	}
}

// around is a network with l as its second layer or as its join, and whether l accepts the shape.
func around(l Layer, input tensor.Shape) (_ *Spec, fits bool) {
	before := Part(Affine{Units: input[0]})
	if len(input) == 3 {
		before = Conv2D{Filters: input[0], Kernel: Square(1)}
	}
	parts := []Part{before, l, Affine{Units: 3}, Softmax{}}
	if j, ok := l.(Join); ok {
		parts = []Part{before, Branches(j, Serial(), Tanh{}), Affine{Units: 3}, Softmax{}}
	}
	spec := Sequential("around", input, Gaussian(0.7), parts...)
	_, err := Summarize(spec)
	return spec, err == nil
}

// requireSlopes compares a training step's gradients, along directions, with the slopes of its
// loss. If there is a kink between the points of a difference, it tries another point.
func requireSlopes(t *testing.T, m *Model) {
	t.Helper()
	const tries = 4
	r := rand.New(rand.NewPCG(3, 4))
	s := filledStep(t, m, 3, stepConfig{keepEstimates: true, inputGradient: true})
	worst := 0.0
	for range tries {
		for _, p := range m.params {
			for i := range p.Shape.TotalSize() {
				setAt(p.Value, i, at(p.Value, i)+0.1*math.Abs(r.NormFloat64()))
			}
		}
		if worst = slopeError(t, m, s, r); worst < 1e-5 {
			return
		}
	}
	require.Less(t, worst, 1e-5, "%v", m.spec.Layers)
}

// slopeError returns the largest relative error of several directional derivatives.
func slopeError(t *testing.T, m *Model, s *Step, r *rand.Rand) (worst float64) {
	t.Helper()
	const h = 1e-6
	_, err := s.Run(5)
	require.NoError(t, err)
	values := []*tensor.Dense{s.x}
	grads := [][]float64{valuesOf(t, s.net.grads[len(s.net.grads)-1].Value())}
	for i, p := range s.net.trained {
		values = append(values, p.Value)
		grads = append(grads, valuesOf(t, s.net.grads[i].Value()))
	}
	for i, v := range values {
		was, direction := append([]float64(nil), v.Float64s()...), make([]float64, len(grads[i]))
		slope := 0.0
		for j := range direction {
			direction[j] = r.NormFloat64()
			slope += direction[j] * grads[i][j]
		}
		var losses [2]float64
		for k, step := range []float64{h, -h} {
			for j := range direction {
				v.Float64s()[j] = was[j] + step*direction[j]
			}
			losses[k], err = s.Run(5)
			require.NoError(t, err)
		}
		copy(v.Float64s(), was)
		quotient := (losses[0] - losses[1]) / (2 * h)
		worst = max(worst, math.Abs(quotient-slope)/max(1e-2, math.Abs(quotient), math.Abs(slope)))
	}
	return worst
}

// filledStep is a step with images and valid targets.
func filledStep(t *testing.T, m *Model, batch int, config stepConfig) *Step {
	t.Helper()
	config.unfused = config.unfused || m.unfused
	s, err := m.newStep(batch, config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	fillStep(s)
	return s
}

func fillStep(s *Step) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range s.x.Shape().TotalSize() {
		setAt(s.x, i, r.NormFloat64())
	}
	size := s.model.head.logits.Shape.TotalSize()
	for i := range s.x.Shape()[0] {
		setAt(s.t, i*size+i%size, 1)
	}
}

package graph

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/ops"
)

// TestRandomNetworks draws networks with forks and joins, of every kind of layer. A network that
// New accepts must run, with the same bits in every way that promises them.
func TestRandomNetworks(t *testing.T) {
	defer ops.SetWorkers(0)
	rapid.Check(t, func(r *rapid.T) {
		spec := randomNetwork(r)
		requireSameJSON(t, spec)
		m := randomModel(t, spec, tensor.Float64)
		requireSlopes(t, m)
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			ops.SetWorkers(0)
			requireSameSteps(t, spec, dt)
			requireSamePredictions(t, spec, dt)
		}
		requireTypesAgree(t, spec)
	})
}

var networks = flag.String("networks", "",
	"folder into which TestWriteRandomNetworks writes parameter files for onnx/testdata/check_export.py")

// TestWriteRandomNetworks writes 300 networks, always the same, for a comparison with another
// program.
func TestWriteRandomNetworks(t *testing.T) {
	if *networks == "" {
		t.Skip("-networks says no folder")
	}
	for i := range 300 {
		m := randomModel(t, rapid.Custom(randomNetwork).Example(i), tensor.Float32)
		require.NoError(t, m.Save(filepath.Join(*networks, fmt.Sprintf("random%03d.safetensors", i))))
	}
}

// A sketch is an unfinished network: layers, and the values that may be read.
type sketch struct {
	layers []Layer
	names  []string
	shapes []tensor.Shape
	unread map[string]bool

	largest int // of a value, in numbers
}

func randomNetwork(r *rapid.T) *Spec {
	input := tensor.Shape{4, rapid.IntRange(1, 7).Draw(r, "height"), rapid.IntRange(1, 7).Draw(r, "width")}
	if rapid.IntRange(0, 5).Draw(r, "flat") == 0 {
		input = input[:1]
	}
	s := &sketch{names: []string{InputName}, shapes: []tensor.Shape{input}, unread: map[string]bool{InputName: true},
		largest: 600}
	for range rapid.IntRange(2, 12).Draw(r, "layers") {
		s.addAny(r)
	}
	s.finish(r)
	return &Spec{Name: "random", Input: input, Init: Gaussian(0.6), Layers: s.layers}
}

// addAny adds a layer of any kind that fits what it reads.
func (s *sketch) addAny(r *rapid.T) {
	if rapid.IntRange(0, 7).Draw(r, "block") == 0 && s.addBlockEnd(r) {
		return
	}
	for range 20 {
		choices := variants[rapid.SampledFrom(Kinds()).Draw(r, "kind")]
		l := rapid.SampledFrom(choices).Draw(r, "layer")
		reads := []int{s.anyValue(r)}
		if _, ok := l.(Join); ok {
			for range rapid.IntRange(1, 2).Draw(r, "more") {
				reads = append(reads, s.anyValue(r))
			}
		}
		if _, ok := l.(Divide); ok && s.add(Clip{Min: 0.5, Max: 2}, reads[1]) { // a divisor near 0 makes infinities
			reads[1] = len(s.names) - 1
		}
		if s.add(l, reads...) {
			return
		}
	}
}

// addBlockEnd adds the end of a residual block: a sum with a normalized value, and a rectifier.
func (s *sketch) addBlockEnd(r *rapid.T) (fits bool) {
	if !s.add(BatchNorm{}, s.anyValue(r)) {
		return false
	}
	normalized, terms := len(s.names)-1, []int{}
	for i, shape := range s.shapes {
		if shape.Eq(s.shapes[normalized]) {
			terms = append(terms, i)
		}
	}
	pair := []int{normalized, rapid.SampledFrom(terms).Draw(r, "term")}
	if rapid.Bool().Draw(r, "turned") {
		slices.Reverse(pair)
	}
	return s.add(Add{}, pair...) && s.add(ReLU{}, len(s.names)-1)
}

// anyValue is mostly the last one, to make chains that the passes fuse.
func (s *sketch) anyValue(r *rapid.T) int {
	if rapid.IntRange(0, 2).Draw(r, "last") > 0 {
		return len(s.names) - 1
	}
	return rapid.IntRange(0, len(s.names)-1).Draw(r, "value")
}

func (s *sketch) add(l Layer, reads ...int) (fits bool) {
	var in []tensor.Shape
	var from []string
	for _, i := range reads {
		in, from = append(in, s.shapes[i]), append(from, s.names[i])
	}
	if j, ok := l.(Join); ok {
		if _, most := j.Reads(); len(in) > most {
			return false
		}
	}
	out, err := l.Output(in...)
	if err != nil || out.TotalSize() > s.largest {
		return false
	}
	for _, name := range from {
		delete(s.unread, name)
	}
	name := fmt.Sprintf("%s-%d", Kind(l), len(s.names))
	layer := Named(l, name)
	if len(reads) != 1 || reads[0] != len(s.names)-1 {
		layer = From(layer, from...)
	}
	s.layers, s.names, s.shapes = append(s.layers, layer), append(s.names, name), append(s.shapes, out)
	s.unread[name] = true
	return true
}

// finish makes one output of all that nobody reads.
func (s *sketch) finish(r *rapid.T) {
	var loose []int
	s.largest = math.MaxInt
	for i, name := range s.names {
		if !s.unread[name] {
			continue
		}
		if len(s.shapes[i]) == 3 {
			s.add(Flatten{}, i)
			i = len(s.names) - 1
		}
		loose = append(loose, i)
	}
	if len(loose) > 1 {
		s.add(Concat{}, loose...)
	}
	s.add(Affine{Units: 3}, len(s.names)-1)
	switch rapid.IntRange(0, 3).Draw(r, "head") {
	case 0:
		s.add(Sigmoid{}, len(s.names)-1)
	case 1:
		s.add(Tanh{}, len(s.names)-1)
	default:
		s.add(Softmax{}, len(s.names)-1)
	}
}

// randomModel gives every parameter, also biases, random values.
func randomModel(t *testing.T, spec *Spec, dt tensor.Dtype, options ...Option) *Model {
	t.Helper()
	m, err := New(spec, append(options, WithDtype(dt))...)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(5, 6))
	for _, p := range m.params {
		for i := range p.Shape.TotalSize() {
			setAt(p.Value, i, float64(float32(at(p.Value, i)+0.2*math.Abs(r.NormFloat64()))))
		}
	}
	return m
}

func requireSameJSON(t *testing.T, spec *Spec) {
	t.Helper()
	text, err := json.Marshal(spec)
	require.NoError(t, err)
	parsed, err := ParseSpec(text)
	require.NoError(t, err)
	require.Equal(t, spec, parsed)
}

// requireSameSteps compares two training steps: with and without passes, with and without shared
// memory, and with different numbers of workers. Shared memory holds garbage before each run.
func requireSameSteps(t *testing.T, spec *Spec, dt tensor.Dtype) {
	t.Helper()
	var want [][][]float64
	for _, way := range []struct {
		name    string
		config  stepConfig
		workers int
	}{
		{"first", stepConfig{}, 1},
		{"again", stepConfig{}, 1},
		{"two workers", stepConfig{}, 2},
		{"three workers", stepConfig{}, 3},
		{"unfused", stepConfig{unfused: true}, 0},
		{"unshared", stepConfig{unshared: true}, 2},
		{"unshared, unfused", stepConfig{unshared: true, unfused: true}, 1},
	} {
		ops.SetWorkers(way.workers)
		m := randomModel(t, spec, dt)
		way.config.inputGradient = true
		s := filledStep(t, m, 3, way.config)
		requireNoForeignOps(t, s)
		var got [][][]float64
		for number := range uint64(2) {
			if s.plan != nil && s.plan.arena != nil {
				fillWith(s.plan.arena, 0, s.plan.size, math.NaN())
			}
			_, err := s.Run(number)
			require.NoError(t, err)
			got = append(got, stepResults(t, s))
		}
		if want == nil {
			want = got
		}
		require.Equal(t, want, got, "%s: %v", way.name, spec.Layers)
		require.NoError(t, s.Close())
	}
}

// stepResults returns the loss, the logits, every gradient and the running statistics.
func stepResults(t *testing.T, s *Step) (all [][]float64) {
	t.Helper()
	for _, n := range append(G.Nodes{s.net.loss, s.net.logits}, s.net.grads...) {
		all = append(all, positiveZeros(valuesOf(t, n.Value())))
	}
	for _, p := range s.model.params {
		if p.Running {
			all = append(all, append([]float64(nil), float64s(p.Value)...))
		}
	}
	return all
}

// positiveZeros replaces -0 by 0: passes may change a zero's sign.
func positiveZeros(values []float64) []float64 {
	for i, v := range values {
		values[i] = v + 0
	}
	return values
}

// requireNoForeignOps checks that a compiled step consists of our ops: others aren't in the arena
// and allocate in every run.
func requireNoForeignOps(t *testing.T, s *Step) {
	t.Helper()
	order, err := tapeOrder(s.net.graph.ExactSubgraphRoots(s.net.outputs()...))
	require.NoError(t, err)
	for _, n := range order {
		_, ours := ops.Describe(n.Op())
		require.True(t, ours || n.Op().Arity() == 0, "%v", n.Op())
	}
}

// requireSamePredictions compares predictions in an arena full of garbage with those of single
// layers in their own memory.
func requireSamePredictions(t *testing.T, spec *Spec, dt tensor.Dtype) {
	t.Helper()
	fused, unfused := randomModel(t, spec, dt), randomModel(t, spec, dt, WithoutFusion())
	s := filledStep(t, fused, 4, stepConfig{})
	for _, m := range []*Model{fused, unfused} {
		p, err := m.acquire(m.predictorKind(4, false))
		require.NoError(t, err)
		require.Equal(t, 4, p.batch)
		if plan := p.net.planPrediction(p.program); plan.size > 0 {
			require.NoError(t, plan.give(dt))
			fillWith(plan.arena, 0, plan.size, math.NaN())
		}
		m.release(p)
	}
	want, err := unfused.Activations(s.x)
	require.NoError(t, err)
	got, err := fused.Activations(s.x)
	require.NoError(t, err)
	for i, w := range want {
		require.Equal(t, positiveZeros(valuesOf(t, w.Value)), positiveZeros(valuesOf(t, got[i].Value)), "%s",
			w.Node.Name)
	}
	for _, m := range []*Model{fused, unfused} {
		logits, err := m.Predict(s.x)
		require.NoError(t, err)
		for i, node := range m.Nodes() {
			if node.Name == m.LogitsNode().Name {
				require.Equal(t, positiveZeros(valuesOf(t, want[i].Value)), positiveZeros(valuesOf(t, logits)))
			}
			part, err := m.UpTo(node.Name)
			require.NoError(t, err)
			out, err := part.Predict(s.x)
			require.NoError(t, err)
			require.Equal(t, positiveZeros(valuesOf(t, want[i].Value)), positiveZeros(valuesOf(t, out)), "up to %s",
				node.Name)
			requireSameJSON(t, part.spec)
		}
		_, err = m.Describe(2, true)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
}

// requireTypesAgree compares the losses in float32 and float64. The tolerance is derived from the
// effect of a small change of the images.
func requireTypesAgree(t *testing.T, spec *Spec) {
	t.Helper()
	single, double := randomModel(t, spec, tensor.Float32), randomModel(t, spec, tensor.Float64)
	s := filledStep(t, single, 3, stepConfig{})
	x := denseOf(tensor.Float64, s.x.Shape(), float64s(s.x))
	loss := func(m *Model, x *tensor.Dense) float64 {
		v, err := m.Loss(x, s.t)
		require.NoError(t, err)
		return v
	}
	exact := loss(double, x)
	sensitivity := 0.0
	r := rand.New(rand.NewPCG(8, 9))
	for range 3 {
		near := x.Clone().(*tensor.Dense)
		for i, v := range near.Float64s() {
			near.Float64s()[i] = v + 1e-4*r.NormFloat64()
		}
		sensitivity = max(sensitivity, math.Abs(loss(double, near)-exact))
	}
	require.InDelta(t, exact, loss(single, s.x), 1e-4*(1+math.Abs(exact))+sensitivity, "%v", spec.Layers)
	require.NoError(t, s.Close())
}

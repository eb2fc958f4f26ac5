package solver_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/train/solver"
)

func mustNew(t testing.TB, name string, c solver.Config) *solver.Optimizer {
	t.Helper()
	s, err := solver.New(name, c)
	require.NoError(t, err)
	return s
}

// bowls is a model of two parameters, in float32 and float64, with the loss Σ p²/2: the gradient is
// the value itself, plus noise.
type bowls struct {
	model
	noise *rand.Rand
}

func newBowls() *bowls {
	single := make([]float32, 1000)
	double := make([]float64, 36)
	for i := range single {
		single[i] = float32(i%7) - 3.5
	}
	for i := range double {
		double[i] = float64(i%5) - 2.5
	}
	return &bowls{model{
		{
			"fc.weight", tensor.New(tensor.WithShape(10, 100), tensor.WithBacking(single)),
			tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(10, 100)),
		},
		{
			"fc.bias", tensor.New(tensor.WithShape(36), tensor.WithBacking(double)),
			tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(36)),
		},
	}, rand.New(rand.NewPCG(1, 2))}
}

// gradients sets new gradients and returns Σ p²/2.
func (b *bowls) gradients() (loss float64) {
	g32, g64 := b.model[0].grad.Float32s(), b.model[1].grad.Float64s()
	for i, v := range b.model[0].value.Float32s() {
		g32[i] = v + 0.1*float32(b.noise.NormFloat64())
		loss += float64(v) * float64(v) / 2
	}
	for i, v := range b.model[1].value.Float64s() {
		g64[i] = v + 0.1*b.noise.NormFloat64()
		loss += v * v / 2
	}
	return loss
}

func (b *bowls) steps(t testing.TB, s solver.Solver, n int) {
	for range n {
		b.gradients()
		require.NoError(t, s.Step(b.valueGrads()))
	}
}

func TestEveryOptimizerDescends(t *testing.T) {
	for _, name := range solver.Names() {
		b, s := newBowls(), mustNew(t, name, solver.Config{LR: 0.05})
		before := b.gradients()
		b.steps(t, s, 200)
		assert.Less(t, b.gradients(), before/2, name)
		assert.Equal(t, 200, s.Steps())
	}
}

func TestResumeIsExact(t *testing.T) {
	for _, name := range solver.Names() {
		config := solver.Config{WeightDecay: 1e-3, ClipNorm: 20}
		whole, s := newBowls(), mustNew(t, name, config)
		whole.steps(t, s, 20)

		halves, first, second := newBowls(), mustNew(t, name, config), mustNew(t, name, config)
		halves.steps(t, first, 9)
		require.NoError(t, second.SetState(first.State()))
		halves.steps(t, second, 11)

		assert.Equal(t, whole.model[0].value.Float32s(), halves.model[0].value.Float32s(), name)
		assert.Equal(t, whole.model[1].value.Float64s(), halves.model[1].value.Float64s(), name)
		assert.Equal(t, s.State().Steps, second.State().Steps)
		for i, slot := range s.State().Slots {
			assert.Equal(t, slot.Name, second.State().Slots[i].Name)
			assert.Equal(t, slot.Value.Data(), second.State().Slots[i].Value.Data(), slot.Name)
		}
	}
}

func TestStateNames(t *testing.T) {
	want := map[string][]string{
		"sgd":      nil,
		"momentum": {"momentum.v/fc.bias", "momentum.v/fc.weight"},
		"nesterov": {"nesterov.v/fc.bias", "nesterov.v/fc.weight"},
		"adagrad":  {"adagrad.h/fc.bias", "adagrad.h/fc.weight"},
		"rmsprop":  {"rmsprop.h/fc.bias", "rmsprop.h/fc.weight"},
		"adam":     {"adam.m/fc.bias", "adam.m/fc.weight", "adam.v/fc.bias", "adam.v/fc.weight"},
		"adamw":    {"adamw.m/fc.bias", "adamw.m/fc.weight", "adamw.v/fc.bias", "adamw.v/fc.weight"},
	}
	require.Len(t, want, len(solver.Names()))
	for _, name := range solver.Names() {
		s := mustNew(t, name, solver.Config{})
		newBowls().steps(t, s, 1)
		var got []string
		for _, slot := range s.State().Slots {
			got = append(got, slot.Name)
		}
		assert.Equal(t, want[name], got)
	}
}

func TestSetStateCopies(t *testing.T) {
	a, b := mustNew(t, "momentum", solver.Config{}), mustNew(t, "momentum", solver.Config{})
	newBowls().steps(t, a, 1)
	require.NoError(t, b.SetState(a.State()))
	before := a.State().Slots[0].Value.Clone().(*tensor.Dense)
	newBowls().steps(t, b, 3)
	assert.Equal(t, before.Data(), a.State().Slots[0].Value.Data())
}

func TestSetStateRefuses(t *testing.T) {
	array := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2))
	for want, state := range map[string]solver.State{
		`state: got optimizer "sgd", want "adam"`: {Optimizer: "sgd"},
		"state: got -1 steps, want at least 0":    {Optimizer: "adam", Steps: -1},
		`state: got array "adam.x/w", want adam.m/NAME or adam.v/NAME`: {
			Optimizer: "adam", Slots: []solver.Slot{{Name: "adam.x/w", Value: array}},
		},
		`state: got array "adam.m/", want`: {
			Optimizer: "adam", Slots: []solver.Slot{{Name: "adam.m/", Value: array}},
		},
		`state: array "adam.v/w" is missing`: {
			Optimizer: "adam", Slots: []solver.Slot{{Name: "adam.m/w", Value: array}},
		},
		`state: array "adam.m/w" occurs twice`: {
			Optimizer: "adam", Slots: []solver.Slot{{Name: "adam.m/w", Value: array}, {Name: "adam.m/w", Value: array}},
		},
		`state's array "adam.m/w" is a *tensor.Dense: want`: {
			Optimizer: "adam", Slots: []solver.Slot{{Name: "adam.m/w"}},
		},
		`state's array "adam.m/w" is of type int: want float32 or float64`: {
			Optimizer: "adam",
			Slots:     []solver.Slot{{Name: "adam.m/w", Value: tensor.New(tensor.Of(tensor.Int), tensor.WithShape(2))}},
		},
	} {
		s := mustNew(t, "adam", solver.Config{})
		newBowls().steps(t, s, 2)
		assert.ErrorContains(t, s.SetState(state), want)
		assert.Len(t, s.State().Slots, 4, "must not be changed")
		assert.Equal(t, 2, s.Steps())
	}
	plain := mustNew(t, "sgd", solver.Config{})
	assert.ErrorContains(
		t, plain.SetState(solver.State{Optimizer: "sgd", Slots: []solver.Slot{{Name: "sgd.v/w", Value: array}}}),
		"sgd has no state",
	)
}

func TestStateOfAnotherModelIsRefused(t *testing.T) {
	s := mustNew(t, "adam", solver.Config{})
	other := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(100, 10))
	require.NoError(t, s.SetState(solver.State{Optimizer: "adam", Slots: []solver.Slot{
		{Name: "adam.m/fc.weight", Value: other}, {Name: "adam.v/fc.weight", Value: other},
	}}))
	b := newBowls()
	before := append([]float32(nil), b.model[0].value.Float32s()...)
	assert.ErrorContains(
		t, s.Step(b.valueGrads()),
		`parameter "fc.weight" is float32 (10, 100), but its state m is float32 (100, 10)`,
	)
	assert.Equal(t, before, b.model[0].value.Float32s())
}

func TestNewRefuses(t *testing.T) {
	for want, c := range map[string]struct {
		name   string
		config solver.Config
	}{
		`got optimizer "adamx", want one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw`: {
			"adamx", solver.Config{},
		},
		"LR: got -2":                            {"sgd", solver.Config{LR: -2}},
		"LR: got NaN":                           {"sgd", solver.Config{LR: math.NaN()}},
		"LR: got +Inf":                          {"sgd", solver.Config{LR: math.Inf(1)}},
		"Momentum: got 1, want at least 0 and":  {"momentum", solver.Config{Momentum: 1}},
		"Beta2: got 1.5":                        {"adam", solver.Config{Beta2: 1.5}},
		"Momentum is 0.9: adam has no such":     {"adam", solver.Config{Momentum: 0.9}},
		"Decay is 0.9: momentum has no such":    {"momentum", solver.Config{Decay: 0.9}},
		"Epsilon is 1e-08: rmsprop has no such": {"rmsprop", solver.Config{Epsilon: 1e-8}},
		"ClipNorm: got -3":                      {"sgd", solver.Config{ClipNorm: -3}},
	} {
		_, err := solver.New(c.name, c.config)
		assert.ErrorContains(t, err, want)
	}
	_, err := solver.Defaults("adamx")
	assert.ErrorContains(t, err, "want one of")
}

func TestDefaultsAreFilledIn(t *testing.T) {
	for _, name := range solver.Names() {
		want, err := solver.Defaults(name)
		require.NoError(t, err)
		assert.Equal(t, want, mustNew(t, name, solver.Config{}).Config(), name)
	}
	s := mustNew(t, "AdamW", solver.Config{Beta1: solver.None, WeightDecay: solver.None})
	assert.Equal(t, solver.Config{LR: 0.001, Beta2: 0.999, Epsilon: 1e-8}, s.Config())
	assert.Equal(t, "adamw", s.Name())
}

func TestSetLR(t *testing.T) {
	b, s := newBowls(), mustNew(t, "momentum", solver.Config{})
	require.NoError(t, s.SetLR(0))
	before := append([]float64(nil), b.model[1].value.Float64s()...)
	b.steps(t, s, 3)
	assert.Equal(t, before, b.model[1].value.Float64s(), "at rate 0 nothing moves")
	assert.Error(t, s.SetLR(-0.1))
	assert.Error(t, s.SetLR(math.NaN()))
	assert.Equal(t, 0.0, s.LR())
}

// Clipping doesn't change the gradients and moves the parameters by at most the rate times the
// norm.
func TestClipNorm(t *testing.T) {
	b, s := newBowls(), mustNew(t, "sgd", solver.Config{LR: 1, ClipNorm: 0.5})
	b.gradients()
	grad := append([]float64(nil), b.model[1].grad.Float64s()...)
	before32 := append([]float32(nil), b.model[0].value.Float32s()...)
	before64 := append([]float64(nil), b.model[1].value.Float64s()...)
	require.NoError(t, s.Step(b.valueGrads()))
	moved := 0.0
	for i, v := range b.model[0].value.Float32s() {
		moved += math.Pow(float64(v-before32[i]), 2)
	}
	for i, v := range b.model[1].value.Float64s() {
		moved += math.Pow(v-before64[i], 2)
	}
	assert.InDelta(t, 0.5, math.Sqrt(moved), 1e-5)
	assert.Equal(t, grad, b.model[1].grad.Float64s())
}

func TestStepRefuses(t *testing.T) {
	for want, spoil := range map[string]func(b *bowls){
		`two parameters are named "fc.bias"`: func(b *bowls) {
			b.model[0].name = "fc.bias"
			b.model[0].value, b.model[0].grad = b.model[1].value, b.model[1].grad
		},
		`parameter "fc.bias": its value is of type int`: func(b *bowls) {
			b.model[1].value = tensor.New(tensor.Of(tensor.Int), tensor.WithShape(36))
		},
		`parameter "fc.bias": its gradient is a *tensor.Dense: want`: func(b *bowls) { b.model[1].grad = nil },
		`parameter "fc.bias" is float64 (36), its gradient float64 (6, 6)`: func(b *bowls) {
			b.model[1].grad = tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(6, 6))
		},
		`parameter "fc.bias": its value is a view (10, 2) with gaps`: func(b *bowls) {
			view, err := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(10, 3)).Slice(nil, G.S(0, 2))
			require.NoError(t, err)
			b.model[1].value = view.(*tensor.Dense)
		},
		"gradient norm: got NaN": func(b *bowls) { b.model[1].grad.Float64s()[3] = math.NaN() },
	} {
		b, s := newBowls(), mustNew(t, "adam", solver.Config{ClipNorm: 1})
		b.gradients()
		first := b.model[0].value.Clone().(*tensor.Dense)
		spoil(b)
		assert.ErrorContains(t, s.Step(b.valueGrads()), want)
		assert.Equal(t, 0, s.Steps())
		if b.model[0].name == "fc.weight" {
			assert.Equal(t, first.Data(), b.model[0].value.Data(), "must not be changed")
		}
	}
}

// nameless is a parameter without a name, identified by its index in the model.
type nameless struct {
	value *tensor.Dense
	err   error
}

func (p nameless) Value() G.Value         { return p.value }
func (p nameless) Grad() (G.Value, error) { return p.value, p.err }

func TestStepOnNamelessParameters(t *testing.T) {
	s := mustNew(t, "momentum", solver.Config{LR: 0.5})
	a, b := tensor.New(tensor.WithBacking([]float64{4})), tensor.New(tensor.WithBacking([]float64{8, 16}))
	require.NoError(t, s.Step([]G.ValueGrad{nameless{a, nil}, nameless{b, nil}}))
	assert.Equal(t, []float64{4, 8}, b.Data())
	assert.Equal(t, "momentum.v/0", s.State().Slots[0].Name)
	assert.Equal(t, "momentum.v/1", s.State().Slots[1].Name)
	err := s.Step([]G.ValueGrad{nameless{a, nil}, nameless{b, errors.New("dropped")}})
	assert.ErrorContains(t, err, `parameter "1" has no gradient: dropped`)
}

func TestStepAfterAnError(t *testing.T) {
	b, s := newBowls(), mustNew(t, "adam", solver.Config{})
	twice := append(b.valueGrads(), b.valueGrads()...)
	require.Error(t, s.Step(twice))
	b.steps(t, s, 1)
	assert.Equal(t, 1, s.Steps())
}

// gorgonia's own nodes are parameters too.
func TestStepOnNodes(t *testing.T) {
	g := G.NewGraph()
	w := G.NewVector(
		g, tensor.Float64, G.WithName("w"), G.WithValue(tensor.New(tensor.WithBacking([]float64{1, -2, 3}))),
	)
	loss := G.Must(G.Sum(G.Must(G.Square(w))))
	_, err := G.Grad(loss, w)
	require.NoError(t, err)
	vm := G.NewTapeMachine(g, G.BindDualValues(w))
	defer vm.Close()
	require.NoError(t, vm.RunAll())
	s := mustNew(t, "sgd", solver.Config{LR: 0.25})
	require.NoError(t, s.Step(G.NodesToValueGrads(G.Nodes{w})))
	assert.Equal(t, []float64{0.5, -1, 1.5}, w.Value().Data())
}

func TestStepAllocatesNothing(t *testing.T) {
	for _, name := range solver.Names() {
		b, s := newBowls(), mustNew(t, name, solver.Config{WeightDecay: 1e-4, ClipNorm: 1})
		b.gradients()
		m := b.valueGrads()
		require.NoError(t, s.Step(m))
		assert.Zero(t, testing.AllocsPerRun(10, func() { _ = s.Step(m) }), name)
	}
}

func TestSchedules(t *testing.T) {
	at := func(s solver.Schedule, n int) (rates []float64) {
		for step := range n {
			rates = append(rates, s.At(step))
		}
		return rates
	}
	assert.Equal(t, []float64{0.3, 0.3}, at(solver.Rate(0.3), 2))
	assert.Equal(t, []float64{1, 1, 0.5, 0.5, 0.25}, at(solver.StepDecay{LR: 1, Every: 2, Factor: 0.5}, 5))
	assert.Equal(t, []float64{2, 2}, at(solver.StepDecay{LR: 2, Factor: 0.5}, 2), "every 0 steps is never")
	assert.Equal(t, 0.25, solver.Cosine{LR: 1, Final: 0.25, Steps: 3}.At(1000))
	assert.Equal(t, 0.25, solver.Cosine{LR: 1, Final: 0.25}.At(0), "without steps: final at once")
	assert.Equal(
		t, []float64{0.25, 0.5, 0.75, 1, 1, 0.5},
		at(solver.Warmup{Steps: 3, Then: solver.StepDecay{LR: 1, Every: 2, Factor: 0.5}}, 6),
	)
	assert.Equal(t, 0.5, solver.Warmup{Then: solver.Rate(0.5)}.At(0), "no steps of warm-up")
}

func TestCosineNeverRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := solver.Cosine{
			LR: rapid.Float64Range(0.01, 1).Draw(t, "lr"), Steps: rapid.IntRange(1, 1000).Draw(t, "steps"),
		}
		step := rapid.IntRange(0, 1200).Draw(t, "step")
		if next, now := c.At(step+1), c.At(step); next > now || now < 0 || now > c.LR {
			t.Fatalf("%v at %d: %v, then %v", c, step, now, next)
		}
	})
}

func TestPlateauNeedsMargin(t *testing.T) {
	p := solver.NewPlateau(1)
	p.Patience, p.Margin = 1, 0.01
	for i, c := range []struct{ measure, rate float64 }{
		{10, 1}, {9.95, 1}, {9.91, 0.1}, // half a percent, then less than one percent better than the best
		{9.89, 0.1}, {9.85, 0.1}, {9.7, 0.1},
		{-1, 0.1}, {-1.005, 0.1}, {-1.02, 0.1}, {-1.02, 0.1}, {-1.02, 0.01},
	} {
		require.NoError(t, p.Observe(c.measure))
		assert.InDelta(t, c.rate, p.At(0), 1e-12, "after measure %d", i)
	}
}

func TestPlateauResumes(t *testing.T) {
	a, b := solver.NewPlateau(1), new(solver.Plateau)
	a.Patience = 1
	for _, measure := range []float64{3, 2, 2} {
		require.NoError(t, a.Observe(measure))
	}
	saved, err := json.Marshal(a)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(saved, b))
	require.Equal(t, 1.0, b.At(0))
	require.NoError(t, b.Observe(2))
	assert.Equal(t, 0.1, b.At(0))
	assert.Error(t, b.Observe(math.NaN()))
}

func ExampleNew() {
	s, err := solver.New("adam", solver.Config{LR: 0.002, ClipNorm: 5})
	fmt.Println(s.Config(), err)
	_, err = solver.New("madam", solver.Config{})
	fmt.Println(err)
	// Output:
	// {0.002 0 0 0.9 0.999 1e-07 0 5} <nil>
	// solver: got optimizer "madam", want one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw
}

func ExampleOptimizer_Step() {
	w := &param{
		"w", tensor.New(tensor.WithBacking([]float64{1, 2})), tensor.New(tensor.WithBacking([]float64{10, -10})),
	}
	s, _ := solver.New("sgd", solver.Config{})
	schedule := solver.Warmup{Steps: 1, Then: solver.Rate(0.1)}
	for step := range 2 {
		if err := s.SetLR(schedule.At(step)); err != nil {
			fmt.Println(err)
		}
		if err := s.Step([]G.ValueGrad{w}); err != nil {
			fmt.Println(err)
		}
		fmt.Println(s.LR(), w.value.Data())
	}
	// Output:
	// 0.05 [0.5 2.5]
	// 0.1 [-0.5 3.5]
}

func ExampleNewPlateau() {
	p := solver.NewPlateau(0.1)
	p.Patience, p.Factor = 0, 0.5
	for epoch, loss := range []float64{0.9, 0.5, 0.6, 0.4} {
		_ = p.Observe(loss)
		fmt.Println(p.At(epoch))
	}
	// Output:
	// 0.1
	// 0.1
	// 0.05
	// 0.05
}

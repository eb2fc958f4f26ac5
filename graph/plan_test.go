package graph

import (
	"bytes"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/ops"
)

// plannedNets cover every kind of op and everything that can share memory.
func plannedNets() []*Spec {
	return []*Spec{
		Sequential("fusible", tensor.Shape{2, 12, 11}, He(),
			Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)}, ReLU{},
			MaxPool{Kernel: Square(3), Stride: Square(2)},
			Conv2D{Filters: 6, Kernel: Square(3), Groups: 2, Pad: Square(1)}, ReLU{},
			LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75}, MaxPool{Kernel: Square(2)},
			Affine{Units: 9}, ReLU{}, Dropout{Rate: 0.5}, Affine{Units: 8}, ReLU{}, Dropout{Rate: 0.25, Classic: true},
			Affine{Units: 6}, Softmax{}),
		Sequential("other", tensor.Shape{3, 9, 10}, Xavier(),
			Normalize{Mean: []float64{0.5, 0.4, 0.1}, Std: []float64{0.3, 0.5, 1}}, Dropout{Rate: 0.1},
			Conv2D{Filters: 2, Kernel: Square(2), Connections: [][]int{{0, 2}, {1}}}, Tanh{A: 1.7159, B: 2. / 3},
			Subsample{Kernel: Square(2)}, Sigmoid{},
			Dropout{Rate: 0.3}, AvgPool{Kernel: Square(2)}, Flatten{}, Flatten{}, ReLU{}, ReLU{}, Affine{Units: 3},
			Softmax{}),
	}
}

// eachPlannedStep calls f with models of all plannedNets, in both element types, with and without
// passes.
func eachPlannedStep(t *testing.T, f func(t *testing.T, m *Model)) {
	for _, spec := range plannedNets() {
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			for name, options := range map[string][]Option{"fused": {WithDtype(dt)},
				"unfused": {WithDtype(dt), WithoutFusion()}} {
				t.Run(fmt.Sprintf("%s/%v/%s", spec.Name, dt, name), func(t *testing.T) {
					m, err := New(spec, options...)
					require.NoError(t, err)
					f(t, m)
				})
			}
		}
	}
}

func testStep(t *testing.T, m *Model, config stepConfig) *Step {
	t.Helper()
	config.unfused = m.unfused
	s, err := m.newStep(3, config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for i := range s.x.Shape().TotalSize() {
		setAt(s.x, i, math.Sin(float64(i)))
	}
	for i := range 3 {
		setAt(s.t, i*m.Classes()+i, 1)
	}
	return s
}

// results returns the numbers that a step is run for.
func results(t *testing.T, s *Step) (all [][]float64) {
	t.Helper()
	for _, n := range append(s.net.outputs(), s.net.logits) {
		all = append(all, valuesOf(t, n.Value()))
	}
	return all
}

func valuesOf(t *testing.T, v G.Value) []float64 {
	t.Helper()
	if d, ok := v.(*tensor.Dense); ok {
		return append([]float64(nil), float64s(d)...)
	}
	x, err := scalar(v)
	require.NoError(t, err)
	return []float64{x}
}

// TestPlanChangesNoBit compares steps with shared memory with steps without. The arena holds
// garbage before each run.
func TestPlanChangesNoBit(t *testing.T) {
	eachPlannedStep(t, func(t *testing.T, m *Model) {
		for _, config := range []stepConfig{{}, {inputGradient: true}, {noDropout: true}} {
			shared := testStep(t, m, config)
			config.unshared = true
			apart := testStep(t, m, config)
			require.Nil(t, apart.plan)
			for i := range 3 {
				fillWith(shared.plan.arena, 0, shared.plan.size, math.NaN())
				_, err := shared.Run(uint64(i))
				require.NoError(t, err)
				_, err = apart.Run(uint64(i))
				require.NoError(t, err)
				require.Equal(t, results(t, apart), results(t, shared))
			}
		}
	})
}

func fillWith(d *tensor.Dense, from, n int, v float64) {
	for i := range n {
		setAt(d, from+i, v)
	}
}

// poisons are the values written to freed memory. A NaN propagates through almost everything, but
// not through a rectifier's gradient; a positive number does.
var poisons = []float64{math.NaN(), math.Inf(-1)}

// TestFreedMemoryIsFree poisons every buffer after its last reader has run, and before its first
// writer.
func TestFreedMemoryIsFree(t *testing.T) {
	eachPlannedStep(t, func(t *testing.T, m *Model) {
		s := testStep(t, m, stepConfig{inputGradient: true})
		_, err := s.Run(7)
		require.NoError(t, err)
		want := results(t, s)
		for _, poison := range poisons {
			require.Equal(t, want, runStepPoisoned(t, s, poison))
		}

		p, err := m.newPredictor(predictorKind{batch: 3})
		require.NoError(t, err)
		copyValues(p.x, 0, s.x, 0, s.x.Shape().TotalSize())
		if p.lent != nil {
			p.lent.Values = p.x.Float32s()
		}
		require.NoError(t, p.program.run())
		outputs := G.Nodes{p.net.logits, p.net.output()}
		want = [][]float64{valuesOf(t, p.program.value(outputs[0])), valuesOf(t, p.program.value(outputs[1]))}
		again := p.net.planPrediction(p.program)
		require.NoError(t, again.give(m.dtype))
		for _, poison := range poisons {
			require.Equal(t, want, runPoisoned(t, again, p.program.order(), outputs, poison))
		}
	})
}

func runStepPoisoned(t *testing.T, s *Step, poison float64) [][]float64 {
	t.Helper()
	order, err := tapeOrder(s.net.graph.ExactSubgraphRoots(s.net.outputs()...))
	require.NoError(t, err)
	return runPoisoned(t, s.plan, order, append(s.net.outputs(), s.net.logits), poison)
}

// runPoisoned runs the ops in the plan's order, without the tape machine, and poisons the memory
// that the plan says is free.
func runPoisoned(t *testing.T, p *plan, order, outputs G.Nodes, poison float64) (all [][]float64) {
	t.Helper()
	var err error
	values := map[*G.Node]G.Value{}
	fillWith(p.arena, 0, p.size, poison)
	for at, n := range order {
		var operands []G.Value
		for _, c := range children(n) {
			if values[c] == nil {
				values[c] = c.Value()
			}
			operands = append(operands, values[c])
		}
		if len(operands) == 0 {
			continue // a constant
		}
		values[n], err = n.Op().Do(operands...)
		require.NoError(t, err)
		for _, b := range p.buffers {
			if b.to == at {
				fillWith(p.arena, b.offset, b.size, poison)
			}
		}
	}
	for _, n := range outputs {
		all = append(all, valuesOf(t, values[n]))
	}
	return all
}

// TestAWrongPlanIsCaught frees each buffer one op too early: the poison must change the results.
func TestAWrongPlanIsCaught(t *testing.T) {
	for _, spec := range plannedNets() {
		m, err := New(spec)
		require.NoError(t, err)
		s := testStep(t, m, stepConfig{inputGradient: true})
		_, err = s.Run(7)
		require.NoError(t, err)
		want := results(t, s)
		caught := 0
		for _, b := range s.plan.buffers {
			if b.from == b.to || b.to == s.plan.ops { // an output of the run, which nobody reads within it
				continue
			}
			b.to--
			require.NoError(t, rearranged(s).give(m.dtype))
			seen := false
			for _, poison := range poisons {
				seen = seen || !reflect.DeepEqual(want, runStepPoisoned(t, s, poison))
			}
			assert.True(t, seen, "%s: the buffer of %v, needed from op %d to %d, is free one op too early", spec.Name,
				b.results, b.from, b.to+1)
			b.to++
			caught++
		}
		assert.Greater(t, caught, 5)
		require.NoError(t, rearranged(s).give(m.dtype))
		require.Equal(t, want, runStepPoisoned(t, s, math.NaN()))
	}
}

// rearranged is the step's plan with its buffers placed again.
func rearranged(s *Step) *plan {
	for _, b := range s.plan.buffers {
		b.offset = 0
	}
	s.plan.size = 0
	s.plan.arrange()
	return s.plan
}

var executing = regexp.MustCompile(`Executing .* Node is: ([0-9a-f]+)`)

// TestTapeOrder logs what the tape machine runs, and compares the order with the plan's.
func TestTapeOrder(t *testing.T) {
	eachPlannedStep(t, func(t *testing.T, m *Model) {
		s := testStep(t, m, stepConfig{inputGradient: true})
		program, locations, err := G.CompileFunction(s.net.graph, s.net.leaves(), s.net.outputs())
		require.NoError(t, err)
		var text bytes.Buffer
		machine := G.NewTapeMachine(s.net.graph, G.WithPrecompiled(program, locations),
			G.WithLogger(log.New(&text, "", 0)), G.WithWatchlist())
		defer machine.Close()
		require.NoError(t, machine.RunAll())
		var ran []int64
		for _, match := range executing.FindAllStringSubmatch(text.String(), -1) {
			id, err := strconv.ParseInt(match[1], 16, 64)
			require.NoError(t, err)
			ran = append(ran, id)
		}
		for _, compiled := range []*G.ExprGraph{program.Graph(), s.net.graph.ExactSubgraphRoots(s.net.outputs()...)} {
			order, err := tapeOrder(compiled)
			require.NoError(t, err)
			var planned []int64
			for _, n := range order {
				planned = append(planned, n.ID())
			}
			require.Equal(t, ran, planned)
		}
	})
}

// TestPlanIsMet checks where the result of every op is stored, and how much memory sharing saves.
func TestPlanIsMet(t *testing.T) {
	eachPlannedStep(t, func(t *testing.T, m *Model) {
		s := testStep(t, m, stepConfig{})
		_, err := s.Run(0)
		require.NoError(t, err)
		size := s.plan.arena.MemSize()
		begin := s.plan.arena.Uintptr()
		var end uintptr
		for _, n := range s.net.graph.ExactSubgraphRoots(s.net.outputs()...).AllNodes() {
			v, ok := n.Value().(*tensor.Dense)
			if _, ours := ops.AliasingOf(n.Op()); !ours || !ok {
				continue
			}
			require.GreaterOrEqual(t, v.Uintptr(), begin, "%v", n)
			end = max(end, v.Uintptr()+v.MemSize())
		}
		assert.Equal(t, begin+size, end, "the arena is as large as the plan says, and no larger than it must be")
		assert.Less(t, s.plan.size, s.plan.separate)
	})

	m, err := New(Sequential("large", tensor.Shape{4, 64, 64}, He(), Conv2D{Filters: 8, Kernel: Square(3)}, ReLU{},
		LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75},
		AvgPool{Kernel: Square(2)}, Affine{Units: 4}, Softmax{}))
	require.NoError(t, err)
	ops.SetWorkers(1) // each has scratch of its own
	defer ops.SetWorkers(0)
	heap := func(config stepConfig) (bytes int64, s *Step) {
		before := heapInUse()
		s = testStep(t, m, config)
		_, err := s.Run(0)
		require.NoError(t, err)
		return int64(heapInUse()) - int64(before), s
	}
	shared, s := heap(stepConfig{})
	apart, other := heap(stepConfig{unshared: true})
	assert.InDelta(t, 4*(s.plan.separate-s.plan.size), apart-shared, 64<<10)
	runtime.KeepAlive(other)
}

// TestPlanMemory compares the planned memory with that of a step.
func TestPlanMemory(t *testing.T) {
	eachPlannedStep(t, func(t *testing.T, m *Model) {
		options := []Option{WithDtype(m.dtype)}
		if m.unfused {
			options = append(options, WithoutFusion())
		}
		uses, err := PlanMemory(m.spec, 3, options...)
		require.NoError(t, err)
		require.Len(t, uses, 2)
		s := testStep(t, m, stepConfig{})
		assert.Equal(t, MemoryUse{Work: "training step", Images: 3, ArenaBytes: int64(s.plan.arena.MemSize()),
			SeparateBytes: int64(s.plan.separate * int(m.dtype.Size()))}, uses[0])
		assert.Less(t, uses[1].ArenaBytes, uses[1].SeparateBytes)
	})
	_, err := PlanMemory(plannedNets()[0], 0)
	assert.EqualError(t, err, `model "fusible": batch: got 0, want 1 to 1048576`)
	untrained := Sequential("untrained", tensor.Shape{2}, He(), Tanh{})
	uses, err := PlanMemory(untrained, 100)
	require.NoError(t, err)
	assert.Equal(t, []MemoryUse{{Work: "prediction", Images: 64, ArenaBytes: 64 * 2 * 4, SeparateBytes: 64 * 2 * 4}},
		uses)
}

// TestMeasureScratch compares the memory of a step with the planned and measured memory.
func TestMeasureScratch(t *testing.T) {
	if os.Getenv("CONVGRAPH_TEST_ALONE") == "" { // what other tests left on the heap would be measured, too
		alone := exec.Command(os.Args[0], "-test.run", "^TestMeasureScratch$")
		alone.Env = append(os.Environ(), "CONVGRAPH_TEST_ALONE=1")
		said, err := alone.CombinedOutput()
		require.NoError(t, err, "%s", said)
		return
	}
	ops.SetWorkers(1)
	defer ops.SetWorkers(0)
	m, err := New(residualNet())
	require.NoError(t, err)
	_, err = testStep(t, m, stepConfig{}).Run(0) // what steps share is there from now on
	require.NoError(t, err)
	uses, err := PlanMemory(m.spec, 3)
	require.NoError(t, err)
	scratch, err := MeasureScratch(m.spec, 3)
	require.NoError(t, err)
	require.Positive(t, scratch)

	before := heapInUse()
	s := testStep(t, m, stepConfig{})
	_, err = s.Run(0)
	require.NoError(t, err)
	heap := int64(heapInUse()) - int64(before)
	batch := int64(4 * (s.x.Shape().TotalSize() + s.t.Shape().TotalSize()))
	assert.InEpsilon(t, heap, uses[0].ArenaBytes+scratch+batch, 0.05)
	runtime.KeepAlive(s)

	_, err = MeasureScratch(m.spec, 0)
	assert.ErrorContains(t, err, "batch: got 0")
	_, err = MeasureScratch(nil, 1)
	assert.Error(t, err)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestArrange places random buffers: no two overlap in memory and time, and the arena is rarely
// larger than the lower bound.
func TestArrange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &plan{}
		total := 0
		for range rapid.IntRange(1, 40).Draw(t, "buffers") {
			from := rapid.IntRange(0, 30).Draw(t, "from")
			b := &buffer{size: rapid.IntRange(1, 500).Draw(t, "size"), from: from,
				to: rapid.IntRange(from, 31).Draw(t, "to")}
			p.buffers = append(p.buffers, b)
			total += align(b.size)
		}
		p.arrange()
		for i, b := range p.buffers {
			require.LessOrEqual(t, b.offset+b.size, p.size)
			for _, other := range p.buffers[:i] {
				apart := b.to < other.from || other.to < b.from || b.offset+b.size <= other.offset ||
					other.offset+other.size <= b.offset
				require.True(t, apart, "%+v and %+v", b, other)
			}
		}
		require.GreaterOrEqual(t, p.size, p.leastSize())
		require.LessOrEqual(t, p.size, total)
	})
}

// leastSize is what is needed at once, at the worst moment: no plan of the same buffers does with
// less.
func (p *plan) leastSize() (least int) {
	for _, at := range p.buffers {
		needed := 0
		for _, b := range p.buffers {
			if b.from <= at.from && at.from <= b.to {
				needed += b.size
			}
		}
		least = max(least, needed)
	}
	return least
}

// TestPlanTakesTheFirstFreeOperand adds results, some of which are read later: the sum has the
// buffer of the first term that isn't.
func TestPlanTakesTheFirstFreeOperand(t *testing.T) {
	g := G.NewGraph()
	x := G.NodeFromAny(g, denseOf(tensor.Float64, tensor.Shape{2, 3}, []float64{-1, 2, -3, 4, 5, -6}), G.WithName("x"))
	a, b := G.Must(ops.ReLU(x)), G.Must(ops.Tanh(x))
	second := G.Must(ops.Add(a, b))        // a is read later, b isn't
	first := G.Must(ops.Add(second, a))    // both are free
	twice := G.Must(ops.Add(first, first)) // no sum may overwrite a term that it reads twice
	order := G.Nodes{a, b, second, first, twice}
	p := newPlan(order, G.Nodes{twice})
	require.Same(t, p.of[b].buffer, p.of[second].buffer)
	require.Same(t, p.of[b].buffer, p.of[first].buffer)
	require.NotSame(t, p.of[a].buffer, p.of[first].buffer)
	require.NotSame(t, p.of[first].buffer, p.of[twice].buffer)

	require.NoError(t, p.give(tensor.Float64))
	for _, poison := range poisons {
		got := runPoisoned(t, p, order, G.Nodes{twice}, poison)[0]
		for i, v := range float64s(x.Value().(*tensor.Dense)) {
			require.Equal(t, 2*(math.Max(v, 0)+math.Tanh(v)+math.Max(v, 0)), got[i])
		}
	}
}

// stock is a layer of gorgonia's own ops, which may return their operands or write into them.
type stock struct{ elementwise }

func (stock) Label() string { return "" }
func (stock) Lower(l *Lowering) (*G.Node, error) {
	return G.Tanh(l.X())
}

// TestPlanWithGorgoniasOps: the operands of gorgonia's ops don't share memory.
func TestPlanWithGorgoniasOps(t *testing.T) {
	m, err := New(Sequential("strange", tensor.Shape{1, 6, 6}, He(), Conv2D{Filters: 3, Kernel: Square(3)}, ReLU{},
		stock{}, Affine{Units: 5}, ReLU{}, stock{},
		Affine{Units: 3}, Softmax{}))
	require.NoError(t, err)
	shared, apart := testStep(t, m, stepConfig{}), testStep(t, m, stepConfig{unshared: true})
	strangers := 0
	order, err := tapeOrder(shared.net.graph.ExactSubgraphRoots(shared.net.outputs()...))
	require.NoError(t, err)
	for _, n := range order {
		if _, ours := ops.AliasingOf(n.Op()); ours {
			continue
		}
		require.NotContains(t, shared.plan.of, n)
		for _, c := range children(n) {
			require.NotContains(t, shared.plan.of, c, "%v reads %v", n, c)
			strangers++
		}
	}
	require.Greater(t, strangers, 2)
	for i := range 3 {
		for _, s := range []*Step{shared, apart} {
			_, err := s.Run(uint64(i))
			require.NoError(t, err)
		}
		require.Equal(t, results(t, apart), results(t, shared))
	}
}

// TestImagesAreLent: a prediction reads float32 images where they lie, unless another op than ours
// reads them or they are the result. It keeps none of them.
func TestImagesAreLent(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers []Part
		lent   bool
	}{
		{"ours", []Part{Flatten{}, Affine{Units: 3}}, true},
		{"stock", []Part{stock{}, Affine{Units: 3}}, false},
		{"branch", []Part{Branches(Concat{}, Serial(stock{}), Serial(ReLU{})), Affine{Units: 3}}, false},
		{"nothing", []Part{Dropout{Rate: 0.5}}, false},
	} {
		m, err := New(Sequential(c.name, tensor.Shape{1, 2, 3}, He(), c.layers...))
		require.NoError(t, err)
		p, err := m.newPredictor(predictorKind{batch: 2})
		require.NoError(t, err)
		require.Equal(t, c.lent, p.lent != nil, c.name)
		images := []float32{1, -2, 3, -4, 5, -6, 0.5, 0.25, 1, 2, 4, 8}
		require.NoError(t, p.runOn(images))
		got := append([]float32{}, p.program.value(p.net.logits).(*tensor.Dense).Float32s()...)
		want, err := m.Activations(tensor.New(tensor.WithShape(2, 1, 2, 3), tensor.WithBacking(slices.Clone(images))))
		require.NoError(t, err)
		require.Equal(t, want[len(want)-1].Value.Float32s(), got, c.name)
		require.Equal(t, []float32{1, -2, 3, -4, 5, -6, 0.5, 0.25, 1, 2, 4, 8}, images)
		if c.lent {
			require.Nil(t, p.lent.Values)
		}
	}
}

// joinedNets concatenate values that are read again, concatenations, a value twice, and the input.
func joinedNets() []*Spec {
	conv := func() Part { return Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)} }
	return []*Spec{
		manyReaders(),
		Sequential("nested", tensor.Shape{3, 6, 5}, He(),
			Branches(Concat{}, Serial(), Serial(conv(), ReLU{}), Serial(conv(), Tanh{})),
			Branches(Concat{}, Serial(), Serial(conv(), ReLU{}), Serial(Sigmoid{})),
			Branches(Concat{}, Serial(), Serial(), Serial(conv(), ReLU{}, conv(), Dropout{Rate: 0.5}, ReLU{})),
			Branches(Concat{}, Serial(Tanh{}), Serial(Tanh{})), Affine{Units: 3}, Softmax{}),
	}
}

// TestJoinedInPlace compares steps and predictions of one image, in which concatenations are joined
// in place, with those that copy, and poisons memory that is free.
func TestJoinedInPlace(t *testing.T) {
	for _, spec := range joinedNets() {
		for _, options := range [][]Option{nil, {WithoutFusion()}, {WithDtype(tensor.Float64)}} {
			m, err := New(spec, options...)
			require.NoError(t, err)
			s := filledStep(t, m, 1, stepConfig{inputGradient: true})
			order, err := tapeOrder(s.net.graph.ExactSubgraphRoots(s.net.outputs()...))
			require.NoError(t, err)
			requireJoined(t, m, order, append(s.net.outputs(), s.net.logits))

			p, err := m.newPredictor(predictorKind{batch: 1})
			require.NoError(t, err)
			copyValues(p.x, 0, s.x, 0, s.x.Shape().TotalSize())
			requireJoined(t, m, p.program.order(), G.Nodes{p.net.logits, p.net.output()})
		}
	}
}

func requireJoined(t *testing.T, m *Model, order, outputs G.Nodes) {
	t.Helper()
	var want [][]float64
	for _, join := range []bool{false, true} {
		p := planWith(order, outputs, join)
		require.NoError(t, p.give(m.dtype))
		for _, poison := range poisons {
			got := runPoisoned(t, p, order, outputs, poison)
			if want == nil {
				want = got
			}
			require.Equal(t, want, got, "%s, joined %v", m.spec.Name, join)
		}
		joined := 0
		for _, n := range order {
			for _, c := range children(n) {
				if isJoined(n) && p.of[n].buffer == p.of[c].buffer {
					joined++
				}
			}
		}
		assert.Equal(t, join, joined > 3, "%s: %d operands in place", m.spec.Name, joined)
	}
}

// TestJoinsDontEnlargeTheArena: the first value is needed long before the others are made, and its
// place in the concatenation would keep all of it.
func TestJoinsDontEnlargeTheArena(t *testing.T) {
	wide := func(filters int) Part { return Conv2D{Filters: filters, Kernel: Square(3), Pad: Square(1)} }
	for _, c := range []struct {
		long   Part
		joined bool
	}{{Serial(wide(40), wide(40), wide(40), wide(64)), false}, {wide(64), true}} {
		m, err := New(Sequential("skip", tensor.Shape{1, 8, 8}, He(), wide(2),
			Branches(Concat{}, Serial(), Serial(c.long)), Affine{Units: 3}, Softmax{}))
		require.NoError(t, err)
		p, err := m.newPredictor(predictorKind{batch: 1})
		require.NoError(t, err)
		order := p.program.order()
		chosen := p.net.planPrediction(p.program)
		for _, n := range order {
			if isJoined(n) {
				assert.Equal(t, c.joined, chosen.of[n].buffer == chosen.of[children(n)[0]].buffer)
			}
		}
		apart := planWith(order, G.Nodes{p.net.logits, p.net.output()}, false)
		assert.LessOrEqual(t, chosen.size, apart.size)
	}
}

package solver_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/train/solver"
)

// array is a NumPy array in the traces.
type array struct {
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"`
}

// readJSON reads a gzipped JSON file of testdata.
func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(into))
}

// param is a parameter whose gradient the test sets.
type param struct {
	name        string
	value, grad *tensor.Dense
}

func (p *param) Name() string           { return p.name }
func (p *param) Value() G.Value         { return p.value }
func (p *param) Grad() (G.Value, error) { return p.grad, nil }

func newParam(name string, a array) *param {
	return &param{name, dense(a), tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(a.Shape...))}
}

func dense(a array) *tensor.Dense {
	return tensor.New(tensor.WithShape(a.Shape...), tensor.WithBacking(append([]float64(nil), a.Data...)))
}

type model []*param

func (m model) valueGrads() []G.ValueGrad {
	v := make([]G.ValueGrad, len(m))
	for i, p := range m {
		v[i] = p
	}
	return v
}

// replay makes one step for each gradient and compares all values after each.
func replay(t *testing.T, s solver.Solver, m model, gradients, after []map[string]array) {
	t.Helper()
	require.Len(t, after, len(gradients))
	for step := range gradients {
		for _, p := range m {
			copy(p.grad.Float64s(), gradients[step][p.name].Data)
		}
		require.NoError(t, s.Step(m.valueGrads()))
		for _, p := range m {
			for i, want := range after[step][p.name].Data {
				require.InDelta(t, want, p.value.Float64s()[i], 1e-12, "step %d, %s[%d]", step+1, p.name, i)
			}
		}
	}
}

// The traces come from the book's own NumPy classes.
func TestBookTraces(t *testing.T) {
	var traces struct {
		Initial map[string]array
		Grads   []map[string]array
		Runs    map[string]struct {
			Optimizer string
			Kwargs    map[string]float64
			After     []map[string]array
		}
	}
	readJSON(t, "optimizers.json.gz", &traces)
	require.Len(t, traces.Runs, 12)
	for name, run := range traces.Runs {
		t.Run(name, func(t *testing.T) {
			k := run.Kwargs
			s, err := solver.New(run.Optimizer, solver.Config{
				LR: k["lr"], Momentum: k["momentum"], Decay: k["decay_rate"], Beta1: k["beta1"], Beta2: k["beta2"],
			})
			require.NoError(t, err)
			require.Len(t, run.After, 30)
			replay(
				t, s, model{newParam("W", traces.Initial["W"]), newParam("b", traces.Initial["b"])}, traces.Grads,
				run.After,
			)
		})
	}
}

type torchTraces struct {
	Shapes    map[string][]int
	Initial   map[string][]float64
	Gradients []map[string][]float64
	Runs      []struct {
		Optimizer string
		Config    solver.Config
		After     []map[string][]float64
	}
	StepDecay []float64 `json:"step_decay"`
	Cosine    []float64
	Plateau   struct{ Measures, Rates []float64 }
}

func arrays(flat []map[string][]float64) []map[string]array {
	steps := make([]map[string]array, len(flat))
	for i, step := range flat {
		steps[i] = map[string]array{}
		for name, data := range step {
			steps[i][name] = array{Data: data}
		}
	}
	return steps
}

// The traces come from testdata/torch_traces.py.
func TestPyTorchTraces(t *testing.T) {
	var traces torchTraces
	readJSON(t, "torch.json.gz", &traces)
	require.Len(t, traces.Runs, 10)
	for i, run := range traces.Runs {
		t.Run(fmt.Sprint(i, " ", run.Optimizer), func(t *testing.T) {
			s, err := solver.New(run.Optimizer, run.Config)
			require.NoError(t, err)
			var m model
			for name, shape := range traces.Shapes {
				m = append(m, newParam(name, array{shape, traces.Initial[name]}))
			}
			replay(t, s, m, arrays(traces.Gradients), arrays(run.After))
		})
	}
}

func TestSchedulesMatchPyTorch(t *testing.T) {
	var traces torchTraces
	readJSON(t, "torch.json.gz", &traces)
	for _, c := range []struct {
		schedule solver.Schedule
		want     []float64
	}{
		{solver.StepDecay{LR: 0.5, Every: 7, Factor: 0.3}, traces.StepDecay},
		{solver.Cosine{LR: 0.5, Final: 0.01, Steps: 20}, traces.Cosine},
	} {
		name := strings.TrimPrefix(fmt.Sprintf("%T", c.schedule), "solver.")
		require.NotEmpty(t, c.want, name)
		for step, want := range c.want {
			require.InDelta(t, want, c.schedule.At(step), 1e-14, "%s at step %d", name, step)
		}
	}

	p := solver.NewPlateau(0.5)
	p.Factor, p.Patience, p.Floor = 0.5, 2, 0.1
	for i, want := range traces.Plateau.Rates {
		require.InDelta(t, want, p.At(i), 1e-15, "plateau after %d measures", i)
		require.NoError(t, p.Observe(traces.Plateau.Measures[i]))
	}
	require.Equal(t, 0.1, p.LR, "the trace reaches the floor")
}

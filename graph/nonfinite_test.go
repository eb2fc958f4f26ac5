package graph_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// TestFirstNonFinite inserts bad numbers and checks that their origin is named, not their
// consequences.
func TestFirstNonFinite(t *testing.T) {
	run := func(spoil func(m *graph.Model, s *graph.Step)) string {
		m, err := graph.New(graph.Sequential("tiny", tensor.Shape{1, 6, 6}, graph.He(),
			graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}, graph.ReLU{}, graph.Affine{Units: 3}, graph.Softmax{}))
		require.NoError(t, err)
		s, err := m.NewStep(2)
		require.NoError(t, err)
		defer s.Close()
		for i := range 2 {
			s.Targets().Float32s()[3*i] = 1
		}
		for i := range s.Images().Float32s() {
			s.Images().Float32s()[i] = float32(i%7) - 3
		}
		spoil(m, s)
		_, err = s.Run(0)
		require.NoError(t, err)
		found, err := s.FirstNonFinite()
		require.NoError(t, err)
		return found
	}
	nan, huge := float32(math.NaN()), float32(3e38)

	assert.Empty(t, run(func(*graph.Model, *graph.Step) {}))
	assert.Equal(t, `input "x"`, run(func(_ *graph.Model, s *graph.Step) { s.Images().Float32s()[5] = nan }))
	assert.Equal(t, `parameter "fc1.bias"`, run(func(m *graph.Model, _ *graph.Step) {
		m.Params()[3].Value.Float32s()[1] = nan
	}))
	assert.Equal(t, `Conv2D of layer "conv1"`, run(func(m *graph.Model, _ *graph.Step) {
		for i := range m.Params()[0].Value.Float32s() {
			m.Params()[0].Value.Float32s()[i] = huge
		}
	}))
}

// TestCheckFinite checks that the parameter and the index of its first bad number are named.
func TestCheckFinite(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		m, err := graph.New(graph.Sequential("tiny", tensor.Shape{1, 6, 6}, graph.He(),
			graph.Conv2D{Filters: 2, Kernel: graph.Square(3)}, graph.BatchNorm{}, graph.Affine{Units: 3}),
			graph.WithDtype(dt))
		require.NoError(t, err)
		require.NoError(t, m.CheckFinite())
		for parameter, bad := range map[string]float64{"conv1.weight": math.NaN(), "bn1.running_var": math.Inf(1),
			"fc1.bias": math.Inf(-1)} {
			p, err := m.Param(parameter)
			require.NoError(t, err, parameter)
			last := p.Shape().TotalSize() - 1
			was, err := p.At(lastPlace(p.Shape())...)
			require.NoError(t, err)
			setElement(p, last, bad)
			assert.ErrorContains(t, m.CheckFinite(),
				fmt.Sprintf(`model "tiny": parameter %q: got %v at %v, want finite numbers`, parameter, bad,
					lastPlace(p.Shape())))
			if dt == tensor.Float64 {
				p.Float64s()[last] = was.(float64)
			} else {
				p.Float32s()[last] = was.(float32)
			}
		}
		require.NoError(t, m.CheckFinite())
	}
}

// lastPlace is the place of the last element.
func lastPlace(shape tensor.Shape) (place []int) {
	for _, n := range shape {
		place = append(place, n-1)
	}
	return place
}

func setElement(d *tensor.Dense, i int, v float64) {
	if d.Dtype() == tensor.Float64 {
		d.Float64s()[i] = v
		return
	}
	d.Float32s()[i] = float32(v)
}

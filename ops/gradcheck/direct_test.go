package gradcheck

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestDirectIsTheMachines: an expression with shared and repeated operands, and its gradients, are
// computed directly after the first run, and follow their inputs. One whose first direct result
// differs stays with the machine.
func TestDirectIsTheMachines(t *testing.T) {
	build := func(_ *G.ExprGraph, in []*G.Node) (*G.Node, error) {
		difference := G.Must(G.Sub(in[0], in[1])) // the order matters
		return G.Sum(G.Must(G.HadamardProd(difference, difference)))
	}
	x := tensor.New(tensor.WithBacking([]float64{3, 5}))
	y := tensor.New(tensor.WithBacking([]float64{1, 2}))
	e, err := assemble([]Input{{"x", x}, {"y", y}}, build, func(e *expression, y *G.Node, nodes G.Nodes) error {
		return e.differentiate(y, nodes, direction(1))
	})
	require.NoError(t, err)
	for _, want := range []struct{ x0, loss, gradient float64 }{{3, 13, 4}, {4, 18, 6}, {1, 9, 0}} {
		e.inputs[0].Value.Float64s()[0] = want.x0
		loss, err := e.loss()
		require.NoError(t, err)
		assert.Equal(t, want.loss, loss)
		gradients, err := e.allGradients()
		require.NoError(t, err)
		assert.Equal(t, []float64{want.gradient, 6}, gradients[0].Float64s())
		assert.Equal(t, []float64{-want.gradient, -6}, gradients[1].Float64s())
		for _, o := range append(e.gradients, e.value) {
			assert.True(t, o.direct.same)
		}
	}

	e.value.direct.compared, e.value.direct.same = false, false
	last := &e.value.direct.steps[len(e.value.direct.steps)-1]
	last.operands = []int{0} // the sum of x: a wrong result
	for range 2 {
		loss, err := e.loss()
		require.NoError(t, err)
		assert.Equal(t, 9., loss)
		assert.False(t, e.value.direct.same)
	}
}

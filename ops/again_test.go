package ops_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A value that is needed again much later can be computed again instead of being stored.
func ExampleAgain() {
	g := G.NewGraph()
	x := G.NewVector(g, tensor.Float32, G.WithShape(3), G.WithName("x"),
		G.WithValue(tensor.New(tensor.WithBacking([]float32{-1, 0, 2}))))
	first, _ := ops.ReLU(x)
	between, _ := ops.Scale(first, 10)
	again, _ := ops.Again(first, G.Nodes{x}, between) // not before between is there
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(again.Value().Data(), between.Value().Data())
	// Output: [0 0 2] [0 0 20]
}

func TestAgainHasNoGradientAndRefusesOthers(t *testing.T) {
	g := G.NewGraph()
	x := G.NewVector(g, tensor.Float64, G.WithShape(3), G.WithName("x"))
	y, err := ops.Sigmoid(x)
	require.NoError(t, err)
	again, err := ops.Again(y, G.Nodes{x}, y)
	require.NoError(t, err)
	op, ours := ops.Describe(again.Op())
	require.True(t, ours)
	first, _ := ops.Describe(y.Op())
	assert.Equal(t, first.ID, op.Repeats)
	assert.Zero(t, first.Repeats)
	memory, _ := ops.AliasingOf(again.Op())
	assert.Equal(t, 1, memory.Reads, "what it comes after isn't read")
	assert.Equal(t, []bool{false, false}, again.Op().(G.SDOp).DiffWRT(2))

	_, err = ops.Again(y, nil, y)
	assert.ErrorContains(t, err, "Again: Sigmoid: got 0 inputs, want 1")
	_, err = ops.Again(G.Must(G.Neg(x)), G.Nodes{x}, y)
	assert.ErrorContains(t, err, ", want a forward op of this package")
	_, err = ops.Again(x, G.Nodes{x}, y)
	assert.ErrorContains(t, err, ", want a forward op of this package")
}

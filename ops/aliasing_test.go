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

// TestInPlace runs every op in the memory of each operand that it may overwrite: the bits must be
// those of a result in separate memory. Operands that the op doesn't read are cleared first.
func TestInPlace(t *testing.T) {
	tried := map[string]int{}
	for _, c := range allCases() {
		for _, dt := range []tensor.Dtype{tensor.Float64, tensor.Float32} {
			for _, n := range c.differentiated(t, dt) {
				memory, ours := ops.AliasingOf(n.Op())
				if !ours {
					continue
				}
				for _, operand := range memory.InPlace {
					tried[fmt.Sprint(n.Op())]++
					requireInPlace(t, c.name, n, memory.Reads, operand)
				}
			}
		}
	}
	for _, name := range []string{"ReLU", "dReLU", "dConvReLU2D(stride 1)", "Dropout(rate 0.5)", "dDropout(rate 0.5)",
		"Flatten", "dFlatten", "dSigmoid", "Add", "dAdd", "Multiply", "dMultiply",
		"BatchNorm(eps 0.1)", "dBatchNorm(eps 0.1)", "FrozenBatchNorm(eps 0.1)", "dFrozenBatchNorm(eps 0.1)",
		"BatchNormReLU(eps 0.1)", "dBatchNormReLU(eps 0.1)", "BatchNormAddReLU(eps 0.1)", "dBatchNormAddReLU(eps 0.1)",
		"dConvClip2D(stride 1, low -0.25, high 0.5)",
		"BatchNormClip(eps 0.1, low -0.25, high 0.5)", "dBatchNormClip(eps 0.1, low -0.25, high 0.5)",
		"FrozenBatchNormClip(eps 0.1, low -0.25, high 0.5)", "dGroupNorm(groups 1, eps 0.1)",
		"LayerNorm(eps 0.1)", "dLayerNorm(eps 0.1)"} {
		assert.NotZero(t, tried[name], name)
	}
}

// differentiated returns the case's graph with its gradients, after a run in which every op had its
// own memory.
func (c opCase) differentiated(t *testing.T, dt tensor.Dtype) G.Nodes {
	g := G.NewGraph()
	var inputs []*G.Node
	for _, in := range c.named(dt) {
		inputs = append(inputs, G.NodeFromAny(g, in.Value, G.WithName(in.Name)))
	}
	y, err := c.build(g, inputs)
	require.NoError(t, err)
	if !y.IsScalar() {
		y = G.Must(G.Sum(G.Must(G.Square(y))))
	}
	_, err = G.Grad(y, inputs...)
	require.NoError(t, err)
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	require.NoError(t, machine.RunAll())
	return g.AllNodes()
}

func requireInPlace(t *testing.T, name string, n *G.Node, reads, operand int) {
	t.Helper()
	var operands []G.Value
	from := n.Graph().From(n.ID())
	for from.Next() {
		v, err := G.CloneValue(from.Node().(*G.Node).Value())
		require.NoError(t, err)
		operands = append(operands, v)
	}
	elsewhere, err := n.Op().Do(operands...)
	require.NoError(t, err)
	want := arrayOf(t, elsewhere)
	want.data = append([]float64(nil), want.data...)
	for i, v := range operands {
		if d, ok := v.(*tensor.Dense); ok && i >= reads {
			d.Zero()
		}
	}
	require.NoError(t, ops.SetBuffer(n.Op(), operands[operand].(*tensor.Dense)))
	there, err := n.Op().Do(operands...)
	require.NoError(t, err)
	require.Equal(t, want, arrayOf(t, there), "%s: %v", name, n.Op())
	require.Same(t, data(operands[operand]), data(there), "%s: %v", name, n.Op())
}

// data returns the address of a tensor's first element.
func data(v G.Value) any {
	d := v.(*tensor.Dense)
	if d.Dtype() == tensor.Float64 {
		return &d.Float64s()[0]
	}
	return &d.Float32s()[0]
}

func TestSetBufferRefuses(t *testing.T) {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{2, 3}, 1, 2, 3, 4, 5, 6)
	y := G.Must(ops.ReLU(x))
	of := func(dt tensor.Dtype, shape ...int) *tensor.Dense {
		return tensor.New(tensor.Of(dt), tensor.WithShape(shape...))
	}
	assert.NoError(t, ops.SetBuffer(y.Op(), of(tensor.Float64, 6)))
	assert.EqualError(t, ops.SetBuffer(y.Op(), of(tensor.Float32, 6)), "ReLU: buffer: value: got float32, want float64")
	assert.EqualError(t, ops.SetBuffer(y.Op(), of(tensor.Float64, 7)), "ReLU: buffer: got 7 elements, want (2, 3)")
	assert.EqualError(t, ops.SetBuffer(y.Op(), nil), "ReLU: buffer: value: got nil, want a dense tensor")
	column, err := of(tensor.Float64, 6, 2).Slice(nil, G.S(0))
	require.NoError(t, err)
	assert.ErrorContains(t, ops.SetBuffer(y.Op(), column.(*tensor.Dense)),
		"ReLU: buffer: got a view or column-major memory, want contiguous row-major memory")
	loss := G.Must(ops.SoftmaxCrossEntropy(x, node(g, "t", tensor.Shape{2}, 0, 1)))
	assert.ErrorContains(t, ops.SetBuffer(loss.Op(), of(tensor.Float64, 1)), "want ()")
	square := G.Must(G.Square(x))
	assert.ErrorContains(t, ops.SetBuffer(square.Op(), of(tensor.Float64, 6)),
		"to write to it, want an op of this package")
	_, ours := ops.AliasingOf(square.Op())
	assert.False(t, ours)
}

// Two rectifiers, one after the other, work in the same memory.
func ExampleSetBuffer() {
	g := G.NewGraph()
	x := node(g, "x", tensor.Shape{3}, -1, 0, 2)
	y := G.Must(ops.ReLU(x))
	z := G.Must(ops.ReLU(y))
	memory := tensor.New(tensor.Of(tensor.Float64), tensor.WithShape(3))
	for _, n := range []*G.Node{y, z} {
		if err := ops.SetBuffer(n.Op(), memory); err != nil {
			panic(err)
		}
	}
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		panic(err)
	}
	fmt.Println(memory.Data())
	// Output: [0 0 2]
}

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

// TestOpsReadWhatTheyDeclare changes each operand of every op, of its gradients and of the ops of
// their gradients. A result must depend on each operand that the op reads, in one of the cases, and
// on no other. A gradient gets no operand that it doesn't declare.
func TestOpsReadWhatTheyDeclare(t *testing.T) {
	depends := map[string]bool{} // by op, number of operands and operand
	for _, c := range append(allCases(), secondCases()...) {
		if c.single {
			continue
		}
		for _, n := range c.twiceDifferentiated(t) {
			memory, ours := ops.AliasingOf(n.Op())
			if !ours {
				continue
			}
			info, _ := ops.Describe(n.Op())
			operands := operandsOf(t, n)
			for i := range operands {
				changes := dependsOn(t, n.Op(), operands, i)
				if i >= memory.Reads {
					require.False(t, changes, "%s: %v reads operand %d of %d", c.name, n.Op(), i, len(operands))
					continue
				}
				key := fmt.Sprintf("%s of %d operands: operand %d", info.Name, len(operands), i)
				depends[key] = depends[key] || changes
			}
		}
	}
	for key, changes := range depends {
		assert.True(t, changes, key)
	}
	require.Greater(t, len(depends), 300)
}

// twiceDifferentiated returns the case's graph with its gradients and theirs, after a run.
func (c opCase) twiceDifferentiated(t *testing.T) G.Nodes {
	g := G.NewGraph()
	var inputs G.Nodes
	for _, in := range c.named(tensor.Float64) {
		inputs = append(inputs, G.NodeFromAny(g, in.Value, G.WithName(in.Name)))
	}
	y := G.Must(c.build(g, inputs))
	grads, err := G.Grad(G.Must(ops.Dot(y, y)), inputs...)
	require.NoError(t, err)
	for _, d := range grads {
		if info, _ := ops.Describe(y.Op()); info.Name == "ConvReLUPool2D" {
			break // it has no second derivatives
		}
		_, err := G.Grad(G.Must(ops.Dot(d, d)), inputs...)
		require.NoError(t, err)
	}
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	require.NoError(t, machine.RunAll(), c.name)
	return g.AllNodes()
}

func operandsOf(t *testing.T, n *G.Node) (operands []G.Value) {
	from := n.Graph().From(n.ID())
	for from.Next() {
		v, err := G.CloneValue(from.Node().(*G.Node).Value())
		require.NoError(t, err)
		operands = append(operands, v)
	}
	return operands
}

// dependsOn reports whether another value of an operand changes the op's result, or is refused.
func dependsOn(t *testing.T, op G.Op, operands []G.Value, operand int) bool {
	run := func() ([]float64, error) {
		v, err := op.Do(operands...)
		if err != nil {
			return nil, err
		}
		return append([]float64(nil), arrayOf(t, v).data...), nil
	}
	right := operands[operand]
	defer func() {
		operands[operand] = right
		_, err := run() // what the op stored for others is right again
		require.NoError(t, err)
	}()
	want, err := run()
	require.NoError(t, err)
	for _, change := range []func(v float64) float64{
		func(v float64) float64 { return 0.4 - 2*v },
		func(v float64) float64 { return 0.1 + v/3 },
		func(v float64) float64 { return 1 - v },
	} {
		operands[operand] = changed(t, right, change)
		if got, err := run(); err != nil || !assert.ObjectsAreEqual(want, got) {
			return true
		}
	}
	return false
}

func changed(t *testing.T, v G.Value, by func(v float64) float64) G.Value {
	v, err := G.CloneValue(v)
	require.NoError(t, err)
	switch v := v.(type) {
	case *tensor.Dense:
		for i, x := range v.Float64s() {
			v.Float64s()[i] = by(x)
		}
	case *G.F64:
		*v = G.F64(by(float64(*v)))
	default:
		t.Fatalf("value is a %T", v)
	}
	return v
}

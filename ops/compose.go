package ops

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// bent adds an op without declared gradients: they would be third derivatives of a function.
func bent[T kernel.Float](
	name string, output tensor.Shape, compute func(in [][]T, out []T), inputs ...*G.Node,
) (*G.Node, error) {
	return bentAfter(name, output, compute, nil, inputs...)
}

// bentAfter is bent with further inputs that aren't read; they only have to be computed before.
func bentAfter[T kernel.Float](
	name string, output tensor.Shape, compute func(in [][]T, out []T), after G.Nodes, inputs ...*G.Node,
) (*G.Node, error) {
	vjps := make([]vjp[T], len(inputs)+len(after))
	for i := range vjps {
		vjps[i].undeclared = true
	}
	r := rule[T]{output: output, after: len(after), forward: compute, vjps: vjps}
	return applyRule(name, r, append(inputs, after...))
}

// A composer adds ops to a graph. It keeps the first error; nodes after that are nil.
type composer struct{ err error }

func (c *composer) node(n *G.Node, err error) *G.Node {
	if c.err == nil {
		c.err = err
	}
	if c.err != nil {
		return nil
	}
	return n
}

func (c *composer) multiply(a, b *G.Node) *G.Node           { return c.node(Multiply(a, b)) }
func (c *composer) divide(a, b *G.Node) *G.Node             { return c.node(Divide(a, b)) }
func (c *composer) scale(x *G.Node, factor float64) *G.Node { return c.node(Scale(x, factor)) }

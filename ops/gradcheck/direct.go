package gradcheck

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// direct computes a node op by op, without a machine: for each run, gorgonia's tape machine starts
// a goroutine and changes threads twice, which takes far longer than the small ops of a check.
// Every op allocates its result, so none can overwrite another's.
type direct struct {
	steps  []directStep // the last one is the node's
	values []G.Value    // of the steps
	args   []G.Value

	compared, same bool // with the machine's result, and to the bit
}

// directStep is a node and the steps that compute its operands. An input has no op.
type directStep struct {
	node     *G.Node
	operands []int
}

func newDirect(n *G.Node) *direct {
	d := &direct{}
	d.add(n, map[*G.Node]int{})
	d.values = make([]G.Value, len(d.steps))
	return d
}

// add appends the steps of a node, its operands' first, and returns its index.
func (d *direct) add(n *G.Node, added map[*G.Node]int) int {
	if at, ok := added[n]; ok {
		return at
	}
	step := directStep{node: n}
	if n.Op() != nil {
		for from := n.Graph().From(n.ID()); from.Next(); {
			step.operands = append(step.operands, d.add(from.Node().(*G.Node), added))
		}
	}
	d.steps = append(d.steps, step)
	added[n] = len(d.steps) - 1
	return added[n]
}

func (d *direct) run() (values, error) {
	for i, step := range d.steps {
		if step.node.Op() == nil {
			d.values[i] = step.node.Value()
			continue
		}
		d.args = d.args[:0]
		for _, at := range step.operands {
			d.args = append(d.args, d.values[at])
		}
		var err error
		if d.values[i], err = step.node.Op().Do(d.args...); err != nil {
			return values{}, fmt.Errorf("%v: %w", step.node, err)
		}
	}
	last := len(d.steps) - 1
	v, err := copyOf(d.values[last])
	if err != nil {
		return values{}, fmt.Errorf("%v: %w", d.steps[last].node, err)
	}
	return v, nil
}

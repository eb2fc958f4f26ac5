package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// A program runs the forward pass of a graph: each op once, in order, on values in numbered slots.
// The tape machine does the same with tens of microseconds and some allocations of overhead in each
// run. Training doesn't notice them; predicting one image does.
type program struct {
	steps  []instruction
	slots  map[*G.Node]int
	values []G.Value
}

type instruction struct {
	node   *G.Node
	inputs []int
	args   []G.Value
	output int
}

// newProgram orders the ops that the outputs need. The inputs have the values that their nodes hold
// now.
func newProgram(outputs ...*G.Node) *program {
	p := &program{slots: map[*G.Node]int{}}
	for _, n := range outputs {
		p.add(n)
	}
	return p
}

func (p *program) add(n *G.Node) int {
	if slot, done := p.slots[n]; done {
		return slot
	}
	var inputs []int
	for _, c := range children(n) {
		inputs = append(inputs, p.add(c))
	}
	slot := len(p.values)
	p.slots[n] = slot
	p.values = append(p.values, n.Value())
	if n.Op() != nil {
		args := make([]G.Value, len(inputs))
		p.steps = append(p.steps, instruction{node: n, inputs: inputs, args: args, output: slot})
	}
	return slot
}

// order returns the nodes of the ops in the order in which they run.
func (p *program) order() (nodes G.Nodes) {
	for _, s := range p.steps {
		nodes = append(nodes, s.node)
	}
	return nodes
}

// run computes every value from the current values of the inputs.
func (p *program) run() error {
	for i := range p.steps {
		if err := p.step(&p.steps[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) step(s *instruction) error {
	for j, in := range s.inputs {
		s.args[j] = p.values[in]
	}
	v, err := s.node.Op().Do(s.args...)
	if err != nil {
		return fmt.Errorf("%s: %w", s.node.Name(), err)
	}
	p.values[s.output] = v
	return nil
}

func (p *program) value(n *G.Node) G.Value { return p.values[p.slots[n]] }

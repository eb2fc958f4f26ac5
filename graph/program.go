package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// program runs the forward half of a graph: each op once, in order, on values in numbered places. The tape machine does the same, but
// costs tens of microseconds and some allocations a run, which training doesn't notice and the prediction of one image does.
type program struct {
	steps  []instruction
	places map[*G.Node]int
	values []G.Value
}

type instruction struct {
	node   *G.Node
	inputs []int
	args   []G.Value
	output int
}

// newProgram orders the ops that the outputs need. The inputs' values are those the nodes hold now.
func newProgram(outputs ...*G.Node) *program {
	p := &program{places: map[*G.Node]int{}}
	for _, n := range outputs {
		p.add(n)
	}
	return p
}

func (p *program) add(n *G.Node) int {
	if place, done := p.places[n]; done {
		return place
	}
	var inputs []int
	for _, c := range children(n) {
		inputs = append(inputs, p.add(c))
	}
	place := len(p.values)
	p.places[n] = place
	p.values = append(p.values, n.Value())
	if n.Op() != nil {
		p.steps = append(p.steps, instruction{node: n, inputs: inputs, args: make([]G.Value, len(inputs)), output: place})
	}
	return place
}

// order is the nodes of the ops as they run.
func (p *program) order() (nodes G.Nodes) {
	for _, s := range p.steps {
		nodes = append(nodes, s.node)
	}
	return nodes
}

// run computes every value, with those of the inputs as they are.
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

func (p *program) value(n *G.Node) G.Value { return p.values[p.places[n]] }

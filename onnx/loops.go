package onnx

import (
	"fmt"
	"slices"

	"convgraph/onnx/schema"
)

// An If and a Loop that are controlled by constants are replaced by the nodes of their graphs.

// branch inlines the taken branch of an If.
func (im *importer) branch(c *call) error {
	condition, err := c.constant(0)
	if err != nil {
		return fmt.Errorf("its condition depends on the images: %w", err)
	}
	yes, err := im.truth(condition)
	if err != nil {
		return err
	}
	then, _ := c.attributes.take("then_branch", schema.Subgraph)
	otherwise, _ := c.attributes.take("else_branch", schema.Subgraph)
	inner, name := otherwise.Graph, "else_branch"
	if yes {
		inner, name = then.Graph, "then_branch"
	}
	if inner == nil || len(inner.Outputs) != len(c.node.Outputs) {
		return fmt.Errorf("%s has no graph with %d outputs", name, len(c.node.Outputs))
	}
	if err := im.body(inner); err != nil {
		return err
	}
	for i, v := range inner.Outputs {
		if err := im.give(c.output(i), im.operand(v.Name), v.Name); err != nil {
			return err
		}
	}
	return nil
}

// truth returns a constant boolean.
func (im *importer) truth(c *constant) (bool, error) {
	list, err := im.fixedInts(c)
	if err != nil {
		return false, err
	}
	if len(list) != 1 {
		return false, fmt.Errorf("its condition: got shape %v, want one truth value", c.dims)
	}
	return list[0] != 0, nil
}

// body takes a subgraph's constants and nodes.
func (im *importer) body(g *schema.Graph) error {
	for i := range g.Initializers {
		stored, err := im.stored(&g.Initializers[i])
		if err != nil {
			return err
		}
		if im.exists(stored.name) {
			return fmt.Errorf("two constants are called %q", stored.name)
		}
		im.constants[stored.name] = stored
	}
	for i := range g.Nodes {
		if err := im.inside(1); err != nil {
			return err
		}
		if err := im.take(&g.Nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

// inside counts nodes of branches and loops, and elements of sequences.
func (im *importer) inside(n int) error {
	if im.inner += n; im.inner > maxInner {
		return fmt.Errorf("got more than %d nodes in branches, loops and sequences", maxInner)
	}
	return nil
}

// operand returns what a name refers to.
func (im *importer) operand(name string) operand {
	return operand{im.constants[name], im.values[name], im.sequences[name]}
}

// give makes a name refer to what another one refers to.
func (im *importer) give(name string, o operand, inner string) error {
	switch {
	case name == "":
	case o.constant != nil:
		im.constants[name] = o.constant
	case o.sequence != nil:
		im.sequences[name] = o.sequence
	case o.value != nil:
		v := *o.value
		v.single = v.single && im.uses[name] == 1 && im.uses[inner] == 1
		im.values[name] = &v
	default:
		return fmt.Errorf("no node makes its output %q", inner)
	}
	return nil
}

// loop inlines a Loop's body as often as it runs. Values are carried from iteration to iteration;
// lists of results are supported if they are constant.
func (im *importer) loop(c *call) error {
	times, err := c.trips()
	if err != nil {
		return err
	}
	attribute, _ := c.attributes.take("body", schema.Subgraph)
	g := attribute.Graph
	carried := len(c.inputs) - 2
	if g == nil || carried < 0 || len(g.Inputs) != 2+carried || len(g.Outputs) < 1+carried ||
		len(c.node.Outputs) > len(g.Outputs)-1 {
		return fmt.Errorf("its body doesn't have %d inputs and outputs", carried)
	}
	for _, v := range im.values { // the body may read it again and again
		v.single = false
	}
	state := slices.Clone(c.inputs[2:])
	lists := make([][]operand, len(g.Outputs)-1-carried)
	for i := 0; times < 0 || i < times; i++ {
		out, again, err := im.iteration(c, g, i, state)
		if err != nil {
			return fmt.Errorf("in round %d: %w", i, err)
		}
		state = out[:carried]
		for k := range lists {
			lists[k] = append(lists[k], out[carried+k])
		}
		if !again {
			break
		}
	}
	for i := range c.node.Outputs {
		if i < carried {
			if err := im.give(c.output(i), state[i], ""); err != nil {
				return err
			}
			continue
		}
		stacked, err := im.stacked(lists[i-carried], 0, true)
		if err != nil {
			return fmt.Errorf("its output %d: %w", i, err)
		}
		if err := im.give(c.output(i), stacked, ""); err != nil {
			return err
		}
	}
	return nil
}

// trips returns how often a loop runs at most, or -1 for as long as its condition holds.
func (c *call) trips() (int, error) {
	times := -1
	if limit, err := c.optional(0); err != nil {
		return 0, err
	} else if limit != nil {
		list, err := c.im.fixedInts(limit)
		if err != nil {
			return 0, err
		}
		if len(list) != 1 || list[0] < 0 || list[0] > maxInner {
			return 0, fmt.Errorf("got %v iterations, want one number from 0 to %d", list, maxInner)
		}
		times = int(list[0])
	}
	start, err := c.optional(1)
	if err != nil || start == nil {
		return times, err
	}
	if goes, err := c.im.truth(start); err != nil || goes {
		return times, err
	}
	return 0, nil
}

// iteration inlines a loop's body once, with its own names. It returns the body's outputs, and
// whether another iteration follows.
func (im *importer) iteration(c *call, g *schema.Graph, i int, state []operand) (out []operand, again bool, err error) {
	names := 0
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			names += len(name)
		}
	}
	if err := im.inside(1 + len(g.Inputs) + len(g.Initializers) + names/256); err != nil {
		return nil, false, err
	}
	im.rounds++
	r := renaming{names: map[string]string{}}
	own := func(name string) string {
		r.names[name] = fmt.Sprintf("loop#%d/%s", im.rounds, name)
		return r.names[name]
	}
	for _, t := range g.Initializers {
		own(t.Name)
	}
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			if name != "" {
				own(name)
			}
		}
	}
	one := []number{{fixed: int64(i)}}
	im.constants[own(g.Inputs[0].Name)] = &constant{name: g.Inputs[0].Name, kind: schema.Int64, values: one}
	im.constants[own(g.Inputs[1].Name)] = &constant{name: g.Inputs[1].Name, kind: schema.Bool,
		values: []number{{fixed: 1}}}
	for k, o := range state {
		if err := im.give(own(g.Inputs[2+k].Name), o, ""); err != nil {
			return nil, false, err
		}
	}
	body := r.graph(g)
	if err := im.body(&body); err != nil {
		return nil, false, err
	}
	condition := im.constants[body.Outputs[0].Name]
	if condition == nil {
		return nil, false, fmt.Errorf("its condition %q depends on the images", g.Outputs[0].Name)
	}
	if again, err = im.truth(condition); err != nil {
		return nil, false, err
	}
	for _, v := range body.Outputs[1:] {
		out = append(out, im.operand(v.Name))
	}
	return out, again, nil
}

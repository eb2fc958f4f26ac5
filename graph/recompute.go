package graph

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// This file trades time for memory (Chen et al. 2016, "Training Deep Nets with Sublinear Memory
// Cost"): what is only read inside a block isn't kept for the backward half, but computed again when
// the gradient arrives at the block.

// recomputation rewrites the gradients of a graph.
type recomputation struct {
	forward map[*G.Node]bool   // what the loss and the running statistics are computed from
	block   map[*G.Node]string // of the forward ops that are in one
	readers map[*G.Node]G.Nodes
	last    map[string]*G.Node // the op of each block that was lowered last
	arrives map[string]*G.Node // the gradient that comes to it
	needed  map[*G.Node]bool   // what is computed again
	again   map[*G.Node]*G.Node
	rebuilt map[*G.Node]*G.Node
}

// recompute replaces, in the gradients, what was computed inside the blocks by what is computed
// again.
func (s *symbolic) recompute() error {
	if len(s.model.recompute) == 0 {
		return nil
	}
	r := &recomputation{
		forward: map[*G.Node]bool{}, block: s.opBlocks(), readers: map[*G.Node]G.Nodes{}, last: map[string]*G.Node{},
		arrives: map[string]*G.Node{}, needed: map[*G.Node]bool{}, again: map[*G.Node]*G.Node{}, rebuilt: map[*G.Node]*G.Node{},
	}
	r.lookForward(s.loss)
	for _, e := range s.estimates {
		r.lookForward(e.value)
	}
	r.readers[s.logits] = append(r.readers[s.logits], s.loss) // which can be read after the run
	seen := map[*G.Node]bool{}
	for _, n := range s.grads {
		r.lookBack(n, seen)
	}
	var err error
	s.grads, err = inOrder(s.grads, r.rebuild)
	return err
}

// opBlocks are the blocks of the forward ops. An op of several layers is in one if all of them are.
func (s *symbolic) opBlocks() map[*G.Node]string {
	ofLayer := recomputedBlocks(s.model.recompute, s.model.hidden())
	named := map[string]string{}
	for _, g := range s.groups {
		block := ofLayer[g.nodes[0]]
		if !slices.ContainsFunc(g.nodes, func(n *Node) bool { return ofLayer[n] != block }) {
			for _, n := range g.nodes {
				named[n.Name] = block
			}
		}
	}
	owners := s.layerOps()
	for _, e := range s.estimates {
		owners.claim(e.value, e.parameter.Node())
	}
	blocks := map[*G.Node]string{}
	for _, n := range s.graph.AllNodes() {
		if n.Op() == nil {
			continue
		}
		info, _ := ops.Describe(n.Op())
		if block := named[owners[info.ID]]; block != "" && owners[info.ID] != "" {
			blocks[n] = block
		}
	}
	return blocks
}

// lookForward notes a forward node, those it is computed from, and who reads what.
func (r *recomputation) lookForward(n *G.Node) {
	if r.forward[n] {
		return
	}
	r.forward[n] = true
	if block := r.block[n]; block != "" && (r.last[block] == nil || idOf(r.last[block]) < idOf(n)) && !isSideOutput(n) {
		r.last[block] = n
	}
	for _, c := range children(n) {
		r.readers[c] = append(r.readers[c], n)
		r.lookForward(c)
	}
}

func idOf(n *G.Node) uint64 {
	info, _ := ops.Describe(n.Op())
	return info.ID
}

// isSideOutput says whether a forward op reads nothing: it is given what another op left behind.
func isSideOutput(n *G.Node) bool {
	memory, ours := ops.AliasingOf(n.Op())
	return ours && memory.Reads == 0
}

// lookBack notes what the gradients read of the blocks, and the gradient that arrives at each.
func (r *recomputation) lookBack(n *G.Node, seen map[*G.Node]bool) {
	if r.forward[n] || seen[n] {
		return
	}
	seen[n] = true
	memory, _ := ops.AliasingOf(n.Op())
	operands := children(n)
	for i, c := range operands {
		if i < memory.Reads && r.forward[c] {
			r.need(c)
		}
		r.lookBack(c, seen)
	}
	info, _ := ops.Describe(n.Op())
	if info.GradientOf == 0 || memory.Reads == 0 {
		return
	}
	for block, last := range r.last {
		arriving := operands[memory.Reads-1]
		if idOf(last) == info.GradientOf && !r.forward[arriving] && !isGradientOf(arriving, info.GradientOf) && arriving.Shape().Eq(last.Shape()) {
			r.arrives[block] = arriving
		}
	}
}

func isGradientOf(n *G.Node, id uint64) bool {
	info, ours := ops.Describe(n.Op())
	return ours && info.GradientOf == id
}

// inside says whether a forward value is computed in a block and read by its layers alone.
func (r *recomputation) inside(n *G.Node) bool {
	block := r.block[n]
	if block == "" || n == r.last[block] {
		return false
	}
	return !slices.ContainsFunc(r.readers[n], func(reader *G.Node) bool { return r.block[reader] != block })
}

// need notes a value that is computed again, and what it is computed from.
func (r *recomputation) need(n *G.Node) {
	if r.needed[n] || !r.inside(n) {
		return
	}
	r.needed[n] = true
	for _, c := range children(n) {
		r.need(c)
	}
}

// rebuild is a gradient on what is computed again.
func (r *recomputation) rebuild(n *G.Node) (_ *G.Node, err error) {
	if r.forward[n] {
		return r.repeat(n)
	}
	if done, ok := r.rebuilt[n]; ok {
		return done, nil
	}
	operands, changed := children(n), false
	for i, c := range operands {
		if operands[i], err = r.rebuild(c); err != nil {
			return nil, err
		}
		changed = changed || operands[i] != c
	}
	result := n
	if changed {
		result, err = G.ApplyOp(n.Op(), operands...)
	}
	r.rebuilt[n] = result
	return result, err
}

// repeat is the node of a forward value that the gradients read: the one that is computed again, or
// the forward one.
func (r *recomputation) repeat(n *G.Node) (_ *G.Node, err error) {
	if done, ok := r.again[n]; ok {
		return done, nil
	}
	arrives := r.arrives[r.block[n]]
	if !r.needed[n] || arrives == nil {
		return n, nil
	}
	after, err := r.rebuild(arrives)
	if err != nil {
		return nil, err
	}
	operands := children(n)
	for i, c := range operands {
		if operands[i], err = r.repeat(c); err != nil {
			return nil, err
		}
	}
	r.again[n], err = ops.Again(n, operands, after)
	return r.again[n], err
}

// recomputedMultiplyAdds are those of the layers that are computed again, for one sample.
func (s *symbolic) recomputedMultiplyAdds() (sum int64) {
	again := map[string]bool{}
	owners := s.layerOps()
	for _, n := range s.graph.ExactSubgraphRoots(s.outputs()...).AllNodes() {
		if n.Op() == nil {
			continue
		}
		if info, _ := ops.Describe(n.Op()); info.Repeats != 0 {
			again[owners[info.Repeats]] = true
		}
	}
	for _, g := range s.groups {
		if again[g.nodes[len(g.nodes)-1].Name] {
			sum += g.multiplyAdds()
		}
	}
	return sum
}

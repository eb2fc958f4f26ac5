package graph

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// Recomputation trades time for memory (Chen et al. 2016, "Training Deep Nets with Sublinear Memory
// Cost"). Values that are only read inside a block aren't kept for the backward pass. They are
// computed a second time when the gradient arrives at the block.

// A recomputation rewrites the gradients of a graph.
type recomputation struct {
	forward map[*G.Node]bool   // what the loss and the running statistics are computed from
	block   map[*G.Node]string // of the forward ops inside a block
	readers map[*G.Node]G.Nodes
	last    map[string]*G.Node  // the op of each block that was lowered last
	arrives map[string]*G.Node  // the gradient of that op's result
	needed  map[*G.Node]bool    // values to compute a second time
	again   map[*G.Node]*G.Node // their second nodes
	rebuilt map[*G.Node]*G.Node
}

// recompute makes the gradients read values computed a second time instead of values inside the
// blocks.
func (s *symbolic) recompute() error {
	if len(s.model.recompute) == 0 {
		return nil
	}
	r := &recomputation{
		forward: map[*G.Node]bool{}, block: s.opBlocks(), readers: map[*G.Node]G.Nodes{},
		last: map[string]*G.Node{}, arrives: map[string]*G.Node{},
		needed: map[*G.Node]bool{}, again: map[*G.Node]*G.Node{}, rebuilt: map[*G.Node]*G.Node{},
	}
	r.lookForward(s.loss)
	for _, e := range s.estimates {
		r.lookForward(e.value)
	}
	r.readers[s.logits] = append(r.readers[s.logits], s.loss) // the logits can be read after the run
	seen := map[*G.Node]bool{}
	for _, n := range s.grads {
		r.lookBack(n, seen)
	}
	var err error
	s.grads, err = inOrder(s.grads, r.rebuild)
	return err
}

// opBlocks maps forward ops to their blocks. An op of a fused group is in a block if all its layers
// are.
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

// lookForward records a forward node, the nodes it is computed from, and their readers.
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

// isSideOutput reports whether a forward op reads nothing because another op computes its result.
func isSideOutput(n *G.Node) bool {
	memory, ours := ops.AliasingOf(n.Op())
	return ours && memory.Reads == 0
}

// lookBack records which values of the blocks the gradients read, and the gradient that arrives at
// each block.
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
	arriving := operands[memory.Reads-1]
	if r.forward[arriving] || isGradientOf(arriving, info.GradientOf) {
		return
	}
	for block, last := range r.last {
		if idOf(last) == info.GradientOf && arriving.Shape().Eq(last.Shape()) {
			r.arrives[block] = arriving
		}
	}
}

func isGradientOf(n *G.Node, id uint64) bool {
	info, ours := ops.Describe(n.Op())
	return ours && info.GradientOf == id
}

// inside reports whether a forward value is computed in a block and read only there.
func (r *recomputation) inside(n *G.Node) bool {
	block := r.block[n]
	if block == "" || n == r.last[block] {
		return false
	}
	return !slices.ContainsFunc(r.readers[n], func(reader *G.Node) bool { return r.block[reader] != block })
}

// need marks a value, and those it is computed from, to be computed a second time.
func (r *recomputation) need(n *G.Node) {
	if r.needed[n] || !r.inside(n) {
		return
	}
	r.needed[n] = true
	for _, c := range children(n) {
		r.need(c)
	}
}

// rebuild returns a gradient that reads the values computed a second time.
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

// repeat returns the node of a forward value for the gradients: the second one, or the forward
// node.
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

// recomputedMultiplyAdds returns the multiply-adds of the layers computed a second time, for one
// sample.
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
		if again[g.last().Name] {
			sum += g.multiplyAdds()
		}
	}
	return sum
}

package graph

import (
	"cmp"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A plan lays the results of a graph's ops out in one arena, where those that aren't needed at the same time share memory.
//
// Ops run one after the other, so a result is needed from the op that writes it to the last one that reads it. Results are put together in
// buffers: a view with what it shows, and the result of an op that may work in place with the operand, where nobody reads that later. Buffers
// get their places largest first, each the lowest where no buffer lies that is needed at the same time (greedy by size: Pisarchyk and Lee
// 2020, "Efficient Memory Management for Deep Neural Net Inference").
//
// Scalars, the results of other people's ops and what such ops read have no part in it: gorgonia's own may write into their operands or hand
// them on.
type plan struct {
	buffers  []*buffer
	of       map[*G.Node]*buffer
	ops      int // that run
	size     int // elements of the arena
	separate int // elements if each result had memory of its own
	arena    *tensor.Dense
}

// A buffer is memory for results that may have the same.
type buffer struct {
	results  []*G.Node
	size     int // elements
	from, to int // the first op that needs it and the last one, by their place in the order
	offset   int // in the arena
}

// arenaAlign is the multiple of elements at which buffers begin: 64 bytes of float32, a cache line.
const arenaAlign = 16

// newPlan plans for ops that run in the given order; the kept results are still needed when all have run.
func newPlan(order, kept G.Nodes) *plan {
	p := &plan{of: map[*G.Node]*buffer{}, ops: len(order)}
	last, readByOthers := lastReads(order, kept)
	for at, n := range order {
		if _, ours := ops.AliasingOf(n.Op()); !ours || n.Shape().IsScalar() || readByOthers[n] {
			continue
		}
		b := p.sharedBuffer(n, at)
		if b == nil {
			b = &buffer{size: n.Shape().TotalSize(), from: at, to: at}
			p.buffers = append(p.buffers, b)
		}
		b.results = append(b.results, n)
		b.to = max(b.to, last[n])
		p.of[n] = b
		p.separate += b.size
	}
	p.arrange()
	return p
}

// lastReads is the place in the order of each result's last reader, and which results an op reads that isn't ours.
func lastReads(order, kept G.Nodes) (last map[*G.Node]int, byOthers map[*G.Node]bool) {
	last, byOthers = map[*G.Node]int{}, map[*G.Node]bool{}
	for at, n := range order {
		memory, ours := ops.AliasingOf(n.Op())
		for i, c := range children(n) {
			if !ours {
				byOthers[c] = true
			}
			if i < memory.Reads {
				last[c] = at
			}
		}
	}
	for _, n := range kept {
		last[n] = len(order)
	}
	return last, byOthers
}

// sharedBuffer is the buffer of the first operand whose memory the result may take, or nil.
func (p *plan) sharedBuffer(n *G.Node, at int) *buffer {
	memory, _ := ops.AliasingOf(n.Op())
	operands := children(n)
	for _, i := range memory.InPlace {
		b := p.of[operands[i]]
		if b == nil || b.size != n.Shape().TotalSize() {
			continue
		}
		if memory.View || b.to <= at && !p.readsTwice(operands[:memory.Reads], i) {
			return b
		}
	}
	return nil
}

// readsTwice says whether another operand lies in the buffer of operand i.
func (p *plan) readsTwice(operands G.Nodes, i int) bool {
	for j, c := range operands {
		if j != i && p.of[c] == p.of[operands[i]] {
			return true
		}
	}
	return false
}

// arrange gives every buffer its offset.
func (p *plan) arrange() {
	bySize := slices.Clone(p.buffers)
	slices.SortStableFunc(bySize, func(a, b *buffer) int { return cmp.Compare(b.size, a.size) })
	var placed []*buffer // by their offsets
	for _, b := range bySize {
		for _, other := range placed {
			if other.to < b.from || other.from > b.to {
				continue
			}
			if b.offset+b.size <= other.offset {
				break
			}
			b.offset = max(b.offset, align(other.offset+other.size))
		}
		at, _ := slices.BinarySearchFunc(placed, b.offset, func(other *buffer, offset int) int { return cmp.Compare(other.offset, offset) })
		placed = slices.Insert(placed, at, b)
		p.size = max(p.size, b.offset+b.size)
	}
}

func align(n int) int { return (n + arenaAlign - 1) / arenaAlign * arenaAlign }

// give takes memory for the arena and gives every result its place there.
func (p *plan) give(dt tensor.Dtype) error {
	if p.size == 0 {
		return nil
	}
	p.arena = zeros(dt, tensor.Shape{p.size})
	for _, b := range p.buffers {
		memory := part(p.arena, b.offset, b.size)
		for _, n := range b.results {
			if err := ops.SetBuffer(n.Op(), memory); err != nil {
				return err
			}
		}
	}
	return nil
}

// part is n elements of a tensor from offset on, in the tensor's memory.
func part(d *tensor.Dense, offset, n int) *tensor.Dense {
	if d.Dtype() == tensor.Float64 {
		return tensor.New(tensor.WithShape(n), tensor.WithBacking(d.Float64s()[offset:offset+n:offset+n]))
	}
	return tensor.New(tensor.WithShape(n), tensor.WithBacking(d.Float32s()[offset:offset+n:offset+n]))
}

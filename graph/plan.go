package graph

import (
	"cmp"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// A plan puts the results of a graph's ops into one arena, where results that aren't needed at the
// same time share memory.
//
// Ops run one after the other, so a result is needed from the op that writes it to the last op that
// reads it. Results that may share memory are one buffer: a view and what it views, and the result
// of an op that works in place and its operand, if no later op reads the operand. Buffers are
// placed largest first, each at the lowest offset where no buffer lies that is needed at the same
// time (greedy by size: Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net
// Inference").
//
// The operands of a concatenation of one image lie in its result, so that nothing is copied, unless
// the arena would be larger: such a buffer is needed from the first of these operands on.
//
// Scalars, results of gorgonia's own ops and what those read stay outside: gorgonia's ops may write
// into their operands or return them.
type plan struct {
	buffers  []*buffer
	of       map[*G.Node]place
	ops      int // number of ops that run
	size     int // elements of the arena
	separate int // elements if each result had its own memory
	arena    *tensor.Dense
}

// A place is where a result lies in its buffer. The zero place: it has none.
type place struct {
	*buffer
	at int // elements from the buffer's beginning
}

// A buffer is memory for results that may share it.
type buffer struct {
	results  []*G.Node
	size     int // elements
	from, to int // the first and the last op that need it, by index
	offset   int // in the arena
}

// arenaAlign is the alignment of buffers in elements: 64 bytes of float32, a cache line.
const arenaAlign = 16

// newPlan plans for ops that run in the given order. The kept results can be read after the last
// op.
func newPlan(order, kept G.Nodes) *plan {
	apart := planWith(order, kept, false)
	if !slices.ContainsFunc(order, isJoined) {
		return apart
	}
	if joined := planWith(order, kept, true); joined.size <= apart.size {
		return joined
	}
	return apart
}

func isJoined(n *G.Node) bool {
	memory, _ := ops.AliasingOf(n.Op())
	return memory.Joined
}

func planWith(order, kept G.Nodes, join bool) *plan {
	p := &plan{of: map[*G.Node]place{}, ops: len(order)}
	last, readByOthers := lastReads(order, kept)
	for at, n := range order {
		if _, ours := ops.AliasingOf(n.Op()); !ours || n.Shape().IsScalar() || readByOthers[n] {
			continue
		}
		in := p.sharedPlace(n, at)
		if in.buffer == nil {
			in.buffer = &buffer{size: n.Shape().TotalSize(), from: at, to: at}
			p.buffers = append(p.buffers, in.buffer)
			if join && isJoined(n) {
				p.moveInto(in.buffer, children(n))
			}
		}
		p.separate += n.Shape().TotalSize()
		in.results = append(in.results, n)
		in.to = max(in.to, last[n])
		p.of[n] = in
	}
	p.arrange()
	return p
}

// moveInto moves the buffers of operands into that of their concatenation. An operand that is only
// a part of its buffer, because another concatenation holds it, stays there and is copied.
func (p *plan) moveInto(b *buffer, operands G.Nodes) {
	first := 0
	for _, c := range operands {
		size := c.Shape().TotalSize()
		if old := p.of[c].buffer; old != nil && old.size == size {
			for _, n := range old.results {
				p.of[n] = place{b, p.of[n].at + first}
			}
			b.results = append(b.results, old.results...)
			b.from, b.to = min(b.from, old.from), max(b.to, old.to)
			p.buffers = slices.DeleteFunc(p.buffers, func(other *buffer) bool { return other == old })
		}
		first += size
	}
}

// lastReads returns the index of each result's last reader, and the results that an op of gorgonia
// reads.
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

// sharedPlace returns the place of the first operand whose memory the result may use, or none.
func (p *plan) sharedPlace(n *G.Node, at int) place {
	memory, _ := ops.AliasingOf(n.Op())
	operands := children(n)
	for _, i := range memory.InPlace {
		in := p.of[operands[i]]
		if in.buffer == nil || operands[i].Shape().TotalSize() != n.Shape().TotalSize() {
			continue
		}
		if memory.View || in.to <= at && !p.readsTwice(operands[:memory.Reads], i) {
			return in
		}
	}
	return place{}
}

// readsTwice reports whether another operand is in the buffer of operand i.
func (p *plan) readsTwice(operands G.Nodes, i int) bool {
	for j, c := range operands {
		if j != i && p.of[c].buffer == p.of[operands[i]].buffer {
			return true
		}
	}
	return false
}

// arrange sets the offset of every buffer.
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
		at, _ := slices.BinarySearchFunc(placed, b.offset,
			func(other *buffer, offset int) int { return cmp.Compare(other.offset, offset) })
		placed = slices.Insert(placed, at, b)
		p.size = max(p.size, b.offset+b.size)
	}
}

func align(n int) int { return (n + arenaAlign - 1) / arenaAlign * arenaAlign }

// give allocates the arena and gives every result its slot.
func (p *plan) give(dt tensor.Dtype) error {
	if p.size == 0 {
		return nil
	}
	p.arena = zeros(dt, tensor.Shape{p.size})
	for _, b := range p.buffers {
		for _, n := range b.results {
			memory := part(p.arena, b.offset+p.of[n].at, n.Shape().TotalSize())
			if err := ops.SetBuffer(n.Op(), memory); err != nil {
				return err
			}
		}
	}
	return nil
}

// part returns n elements of a tensor from offset on, in the tensor's memory.
func part(d *tensor.Dense, offset, n int) *tensor.Dense {
	if d.Dtype() == tensor.Float64 {
		return tensor.New(tensor.WithShape(n), tensor.WithBacking(d.Float64s()[offset:offset+n:offset+n]))
	}
	return tensor.New(tensor.WithShape(n), tensor.WithBacking(d.Float32s()[offset:offset+n:offset+n]))
}

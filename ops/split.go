package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Part is the images of a batch that a process computes. See [Split].
type Part = kernel.Part

// Peers connects a process with those that compute the other parts of a batch.
type Peers = kernel.Peers

// Commons are peers that may have memory in common.
type Commons = kernel.Commons

// NewPart returns the part of a batch that one of the peers computes, in turns. Nil peers: the
// process is the only one.
func NewPart(batch, turns int, peers Peers) (*Part, error) {
	return kernel.NewPart(batch, turns, peers)
}

// Split makes an op of this package, with its gradients, compute a part of a batch. Sums over the
// batch, such as a weight's gradient, a loss or the statistics of BatchNorm, are still those of the
// whole batch, with the same bits as in one process. Every op between the parameters and the loss
// must be split by the same part, before its first run.
func Split(op G.Op, p *Part) error {
	s, ok := op.(interface{ split(*Part) error })
	if !ok {
		return fmt.Errorf("part of a batch: got %v, want an op of this package", op)
	}
	return s.split(p)
}

// Late tells an op that computes the gradient of a split op that its result is read after
// [Part.Finish] only. The gradients of the weights and the biases of Conv2D and Affine, also fused
// with others, are then exchanged with the peers while the gradients of earlier layers are
// computed. It does nothing to other ops.
func Late(op G.Op) {
	if l, ok := op.(interface{ beLate() }); ok {
		l.beLate()
	}
}

func (g *gradient[T]) beLate() {
	if g.late != nil {
		g.late()
	}
}

// Share gives an op that computes the gradient of a split op a buffer in memory that the peers have
// in common, if they have any (see [Commons]): what each of them computes, the others then see
// without a copy. It does nothing to ops of which each peer computes all, or which aren't of this
// package. All peers call it for the same ops in the same order.
func Share(op G.Op, p *Part) error {
	if s, ok := op.(interface{ share(*Part) error }); ok {
		return s.share(p)
	}
	return nil
}

func (g *gradient[T]) share(p *Part) error {
	if g.shares == nil || !g.shares() {
		return nil
	}
	n := g.output.TotalSize()
	memory := kernel.CommonOf[T](p, n)
	if memory == nil {
		return nil
	}
	return g.setBuffer(tensor.New(tensor.WithShape(n), tensor.WithBacking(memory)))
}

func (f *function[T]) split(p *Part) error {
	if dtypeOf[T]() != G.Float32 {
		return fmt.Errorf("%s: part of a batch: got %v, want float32", f, dtypeOf[T]())
	}
	if f.rule.split == nil {
		return nil
	}
	if err := f.rule.split(p); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	return nil
}

// splits adapts a kernel's Split, which can't fail, to a rule's.
func splits(take func(*Part)) func(*Part) error {
	return func(p *Part) error { take(p); return nil }
}

package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"convgraph/internal/kernel"
)

// Part says which images of a batch a process computes. See [Split].
type Part = kernel.Part

// Peers is how a process reaches those that compute the other parts of a batch.
type Peers = kernel.Peers

// NewPart returns the part of a batch that a process computes in turns, one of peers. Peers are nil
// if there are no others.
func NewPart(batch, turns int, peers Peers) (*Part, error) {
	return kernel.NewPart(batch, turns, peers)
}

// Split makes an op of this package compute a part of a batch: the op and its gradients take the
// part's images, and the sums over the batch, such as a weight's gradient, a loss or the statistics
// of BatchNorm, are those of the whole batch, with the same bits as in one process. Every op that a
// loss is computed with must be split, before its first run, by the same part; its gradients are
// split with it.
func Split(op G.Op, p *Part) error {
	s, ok := op.(interface{ split(*Part) error })
	if !ok {
		return fmt.Errorf("%v is not an op of this package: it can't compute a part of a batch", op)
	}
	return s.split(p)
}

func (f *function[T]) split(p *Part) error {
	if dtypeOf[T]() != G.Float32 {
		return fmt.Errorf("%s: values are %v: parts of a batch are float32", f, dtypeOf[T]())
	}
	if f.rule.split == nil {
		return nil
	}
	if err := f.rule.split(p); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	return nil
}

// splits returns the split of a rule whose kernel takes a part.
func splits(take func(*Part)) func(*Part) error {
	return func(p *Part) error { take(p); return nil }
}

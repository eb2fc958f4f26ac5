package solver

import (
	"slices"

	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// sharedFrom is the size of a parameter from which an update takes much longer than peers that wait
// for one another.
const sharedFrom = 1 << 16

// sharing is what peers of a part do together: they hold the large parameters and their state once,
// in memory that all of them see, and each updates its share.
type sharing struct {
	part   *kernel.Part // nil: nothing is shared
	began  bool         // the arrays are in common memory, if the peers have any
	arrays []*tensor.Dense
}

// Share makes the part's peers share the updates, if they have memory in common. The next step
// moves the large parameters and their state there. From then on a step waits for all peers, and
// each of them updates its share of these parameters, until Unshare. So all peers see whatever one
// of them writes to a parameter, and callers must not write to any. The peers' models and
// optimizers must be equal, and all make the same steps.
func (s *Optimizer) Share(p *kernel.Part) {
	s.Unshare()
	s.sharing.part = p
}

// shareBatch moves the large parameters of the first shared step.
func (s *Optimizer) shareBatch() error {
	if s.sharing.part == nil || s.sharing.began {
		return nil
	}
	s.sharing.began = true
	for _, p := range s.batch {
		if p.value.Dtype() == tensor.Float32 && p.value.DataSize() >= sharedFrom {
			s.share(p)
		}
	}
	return s.sharing.part.Meet()
}

// share moves a parameter and its state, of which each peer copies its share.
func (s *Optimizer) share(p parameter) {
	arrays := append([]*tensor.Dense{p.value}, p.state.slots...)
	n := p.value.DataSize()
	memory := kernel.CommonOf[float32](s.sharing.part, n*len(arrays))
	if memory == nil {
		return
	}
	from, to := s.sharing.part.Share(n)
	for i, a := range arrays {
		common := memory[i*n:][:n:n]
		copy(common[from:to], a.Float32s()[from:to])
		setBacking(a, common)
	}
	s.sharing.arrays = append(s.sharing.arrays, arrays...)
	p.state.shared = true
}

// Unshare gives this process its own copy of what is shared. All peers call it after the same step.
func (s *Optimizer) Unshare() {
	for _, a := range s.sharing.arrays {
		setBacking(a, slices.Clone(a.Float32s()))
	}
	for _, m := range s.states {
		m.shared = false
	}
	s.sharing = sharing{}
}

// setBacking replaces a tensor's elements in place, so that all who hold the tensor see them.
func setBacking(d *tensor.Dense, values []float32) {
	*d = *tensor.New(tensor.WithShape(d.Shape().Clone()...), tensor.WithBacking(values))
}

// ofShare returns the elements that this process updates.
func (s *Optimizer) ofShare(p parameter, values []float32) []float32 {
	if !p.state.shared {
		return values
	}
	from, to := s.sharing.part.Share(len(values))
	return values[from:to]
}

// meet waits for the peers: before an update, since they may still read what it changes, and after
// it, since they go on with what this process has changed.
func (s *Optimizer) meet() error {
	if s.sharing.arrays == nil {
		return nil
	}
	return s.sharing.part.Meet()
}

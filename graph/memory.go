package graph

import "runtime"

// A MemoryUse is the memory for the results of a graph's ops: activations and, in a training step,
// all gradients. Parameters, the solver's state, the input and the kernels' scratch memory are
// extra.
type MemoryUse struct {
	Work          string `json:"work"` // "training step" or "prediction"
	Images        int    `json:"images"`
	ArenaBytes    int64  `json:"arena_bytes"`    // of their shared arena
	SeparateBytes int64  `json:"separate_bytes"` // if each had its own memory

	// ScratchBytes is the kernels' scratch memory: packed weights, im2col matrices, partial sums,
	// indices of maxima. It is 0 if it wasn't measured: see [MeasureScratch].
	ScratchBytes int64 `json:"scratch_bytes,omitempty"`

	// RecomputedMultiplyAdds is the additional arithmetic of one sample with [WithRecompute].
	RecomputedMultiplyAdds int64 `json:"recomputed_multiply_adds,omitempty"`
}

// PlanMemory plans the memory of the model that [New] would make of a spec: for a training step of
// the given batch size, if the model can be trained, and for the largest batch of a prediction. It
// builds the symbolic graphs and allocates nothing of the planned size.
func PlanMemory(spec *Spec, batch int, options ...Option) ([]MemoryUse, error) {
	m, err := declare(spec, options)
	if err != nil {
		return nil, err
	}
	if err := m.checkBatch(batch); err != nil {
		return nil, err
	}
	largest := m.predictorKind(maxPredictBatch, false) // locks building itself
	building.Lock()
	defer building.Unlock()

	var uses []MemoryUse
	if m.trainable() {
		net, err := m.lowerStep(batch, stepConfig{unfused: m.unfused})
		if err != nil {
			return nil, err
		}
		p, err := net.planStep(net.graph.ExactSubgraphRoots(net.outputs()...))
		if err != nil {
			return nil, err
		}
		use := m.memoryUse("training step", batch, p)
		use.RecomputedMultiplyAdds = net.recomputedMultiplyAdds()
		uses = append(uses, use)
	}
	net, err := m.lowerPrediction(largest)
	if err != nil {
		return nil, err
	}
	return append(uses, m.memoryUse("prediction", largest.batch, net.planPrediction(newProgram(net.output())))), nil
}

// MeasureScratch runs a training step of batch random images, of the model that [New] would make of
// a spec, and returns how many bytes the kernels allocated in addition to the arena, the batch and
// the parameters. The result depends on the number of workers. Scratch memory that an earlier step
// of the process left for reuse isn't counted.
func MeasureScratch(spec *Spec, batch int, options ...Option) (bytes int64, err error) {
	m, err := New(spec, options...)
	if err != nil {
		return 0, err
	}
	before := reachableBytes()
	step, err := m.NewStep(batch)
	if err != nil {
		return 0, err
	}
	defer step.Close()
	if err := step.net.fill(); err != nil {
		return 0, err
	}
	if _, err := step.Run(0); err != nil {
		return 0, err
	}
	after := reachableBytes()
	batches := 2 * (step.x.Shape().TotalSize() + step.t.Shape().TotalSize()) // the step's own and the random one
	planned := int64(step.plan.size+batches) * int64(m.dtype.Size())
	runtime.KeepAlive(step)
	return max(0, after-before-planned), nil
}

// reachableBytes returns the number of reachable bytes on the heap.
func reachableBytes() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func (m *Model) memoryUse(work string, images int, p *plan) MemoryUse {
	bytes := int64(m.dtype.Size())
	return MemoryUse{
		Work: work, Images: images, ArenaBytes: int64(p.size) * bytes, SeparateBytes: int64(p.separate) * bytes,
	}
}

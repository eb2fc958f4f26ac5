package graph

import "runtime"

// MemoryUse is the memory that the results of a graph's ops take: activations and, of a training step, all gradients. The parameters, what a
// solver keeps of them, the input and the kernels' scratch come on top.
type MemoryUse struct {
	Work          string `json:"work"` // "training step" or "prediction"
	Images        int    `json:"images"`
	ArenaBytes    int64  `json:"arena_bytes"`    // that they share
	SeparateBytes int64  `json:"separate_bytes"` // if each had memory of its own

	// ScratchBytes are what the kernels take besides: packed weights, lowered images, parts of sums, the places of maxima. 0 if it wasn't measured: see
	// [MeasureScratch].
	ScratchBytes int64 `json:"scratch_bytes,omitempty"`

	RecomputedMultiplyAdds int64 `json:"recomputed_multiply_adds,omitempty"` // of one sample, on top of the forward and the backward half: see [WithRecompute]
}

// PlanMemory says what the model that [New] would make of a spec takes for a training step of batch images, if it can be trained, and for the
// largest batch that prediction takes at once. It makes the symbolic graphs, and nothing of the planned size.
func PlanMemory(spec *Spec, batch int, options ...Option) ([]MemoryUse, error) {
	m, err := declare(spec, options)
	if err != nil {
		return nil, err
	}
	if err := m.checkBatch(batch); err != nil {
		return nil, err
	}
	largest := m.predictorKind(maxPredictBatch, false) // plans by itself
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

// MeasureScratch runs a training step of batch random images of the model that [New] would make of a spec, and says how many bytes the
// kernels have taken for it besides the arena, the batch and the parameters. It depends on the number of workers, and what an earlier
// step of the process has left for others isn't counted.
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

// reachableBytes are what is reachable on the heap.
func reachableBytes() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func (m *Model) memoryUse(work string, images int, p *plan) MemoryUse {
	bytes := int64(m.dtype.Size())
	return MemoryUse{Work: work, Images: images, ArenaBytes: int64(p.size) * bytes, SeparateBytes: int64(p.separate) * bytes}
}

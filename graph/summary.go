package graph

import "gorgonia.org/tensor"

// A Summary describes a model layer by layer.
type Summary struct {
	Model  string         `json:"model"`
	Input  tensor.Shape   `json:"input"`
	Layers []LayerSummary `json:"layers"`
	Fused  []FusedLayers  `json:"fused,omitempty"`  // by the passes, in training and in prediction
	Memory []MemoryUse    `json:"memory,omitempty"` // from PlanMemory, if it was called

	Parameters      int64 `json:"parameters"`
	Trainable       int64 `json:"trainable"`        // of the parameters; the others are running statistics
	MultiplyAdds    int64 `json:"multiply_adds"`    // of one sample's forward pass
	ActivationBytes int64 `json:"activation_bytes"` // of one sample
	ElementBytes    int64 `json:"element_bytes"`    // 4 for float32, 8 for float64
}

// A LayerSummary describes one layer, for one sample.
type LayerSummary struct {
	Name            string       `json:"name"`
	Layer           string       `json:"layer"` // as code, see [Code]
	Reads           []string     `json:"reads"` // the names of the layers, or "input"
	Output          tensor.Shape `json:"output"`
	Parameters      int64        `json:"parameters"`
	MultiplyAdds    int64        `json:"multiply_adds"`
	ActivationBytes int64        `json:"activation_bytes"`
}

// FusedLayers are layers that a pass fuses into one op.
type FusedLayers struct {
	Layers     []string `json:"layers"`
	Pass       string   `json:"pass"`
	SavedBytes int64    `json:"saved_bytes"` // of one sample's activations that are never in memory

	// Once means that the op can be differentiated only once, so graphs with second derivatives
	// skip the pass.
	Once bool `json:"once,omitempty"`
}

// Summarize describes the model that [New] would make of a spec, without creating its parameters.
func Summarize(spec *Spec, options ...Option) (*Summary, error) {
	m, err := declare(spec, options)
	if err != nil {
		return nil, err
	}
	return m.Summary(), nil
}

// Summary returns a description of the model.
func (m *Model) Summary() *Summary {
	s := &Summary{Model: m.spec.Name, Input: m.spec.Input, ElementBytes: int64(m.dtype.Size())}
	for _, n := range m.nodes[1:] {
		l := LayerSummary{
			Name: n.Name, Layer: Code(n.Layer), Reads: n.inputNames(), Output: n.Shape,
			MultiplyAdds: n.MultiplyAdds(), ActivationBytes: int64(n.Shape.TotalSize()) * s.ElementBytes,
		}
		for _, p := range n.Parameters {
			l.Parameters += int64(p.Shape.TotalSize())
			if !p.Running {
				s.Trainable += int64(p.Shape.TotalSize())
			}
		}
		s.Layers = append(s.Layers, l)
		s.Parameters += l.Parameters
		s.MultiplyAdds += l.MultiplyAdds
		s.ActivationBytes += l.ActivationBytes
	}
	s.Fused = m.fusedLayers()
	return s
}

func (m *Model) fusedLayers() (all []FusedLayers) {
	if m.unfused {
		return nil
	}
	for _, g := range m.fuse(false) {
		if g.pass == "" {
			continue
		}
		f := FusedLayers{Pass: g.pass, Once: g.once}
		for i, n := range g.nodes {
			f.Layers = append(f.Layers, n.Name)
			if i < len(g.nodes)-1 {
				f.SavedBytes += int64(n.Shape.TotalSize()) * int64(m.dtype.Size())
			}
		}
		all = append(all, f)
	}
	return all
}

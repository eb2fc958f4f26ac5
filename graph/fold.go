package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

// Folded is the same network for prediction, without the BatchNorm layers that can go into the layer
// before them: a BatchNorm that is the only reader of a Conv2D or Affine layer. Let z = w·x + b be what
// that layer computes for a channel. With the channel's running mean μ, running variance σ², weight γ
// and bias β,
//
//	y = γ·(z-μ)/√(σ²+ε) + β
//	  = s·w·x + s·(b-μ) + β  where s = γ/√(σ²+ε).
//
// So the folded layer has the weight s·w and the bias s·(b-μ) + β. They are computed in float64 and
// rounded once to the model's element type. Predictions differ from the model's by rounding; training
// the folded model is training a network without these layers.
//
// The layers keep their names. Folded also returns the names of the BatchNorm layers that are gone; it
// is an error if there would be none.
func (m *Model) Folded() (folded *Model, names []string, err error) {
	into := m.foldable()
	if len(into) == 0 {
		return nil, nil, fmt.Errorf("model %q: there is nothing to fold: want a BatchNorm that is the only reader of a Conv2D or Affine layer", m.spec.Name)
	}
	if folded, err = m.declareFolded(into); err != nil {
		return nil, nil, err
	}
	layers := map[string]*Node{}
	for _, n := range folded.nodes {
		layers[n.Name] = n
	}
	for _, n := range m.nodes {
		if layer := into[n]; layer != nil {
			if err := foldInto(layers[layer.Name], n); err != nil {
				return nil, nil, fmt.Errorf("model %q: layer %q (%s): %w", m.spec.Name, n.Name, Code(n.Layer), err)
			}
			names = append(names, n.Name)
		}
	}
	return folded, names, nil
}

// foldable maps each BatchNorm that can be folded to the layer that takes it. Two of them, one behind
// the other, go into the same layer.
func (m *Model) foldable() map[*Node]*Node {
	into := map[*Node]*Node{}
	for _, n := range m.nodes {
		if _, ok := n.Layer.(BatchNorm); !ok || len(n.Inputs[0].readers) != 1 {
			continue
		}
		before := n.Inputs[0]
		if layer := into[before]; layer != nil {
			before = layer
		}
		switch before.Layer.(type) {
		case Conv2D, Affine:
			into[n] = before
		}
	}
	return into
}

// declareFolded is the network without the layers that are folded, with the parameters from before the
// folding. A new bias is 0.
func (m *Model) declareFolded(into map[*Node]*Node) (*Model, error) {
	folded, err := declare(m.foldedSpec(into), []Option{WithDtype(m.dtype), WithSeed(m.seed)})
	if err != nil {
		return nil, err
	}
	folded.unfused = m.unfused
	values := map[string]*tensor.Dense{}
	for _, p := range m.params {
		values[p.Name] = p.Value
	}
	for _, p := range folded.params {
		p.Value = zeros(m.dtype, p.Shape)
		if v := values[p.Name]; v != nil {
			assign(p.Value, v)
		}
	}
	return folded, nil
}

// foldedSpec is the model's spec without the layers that are folded. Who read one of them reads the
// layer that has taken it.
func (m *Model) foldedSpec(into map[*Node]*Node) *Spec {
	takes := map[*Node]bool{}
	for _, layer := range into {
		takes[layer] = true
	}
	spec := *m.spec
	spec.Layers = nil
	last := InputName
	for i, n := range m.nodes[1:] {
		if into[n] != nil {
			continue
		}
		layer, _ := Reads(m.spec.Layers[i])
		if _, ok := layer.(BatchNorm); ok {
			layer = Named(layer, n.Name) // its number would be another one without the others
		}
		if takes[n] {
			layer = withBiases(layer)
		}
		var reads []string
		for _, in := range n.Inputs {
			if layer := into[in]; layer != nil {
				in = layer
			}
			reads = append(reads, in.Name)
		}
		if len(reads) != 1 || reads[0] != last {
			layer = From(layer, reads...)
		}
		spec.Layers, last = append(spec.Layers, layer), n.Name
	}
	return &spec
}

// withBiases is a Conv2D or Affine layer that has biases.
func withBiases(l Layer) Layer {
	switch l := l.(type) {
	case Conv2D:
		l.NoBias = false
		return l
	case Affine:
		l.NoBias = false
		return l
	}
	return l
}

// foldInto puts a BatchNorm into the parameters of a Conv2D or Affine layer.
func foldInto(layer, norm *Node) error {
	weight, bias := layer.Param("weight").Value, layer.Param("bias").Value
	of := func(name string) []float64 { return float64s(norm.Param(name).Value) }
	gamma, beta, mean, variance := of("weight"), of("bias"), of("running_mean"), of("running_var")
	w, b := float64s(weight), float64s(bias)
	first := 0
	for c, n := range weightsPerChannel(layer) {
		scale := gamma[c] / math.Sqrt(variance[c]+norm.Layer.(BatchNorm).eps())
		for i := first; i < first+n; i++ {
			if !setFinite(weight, i, scale*w[i]) {
				return fmt.Errorf("channel %d scales the weights of %q by %g: want numbers that stay finite", c, layer.Name, scale)
			}
		}
		if shift := scale*(b[c]-mean[c]) + beta[c]; !setFinite(bias, c, shift) {
			return fmt.Errorf("channel %d makes the bias of %q %g: want a finite number", c, layer.Name, shift)
		}
		first += n
	}
	return nil
}

// weightsPerChannel is how many elements of the weight each channel of the output has. They lie one
// channel after the other.
func weightsPerChannel(layer *Node) []int {
	weight := layer.Param("weight").Shape
	counts := make([]int, layer.Shape[0])
	for c := range counts {
		counts[c] = weight.TotalSize() / len(counts)
	}
	if conv, ok := layer.Layer.(Conv2D); ok {
		for c, inputs := range conv.Connections {
			counts[c] = len(inputs) * weight[1] * weight[2]
		}
	}
	return counts
}

// setFinite writes an element, and says whether it is finite there.
func setFinite(d *tensor.Dense, i int, v float64) bool {
	setAt(d, i, v)
	return xmath.IsFinite(v) && (d.Dtype() == tensor.Float64 || inFloat32(v))
}

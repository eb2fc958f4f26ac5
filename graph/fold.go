package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

// Folded returns the same network for prediction, with each BatchNorm that is the only reader of a
// Conv2D or Affine layer folded into that layer. For a channel of that layer let z = w·x + b, and
// let the BatchNorm have the running mean μ, the running variance σ², the weight γ and the bias β.
// Then
//
//	y = γ·(z-μ)/√(σ²+ε) + β
//	  = s·w·x + s·(b-μ) + β  where s = γ/√(σ²+ε),
//
// so the folded layer has the weight s·w and the bias s·(b-μ) + β. They are computed in float64 and
// rounded once to the model's element type. Predictions differ from the model's by rounding;
// training the folded model trains a network without BatchNorm.
//
// The layers keep their names. Folded also returns the names of the BatchNorm layers it removed,
// and an error if there are none.
func (m *Model) Folded() (folded *Model, names []string, err error) {
	into := m.foldable()
	if len(into) == 0 {
		return nil, nil, fmt.Errorf(
			"model %q: nothing to fold: want a BatchNorm that is the only reader of a Conv2D or Affine layer",
			m.spec.Name)
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

// foldable maps each BatchNorm that can be folded to the layer it is folded into. Two of them in a
// row go into the same layer.
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

// declareFolded returns the network without the folded layers, with the parameters from before the
// folding. New biases are 0.
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

// foldedSpec returns the model's spec without the folded layers. Their readers read the layer they
// are folded into.
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
			layer = Named(layer, n.Name) // the number in an automatic name would change
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

// withBiases returns a Conv2D or Affine layer with biases.
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

// foldInto folds a BatchNorm into the parameters of a Conv2D or Affine layer.
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
				return fmt.Errorf("channel %d scales the weights of %q by %g: want finite products",
					c, layer.Name, scale)
			}
		}
		if shift := scale*(b[c]-mean[c]) + beta[c]; !setFinite(bias, c, shift) {
			return fmt.Errorf("channel %d makes the bias of %q %g: want a finite number", c, layer.Name, shift)
		}
		first += n
	}
	return nil
}

// weightsPerChannel returns the number of weights of each output channel. The weights of a channel
// are contiguous.
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

// setFinite sets an element, and reports whether it is finite in the tensor's type.
func setFinite(d *tensor.Dense, i int, v float64) bool {
	setAt(d, i, v)
	return xmath.IsFinite(v) && (d.Dtype() == tensor.Float64 || inFloat32(v))
}

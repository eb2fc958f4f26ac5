package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// A Matched is what [Model.LoadMatching] did with one layer.
type Matched struct {
	Layer   string
	Missing string // why the layer kept its parameters; empty if it got the other model's
}

// LoadMatching copies the parameters of every layer that the other model has with the same name and
// the same shapes; the other layers keep theirs. So a trained network can be the start for a
// different number of classes. It reports on every layer that has parameters, in order.
func (m *Model) LoadMatching(from *Model) []Matched {
	values := map[string]*tensor.Dense{}
	for _, p := range from.params {
		values[p.Name] = p.Value
	}
	var layers []Matched
	for _, n := range m.nodes {
		own := n.Parameters
		if len(own) == 0 {
			continue
		}
		missing := lacks(values, own)
		if missing == "" {
			for _, p := range own {
				assign(p.Value, values[p.Name])
			}
		}
		layers = append(layers, Matched{Layer: n.Name, Missing: missing})
	}
	return layers
}

// lacks says which of the parameters isn't among the values with its shape, or returns "".
func lacks(values map[string]*tensor.Dense, params []*Parameter) string {
	for _, p := range params {
		switch v := values[p.Name]; {
		case v == nil:
			return fmt.Sprintf("no %s there", p.Name)
		case !slices.Equal(v.Shape(), p.Value.Shape()):
			return fmt.Sprintf("%s is %v here, %v there", p.Name, p.Value.Shape(), v.Shape())
		}
	}
	return ""
}

// WithOutputs returns the spec of the same network with another number of outputs: the last layer
// with a width of its own gets that width. The other layers fit a loaded model
// ([Model.LoadMatching]). Class names are dropped.
func (s *Spec) WithOutputs(n int) (*Spec, error) {
	nodes, err := s.resolve()
	if err != nil {
		return nil, err
	}
	for i := len(s.Layers) - 1; i >= 0; i-- {
		node := nodes[i+1]
		if len(node.Inputs) != 1 || i < len(s.Layers)-1 && len(node.readers) != 1 {
			break
		}
		head, ok := widened(node.Layer, n)
		if !ok {
			continue
		}
		changed := *s
		changed.Layers, changed.ClassNames = append([]Layer(nil), s.Layers...), nil
		if _, from := Reads(s.Layers[i]); from != nil {
			head = From(head, from...)
		}
		changed.Layers[i] = head
		_, err := changed.resolve()
		return &changed, err
	}
	return nil, fmt.Errorf("model %q: no output layer to widen: want an Affine or Conv2D layer, "+
		"followed only by layers without a width of their own", s.Name)
}

// widened returns a layer with another number of outputs, if it has a width of its own.
func widened(l Layer, outputs int) (Layer, bool) {
	switch l := l.(type) {
	case Affine:
		l.Units = outputs
		return l, true
	case Conv2D:
		l.Filters = outputs
		return l, true
	}
	return nil, false
}

package graph

import "fmt"

// WithOutputs is the spec of the same network with another number of outputs: its head, the last layer
// that has a width of its own, gets that width. A loaded model's other layers fit it
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
	return nil, fmt.Errorf("model %q: no layer of its end has a width of its own: want an Affine or Conv2D layer that only activations, poolings and the like follow", s.Name)
}

// widened is a layer with another number of outputs, if it has a width of its own.
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

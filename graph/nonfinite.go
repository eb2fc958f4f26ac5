package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

// FirstNonFinite names the first node, in the order of computation, whose value in the last Run holds a NaN or an infinity: "conv1.weight",
// or an op with its layer. It is empty if all numbers are finite. To see every value it runs the batch once more, with each layer by
// itself and in memory of its own: the images, the targets and the parameters must be those of the last Run.
func (s *Step) FirstNonFinite() (string, error) {
	config := s.config
	config.unfused, config.unshared, config.keepEstimates = true, true, true
	plain, err := s.model.newStep(s.x.Shape()[0], config)
	if err != nil {
		return "", err
	}
	defer plain.Close()
	copyValues(plain.x, 0, s.x, 0, s.x.Shape().TotalSize())
	copyValues(plain.t, 0, s.t, 0, s.t.Shape().TotalSize())
	if _, err := plain.Run(s.net.rng.Step); err != nil {
		return "", err
	}
	return plain.firstNonFinite(), nil
}

func (s *Step) firstNonFinite() string {
	var found string
	seen := map[*G.Node]bool{}
	var visit func(n *G.Node)
	visit = func(n *G.Node) {
		if seen[n] || found != "" {
			return
		}
		seen[n] = true
		for _, c := range children(n) {
			visit(c)
		}
		if found == "" && !finite(n.Value()) {
			found = s.describe(n)
		}
	}
	visit(s.net.loss)
	for _, n := range s.net.grads {
		visit(n)
	}
	return found
}

func (s *Step) describe(n *G.Node) string {
	node := Value{Label: n.Name(), Kind: InputValue}
	newDescriber(s.net).classify(&node, n)
	if n.Op() == nil {
		return fmt.Sprintf("%s %q", node.Kind, node.Label)
	}
	return fmt.Sprintf("%s of layer %q", node.Label, node.Layer)
}

// CheckFinite is an error that names the first parameter that holds a NaN or an infinity: nothing can
// be predicted with it.
func (m *Model) CheckFinite() error {
	for _, p := range m.params {
		if finite(p.Value) {
			continue
		}
		for i, v := range float64s(p.Value) {
			if !xmath.IsFinite(v) {
				return fmt.Errorf("model %q: parameter %q is %v at %v: want finite numbers", m.spec.Name, p.Name, v, indices(p.Shape, i))
			}
		}
	}
	return nil
}

// indices is where the element is that has the number i in row-major order.
func indices(shape tensor.Shape, i int) []int {
	at := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		at[d] = i % shape[d]
		i /= shape[d]
	}
	return at
}

func finite(v G.Value) bool {
	switch v := v.(type) {
	case *G.F32:
		return xmath.IsFinite(*v)
	case *G.F64:
		return xmath.IsFinite(*v)
	case *tensor.Dense:
		if v.Dtype() == tensor.Float64 {
			return allFinite(v.Float64s())
		}
		return allFinite(v.Float32s())
	}
	return true
}

func allFinite[T float32 | float64](values []T) bool {
	for _, v := range values {
		if !xmath.IsFinite(v) {
			return false
		}
	}
	return true
}

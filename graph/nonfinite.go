package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
)

// FirstNonFinite names the first node, in the order of computation, whose value in the last Run
// contains a NaN or an infinity: "conv1.weight", or an op with its layer. It returns "" if all
// values are finite. It runs the batch a second time, without passes and without shared memory, so
// the images, the targets and the parameters must be those of the last Run.
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

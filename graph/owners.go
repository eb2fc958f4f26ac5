package graph

import (
	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// opOwners maps the IDs of forward ops to names of layers.
type opOwners map[uint64]string

// layerOps returns the layers of the ops up to the logits. Ops of a fused group belong to its last
// layer.
func (s *symbolic) layerOps() opOwners {
	owners := opOwners{}
	for _, n := range s.model.nodes[1:] { // in order: ops of earlier layers are claimed already
		if value := s.values[n]; value != nil {
			owners.claim(value, n.Name)
		}
	}
	return owners
}

// claim gives the name to an op and to the ops it reads, unless they have one.
func (o opOwners) claim(n *G.Node, name string) {
	if n.Op() == nil {
		return
	}
	if info, ours := ops.Describe(n.Op()); ours {
		if o[info.ID] != "" {
			return
		}
		o[info.ID] = name
	}
	for _, c := range children(n) {
		o.claim(c, name)
	}
}

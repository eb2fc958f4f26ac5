package graph

import (
	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// opOwners maps forward ops' IDs to names.
type opOwners map[uint64]string

// layerOps are the ops up to the logits, with their layers' names. Ops that a pass has fused have the
// last layer's.
func (s *symbolic) layerOps() opOwners {
	owners := opOwners{}
	for _, n := range s.model.nodes[1:] { // a layer's ops read those of earlier layers, which are claimed
		if value := s.values[n]; value != nil {
			owners.claim(value, n.Name)
		}
	}
	return owners
}

// claim gives an op, and those it reads, the name, if they have none.
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

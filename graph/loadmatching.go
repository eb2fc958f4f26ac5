package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// Matched says what [Model.LoadMatching] did with a layer.
type Matched struct {
	Layer   string
	Missing string // why the layer kept its own parameters; empty: it took the other model's
}

// LoadMatching copies the parameters of every layer that the other model has under the same name with
// the same shapes; the other layers keep theirs. So a trained network is a start for one with another
// number of classes. It reports every layer that has parameters, in order.
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

// lacks says which of the parameters isn't among the values in its shape; empty if they all are.
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

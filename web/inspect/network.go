package inspect

import (
	"fmt"
	"net/http"

	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
	"convgraph/web"
)

// A network is what the page must know before it can show anything.
type network struct {
	Name       string      `json:"name"`
	Input      extent      `json:"input"`
	Digits     bool        `json:"digits"`   // pictures are prepared as MNIST's are
	Pictures   string      `json:"pictures"` // why it doesn't take pictures; empty if it does
	Samples    int         `json:"samples"`  // how many sample pictures /api/samples has
	Classes    []string    `json:"classes"`
	Snapshots  []string    `json:"snapshots"`
	Layers     []layer     `json:"layers"`
	Nodes      []graphNode `json:"nodes"`
	Parameters int64       `json:"parameters"`
	Wires      []wire      `json:"wires"`
	HasOutput  bool        `json:"probabilities"` // its outputs are probabilities
	Logits     bool        `json:"logits"`        // the last layer gives what they are computed from
	Mean       []float64   `json:"mean"`          // that is subtracted from a picture's intensities, if any
	Std        []float64   `json:"std"`           // that they are divided by, if any
	Methods    []string    `json:"methods"`       // of heat that says what a decision depends on; none for a network of maps
	Loss       graph.Loss  `json:"loss"`

	index map[*graph.Node]int // of each layer; the network's input has none
}

// A layer is one of the network's, in its place.
type layer struct {
	Name         string   `json:"name"`
	Kind         string   `json:"kind"`  // as in a spec's JSON
	Text         string   `json:"text"`  // as code: "Conv2D{Filters: 16, Kernel: Square(5)}"
	Reads        []string `json:"reads"` // the layers whose values it takes, or "input"
	Output       extent   `json:"output"`
	Shown        int      `json:"shown"` // the maps that /api/forward sends: the first so many
	Parameters   int64    `json:"parameters"`
	MultiplyAdds int64    `json:"multiply_adds"`
	Function     *formula `json:"function,omitempty"` // of a layer that applies one to each value

	layer graph.Layer
	node  *graph.Node
	in    extent // of the first value it reads
}

// A formula is an activation's function, by its name.
type formula struct {
	Name    string `json:"name"`
	Formula string `json:"formula"`
}

func formulaOf(l graph.Layer) *formula {
	a, ok := l.(graph.ActivationFunction)
	if !ok {
		return nil
	}
	f := a.Function()
	return &formula{f.Name, f.Formula}
}

// An extent is the size of one sample's values. A vector of n has n maps of 1×1.
type extent struct {
	Maps   int `json:"maps"`
	Height int `json:"height"`
	Width  int `json:"width"`
}

func extentOf(s tensor.Shape) extent {
	if s.Dims() == 3 {
		return extent{s[0], s[1], s[2]}
	}
	return extent{s.TotalSize(), 1, 1}
}

func (e extent) plane() int { return e.Height * e.Width }

// at is where a cell's value stands in a layer's values.
func (e extent) at(c cell) int { return (c.Map*e.Height+c.Row)*e.Width + c.Column }

// cell is the inverse of at.
func (e extent) cell(i int) cell {
	return cell{Map: i / e.plane(), Row: i / e.Width % e.Height, Column: i % e.Width}
}

// Of a large layer the page gets the first maps only: so many maps, or units if they are 1×1, and no
// more values than this but for one map. Of a network with many layers it gets fewer of each.
const (
	mostMaps      = 64
	mostUnits     = 4096
	mostValues    = 1 << 18
	mostAllValues = 1 << 23
)

func shown(e extent, layers int) int {
	most := mostMaps
	if e.plane() == 1 {
		most = mostUnits
	}
	return min(e.Maps, most, max(1, min(mostValues, mostAllValues/layers)/e.plane()))
}

// A graphNode is a node of the symbolic graph.
type graphNode struct {
	ID     int    `json:"id"`
	Label  string `json:"label"`
	Detail string `json:"detail"`
	Kind   string `json:"kind"` // input, parameter, op
	Layer  string `json:"layer"`
	Shape  []int  `json:"shape"`
	Inputs []int  `json:"inputs"`

	Along  float64 `json:"along"` // the node's place, see wire; parameters have none
	Across float64 `json:"across"`
}

func describe(snapshots []Snapshot) (*network, error) {
	m := snapshots[0].Model
	spec, summary := m.Spec(), m.Summary()
	n := &network{
		Name: spec.Name, Input: extentOf(spec.Input), Digits: classify.Preprocessing(spec).Digit != picture.NoInk, Classes: spec.ClassNames,
		Parameters: summary.Parameters, HasOutput: m.HasProbabilities(), Loss: m.TrainingLoss(),
		Logits: m.HasProbabilities() && m.LogitsNode() == m.Output(),
		index:  map[*graph.Node]int{},
	}
	if err := classify.TakesPictures(spec); err != nil {
		n.Pictures = err.Error()
	} else {
		n.Methods = methods(m)
	}
	n.Mean, n.Std = classify.Preprocessing(spec).Mean, classify.Preprocessing(spec).Std
	for i := range m.Classes() {
		if spec.ClassNames == nil {
			n.Classes = append(n.Classes, fmt.Sprint(i))
		}
	}
	for _, s := range snapshots {
		n.Snapshots = append(n.Snapshots, s.Label)
	}
	for i, node := range m.Nodes() {
		s := summary.Layers[i]
		out := extentOf(node.Shape)
		n.index[node] = i
		n.Layers = append(n.Layers, layer{
			Name: node.Name, Kind: graph.Kind(node.Layer), Text: s.Layer, Reads: s.Reads, Output: out, Shown: shown(out, len(summary.Layers)),
			Parameters: s.Parameters, MultiplyAdds: s.MultiplyAdds,
			Function: formulaOf(node.Layer), layer: node.Layer, node: node, in: extentOf(node.Inputs[0].Shape),
		})
	}
	nodes, err := graphNodes(m)
	if err != nil {
		return nil, err
	}
	n.Nodes = nodes
	n.Wires, err = place(nodes)
	return n, err
}

func graphNodes(m *graph.Model) (nodes []graphNode, err error) {
	d, err := m.Describe(1, false)
	if err != nil {
		return nil, err
	}
	for _, n := range d.Nodes {
		nodes = append(nodes, graphNode{
			ID: n.ID, Label: n.Label, Detail: n.Detail, Kind: string(n.Kind), Layer: n.Layer, Shape: n.Shape,
			Inputs: append([]int{}, n.Inputs...), // not null
		})
	}
	return nodes, nil
}

func (p *Page) serveNetwork(w http.ResponseWriter, _ *http.Request) error {
	web.WriteJSON(w, http.StatusOK, p.network)
	return nil
}

// snapshot is the one that a request asks for.
func (p *Page) snapshot(r *http.Request) (Snapshot, error) {
	i, err := whole(r, "snapshot", 0, len(p.snapshots)-1)
	if err != nil {
		return Snapshot{}, err
	}
	return p.snapshots[i], nil
}

package graph

import (
	"fmt"
	"strings"

	"gorgonia.org/tensor"
)

// A Node is a layer in its network: named, linked to what it reads, with inferred shapes and
// declared parameters. The symbolic graph, the passes, summaries, pictures, pages and files are all
// made from the nodes of a model.
type Node struct {
	Name       string
	Layer      Layer        // nil for the network's input
	Inputs     []*Node      // the nodes it reads, in order
	Shape      tensor.Shape // of the result, for one sample
	Parameters []*Parameter // in the order of Layer.Parameters

	readers []*Node // the nodes that read this one, one entry for each read
}

// IsInput reports whether the node is the network's input.
func (n *Node) IsInput() bool { return n.Layer == nil }

// InputShapes returns the shapes of the values that the node reads, for one sample.
func (n *Node) InputShapes() []tensor.Shape {
	shapes := make([]tensor.Shape, len(n.Inputs))
	for i, in := range n.Inputs {
		shapes[i] = in.Shape
	}
	return shapes
}

// Param returns the node's parameter with the given name within the layer ("weight"), or nil.
func (n *Node) Param(name string) *Parameter {
	for _, p := range n.Parameters {
		if p.Name == n.Name+"."+name {
			return p
		}
	}
	return nil
}

// MultiplyAdds returns the number of multiply-adds of one sample's forward pass.
func (n *Node) MultiplyAdds() int64 {
	if n.IsInput() {
		return 0
	}
	return n.Layer.MultiplyAdds(n.InputShapes()...)
}

// Readers returns the nodes that read this one, in order. A node that reads it twice is listed
// twice.
func (n *Node) Readers() []*Node { return append([]*Node(nil), n.readers...) }

// inputNames returns the names of the nodes it reads.
func (n *Node) inputNames() []string {
	names := make([]string, len(n.Inputs))
	for i, in := range n.Inputs {
		names[i] = in.Name
	}
	return names
}

// readsInWords returns "1 value (relu1)", or "2 values (bn2, relu1)".
func (n *Node) readsInWords() string {
	names := n.inputNames()
	values := "values"
	if len(names) == 1 {
		values = "value"
	}
	return fmt.Sprintf("%d %s (%.200s)", len(names), values, strings.Join(names, ", "))
}

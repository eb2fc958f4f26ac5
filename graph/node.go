package graph

import (
	"fmt"
	"strings"

	"gorgonia.org/tensor"
)

// A Node is a layer in its network: named, joined to what it reads, with its shapes inferred and its
// parameters declared. A model's nodes are what everything else reads: the symbolic graph, the
// passes, the summary, pictures, pages and files.
type Node struct {
	Name       string
	Layer      Layer        // nil for the network's input
	Inputs     []*Node      // what it reads, in order
	Shape      tensor.Shape // of its result, for one sample
	Parameters []*Parameter // in the order of Layer.Parameters

	readers []*Node // one entry for each time a node reads this one
}

// IsInput says whether the node is the network's input.
func (n *Node) IsInput() bool { return n.Layer == nil }

// InputShapes are the shapes of what the node reads, for one sample.
func (n *Node) InputShapes() []tensor.Shape {
	shapes := make([]tensor.Shape, len(n.Inputs))
	for i, in := range n.Inputs {
		shapes[i] = in.Shape
	}
	return shapes
}

// Param is the node's parameter of the given name within the layer ("weight"), or nil.
func (n *Node) Param(name string) *Parameter {
	for _, p := range n.Parameters {
		if p.Name == n.Name+"."+name {
			return p
		}
	}
	return nil
}

// MultiplyAdds is the arithmetic of one sample going forward.
func (n *Node) MultiplyAdds() int64 {
	if n.IsInput() {
		return 0
	}
	return n.Layer.MultiplyAdds(n.InputShapes()...)
}

// Readers are the nodes that read this one, in order. A node that reads it twice is there twice.
func (n *Node) Readers() []*Node { return append([]*Node(nil), n.readers...) }

// inputNames are the names of what the node reads.
func (n *Node) inputNames() []string {
	names := make([]string, len(n.Inputs))
	for i, in := range n.Inputs {
		names[i] = in.Name
	}
	return names
}

// readsInWords is "1 value (relu1)", or "2 values (bn2, relu1)".
func (n *Node) readsInWords() string {
	names := n.inputNames()
	values := "values"
	if len(names) == 1 {
		values = "value"
	}
	return fmt.Sprintf("%d %s (%.200s)", len(names), values, strings.Join(names, ", "))
}

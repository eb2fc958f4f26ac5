package viz_test

import (
	"fmt"

	"convgraph/viz"
)

// builder makes the graph of a chain of layers, with its backward half on demand.
type builder struct {
	g     viz.Graph
	grad  bool
	steps []step
}

// step is a layer: what it computes, and what its backward half reads.
type step struct {
	name, op, detail, shape string
	params                  map[string]string // name → shape
	readsResult             bool
}

func (b *builder) node(id, label, detail string, kind viz.NodeKind, group, shape string) string {
	b.g.Nodes = append(b.g.Nodes, viz.GraphNode{ID: id, Label: label, Detail: detail, Kind: kind, Group: group,
		Shape: shape})
	return id
}

func (b *builder) edge(from, to string) {
	b.g.Edges = append(b.g.Edges, viz.GraphEdge{From: from, To: to})
}

func (b *builder) build(title, inputShape string, classes int) viz.Graph {
	b.g.Title = title
	at := b.node("x", "x", "", viz.KindInput, "", inputShape)
	inputs := []string{at}
	for _, s := range b.steps {
		next := b.node(s.name, s.op, s.detail, viz.KindOp, s.name, s.shape)
		b.edge(at, next)
		for _, p := range []string{"weight", "coefficient", "bias"} {
			if shape, has := s.params[p]; has {
				b.edge(b.node(s.name+"."+p, s.name+"."+p, "", viz.KindParameter, s.name, shape), next)
			}
		}
		at = next
		inputs = append(inputs, at)
	}
	output := fmt.Sprintf("100×%d", classes)
	b.node("t", "t", "", viz.KindInput, "loss", output)
	b.node("loss", "CrossEntropy", "of the softmax", viz.KindOp, "loss", "scalar")
	b.edge(at, "loss")
	b.edge("t", "loss")
	if b.grad {
		b.backward(inputs, output)
	}
	return b.g
}

func (b *builder) backward(inputs []string, output string) {
	b.node("one", "1", "", viz.KindGradient, "loss", "scalar")
	dy := b.node("dloss", "dCrossEntropy", "", viz.KindGradient, "loss", output)
	for _, from := range []string{inputs[len(inputs)-1], "t", "one"} {
		b.edge(from, dy)
	}
	for i := len(b.steps) - 1; i >= 0; i-- {
		s := b.steps[i]
		for _, p := range []string{"weight", "coefficient", "bias"} {
			shape, has := s.params[p]
			if !has {
				continue
			}
			d := b.node("d"+s.name+"."+p, "d"+s.op, "for "+s.name+"."+p, viz.KindGradient, s.name, shape)
			b.edge(dy, d)
			if p != "bias" {
				b.edge(inputs[i], d)
			}
		}
		if i == 0 {
			return
		}
		d := b.node("d"+s.name, "d"+s.op, "", viz.KindGradient, s.name, b.steps[i-1].shape)
		b.edge(dy, d)
		if s.readsResult {
			b.edge(s.name, d)
		}
		for _, p := range []string{"weight", "coefficient"} {
			if _, has := s.params[p]; has {
				b.edge(s.name+"."+p, d)
			}
		}
		dy = d
	}
}

func params(weight, bias string) map[string]string {
	return map[string]string{"weight": weight, "bias": bias}
}

func simpleConvNet(grad bool) viz.Graph {
	b := builder{grad: grad, steps: []step{
		{"conv1", "Conv2D", "30 filters 5×5", "100×30×24×24", params("30×1×5×5", "30"), false},
		{"relu1", "ReLU", "", "100×30×24×24", nil, true},
		{"pool1", "MaxPool2D", "2×2, stride 2", "100×30×12×12", nil, true},
		{"flatten", "Flatten", "", "100×4320", nil, false},
		{"fc1", "Affine", "", "100×100", params("100×4320", "100"), false},
		{"relu2", "ReLU", "", "100×100", nil, true},
		{"fc2", "Affine", "", "100×10", params("10×100", "10"), false},
	}}
	return b.build("SimpleConvNet, a batch of 100", "100×1×28×28", 10)
}

func leNet() viz.Graph {
	b := builder{grad: true, steps: []step{
		{"C1", "Conv2D", "6 filters 5×5, pad 2", "100×6×28×28", params("6×1×5×5", "6"), false},
		{"S2", "Subsample2D", "2×2", "100×6×14×14", map[string]string{"coefficient": "6", "bias": "6"}, false},
		{"sigmoid2", "Sigmoid", "", "100×6×14×14", nil, true},
		{"C3", "PartialConv2D", "16 filters 5×5, the paper's Table I", "100×16×10×10", params("16×6×5×5", "16"), false},
		{"S4", "Subsample2D", "2×2", "100×16×5×5", map[string]string{"coefficient": "16", "bias": "16"}, false},
		{"sigmoid4", "Sigmoid", "", "100×16×5×5", nil, true},
		{"C5", "Conv2D", "120 filters 5×5", "100×120×1×1", params("120×16×5×5", "120"), false},
		{"flatten", "Flatten", "", "100×120", nil, false},
		{"F6", "Affine", "", "100×84", params("84×120", "84"), false},
		{"output", "Affine", "", "100×10", params("10×84", "10"), false},
	}}
	return b.build("LeNet (LeCun et al. 1998)", "100×1×28×28", 10)
}

// residual is a graph with a shortcut, a weight used twice, and two heads.
func residual() viz.Graph {
	op := func(id, label, group string) viz.GraphNode {
		return viz.GraphNode{ID: id, Label: label, Kind: viz.KindOp, Group: group, Shape: "8×16×7×7"}
	}
	grad := func(id, label, group string) viz.GraphNode {
		n := op(id, label, group)
		n.Kind = viz.KindGradient
		return n
	}
	return viz.Graph{
		Title: "a block with a shortcut",
		Nodes: []viz.GraphNode{
			{ID: "x", Kind: viz.KindInput, Shape: "8×16×7×7"},
			{ID: "w", Label: "shared.weight", Kind: viz.KindParameter, Group: "first", Shape: "16×16×3×3"},
			op("a", "Conv2D", "first"), op("r", "ReLU", "first"), op("b", "Conv2D", "second"), op("sum", "Add", "join"),
			{ID: "features", Label: "features", Kind: viz.KindOutput, Shape: "8×16×7×7"},
			op("norm", "Norm", ""), {ID: "loss", Label: "Sum", Kind: viz.KindOp, Group: "loss", Shape: "scalar"},
			grad("dsum", "dSum", "loss"), grad("db", "dConv2D", "second"), grad("dwb", "dConv2D", "second"),
			grad("dr", "dReLU", "first"),
			grad("dwa", "dConv2D", "first"), grad("dw", "Add", "first"),
		},
		Edges: []viz.GraphEdge{
			{From: "x", To: "a"}, {From: "w", To: "a"}, {From: "a", To: "r"}, {From: "r", To: "b"},
			{From: "w", To: "b"},
			{From: "b", To: "sum"}, {From: "x", To: "sum"}, {From: "sum", To: "features"}, {From: "sum", To: "norm"},
			{From: "norm", To: "loss"},
			{From: "loss", To: "dsum"}, {From: "dsum", To: "db"}, {From: "w", To: "db"}, {From: "dsum", To: "dwb"},
			{From: "r", To: "dwb"},
			{From: "db", To: "dr"}, {From: "r", To: "dr"}, {From: "dr", To: "dwa"}, {From: "x", To: "dwa"},
			{From: "dwa", To: "dw"}, {From: "dwb", To: "dw"},
		},
	}
}

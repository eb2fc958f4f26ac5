package viz

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// For random graphs: nodes don't overlap and are inside their layer's box, wires meet only their
// own nodes, and different values don't share a line.
func TestLayoutKeepsThingsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, err := newLayout(randomGraph(t))
		if err != nil {
			t.Fatal(err)
		}
		checkNodes(t, l)
		checkWires(t, l)
	})
}

// A graph may be a single node of any kind, or several without an edge.
func TestLayoutOfLooseNodes(t *testing.T) {
	var all Graph
	for kind, name := range kindNames {
		node := GraphNode{ID: name, Kind: NodeKind(kind), Group: "group"[:kind%2*5], Shape: "1"}
		all.Nodes = append(all.Nodes, node)
		for _, g := range []Graph{{Nodes: []GraphNode{node}}, all} {
			l, err := newLayout(g)
			if err != nil {
				t.Fatal(err)
			}
			checkNodes(t, l)
		}
	}
}

// In a layer of several ops the last, which reads the parameters, is below them: their wires meet
// it in the parameters' order, without crossings.
func TestWiresOfParametersDoNotCross(t *testing.T) {
	for steps := 1; steps <= 3; steps++ {
		l, err := newLayout(layerOf(steps))
		if err != nil {
			t.Fatal(err)
		}
		checkWires(t, l)
		weight, bias := l.wires[len(l.wires)-2].points, l.wires[len(l.wires)-1].points
		if high, low := weight[len(weight)-1].y, bias[len(bias)-1].y; high >= low {
			t.Errorf("%d steps: the weight's wire ends at %g, the bias's at %g: want it above", steps, high, low)
		}
		if cross(weight, bias) {
			t.Errorf("%d steps: the wires %v and %v cross", steps, weight, bias)
		}
	}
}

// layerOf returns a network of one layer with the given number of ops; the last edges are those of
// the last op's weight and bias.
func layerOf(steps int) Graph {
	g := Graph{Nodes: []GraphNode{{ID: "step 0", Kind: KindInput}}}
	last := "step 0"
	for i := 1; i <= steps; i++ {
		step := fmt.Sprintf("step %d", i)
		g.Nodes = append(g.Nodes, GraphNode{ID: step, Kind: KindOp, Group: "fc1"})
		g.Edges = append(g.Edges, GraphEdge{From: last, To: step})
		last = step
	}
	for _, parameter := range []string{"weight", "bias"} {
		g.Nodes = append(g.Nodes, GraphNode{ID: parameter, Kind: KindParameter, Group: "fc1", Shape: "4×3"})
		g.Edges = append(g.Edges, GraphEdge{From: parameter, To: last})
	}
	return g
}

// cross reports whether two paths of horizontal and vertical lines meet.
func cross(a, b []point) bool {
	for i := 1; i < len(a); i++ {
		for k := 1; k < len(b); k++ {
			if overlap(a[i-1].x, a[i].x, b[k-1].x, b[k].x) >= 0 && overlap(a[i-1].y, a[i].y, b[k-1].y, b[k].y) >= 0 {
				return true
			}
		}
	}
	return false
}

type failer interface{ Fatalf(string, ...any) }

func checkNodes(t failer, l *layout) {
	for i, a := range l.spots {
		r := l.rows[a.row]
		if a.x < r.x || a.right() > r.right() || a.y < r.y || a.bottom() > r.bottom() {
			t.Fatalf("node %s %v leaves its row %v", l.Nodes[i].ID, a.rect, r.rect)
		}
		for j, b := range l.spots[:i] {
			if a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom() {
				t.Fatalf("nodes %s and %s overlap", l.Nodes[j].ID, l.Nodes[i].ID)
			}
		}
	}
	for i, r := range l.rows {
		if i > 0 && r.y < l.rows[i-1].bottom() {
			t.Fatalf("rows %d and %d overlap", i-1, i)
		}
		if r.x < 0 || r.right() > l.size.x || r.bottom() > l.size.y {
			t.Fatalf("row %d leaves the page", i)
		}
	}
}

func checkWires(t failer, l *layout) {
	for i, w := range l.wires {
		for k := 1; k < len(w.points); k++ {
			a, b := w.points[k-1], w.points[k]
			if math.Abs(a.x-b.x) > 0.01 && math.Abs(a.y-b.y) > 0.01 {
				t.Fatalf("wire %s runs aslant from %v to %v", wireName(l, w), a, b)
			}
			for n, s := range l.spots {
				if entersInside(a, b, s.rect) {
					t.Fatalf("wire %s runs through %s", wireName(l, w), l.Nodes[n].ID)
				}
			}
			for _, other := range l.wires[:i] {
				if l.from[other.edge] != l.from[w.edge] && runsAlong(a, b, other.points) {
					t.Fatalf("wires %s and %s lie on one another at %v to %v", wireName(l, w), wireName(l, other), a, b)
				}
			}
		}
	}
}

func wireName(l *layout, w wire) string { return l.Edges[w.edge].From + " → " + l.Edges[w.edge].To }

func entersInside(a, b point, r rect) bool {
	const skin = 0.01
	return min(a.x, b.x) < r.right()-skin && max(a.x, b.x) > r.x+skin && min(a.y, b.y) < r.bottom()-skin && max(a.y,
		b.y) > r.y+skin
}

// runsAlong reports whether the segment shares more than a point with the path.
func runsAlong(a, b point, path []point) bool {
	for k := 1; k < len(path); k++ {
		c, d := path[k-1], path[k]
		if math.Abs(a.x-b.x) < 0.01 && math.Abs(c.x-d.x) < 0.01 && math.Abs(a.x-c.x) < 1 && overlap(a.y, b.y, c.y,
			d.y) > 1 {
			return true
		}
		if math.Abs(a.y-b.y) < 0.01 && math.Abs(c.y-d.y) < 0.01 && math.Abs(a.y-c.y) < 1 && overlap(a.x, b.x, c.x,
			d.x) > 1 {
			return true
		}
	}
	return false
}

func overlap(a, b, c, d float64) float64 {
	return min(max(a, b), max(c, d)) - max(min(a, b), min(c, d))
}

// randomGraph returns a network with layers of one to three ops, parameters, shortcuts and a
// backward half with random inputs.
func randomGraph(t *rapid.T) Graph {
	var g Graph
	node := func(id, group string, kind NodeKind) string {
		detail := rapid.SampledFrom([]string{"", "5×5", "a long detail of it"}).Draw(t, "detail")
		g.Nodes = append(g.Nodes, GraphNode{ID: id, Group: group, Kind: kind, Detail: detail, Shape: "4×3"})
		return id
	}
	edge := func(from, to string) { g.Edges = append(g.Edges, GraphEdge{From: from, To: to}) }
	values := []string{node("x", "", KindInput)}
	layers := rapid.IntRange(1, 6).Draw(t, "layers")
	saved := make([][]string, layers)
	for i := range layers {
		group := rapid.SampledFrom([]string{fmt.Sprintf("layer%d", i), ""}).Draw(t, "group")
		for s := range rapid.IntRange(1, 2).Draw(t, "steps") {
			before := values[len(values)-1]
			op := node(fmt.Sprintf("op%d.%d", i, s), group, KindOp)
			edge(before, op)
			if rapid.IntRange(0, 4).Draw(t, "shortcut") == 0 {
				edge(rapid.SampledFrom(values).Draw(t, "from"), op)
			}
			values = append(values, op)
			saved[i] = append(saved[i], before, op)
			for p := range rapid.IntRange(0, 2).Draw(t, "parameters") {
				id := node(fmt.Sprintf("w%d.%d.%d", i, s, p), group, KindParameter)
				edge(id, op)
				saved[i] = append(saved[i], id)
			}
		}
	}
	if rapid.Bool().Draw(t, "backward") {
		randomBackward(t, saved, node, edge)
	}
	return g
}

func randomBackward(t *rapid.T, saved [][]string, node func(string, string, NodeKind) string,
	edge func(string, string)) {
	gradients := []string{node("seed", "", KindGradient)}
	for i := len(saved) - 1; i >= 0; i-- {
		for d := range rapid.IntRange(1, 4).Draw(t, "gradients") {
			id := node(fmt.Sprintf("d%d.%d", i, d),
				rapid.SampledFrom([]string{fmt.Sprintf("layer%d", i), ""}).Draw(t, "group"), KindGradient)
			edge(rapid.SampledFrom(gradients).Draw(t, "incoming"), id)
			for _, s := range rapid.SliceOfNDistinct(rapid.SampledFrom(saved[i]), 0, 2, rapid.ID[string]).Draw(t,
				"reads") {
				edge(s, id)
			}
			if rapid.Bool().Draw(t, "continues") {
				gradients = append(gradients, id)
			}
		}
	}
}

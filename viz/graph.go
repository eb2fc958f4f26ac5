package viz

import (
	"fmt"
	"io"
	"strings"
)

// Graph is a drawing of a computational graph. The forward half runs downwards, the backward half,
// if any, beside it upwards. A box surrounds the nodes of a layer. Where edges leave the order
// open, the order of Nodes decides.
type Graph struct {
	Title string
	Nodes []GraphNode
	Edges []GraphEdge
}

// GraphNode is a value of the graph and the op that computes it.
type GraphNode struct {
	ID     string // unique name, used by edges
	Label  string // "Conv2D", "conv1.weight"
	Detail string // a second line: "30 filters 5×5"
	Kind   NodeKind
	Group  string // its layer; "" for none
	Shape  string // of the value: "100×30×24×24"
}

// GraphEdge says that To reads From.
type GraphEdge struct {
	From, To string
	Shape    string // of the value; "": From's
}

// NodeKind is the kind of a node.
type NodeKind int

const (
	KindOp        NodeKind = iota // an op of the forward half
	KindInput                     // an input: an image, a label
	KindParameter                 // a learned value
	KindOutput                    // a result: the loss, the probabilities
	KindGradient                  // an op of the backward half
)

var kindNames = []string{"operation", "input", "parameter", "output", "gradient"}

// String returns the kind as a word, which is its class in SVG and DOT.
func (k NodeKind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("NodeKind(%d)", int(k))
	}
	return kindNames[k]
}

// EncodeDOT writes the graph in Graphviz' language, with a cluster for each layer.
func EncodeDOT(w io.Writer, g Graph) error { return g.DOT(w) }

// WriteDOT writes the graph in Graphviz' language into a file, which it creates or replaces.
func WriteDOT(path string, g Graph) error { return writeFile(path, g.DOT) }

// network is a validated graph whose nodes are indices.
type network struct {
	Graph
	from, to []int   // of each edge
	in, out  [][]int // each node's edges
	order    []int   // the nodes in topological order
	place    []int   // each node's index in order
}

func newNetwork(g Graph) (*network, error) {
	if len(g.Nodes) == 0 {
		return nil, fmt.Errorf("graph: no nodes")
	}
	n := &network{Graph: g, in: make([][]int, len(g.Nodes)), out: make([][]int, len(g.Nodes))}
	index := map[string]int{}
	for i, node := range g.Nodes {
		if j, twice := index[node.ID]; twice {
			return nil, fmt.Errorf("graph: nodes %d and %d have the same ID %q", j, i, node.ID)
		}
		if node.Kind < 0 || int(node.Kind) >= len(kindNames) {
			return nil, fmt.Errorf("graph: node %q has the unknown kind %d", node.ID, int(node.Kind))
		}
		index[node.ID] = i
	}
	for i, e := range g.Edges {
		from, known := index[e.From]
		if !known {
			return nil, fmt.Errorf("graph: edge %d leaves the unknown node %q", i, e.From)
		}
		to, known := index[e.To]
		if !known {
			return nil, fmt.Errorf("graph: edge %d enters the unknown node %q", i, e.To)
		}
		n.from, n.to = append(n.from, from), append(n.to, to)
		n.out[from], n.in[to] = append(n.out[from], i), append(n.in[to], i)
	}
	return n, n.sort()
}

// sort orders the nodes topologically (Kahn's algorithm). Among ready nodes the first in the
// caller's order comes next.
func (n *network) sort() error {
	missing := make([]int, len(n.Nodes))
	n.place = make([]int, len(n.Nodes))
	done := make([]bool, len(n.Nodes))
	for i := range n.Nodes {
		missing[i] = len(n.in[i])
	}
	for range n.Nodes {
		next := -1
		for i := range n.Nodes {
			if !done[i] && missing[i] == 0 {
				next = i
				break
			}
		}
		if next < 0 {
			return fmt.Errorf("graph: a cycle runs through %s", strings.Join(n.cycle(done), " → "))
		}
		done[next] = true
		n.place[next] = len(n.order)
		n.order = append(n.order, next)
		for _, e := range n.out[next] {
			missing[n.to[e]]--
		}
	}
	return nil
}

// cycle finds a cycle by walking back through unsorted nodes until it meets one again.
func (n *network) cycle(done []bool) []string {
	at := 0
	for done[at] {
		at++
	}
	seen := map[int]int{}
	var path []string
	for {
		if first, again := seen[at]; again {
			path = append(path[first:], n.Nodes[at].ID)
			for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
				path[i], path[j] = path[j], path[i]
			}
			return path
		}
		seen[at] = len(path)
		path = append(path, n.Nodes[at].ID)
		for _, e := range n.in[at] {
			if !done[n.from[e]] {
				at = n.from[e]
				break
			}
		}
	}
}

// shape returns the shape of an edge's value.
func (n *network) shape(edge int) string {
	if s := n.Edges[edge].Shape; s != "" {
		return s
	}
	return n.Nodes[n.from[edge]].Shape
}

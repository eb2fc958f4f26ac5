package inspect

import "convgraph/internal/flow"

// A wire connects two nodes in the drawing of the graph. Along is the direction of the computation.
// The wire runs from Start to End, and keeps to the lane Across between Bend and Unbend. A node is
// a square of side 1.
type wire struct {
	From   int        `json:"from"`
	To     int        `json:"to"`
	Start  [2]float64 `json:"start"` // along and across
	End    [2]float64 `json:"end"`
	Across float64    `json:"across"`
	Bend   float64    `json:"bend"`
	Unbend float64    `json:"unbend"`
}

// gaps are fractions of a node's side.
var gaps = flow.Gaps{Along: 0.4, Across: 0.1, Wire: 0.14}

// layOut sets the centers of the nodes that aren't parameters, and returns the wires between them.
func layOut(nodes []graphNode) ([]wire, error) {
	var g flow.Graph
	var steps []int // indices of the nodes that are laid out
	step := map[int]int{}
	for i, n := range nodes {
		if n.Kind == "parameter" {
			continue
		}
		var reads []int
		for _, in := range n.Inputs {
			if from, ok := step[in]; ok {
				reads = append(reads, from)
			}
		}
		step[n.ID] = len(steps)
		steps = append(steps, i)
		g.Sizes = append(g.Sizes, flow.Size{Along: 1, Across: 1})
		g.Reads = append(g.Reads, reads)
	}
	l, err := flow.Place(g, gaps)
	if err != nil {
		return nil, err
	}
	for i, c := range l.Centers {
		nodes[steps[i]].Along, nodes[steps[i]].Across = c.Along, c.Across
	}
	wires := make([]wire, len(l.Wires))
	for i, w := range l.Wires {
		wires[i] = wire{
			From: nodes[steps[w.From]].ID, To: nodes[steps[w.To]].ID,
			Start: [2]float64{w.Start.Along, w.Start.Across}, End: [2]float64{w.End.Along, w.End.Across},
			Across: w.Across, Bend: w.Bend, Unbend: w.Unbend,
		}
	}
	return wires, nil
}

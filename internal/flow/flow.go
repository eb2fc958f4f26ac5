// Package flow lays out the nodes of a network for a picture: in the order of the computation,
// branches side by side, and wires that don't cross nodes.
//
// It decomposes the network. A node on every path has the picture's axis to itself. Between two
// such nodes are branches, which are networks again; an empty branch, such as the shortcut of a
// residual block, is a lane for a wire. What can't be decomposed is a column of nodes, with a lane
// beside it for each value that skips a node.
//
// Along is the direction of the flow and across the other one; a picture may orient them freely.
package flow

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A Graph is a network. Its first node is the input, its last node the output.
type Graph struct {
	Sizes []Size  // of the nodes
	Reads [][]int // for each node the earlier nodes that it reads, in order
}

// A Size is the size of a node.
type Size struct{ Along, Across float64 }

// Gaps are distances in the picture.
type Gaps struct {
	Along  float64 // between consecutive nodes: space for a wire's bends
	Across float64 // between branches
	Wire   float64 // between wires at one node, and between a node and a lane beside it
}

// A Point is a position in the picture.
type Point struct{ Along, Across float64 }

// A Layout has the positions of a network's nodes and wires. They begin at 0 in both directions.
type Layout struct {
	Centers []Point // of the nodes
	Wires   []Wire
	Size    Size
}

// A Wire leads from a node to a reader: from the node's edge at Start to the lane at Across, where
// it stays from Bend to Unbend, and from there to the reader's edge at End. It moves across only
// before Bend and after Unbend.
type Wire struct {
	From, To     int
	Start, End   Point
	Across       float64
	Bend, Unbend float64
}

// Shifted returns the wire moved by a distance.
func (w Wire) Shifted(along, across float64) Wire {
	w.Start = Point{w.Start.Along + along, w.Start.Across + across}
	w.End = Point{w.End.Along + along, w.End.Across + across}
	w.Bend, w.Unbend, w.Across = w.Bend+along, w.Unbend+along, w.Across+across
	return w
}

// Place lays out a network. It returns an error if a node reads a later one, if a node other than
// the first reads nothing, or if a node other than the last has no reader.
func Place(g Graph, gaps Gaps) (*Layout, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	n := len(g.Sizes)
	l := &layouter{Graph: g, gaps: gaps, centers: make([]Point, n), lanes: map[[2]int]float64{}}
	whole := series{leaf(0)}
	if n > 1 {
		inner := make([]int, n-2)
		for i := range inner {
			inner[i] = i + 1
		}
		direct := slices.Contains(g.Reads[n-1], 0)
		whole = series{leaf(0), l.between(0, n-1, inner, direct), leaf(n - 1)}
	}
	e := whole.extent(l)
	whole.place(l, 0, e.before)
	return &Layout{Centers: l.centers, Wires: l.wires(), Size: Size{e.along, e.before + e.after}}, nil
}

func (g Graph) check() error {
	if len(g.Sizes) == 0 || len(g.Reads) != len(g.Sizes) {
		return fmt.Errorf("flow: got %d nodes and %d lists of what they read, want one for each",
			len(g.Sizes), len(g.Reads))
	}
	read := make([]bool, len(g.Sizes))
	for i, reads := range g.Reads {
		if (len(reads) == 0) != (i == 0) {
			return fmt.Errorf("flow: node %d reads %d nodes: want at least one for all but the first", i, len(reads))
		}
		for _, from := range reads {
			if from < 0 || from >= i {
				return fmt.Errorf("flow: node %d reads node %d: want an earlier one", i, from)
			}
			read[from] = true
		}
	}
	if i := slices.Index(read[:len(read)-1], false); i >= 0 {
		return fmt.Errorf("flow: no node reads node %d", i)
	}
	return nil
}

type layouter struct {
	Graph
	gaps    Gaps
	centers []Point
	lanes   map[[2]int]float64 // of wires that have a lane of their own
}

// between decomposes the part between two nodes: the inner nodes on paths between them and, if
// direct, a wire between the two.
func (l *layouter) between(u, v int, inner []int, direct bool) piece {
	var s series
	first, from := 0, u
	for i, jumped := range l.jumped(u, v, inner, direct) {
		if jumped {
			continue
		}
		n := inner[i]
		s = append(s, l.branches(from, n, inner[first:i], slices.Contains(l.Reads[n], from)), leaf(n))
		first, from = i+1, n
	}
	if s != nil {
		direct = slices.Contains(l.Reads[v], from)
	}
	return append(s, l.branches(from, v, inner[first:], direct))
}

// jumped reports for each inner node whether a wire skips it. All paths run through the others.
func (l *layouter) jumped(u, v int, inner []int, direct bool) []bool {
	change := make([]int, len(inner)+1)
	jump := func(from, to int) { // both indices among the inner nodes
		change[from]++
		change[to]--
	}
	wires := func(n, to int) {
		for _, r := range l.Reads[n] {
			if from, in := slices.BinarySearch(inner, r); in {
				jump(from+1, max(from+1, to))
			} else if r == u && (n != v || direct) {
				jump(0, to)
			}
		}
	}
	for i, n := range inner {
		wires(n, i)
	}
	wires(v, len(inner))
	jumped, wiresHere := make([]bool, len(inner)), 0
	for i := range inner {
		wiresHere += change[i]
		jumped[i] = wiresHere > 0
	}
	return jumped
}

// branches puts parts that no wire connects side by side.
func (l *layouter) branches(u, v int, inner []int, direct bool) piece {
	if len(inner) == 0 {
		return gap{}
	}
	parts := l.components(inner)
	if len(parts) == 1 && !direct {
		return tangle{u, v, inner}
	}
	var p parallel
	for _, part := range parts {
		p = append(p, branch{l.between(u, v, part, false), l.order(v, part)})
	}
	if direct {
		p = append(p, branch{lane{u, v}, slices.Index(l.Reads[v], u)})
	}
	slices.SortStableFunc(p, func(a, b branch) int { return cmp.Compare(a.order, b.order) })
	return p
}

// order returns the index of the first of the nodes among what a node reads.
func (l *layouter) order(v int, nodes []int) int {
	return slices.IndexFunc(l.Reads[v], func(r int) bool { return slices.Contains(nodes, r) })
}

// components returns the sets of nodes connected by wires.
func (l *layouter) components(inner []int) [][]int {
	root := make([]int, len(inner))
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for i, n := range inner {
		root[i] = i
		for _, r := range l.Reads[n] {
			if from, in := slices.BinarySearch(inner, r); in {
				root[find(from)] = find(i)
			}
		}
	}
	var all [][]int
	place := map[int]int{}
	for i, n := range inner {
		r := find(i)
		if _, known := place[r]; !known {
			place[r] = len(all)
			all = append(all, nil)
		}
		all[place[r]] = append(all[place[r]], n)
	}
	return all
}

// wires returns the wires between nodes, after all nodes have their positions.
func (l *layouter) wires() (all []Wire) {
	for to, reads := range l.Reads {
		first := len(all)
		for i, from := range reads {
			if slices.Contains(reads[:i], from) { // x·x reads x twice
				continue
			}
			w := Wire{From: from, To: to, Start: l.edge(from, 1), End: l.edge(to, -1)}
			w.Bend, w.Unbend, w.Across = w.Start.Along, max(w.Start.Along, w.End.Along-l.gaps.Along), w.Start.Across
			if across, own := l.lanes[[2]int{from, to}]; own {
				w.Bend, w.Across = w.Start.Along+l.gaps.Along, across
			}
			all = append(all, w)
		}
		l.spread(all[first:], l.Sizes[to].Across)
	}
	return all
}

// edge returns the middle of a node's side, after or before it.
func (l *layouter) edge(n int, side float64) Point {
	c := l.centers[n]
	return Point{c.Along + side*l.Sizes[n].Along/2, c.Across}
}

// spread separates the ends of the wires that enter a node; a straight one stays in the middle.
func (l *layouter) spread(wires []Wire, width float64) {
	order := make([]int, len(wires))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(wires[a].Across, wires[b].Across) })
	pitch := min(l.gaps.Wire, width/float64(len(wires)+1))
	middle := float64(len(wires)-1) / 2
	for place, i := range order {
		straight := math.Abs(wires[i].Across-wires[i].End.Across) < 0.5
		if straight && pitch*max(float64(place), float64(len(wires)-1-place)) < width/2 {
			middle = float64(place)
		}
	}
	for place, i := range order {
		wires[i].End.Across += pitch * (float64(place) - middle)
	}
}

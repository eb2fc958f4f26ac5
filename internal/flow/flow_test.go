package flow

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var unit = Gaps{Along: 1, Across: 2, Wire: 0.5}

// square is a network of nodes of size 1.
func square(reads ...[]int) Graph {
	g := Graph{Reads: reads}
	for range reads {
		g.Sizes = append(g.Sizes, Size{1, 1})
	}
	return g
}

func place(t *testing.T, g Graph) *Layout {
	l, err := Place(g, unit)
	require.NoError(t, err)
	return l
}

// A list of layers is a column.
func TestChain(t *testing.T) {
	l := place(t, square(nil, []int{0}, []int{1}))
	assert.Equal(t, []Point{{0.5, 0.5}, {2.5, 0.5}, {4.5, 0.5}}, l.Centers)
	assert.Equal(t, Size{5, 1}, l.Size)
	assert.Equal(t, Wire{From: 0, To: 1, Start: Point{1, 0.5}, End: Point{2, 0.5}, Across: 0.5, Bend: 1, Unbend: 1},
		l.Wires[0])
}

// A shortcut is a lane beside the block; the block keeps its axis.
func TestShortcut(t *testing.T) {
	l := place(t, square(nil, []int{0}, []int{1}, []int{2, 0}))
	for _, c := range l.Centers {
		assert.Equal(t, 0.5, c.Across)
	}
	body, shortcut := l.Wires[2], l.Wires[3]
	assert.Equal(t, 0.5, body.End.Across, "it comes straight")
	assert.Equal(t, 1.5, shortcut.Across)
	assert.Greater(t, shortcut.End.Across, body.End.Across)
	assert.Equal(t, []float64{2, 5}, []float64{shortcut.Bend, shortcut.Unbend})
}

// Branches lie side by side in the order in which their join reads them, whatever the order of the
// nodes.
func TestBranches(t *testing.T) {
	l := place(t, square(nil, []int{0}, []int{0}, []int{2}, []int{3, 1}))
	assert.Less(t, l.Centers[2].Across, l.Centers[1].Across)
	assert.Equal(t, l.Centers[2].Across, l.Centers[3].Across, "one branch is one column")
	assert.Equal(t, l.Centers[1].Along, l.Centers[2].Along, "what reads the same node begins at one height")
	assert.Equal(t, (l.Centers[1].Across+l.Centers[2].Across)/2, l.Centers[0].Across, "the fork is in the middle")
	assert.Equal(t, l.Centers[0].Across, l.Centers[4].Across)
}

// What can't be taken apart is a column with lanes: 1 and 2 read 0, 3 reads both, 4 reads 1 and 3.
func TestTangle(t *testing.T) {
	l := place(t, square(nil, []int{0}, []int{0, 1}, []int{1, 2}, []int{2, 3}))
	for i, c := range l.Centers {
		assert.Equal(t, 0.5, c.Across, i)
	}
	checkApart(t, square(nil, []int{0}, []int{0, 1}, []int{1, 2}, []int{2, 3}), l)
}

func TestRefusals(t *testing.T) {
	for want, g := range map[string]Graph{
		"flow: got 0 nodes and 0 lists of what they read, want one for each":  {},
		"flow: node 1 reads 0 nodes: want at least one for all but the first": square(nil, nil),
		"flow: node 1 reads node 1: want an earlier one":                      square(nil, []int{1}),
		"flow: no node reads node 1":                                          square(nil, []int{0}, []int{0}),
	} {
		_, err := Place(g, unit)
		assert.EqualError(t, err, want)
	}
}

// Whatever the network: no node lies on another, no lane runs through a node, and each wire joins
// its nodes.
func TestThingsAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := randomGraph(t)
		l, err := Place(g, unit)
		if err != nil {
			t.Fatal(err)
		}
		checkApart(t, g, l)
	})
}

// A network that is put together from branches, however deep, has no wires that cross.
func TestBranchesDoNotCross(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Graph{Reads: [][]int{nil}}
		grow(t, &g, 0, 3)
		for range g.Reads {
			g.Sizes = append(g.Sizes,
				Size{rapid.Float64Range(0.5, 2).Draw(t, "along"), rapid.Float64Range(0.5, 3).Draw(t, "across")})
		}
		l, err := Place(g, unit)
		if err != nil {
			t.Fatal(err)
		}
		checkApart(t, g, l)
		for i, a := range l.Wires {
			for _, b := range l.Wires[:i] {
				if a.From != b.From && a.To != b.To && crosses(a, b) {
					t.Fatalf("wires %d→%d and %d→%d cross in %v", a.From, a.To, b.From, b.To, g.Reads)
				}
			}
		}
	})
}

// grow adds a node, or branches and their join, behind a node and returns the last one.
func grow(t *rapid.T, g *Graph, from, depth int) int {
	for range rapid.IntRange(1, 3).Draw(t, "length") {
		if depth == 0 || rapid.Bool().Draw(t, "node") {
			g.Reads = append(g.Reads, []int{from})
			from = len(g.Reads) - 1
			continue
		}
		var ends []int
		for range rapid.IntRange(1, 4).Draw(t, "branches") {
			ends = append(ends, grow(t, g, from, depth-1))
		}
		if rapid.Bool().Draw(t, "shortcut") {
			ends = slices.Insert(ends, rapid.IntRange(0, len(ends)).Draw(t, "place"), from)
		}
		g.Reads = append(g.Reads, ends)
		from = len(g.Reads) - 1
	}
	return from
}

// crosses compares the wires at places along which both run, between their bends as well.
func crosses(a, b Wire) bool {
	from, to := max(a.Start.Along, b.Start.Along), min(a.End.Along, b.End.Along)
	if from >= to {
		return false
	}
	side := 0.
	for k := range 101 {
		along := from + (to-from)*float64(k)/100
		d := a.at(along) - b.at(along)
		if math.Abs(d) < 1e-6 {
			continue
		}
		if side*d < 0 {
			return true
		}
		side = d
	}
	return false
}

// at is where the wire is, with straight lines for bends.
func (w Wire) at(along float64) float64 {
	part := func(from, to Point) float64 {
		if to.Along == from.Along {
			return to.Across
		}
		share := (along - from.Along) / (to.Along - from.Along)
		return from.Across + share*(to.Across-from.Across)
	}
	switch {
	case along < w.Bend:
		return part(w.Start, Point{w.Bend, w.Across})
	case along <= w.Unbend:
		return w.Across
	}
	return part(Point{w.Unbend, w.Across}, w.End)
}

func randomGraph(t *rapid.T) Graph {
	n := rapid.IntRange(1, 12).Draw(t, "nodes")
	g := Graph{Reads: [][]int{nil}}
	read := make([]bool, n)
	for i := 1; i < n; i++ {
		reads := rapid.SliceOfN(rapid.IntRange(0, i-1), 1, 3).Draw(t, "reads")
		if i == n-1 { // it reads what nobody has read
			for j := range n - 1 {
				if !read[j] && !slices.Contains(reads, j) {
					reads = append(reads, j)
				}
			}
		}
		for _, r := range reads {
			read[r] = true
		}
		g.Reads = append(g.Reads, reads)
	}
	for range n {
		g.Sizes = append(g.Sizes,
			Size{rapid.Float64Range(0.5, 2).Draw(t, "along"), rapid.Float64Range(0.5, 3).Draw(t, "across")})
	}
	return g
}

type failer interface{ Errorf(string, ...any) }

func checkApart(t failer, g Graph, l *Layout) {
	const skin = 1e-9
	for i, c := range l.Centers {
		s := g.Sizes[i]
		assert.GreaterOrEqual(t, c.Along-s.Along/2, -skin)
		assert.LessOrEqual(t, c.Along+s.Along/2, l.Size.Along+skin)
		assert.GreaterOrEqual(t, c.Across-s.Across/2, -skin)
		assert.LessOrEqual(t, c.Across+s.Across/2, l.Size.Across+skin)
		for j := range i {
			along := (s.Along+g.Sizes[j].Along)/2 - math.Abs(c.Along-l.Centers[j].Along)
			across := (s.Across+g.Sizes[j].Across)/2 - math.Abs(c.Across-l.Centers[j].Across)
			assert.False(t, along > skin && across > skin, "nodes %d and %d overlap", i, j)
		}
	}
	count := 0
	for _, reads := range g.Reads {
		sorted := slices.Clone(reads)
		slices.Sort(sorted)
		count += len(slices.Compact(sorted))
	}
	assert.Len(t, l.Wires, count, "a wire for each value that a node reads")
	for _, w := range l.Wires {
		name := fmt.Sprintf("wire %d→%d of %v", w.From, w.To, g.Reads)
		assert.LessOrEqual(t, w.Start.Along, w.Bend+skin, name)
		assert.LessOrEqual(t, w.Bend, w.Unbend+skin, name)
		assert.LessOrEqual(t, w.Unbend, w.End.Along-unit.Along+skin, name)
		assert.LessOrEqual(t, math.Abs(w.End.Across-l.Centers[w.To].Across), g.Sizes[w.To].Across/2+skin, name)
		for i, c := range l.Centers {
			s := g.Sizes[i]
			inside := math.Abs(w.Across-c.Across) < s.Across/2-skin
			beside := w.Bend < c.Along+s.Along/2-skin && w.Unbend > c.Along-s.Along/2+skin
			assert.False(t, inside && beside, "%s runs through node %d", name, i)
		}
	}
}

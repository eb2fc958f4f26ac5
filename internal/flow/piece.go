package flow

// A piece is a node, or the part between two nodes.
type piece interface {
	extent(l *layouter) extent
	// place sets the positions of the piece's nodes, beginning at along, around an axis.
	place(l *layouter, along, axis float64)
}

// An extent is the size of a piece: along, and across to both sides of its axis.
type extent struct{ along, before, after float64 }

// A leaf is a node.
type leaf int

func (n leaf) extent(l *layouter) extent {
	s := l.Sizes[n]
	return extent{s.Along, s.Across / 2, s.Across / 2}
}

func (n leaf) place(l *layouter, along, axis float64) {
	l.centers[n] = Point{along + l.Sizes[n].Along/2, axis}
}

// A gap is a wire between consecutive nodes.
type gap struct{}

func (gap) extent(l *layouter) extent { return extent{along: l.gaps.Along} }

func (gap) place(*layouter, float64, float64) {}

// A lane is a wire beside other branches.
type lane struct{ from, to int }

func (lane) extent(l *layouter) extent { return extent{along: 2 * l.gaps.Along} }

func (w lane) place(l *layouter, _, axis float64) { l.lanes[[2]int{w.from, w.to}] = axis }

// A series is a sequence of pieces on one axis.
type series []piece

func (s series) extent(l *layouter) (e extent) {
	for _, p := range s {
		f := p.extent(l)
		e = extent{e.along + f.along, max(e.before, f.before), max(e.after, f.after)}
	}
	return e
}

func (s series) place(l *layouter, along, axis float64) {
	for _, p := range s {
		p.place(l, along, axis)
		along += p.extent(l).along
	}
}

// A parallel is a set of branches side by side.
type parallel []branch

type branch struct {
	piece
	order int // among what the node at their end reads
}

func (p parallel) extent(l *layouter) (e extent) {
	extents, axes, axis := p.arrange(l)
	last := len(p) - 1
	e.before, e.after = axis, axes[last]+extents[last].after-axis
	for _, f := range extents {
		e.along = max(e.along, f.along)
	}
	return e
}

func (p parallel) place(l *layouter, along, axis float64) {
	_, axes, own := p.arrange(l)
	for i, b := range p {
		b.place(l, along, axis+axes[i]-own)
	}
}

// arrange positions the branches side by side. The common axis is that of the only branch with
// nodes, or the middle.
func (p parallel) arrange(l *layouter) (extents []extent, axes []float64, axis float64) {
	x, nodes := 0., 0
	for i, b := range p {
		if i > 0 {
			x += p.between(l, i)
		}
		e := b.extent(l)
		extents, axes = append(extents, e), append(axes, x+e.before)
		x += e.before + e.after
		if _, wire := b.piece.(lane); !wire {
			nodes, axis = nodes+1, axes[i]
		}
	}
	if nodes > 1 {
		axis = x / 2
	}
	return extents, axes, axis
}

// between returns the distance of a branch from the previous one.
func (p parallel) between(l *layouter, i int) float64 {
	for _, b := range p[i-1 : i+1] {
		if _, wire := b.piece.(lane); wire {
			return l.gaps.Wire
		}
	}
	return l.gaps.Across
}

// A tangle is a column of inner nodes, and beside it a lane for each value that skips one of them.
type tangle struct {
	from, to int
	inner    []int
}

func (t tangle) extent(l *layouter) (e extent) {
	e.along = l.gaps.Along
	for _, n := range t.inner {
		f := leaf(n).extent(l)
		e = extent{e.along + f.along + l.gaps.Along, max(e.before, f.before), max(e.after, f.after)}
	}
	_, lanes := t.lanes(l)
	e.after += float64(lanes) * l.gaps.Wire
	return e
}

func (t tangle) place(l *layouter, along, axis float64) {
	widest := 0.
	for _, n := range t.inner {
		along += l.gaps.Along
		leaf(n).place(l, along, axis)
		along += l.Sizes[n].Along
		widest = max(widest, l.Sizes[n].Across/2)
	}
	lanes, _ := t.lanes(l)
	for edge, lane := range lanes {
		l.lanes[edge] = axis + widest + float64(lane+1)*l.gaps.Wire
	}
}

// lanes gives each value that skips a node the first lane that is free from its node to its last
// reader. It returns the lanes of the wires, and their number.
func (t tangle) lanes(l *layouter) (lanes map[[2]int]int, count int) {
	place := map[int]int{t.from: 0, t.to: len(t.inner) + 1}
	for i, n := range t.inner {
		place[n] = i + 1
	}
	skips := map[int][]int{}
	for _, n := range append(append([]int(nil), t.inner...), t.to) {
		for _, r := range l.Reads[n] {
			from, in := place[r]
			if in && place[n] > from+1 && !(r == t.from && n == t.to) {
				skips[r] = append(skips[r], n)
			}
		}
	}
	lanes = map[[2]int]int{}
	var ends []int // of the values in each lane: index of the last reader
	for _, r := range append([]int{t.from}, t.inner...) {
		if len(skips[r]) == 0 {
			continue
		}
		lane := 0
		for lane < len(ends) && ends[lane] > place[r] {
			lane++
		}
		if lane == len(ends) {
			ends = append(ends, 0)
		}
		ends[lane] = place[skips[r][len(skips[r])-1]]
		for _, n := range skips[r] {
			lanes[[2]int{r, n}] = lane
		}
	}
	return lanes, len(ends)
}

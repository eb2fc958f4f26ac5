package viz

import (
	"cmp"
	"math"
	"slices"
)

// wire is a drawn edge.
type wire struct {
	edge    int
	kind    wireKind
	points  []point
	shape   string // beside it; "" for none
	shapeAt point
}

type wireKind int

const (
	forwardWire  wireKind = iota
	backwardWire          // a gradient
	savedWire             // a forward value that the backward half reads
)

type side int

const (
	leftSide side = iota
	rightSide
	topSide
	bottomSide
)

// route is an edge's path before positions are known: from a node along a lane of a gutter, a
// channel of a row and a lane of a second gutter, each optional, to a node. Edges from one source
// share lanes and channels.
type route struct {
	edge        int
	exit, entry side
	first       int // gutter, or none
	channel     channelKind
	row         int // the channel's
	second      int // gutter, or none
}

const none = -1

type channelKind int

const (
	noChannel channelKind = iota
	channelAbove
	channelBelow
)

// port is a side of a node where wires end. source is the origin of entering wires, and the node
// itself for leaving ones.
type port struct {
	node int
	side side
}

// gutter is the space between two columns.
type gutter struct {
	x     float64
	open  bool        // reserves the width of arrows even without lanes
	lanes map[int]int // source → lane
	count int
}

const lanePitch = 9.

func (g gutter) width() float64 {
	if g.count == 0 && !g.open {
		return 0
	}
	return 2*gutterMargin + lanePitch*float64(max(g.count-1, 0))
}

func (g gutter) lane(source int) float64 {
	return g.x + gutterMargin + lanePitch*float64(g.lanes[source])
}

// plan finds a route for every edge, and registers ports and channels.
func (l *layout) plan() {
	l.ports = map[port][]int{}
	drawn := map[[2]int]bool{}
	for e := range l.Edges {
		ends := [2]int{l.from[e], l.to[e]}
		if drawn[ends] { // x·x reads x twice
			continue
		}
		drawn[ends] = true
		r := l.routeFor(e)
		l.routes = append(l.routes, r)
		l.claim(port{l.from[e], r.exit}, l.from[e])
		l.claim(port{l.to[e], r.entry}, l.from[e])
		row := l.rows[max(r.row, 0)]
		switch r.channel {
		case channelAbove:
			row.above = appendNew(row.above, l.from[e])
		case channelBelow:
			row.below = appendNew(row.below, l.from[e])
		}
	}
}

func (l *layout) claim(p port, source int) { l.ports[p] = appendNew(l.ports[p], source) }

func appendNew(list []int, v int) []int {
	if slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

func (l *layout) routeFor(e int) route {
	from, to := l.spots[l.from[e]], l.spots[l.to[e]]
	r := route{edge: e, first: none, second: none, row: to.row}
	switch {
	case l.straight(e) && from.column == chainColumn:
		r.exit, r.entry = bottomSide, topSide
	case l.straight(e):
		r.exit, r.entry = topSide, bottomSide
	case from.column == chainColumn && to.column == chainColumn:
		r.exit, r.entry, r.first = leftSide, leftSide, 0
	case to.column == chainColumn: // from the side
		r.exit, r.entry, r.first = leftSide, rightSide, 1
	case from.column == spineColumn:
		return l.gradientRoute(r, from, to)
	default:
		return l.savedRoute(r, from, to)
	}
	return r
}

// straight reports whether an edge joins neighbors in the chain or the spine.
func (l *layout) straight(e int) bool {
	return l.next(l.from[e]) == l.to[e]
}

// next returns the following node of the chain or the spine, or none.
func (l *layout) next(i int) int {
	column := l.chain
	switch l.spots[i].column {
	case spineColumn:
		column = l.spine
	case sideColumn, outerColumn:
		return none
	}
	at := indexOf(column, i)
	if at+1 == len(column) {
		return none
	}
	return column[at+1]
}

// gradientRoute leads to a gradient that isn't next on the spine. It branches off the line that
// runs up from the source if that passes by, or else uses the gutter beside the spine.
func (l *layout) gradientRoute(r route, from, to spot) route {
	if to.column == spineColumn {
		r.exit, r.entry, r.first = rightSide, rightSide, 3
		return r
	}
	r.entry, r.channel = bottomSide, channelBelow
	if l.lineReaches(l.from[r.edge], to.row) {
		r.exit = topSide
		return r
	}
	r.exit, r.first = rightSide, 3
	return r
}

// lineReaches reports whether the line up from a node of the spine passes below the nodes of a row.
func (l *layout) lineReaches(i, row int) bool {
	if row >= l.spots[i].row {
		return false
	}
	next := l.next(i)
	return next == none || row >= l.spots[next].row
}

// savedRoute leads a forward value to the backward half, around the parameters, to the left side of
// a node of the spine or from above to an outer one.
func (l *layout) savedRoute(r route, from, to spot) route {
	r.exit, r.first = rightSide, 2
	blocked := from.column == chainColumn && len(l.rows[from.row].side) > 0
	if blocked {
		r.first = 1
	}
	if to.column == outerColumn {
		r.entry, r.channel = topSide, channelAbove
		return r
	}
	r.entry = leftSide
	if blocked {
		r.channel, r.second = channelAbove, 2
	}
	return r
}

// at returns where the wire of a source meets a port. Before columns are placed only y is valid.
func (l *layout) at(p port, source int) point {
	s := l.spots[p.node]
	share := float64(indexOf(l.ports[p], source)+1) / float64(len(l.ports[p])+1)
	switch p.side {
	case topSide:
		return point{s.x + s.w*share, s.y}
	case bottomSide:
		return point{s.x + s.w*share, s.bottom()}
	case leftSide:
		return point{s.x, l.heights[end{p, source}]}
	}
	return point{s.right(), l.heights[end{p, source}]}
}

// end is a wire's end at a port.
type end struct {
	port
	source int
}

// settlePorts sets the heights of wires at the left and right of nodes, column by column from the
// left, so that a wire can align with the column before.
func (l *layout) settlePorts() {
	l.heights = map[end]float64{}
	for _, c := range []struct {
		column columnKind
		side   side
	}{
		{sideColumn, leftSide}, {sideColumn, rightSide}, {chainColumn, leftSide}, {chainColumn, rightSide},
		{spineColumn, leftSide}, {spineColumn, rightSide},
	} {
		for i, s := range l.spots {
			if s.column == c.column {
				l.settle(port{i, c.side})
			}
		}
	}
}

// settle keeps wires straight that come from directly opposite, and spreads the others over the
// rest of the side, clear of passing lines. Wires from farther up or down go above or below the
// straight ones, so that they don't cross them.
func (l *layout) settle(p port) {
	s := l.spots[p.node]
	var straight []float64
	var above, below, free []int
	for _, source := range l.ports[p] {
		switch y, opposite := l.opposite(p, source); {
		case !opposite:
			free = append(free, source)
		case y < s.y+portMargin:
			above = append(above, source)
		case y > s.bottom()-portMargin:
			below = append(below, source)
		default:
			l.heights[end{p, source}] = y
			straight = append(straight, y)
		}
	}
	taken := append(l.passing(p), straight...)
	if len(straight) == 0 || !hasRoom(above, s.y, slices.Min(straight)) || !hasRoom(below, slices.Max(straight),
		s.bottom()) {
		l.spreadPorts(p, slices.Concat(free, above, below), s.y, s.bottom(), taken)
		return
	}
	taken = append(taken, l.spreadPorts(p, above, s.y, slices.Min(straight), taken)...)
	taken = append(taken, l.spreadPorts(p, below, slices.Max(straight), s.bottom(), taken)...)
	l.spreadPorts(p, free, s.y, s.bottom(), taken)
}

// portMargin is the least distance of wires at a node's side from its corners and from each other.
const portMargin = 4

// hasRoom reports whether the wires of some sources fit on a side between two heights.
func hasRoom(sources []int, low, high float64) bool {
	return len(sources) == 0 || high-low >= portMargin*float64(len(sources)+1)
}

// spreadPorts assigns heights between low and high to the wires of some sources, in the order of
// the sources' heights.
func (l *layout) spreadPorts(p port, sources []int, low, high float64, taken []float64) []float64 {
	slices.SortFunc(sources, func(a, b int) int {
		return cmp.Or(cmp.Compare(l.spots[a].center().y, l.spots[b].center().y),
			cmp.Compare(indexOf(l.ports[p], a), indexOf(l.ports[p], b)))
	})
	ys := spread(low, high, len(sources), taken)
	for k, source := range sources {
		l.heights[end{p, source}] = ys[k]
	}
	return ys
}

// opposite returns the height at which a wire is straight from its source in the same row.
func (l *layout) opposite(p port, source int) (y float64, ok bool) {
	s, from := l.spots[p.node], l.spots[source]
	if source == p.node || from.row != s.row {
		return 0, false
	}
	switch {
	case s.column == chainColumn && p.side == rightSide,
		s.column == spineColumn && p.side == leftSide && from.column == sideColumn:
		return from.center().y, true
	case s.column == spineColumn && p.side == leftSide && len(l.rows[s.row].side) == 0:
		y, ok = l.heights[end{port{source, rightSide}, source}]
		return y, ok
	}
	return 0, false
}

// passing returns the heights of the row's wires towards the port's gutter.
func (l *layout) passing(p port) []float64 {
	var ys []float64
	r, column := l.rows[l.spots[p.node].row], l.spots[p.node].column
	facesSide := column == chainColumn && p.side == rightSide || column == spineColumn && p.side == leftSide
	if !facesSide {
		return nil
	}
	for _, i := range r.side {
		ys = append(ys, l.spots[i].center().y)
	}
	if column == spineColumn {
		for _, i := range r.chain {
			if y, leaves := l.heights[end{port{i, rightSide}, i}]; leaves {
				ys = append(ys, y)
			}
		}
	}
	return ys
}

// spread finds n heights between low and high, even if possible, and clear of the taken ones.
func spread(low, high float64, n int, taken []float64) []float64 {
	const clear = 3
	for parts := n; parts <= 4*n+12; parts++ {
		var ys []float64
		for k := range parts {
			y := low + (high-low)*float64(k+1)/float64(parts+1)
			if !slices.ContainsFunc(taken, func(t float64) bool { return math.Abs(t-y) < clear }) {
				ys = append(ys, y)
			}
		}
		if extra := len(ys) - n; extra >= 0 {
			return ys[extra/2 : extra/2+n]
		}
	}
	return spread(low, high, n, nil)
}

// span is the part of a lane that a source's wires use.
type span struct {
	source    int
	low, high float64
}

// assignLanes assigns lanes of the gutter to sources. Sources whose spans don't overlap share a
// lane.
func (l *layout) assignLanes() {
	spans := [4]map[int]*span{{}, {}, {}, {}}
	use := func(gutter, source int, ys ...float64) {
		s, known := spans[gutter][source]
		if !known {
			s = &span{source, math.Inf(1), math.Inf(-1)}
			spans[gutter][source] = s
		}
		for _, y := range ys {
			s.low, s.high = min(s.low, y), max(s.high, y)
		}
	}
	for i := range l.routes {
		r := &l.routes[i]
		source := l.from[r.edge]
		from, to := l.at(port{source, r.exit}, source), l.at(port{l.to[r.edge], r.entry}, source)
		turn := to.y
		if r.channel != noChannel {
			turn = l.channelY(*r)
		}
		if r.first != none && math.Abs(from.y-turn) < 0.5 {
			r.first = none // they face each other
		}
		if r.first != none {
			use(r.first, source, from.y, turn)
		}
		if r.second != none {
			use(r.second, source, turn, to.y)
		}
	}
	for g := range spans {
		l.gutters[g].assign(spans[g])
	}
	for _, s := range l.spots {
		if s.column != chainColumn {
			l.gutters[s.column].open = true
		}
	}
	l.gutters[2].open = l.gutters[2].open || l.gutters[3].open
}

func (l *layout) channelY(r route) float64 {
	if r.channel == channelAbove {
		return l.channelAbove(r.row, l.from[r.edge])
	}
	return l.channelBelow(r.row, l.from[r.edge])
}

func (g *gutter) assign(spans map[int]*span) {
	const clearance = 24
	var sorted []*span
	for _, s := range spans {
		sorted = append(sorted, s)
	}
	slices.SortFunc(sorted, func(a, b *span) int {
		return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.source, b.source))
	})
	g.lanes = map[int]int{}
	var ends []float64
	for _, s := range sorted {
		lane := slices.IndexFunc(ends, func(end float64) bool { return end+clearance < s.low })
		if lane < 0 {
			lane = len(ends)
			ends = append(ends, 0)
		}
		ends[lane] = s.high
		g.lanes[s.source] = lane
	}
	g.count = len(ends)
}

// route turns routes into lines.
func (l *layout) route() {
	said := map[int]bool{}
	for _, r := range l.routes {
		w := wire{edge: r.edge, kind: l.wireKind(r.edge), points: l.points(r)}
		if source := l.from[r.edge]; l.carriesShape(r) && !said[source] {
			said[source] = true
			w.shape = l.shape(r.edge)
			w.shapeAt = l.shapePlace(r)
		}
		l.wires = append(l.wires, w)
	}
}

func (l *layout) wireKind(e int) wireKind {
	switch {
	case l.isBackward(l.from[e]):
		return backwardWire
	case l.isBackward(l.to[e]):
		return savedWire
	}
	return forwardWire
}

// carriesShape reports whether an edge shows its shape: only the vertical ones of chain and spine
// have space for it.
func (l *layout) carriesShape(r route) bool { return r.exit == topSide || r.exit == bottomSide }

func (l *layout) shapePlace(r route) point {
	const beside, down = 7, 4
	from, to := l.spots[l.from[r.edge]], l.spots[l.to[r.edge]]
	x := from.center().x + beside
	row := l.rows[from.row]
	switch {
	case from.row == to.row && r.exit == bottomSide:
		return point{x, (from.bottom()+to.y)/2 + down}
	case from.row == to.row:
		return point{x, (from.y+to.bottom())/2 + down}
	case r.exit == bottomSide:
		return point{x, row.bottom() + rowGap/2 + down}
	}
	return point{x, row.y - rowGap/2 + down}
}

func (l *layout) points(r route) []point {
	source := l.from[r.edge]
	from, to := l.at(port{source, r.exit}, source), l.at(port{l.to[r.edge], r.entry}, source)
	if r.exit == topSide || r.exit == bottomSide {
		from.x = l.spots[source].center().x
	}
	if l.straight(r.edge) {
		return []point{from, {from.x, to.y}}
	}
	path := []point{from}
	at := from
	turn := func(p point) { path, at = append(path, p), p }
	if r.first != none {
		turn(point{l.gutters[r.first].lane(source), at.y})
	}
	if r.channel != noChannel {
		turn(point{at.x, l.channelY(r)})
	}
	if r.second != none {
		turn(point{l.gutters[r.second].lane(source), at.y})
	}
	if r.entry == topSide || r.entry == bottomSide {
		turn(point{to.x, at.y})
	} else {
		turn(point{at.x, to.y})
	}
	return simplify(append(path, to))
}

// simplify removes points at which the line doesn't turn.
func simplify(path []point) []point {
	var kept []point
	for i, p := range path {
		if i > 0 && i+1 < len(path) {
			before, after := kept[len(kept)-1], path[i+1]
			if p == before || before.x == p.x && p.x == after.x || before.y == p.y && p.y == after.y {
				continue
			}
		}
		kept = append(kept, p)
	}
	return kept
}

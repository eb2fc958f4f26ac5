package viz

import "math"

// The layout suits networks. The chain is a column that runs forward, top to bottom, in the order
// of computation. Right of it are the side inputs (parameters, labels). Then the spine: the
// backward half, bottom to top, with a layer's gradients in the layer's box. Outermost are the
// gradients that nothing reads, those of the parameters. Boxes are rows:
//
//	┌ conv1 ─────────────────────────────────────────────────────────────┐
//	│  [ Conv2D ] ←── [ conv1.weight ] ╌╌→ [ dConv2D ]      [ dConv2D ]   │
//	│             ←── [ conv1.bias   ]                                    │
//	└──────┼──────────────────────────────────────┼──────────────┼───────┘
//	 chain    gutter 1      side      gutter 2   spine  gutter 3   outer
//
// Wires run in channels inside the rows, above and below their nodes, and in gutters between the
// columns. Gutter 0, left of the chain, is for forward edges that skip nodes. Graphs that aren't
// chains are drawn correctly, with more wires.

type point struct{ x, y float64 }

type rect struct{ x, y, w, h float64 }

func (r rect) right() float64 { return r.x + r.w }

func (r rect) bottom() float64 { return r.y + r.h }

func (r rect) center() point { return point{r.x + r.w/2, r.y + r.h/2} }

type columnKind int

const (
	chainColumn columnKind = iota
	sideColumn
	spineColumn
	outerColumn
)

// spot is the rectangle and text of a node.
type spot struct {
	rect
	column columnKind
	row    int
	lines  []string // the node's text
}

// layerRow is a row of the picture: a layer, or a node without a layer.
type layerRow struct {
	rect
	name                      string
	boxed                     bool
	chain, side, spine, outer []int // nodes; chain and side downwards, spine upwards, outer to the right
	above, below              []int // sources with a channel above or below the nodes
}

// layout is a graph with positions.
type layout struct {
	*network
	spots        []spot
	rows         []*layerRow
	chain, spine []int // the columns, chain downwards, spine upwards
	routes       []route
	ports        map[port][]int // the sources of the wires at a port
	heights      map[end]float64
	columns      [4]rect
	gutters      [4]gutter
	wires        []wire
	size         point
}

const (
	pictureMargin = 24.
	titleHeight   = 34.
	headingHeight = 26.
	legendHeight  = 40.
	rowGap        = 32. // between boxes, with space for a shape
	rowHeader     = 24. // a box's name
	boxPad        = 14.
	nodePad       = 10.
	lineHeight    = 15.
	chainGap      = 30. // between consecutive nodes of a box
	sideGap       = 10.
	channelPitch  = 9.
	gutterMargin  = 18.
)

func newLayout(g Graph) (*layout, error) {
	n, err := newNetwork(g)
	if err != nil {
		return nil, err
	}
	l := &layout{network: n, spots: make([]spot, len(g.Nodes))}
	l.chooseColumns()
	l.chooseRows()
	l.stackColumns()
	l.measureNodes()
	l.plan()
	l.placeVertically()
	l.settlePorts()
	l.assignLanes()
	l.placeHorizontally()
	l.route()
	return l, nil
}

// chooseColumns separates the halves, and within each the main column from the nodes beside it.
func (l *layout) chooseColumns() {
	for _, i := range l.order {
		l.spots[i].column = l.columnOf(i)
	}
}

func (l *layout) columnOf(i int) columnKind {
	switch {
	case l.Nodes[i].Kind == KindGradient || l.readsBackward(i):
		if len(l.out[i]) == 0 {
			return outerColumn
		}
		return spineColumn
	case len(l.in[i]) > 0:
		return chainColumn
	case l.Nodes[i].Kind == KindParameter, l.Nodes[i].Kind == KindInput && !l.entersAlone(i):
		return sideColumn
	}
	return chainColumn
}

func (l *layout) isBackward(i int) bool { return l.spots[i].column >= spineColumn }

func (l *layout) readsBackward(i int) bool {
	for _, e := range l.in[i] {
		if l.isBackward(l.from[e]) {
			return true
		}
	}
	return false
}

// entersAlone reports whether an input starts the computation: its reader reads nothing else but
// parameters.
func (l *layout) entersAlone(input int) bool {
	for _, e := range l.out[input] {
		alone := l.Nodes[l.to[e]].Kind != KindGradient
		for _, other := range l.in[l.to[e]] {
			if l.from[other] != input && l.Nodes[l.from[other]].Kind != KindParameter {
				alone = false
			}
		}
		if alone {
			return true
		}
	}
	return false
}

// chooseRows makes a row for each layer in the order of computation, and one for each node of the
// chain without a layer.
func (l *layout) chooseRows() {
	byGroup := map[string]int{}
	for i := range l.spots {
		l.spots[i].row = -1
	}
	for _, i := range l.order {
		if l.spots[i].column == chainColumn {
			l.spots[i].row = l.rowFor(i, byGroup)
		}
	}
	for _, i := range l.order {
		if l.spots[i].column == chainColumn {
			continue
		}
		if row, known := byGroup[l.Nodes[i].Group]; known {
			l.spots[i].row = row
		}
	}
	for _, i := range l.order {
		if l.spots[i].row < 0 {
			l.spots[i].row = l.rowBeside(i, byGroup)
		}
	}
}

func (l *layout) rowFor(i int, byGroup map[string]int) int {
	group := l.Nodes[i].Group
	if row, known := byGroup[group]; known {
		return row
	}
	l.rows = append(l.rows, &layerRow{name: group, boxed: group != ""})
	if group != "" {
		byGroup[group] = len(l.rows) - 1
	}
	return len(l.rows) - 1
}

// rowBeside finds a row for a node without one: a new row for its layer, or else a neighbor's row,
// which for side inputs is the first reader's.
func (l *layout) rowBeside(i int, byGroup map[string]int) int {
	if l.Nodes[i].Group != "" {
		return l.rowFor(i, byGroup)
	}
	neighbors := append(append([]int(nil), l.readers(i)...), l.sources(i)...)
	if l.isBackward(i) {
		neighbors = append(append([]int(nil), l.sources(i)...), l.readers(i)...)
	}
	for _, n := range neighbors {
		if l.spots[n].row >= 0 {
			return l.spots[n].row
		}
	}
	return l.rowFor(i, byGroup)
}

func (l *layout) readers(i int) []int {
	var nodes []int
	for _, e := range l.out[i] {
		nodes = append(nodes, l.to[e])
	}
	return nodes
}

func (l *layout) sources(i int) []int {
	var nodes []int
	for _, e := range l.in[i] {
		nodes = append(nodes, l.from[e])
	}
	return nodes
}

func (l *layout) stackColumns() {
	for _, i := range l.order {
		r := l.rows[l.spots[i].row]
		switch l.spots[i].column {
		case chainColumn:
			r.chain = append(r.chain, i)
		case sideColumn:
			r.side = append(r.side, i)
		case spineColumn:
			r.spine = append(r.spine, i)
		case outerColumn:
			r.outer = append(r.outer, i)
		}
	}
	for i := range l.rows {
		l.chain = append(l.chain, l.rows[i].chain...)
		l.spine = append(l.spine, l.rows[len(l.rows)-1-i].spine...)
	}
}

func (l *layout) measureNodes() {
	for i := range l.spots {
		s := &l.spots[i]
		s.lines = l.text(i)
		width := boldWidth(s.lines[0])
		for _, line := range s.lines[1:] {
			width = max(width, plainWidth(line))
		}
		s.w, s.h = math.Max(width+2*nodePad, 56), lineHeight*float64(len(s.lines))+nodePad
	}
}

// text returns a node's lines: label, detail, and the shape unless a wire shows it.
func (l *layout) text(i int) []string {
	n := l.Nodes[i]
	lines := []string{n.Label}
	if n.Label == "" {
		lines[0] = n.ID
	}
	if n.Detail != "" {
		lines = append(lines, n.Detail)
	}
	if n.Shape != "" && !l.shapeOnWire(i) {
		lines = append(lines, n.Shape)
	}
	return lines
}

func (l *layout) shapeOnWire(i int) bool {
	for _, e := range l.out[i] {
		if l.carriesShape(l.routeFor(e)) {
			return true
		}
	}
	return false
}

// The viewer's font is unknown, so widths are the Go font's with a reserve.
const fontReserve = 1.15

func boldWidth(s string) float64 { return fontReserve * float64(boldText.width(s)) }

func plainWidth(s string) float64 { return fontReserve * float64(smallText.width(s)) }

// placeVertically sets y and height of rows and nodes.
func (l *layout) placeVertically() {
	y := pictureMargin
	if l.Title != "" {
		y += titleHeight
	}
	if len(l.spine) > 0 {
		y += headingHeight
	}
	for i, r := range l.rows {
		if i > 0 {
			y += rowGap
		}
		r.y = y
		l.placeRow(r)
		y += r.h
	}
	l.size.y = y + legendHeight + pictureMargin
}

func (l *layout) placeRow(r *layerRow) {
	top, bottom := 0., 0.
	if r.boxed {
		top, bottom = rowHeader, boxPad
	}
	top += channelPitch * float64(len(r.above))
	bottom += channelPitch * float64(len(r.below))
	if len(r.below) > 0 {
		bottom += channelPitch
	}
	side := l.stackHeight(r.side, sideGap)
	if len(r.chain) == 1 { // an op is as high as its parameters together, so that their wires are straight
		only := &l.spots[r.chain[0]]
		only.h = max(only.h, side)
	}
	outer := 0.
	for _, i := range r.outer {
		outer = max(outer, l.spots[i].h)
	}
	content := max(l.stackHeight(r.chain, chainGap), side, l.stackHeight(r.spine, chainGap), outer)
	r.h = top + content + bottom
	middle := r.y + top + content/2
	l.stackAround(middle, r.chain, chainGap)
	l.stackAround(middle, r.side, sideGap)
	l.stackAround(middle, reversed(r.spine), chainGap)
	for _, i := range r.outer {
		l.spots[i].y = middle - l.spots[i].h/2
	}
}

func (l *layout) stackHeight(nodes []int, gap float64) float64 {
	total := gap * float64(max(len(nodes)-1, 0))
	for _, i := range nodes {
		total += l.spots[i].h
	}
	return total
}

func (l *layout) stackAround(middle float64, nodes []int, gap float64) {
	y := middle - l.stackHeight(nodes, gap)/2
	for _, i := range nodes {
		l.spots[i].y = y
		y += l.spots[i].h + gap
	}
}

func reversed(nodes []int) []int {
	r := make([]int, len(nodes))
	for i, n := range nodes {
		r[len(nodes)-1-i] = n
	}
	return r
}

// channelAbove returns the y of a source's channel above the nodes of a row.
func (l *layout) channelAbove(row, source int) float64 {
	r := l.rows[row]
	y := r.y + channelPitch/2
	if r.boxed {
		y = r.y + rowHeader - channelPitch/2
	}
	return y + channelPitch*float64(indexOf(r.above, source))
}

// channelBelow returns the y of a source's channel below the nodes of a row.
func (l *layout) channelBelow(row, source int) float64 {
	r := l.rows[row]
	y := r.bottom() - channelPitch
	if r.boxed {
		y -= boxPad - channelPitch
	}
	return y - channelPitch*float64(indexOf(r.below, source))
}

func indexOf(list []int, v int) int {
	for i, w := range list {
		if w == v {
			return i
		}
	}
	return -1
}

// placeHorizontally sets x and width of columns, gutters, nodes and boxes.
func (l *layout) placeHorizontally() {
	left := pictureMargin + l.gutters[0].width()
	x := left + boxPad
	widths := l.columnWidths()
	last := x
	for c := range l.columns {
		l.columns[c] = rect{x: x, w: widths[c]}
		if widths[c] > 0 {
			last = x + widths[c]
		}
		x += widths[c]
		if c < 3 {
			l.gutters[c+1].x = x
			x += l.gutters[c+1].width()
		}
	}
	l.gutters[0].x = pictureMargin
	for i := range l.spots {
		l.placeNode(i)
	}
	for _, r := range l.rows {
		r.x, r.w = left, last+boxPad-left
	}
	l.size.x = max(last+boxPad+pictureMargin, l.captionWidth()+2*pictureMargin)
}

func (l *layout) columnWidths() [4]float64 {
	var widths [4]float64
	for _, s := range l.spots {
		if s.column != outerColumn {
			widths[s.column] = max(widths[s.column], s.w)
		}
	}
	for e := range l.Edges { // half a column holds the shape beside the wire
		if column := l.spots[l.from[e]].column; l.carriesShape(l.routeFor(e)) {
			widths[column] = max(widths[column], 2*(plainWidth(l.shape(e))+12))
		}
	}
	for _, r := range l.rows {
		if len(r.chain) > 0 && r.boxed { // and for the box's name
			widths[chainColumn] = max(widths[chainColumn], 2*(boldWidth(r.name)+6))
		}
		total := 0.
		for i, node := range r.outer {
			if i > 0 {
				total += boxPad
			}
			total += l.spots[node].w
		}
		widths[outerColumn] = max(widths[outerColumn], total)
	}
	return widths
}

func (l *layout) placeNode(i int) {
	s := &l.spots[i]
	c := l.columns[s.column]
	if s.column != outerColumn {
		s.x, s.w = c.x, c.w
		return
	}
	x := c.x
	for _, before := range l.rows[s.row].outer {
		if before == i {
			break
		}
		x += l.spots[before].w + boxPad
	}
	s.x = x
}

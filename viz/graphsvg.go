package viz

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// colors of a kind of node: fill and border, on light and on dark pages.
type colors struct{ fill, line, darkFill, darkLine string }

var kindColors = map[NodeKind]colors{
	KindOp:        {"#eaf1fd", "#3f6fc4", "#1b2b47", "#7ba4ea"},
	KindInput:     {"#e6f6ec", "#2f8f57", "#163524", "#63c48c"},
	KindParameter: {"#fff3dc", "#b97b14", "#3a2b10", "#e3ac50"},
	KindOutput:    {"#f0eafc", "#7a53c4", "#2b2145", "#ae8df0"},
	KindGradient:  {"#fdeaf1", "#bd3f76", "#40182a", "#ee85b1"},
}

// All rules are inside .graph, so that the picture doesn't restyle a page that embeds it.
const graphStyle = `
  .graph text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-size: 11px; fill: #565c68; }
  .graph .page { fill: #ffffff; }
  .graph .title { font-size: 16px; font-weight: 600; fill: #1c1e22; }
  .graph .head { font-size: 13px; font-weight: 600; }
  .graph .name { font-size: 13px; font-weight: 600; fill: #1c1e22; }
  .graph .box { fill: #f6f7f9; stroke: #c9cdd5; }
  .graph .node rect { stroke-width: 1.3; }
  .graph .wire { fill: none; stroke-width: 1.4; stroke: #5b6270; marker-end: url(#graph-tip); }
  .graph .wire.backward { stroke: #bd3f76; marker-end: url(#graph-tip-backward); }
  .graph .wire.saved { stroke: #8b93a1; stroke-width: 1.1; stroke-dasharray: 4 3; marker-end: url(#graph-tip-saved); }
  #graph-tip path { fill: #5b6270; } #graph-tip-backward path { fill: #bd3f76; } #graph-tip-saved path { fill: #8b93a1; }
`

const graphDarkStyle = `
    .graph text { fill: #a8b0be; }
    .graph .page { fill: #15171c; }
    .graph .title, .graph .name { fill: #eceff4; }
    .graph .box { fill: #1d2026; stroke: #3d434e; }
    .graph .wire { stroke: #a8b0be; } .graph .wire.backward { stroke: #ee85b1; } .graph .wire.saved { stroke: #78808e; }
    #graph-tip path { fill: #a8b0be; } #graph-tip-backward path { fill: #ee85b1; } #graph-tip-saved path { fill: #78808e; }
`

// SVG draws the graph, in light or dark colors by the viewer's system. Nodes and wires have
// tooltips with name, kind and shape.
func (g Graph) SVG(w io.Writer) error {
	l, err := newLayout(g)
	if err != nil {
		return err
	}
	d := drawing{layout: l}
	d.open()
	for _, r := range l.rows {
		d.box(r)
	}
	for _, kind := range []wireKind{savedWire, forwardWire, backwardWire} { // main wires lie above crossing ones
		for _, wire := range l.wires {
			if wire.kind == kind {
				d.wire(wire)
			}
		}
	}
	for i := range l.spots {
		d.node(i)
	}
	d.caption()
	d.printf("</svg>\n")
	_, err = w.Write(d.Bytes())
	return err
}

// drawing is the SVG text of a graph under construction.
type drawing struct {
	svgText
	*layout
}

func (d *drawing) open() {
	name := d.Title
	if name == "" {
		name = "computational graph"
	}
	d.head(d.size, name)
	d.printf("<style>%s", graphStyle)
	for kind := range kindNames {
		c := kindColors[NodeKind(kind)]
		d.printf("  .graph .%s rect { fill: %s; stroke: %s; }\n", NodeKind(kind).String(), c.fill, c.line)
	}
	d.printf("  @media (prefers-color-scheme: dark) {%s", graphDarkStyle)
	for kind := range kindNames {
		c := kindColors[NodeKind(kind)]
		d.printf("    .graph .%s rect { fill: %s; stroke: %s; }\n", NodeKind(kind).String(), c.darkFill, c.darkLine)
	}
	d.printf("  }\n</style>\n<defs>\n")
	for _, tip := range []string{"graph-tip", "graph-tip-backward", "graph-tip-saved"} {
		d.tip(tip)
	}
	d.printf("</defs>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n")
	d.headings()
}

func (d *drawing) headings() {
	y := pictureMargin
	if d.Title != "" {
		d.label("title", "", pictureMargin, y+14, d.Title)
		y += titleHeight
	}
	if len(d.spine) == 0 {
		return
	}
	d.label("head", "middle", d.columns[chainColumn].center().x, y+12, "forward ↓")
	d.label("head", "middle", d.columns[spineColumn].center().x, y+12, "backward ↑")
}

func (d *drawing) box(r *layerRow) {
	if !r.boxed {
		return
	}
	d.printf("<rect class=\"box\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"8\"/>\n", px(r.x), px(r.y),
		px(r.w), px(r.h))
	d.label("head", "", r.x+10, r.y+17, r.name)
}

var wireClasses = map[wireKind]string{forwardWire: "wire", backwardWire: "wire backward", savedWire: "wire saved"}

func (d *drawing) wire(w wire) {
	from, to := d.Nodes[d.from[w.edge]], d.Nodes[d.to[w.edge]]
	about := from.ID + " → " + to.ID
	if s := d.network.shape(w.edge); s != "" {
		about += ", " + s
	}
	d.printf("<path class=\"%s\" d=\"%s\"><title>%s</title></path>\n", wireClasses[w.kind], rounded(w.points),
		escape(about))
	if w.shape != "" {
		d.label("", "", w.shapeAt.x, w.shapeAt.y, w.shape)
	}
}

// rounded returns the line as SVG path data with round corners.
func rounded(path []point) string {
	const radius = 6
	var b strings.Builder
	fmt.Fprintf(&b, "M%s %s", px(path[0].x), px(path[0].y))
	for i := 1; i+1 < len(path); i++ {
		before, corner, after := path[i-1], path[i], path[i+1]
		r := min(radius, distance(before, corner)/2, distance(corner, after)/2)
		in, out := towards(corner, before, r), towards(corner, after, r)
		fmt.Fprintf(&b, " L%s %s Q%s %s %s %s", px(in.x), px(in.y), px(corner.x), px(corner.y), px(out.x), px(out.y))
	}
	end := path[len(path)-1]
	fmt.Fprintf(&b, " L%s %s", px(end.x), px(end.y))
	return b.String()
}

func distance(a, b point) float64 { return math.Hypot(b.x-a.x, b.y-a.y) }

func towards(from, to point, by float64) point {
	length := distance(from, to)
	if length == 0 {
		return from
	}
	return point{from.x + by*(to.x-from.x)/length, from.y + by*(to.y-from.y)/length}
}

func (d *drawing) node(i int) {
	n, s := d.Nodes[i], d.spots[i]
	radius := 5.
	if n.Kind == KindInput || n.Kind == KindOutput {
		radius = min(s.h/2, 14)
	}
	about := fmt.Sprintf("%s, %v", n.ID, n.Kind)
	if n.Shape != "" {
		about += ", " + n.Shape
	}
	d.printf("<g class=\"node %s\"><title>%s</title>\n", n.Kind.String(), escape(about))
	d.printf("<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"%s\"/>\n", px(s.x), px(s.y), px(s.w), px(s.h),
		px(radius))
	y := s.center().y - lineHeight*float64(len(s.lines))/2 + 11.5
	class := "name"
	for _, line := range s.lines {
		d.label(class, "middle", s.center().x, y, line)
		y += lineHeight
		class = ""
	}
	d.printf("</g>\n")
}

const savedMeaning = "a forward value that the backward half reads"

// caption explains the colors that occur, and dashes.
func (d *drawing) caption() {
	x, y := pictureMargin, d.size.y-pictureMargin-8
	for _, kind := range d.kinds() {
		d.legendEntry(x, y, kind.String())
		x += legendEntry(kind.String())
	}
	if d.saves() {
		d.printf("<path class=\"wire saved\" d=\"M%s %s L%s %s\"/>\n", px(x), px(y-4), px(x+28), px(y-4))
		d.label("", "", x+34, y, savedMeaning)
	}
}

func (l *layout) captionWidth() float64 {
	width := 0.
	for _, kind := range l.kinds() {
		width += legendEntry(kind.String())
	}
	if l.saves() {
		width += 34 + plainWidth(savedMeaning)
	}
	return max(width, 1.3*boldWidth(l.Title))
}

func (l *layout) kinds() []NodeKind {
	var present []NodeKind
	for kind := range kindNames {
		for _, n := range l.Nodes {
			if n.Kind == NodeKind(kind) {
				present = append(present, n.Kind)
				break
			}
		}
	}
	return present
}

func (l *layout) saves() bool {
	for e := range l.Edges {
		if l.wireKind(e) == savedWire {
			return true
		}
	}
	return false
}

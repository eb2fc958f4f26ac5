package viz

import (
	"fmt"
	"io"
	"math"
	"strings"

	"convgraph/internal/flow"
)

const layerStyle = `
  .graph text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-size: 11px; fill: #565c68; }
  .graph .page { fill: #ffffff; }
  .graph .title { font-size: 16px; font-weight: 600; fill: #1c1e22; }
  .graph .block { font-size: 12px; font-weight: 600; }
  .graph .name { font-size: 12px; font-weight: 600; fill: #1c1e22; }
  .graph .shape { paint-order: stroke; stroke: #ffffff; stroke-width: 6px; stroke-linejoin: round; }
  .graph .box { fill: #f6f7f9; stroke: #c9cdd5; }
  .graph .box-shape { stroke: #f6f7f9; }
  .graph .layer rect { stroke-width: 1.2; }
  .graph .wire { fill: none; stroke-width: 1.5; stroke: #5b6270; marker-end: url(#graph-tip); }
  #graph-tip path { fill: #5b6270; }
`

const layerDarkStyle = `
    .graph text { fill: #a8b0be; }
    .graph .page { fill: #15171c; }
    .graph .title, .graph .name { fill: #eceff4; }
    .graph .shape { stroke: #15171c; }
    .graph .box { fill: #1d2026; stroke: #3d434e; }
    .graph .box-shape { stroke: #1d2026; }
    .graph .wire { stroke: #a8b0be; }
    #graph-tip path { fill: #a8b0be; }
`

// SVG draws the layers, in light or dark colors by the viewer's system. Layers and wires have
// tooltips with name and shape.
func (g LayerGraph) SVG(w io.Writer) error {
	l, err := g.layout()
	if err != nil {
		return err
	}
	d := layerDrawing{layerLayout: l}
	d.open()
	for _, b := range l.boxes {
		d.printf("<rect class=\"box\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"8\"/>\n", px(b.x), px(b.y),
			px(b.w), px(b.h))
		d.label("block", "", b.x+8, b.y+15, b.name)
	}
	for _, w := range l.wires {
		d.wire(w)
	}
	for _, s := range l.stacks {
		d.stack(s)
	}
	d.legend()
	d.printf("</svg>\n")
	_, err = w.Write(d.Bytes())
	return err
}

type layerDrawing struct {
	svgText
	*layerLayout
}

func (d *layerDrawing) open() {
	name := d.Title
	if name == "" {
		name = "layers"
	}
	d.head(d.size, name)
	d.printf("<style>%s", layerStyle)
	for _, k := range layerKinds {
		d.printf("  .graph .%s rect { fill: %s; stroke: %s; }\n", k.name, k.fill, k.line)
	}
	d.printf("  @media (prefers-color-scheme: dark) {%s", layerDarkStyle)
	for _, k := range layerKinds {
		d.printf("    .graph .%s rect { fill: %s; stroke: %s; }\n", k.name, k.darkFill, k.darkLine)
	}
	d.printf("  }\n</style>\n<defs>\n")
	d.tip("graph-tip")
	d.printf("</defs>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n")
	if d.Title != "" {
		d.label("title", "", pictureMargin, pictureMargin+14, d.Title)
	}
}

// stem is the length of a wire's straight part below its stack, which carries the shape.
const stem = 20.

// wire is a line that bends into its lane and out of it.
func (d *layerDrawing) wire(w flow.Wire) {
	from, to := d.result(w.From), d.Layers[d.stacks[w.To].layers[0]]
	about := from.Name + " → " + to.Name
	if from.Shape != "" {
		about += ", " + from.Shape
	}
	var path strings.Builder
	fmt.Fprintf(&path, "M%s %s V%s", px(w.Start.Across), px(w.Start.Along), px(w.Start.Along+stem))
	at := flow.Point{Along: w.Start.Along + stem, Across: w.Start.Across}
	if w.Bend > at.Along {
		lane := flow.Point{Along: w.Bend, Across: w.Across}
		bend(&path, at, lane)
		at = lane
	}
	if w.Unbend > at.Along {
		at.Along = w.Unbend
		fmt.Fprintf(&path, " V%s", px(w.Unbend))
	}
	bend(&path, at, w.End)
	d.printf("<path class=\"wire\" d=\"%s\"><title>%s</title></path>\n", path.String(), escape(about))
}

// bend draws a curve that starts and ends vertically.
func bend(path *strings.Builder, from, to flow.Point) {
	const same = 0.05
	switch middle := (from.Along + to.Along) / 2; {
	case to.Along-from.Along < same:
	case math.Abs(to.Across-from.Across) < same:
		fmt.Fprintf(path, " V%s", px(to.Along))
	default:
		fmt.Fprintf(path, " C%s %s %s %s %s %s", px(from.Across), px(middle), px(to.Across), px(middle),
			px(to.Across), px(to.Along))
	}
}

// result returns the last layer of a stack.
func (d *layerDrawing) result(stack int) LayerNode {
	layers := d.stacks[stack].layers
	return d.Layers[layers[len(layers)-1]]
}

func (d *layerDrawing) stack(s layerStack) {
	for k, i := range s.layers {
		d.layer(i, rect{s.x, s.y + layerHeight*float64(k), s.w, layerHeight})
	}
	last := d.Layers[s.layers[len(s.layers)-1]]
	if last.Shape == "" {
		return
	}
	class := "shape"
	if last.Block != "" {
		class += " box-shape"
	}
	d.label(class, "middle", s.center().x, s.bottom()+17, last.Shape)
}

func (d *layerDrawing) layer(i int, r rect) {
	l := d.Layers[i]
	about := l.Name
	for _, part := range []string{l.Text, l.Shape} {
		if part != "" {
			about += ", " + part
		}
	}
	d.printf("<g class=\"layer %v\"><title>%s</title>\n", l.Kind, escape(about))
	d.printf("<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" rx=\"3\"/>\n", px(r.x), px(r.y), px(r.w), px(r.h))
	d.label("name", "", r.x+layerPad, r.y+15, d.shortName(i))
	if l.Text != "" {
		d.label("", "end", r.right()-layerPad, r.y+14.5, l.Text)
	}
	d.printf("</g>\n")
}

// legend explains the colors that occur.
func (d *layerDrawing) legend() {
	x, y := pictureMargin, d.size.y-pictureMargin-8
	for _, kind := range d.kinds() {
		d.legendEntry(x, y, kind.String())
		x += legendEntry(kind.String())
	}
}

package viz

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// svgText is an SVG picture under construction.
type svgText struct{ bytes.Buffer }

func (t *svgText) printf(format string, args ...any) { fmt.Fprintf(t, format, args...) }

// head starts a picture of a size, with an accessible name.
func (t *svgText) head(size point, name string) {
	t.printf(`<svg xmlns="http://www.w3.org/2000/svg" class="graph" width="%s" height="%s" viewBox="0 0 %[1]s %[2]s" `+
		`role="img" aria-labelledby="graph-title">`+"\n",
		px(math.Ceil(size.x)), px(math.Ceil(size.y)))
	t.printf("<title id=\"graph-title\">%s</title>\n", escape(name))
}

// tip draws the arrow at the end of a line.
func (t *svgText) tip(id string) {
	t.printf(`<marker id="%s" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" `+
		`markerUnits="userSpaceOnUse" orient="auto">`+
		`<path d="M0 0.8 L8 4 L0 7.2 Z"/></marker>`+"\n", id)
}

func (t *svgText) label(class, anchor string, x, y float64, s string) {
	attributes := ""
	if class != "" {
		attributes += ` class="` + class + `"`
	}
	if anchor != "" {
		attributes += ` text-anchor="` + anchor + `"`
	}
	t.printf("<text x=\"%s\" y=\"%s\"%s>%s</text>\n", px(x), px(y), attributes, escape(s))
}

// legendEntry is the colour of a class with its name.
func (t *svgText) legendEntry(x, y float64, class string) {
	t.printf("<g class=\"%s\"><rect x=\"%s\" y=\"%s\" width=\"14\" height=\"12\" rx=\"3\"/></g>\n", class, px(x),
		px(y-10))
	t.label("", "", x+20, y, class)
}

// legendEntry is the width of a colour with its name.
func legendEntry(class string) float64 { return 20 + plainWidth(class) + 18 }

// px prints a coordinate to a tenth of a pixel.
func px(v float64) string { return strconv.FormatFloat(math.Round(10*v)/10, 'f', -1, 64) }

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder never fails
	return b.String()
}

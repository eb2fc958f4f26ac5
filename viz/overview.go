package viz

import (
	"cmp"
	"fmt"
	"image"
	"slices"

	"convgraph/internal/xmath"
)

// Overview shows one image in a network: the input, a row of small maps for each layer, and the
// outputs as bars: class scores, independent labels, or numbers.
type Overview struct {
	Title         string
	Input         image.Image
	Rows          []OverviewRow
	Probabilities []float32 // one per class; of more than twelve the ten greatest are shown
	Independent   bool      // independent labels: those above 1/2 are highlighted
	Values        []float32 // plain numbers instead of probabilities; without both there are no bars
	Labels        []string  // class names; nil: numbers
	Note          string    // below the picture
}

// OverviewRow is a layer of an [Overview].
type OverviewRow struct {
	Name   string // "conv1"
	Detail string // "Conv2D 30 5×5"
	Maps   Planes
}

const (
	overviewSide  = 56  // approximate longer side of a map
	overviewWidth = 700 // approximate width of a row of maps
	overviewNames = 190 // the column of names
)

// Image draws the overview.
func (o Overview) Image() (image.Image, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	b := o.Input.Bounds()
	rows := []block{overviewRow("input", fit(o.Input, 2*overviewSide), fmt.Sprintf("%d×%d", b.Dx(), b.Dy()))}
	bad := 0
	for _, s := range o.Rows {
		rows = append(rows, s.row())
		bad += countNotFinite(s.Maps.Data)
	}
	if len(o.outputs()) > 0 {
		heading, what := o.heading()
		rows = append(rows, overviewRow(heading, o.bars(), fmt.Sprintf("%d %s", len(o.outputs()), what), o.shownNote()))
	}
	warning := ""
	if bad > 0 {
		warning = fmt.Sprintf("%s not finite numbers (magenta)", pluralIs(bad, "value"))
	}
	return render(page(o.Title, column(10, alignStart, rows...), legend("a layer's least value", "its greatest", grey),
		"one scale a layer, given beside it; the input as it is; 1×1 layers as one field, a square a unit", o.Note,
		warning)), nil
}

func (o Overview) check() error {
	if o.Input == nil || o.Input.Bounds().Empty() {
		return fmt.Errorf("overview: no input image")
	}
	for _, s := range o.Rows {
		if err := s.Maps.check("overview: layer " + s.Name); err != nil {
			return err
		}
	}
	if len(o.Probabilities) > 0 && len(o.Values) > 0 {
		return fmt.Errorf("overview: got %d class scores and %d values, want one or the other", len(o.Probabilities),
			len(o.Values))
	}
	if n := len(o.outputs()); o.Labels != nil && n > 0 && len(o.Labels) != n {
		return fmt.Errorf("overview: got %d labels for %d class scores, want one each", len(o.Labels), n)
	}
	return nil
}

// outputs returns the probabilities or the values.
func (o Overview) outputs() []float32 {
	if len(o.Values) > 0 {
		return o.Values
	}
	return o.Probabilities
}

// heading returns the title of the bars and the word for what each one shows.
func (o Overview) heading() (heading, what string) {
	switch {
	case len(o.Values) > 0:
		return "outputs", "values"
	case o.Independent:
		return "labels", "labels"
	}
	return "class scores", "classes"
}

func overviewRow(name string, body block, about ...string) block {
	names := column(2, alignStart, label{name, boldText, ink})
	for _, line := range about {
		if line != "" {
			names.blocks = append(names.blocks, paragraph(line, smallText, faintInk, overviewNames-12))
		}
	}
	return row(0, alignMiddle, sized{names, image.Pt(overviewNames, 0), alignStart, alignStart}, body)
}

func (s OverviewRow) row() block {
	r := RangeOf(s.Maps.Data)
	return overviewRow(s.Name, s.body(r), s.Detail, s.count(), "values "+r.String())
}

func (s OverviewRow) count() string {
	if s.isVector() {
		return plural(s.Maps.Count, "unit")
	}
	return fmt.Sprintf("%s of %d×%d", plural(s.Maps.Count, "map"), s.Maps.Width, s.Maps.Height)
}

func (s OverviewRow) isVector() bool { return s.Maps.Height == 1 && s.Maps.Width == 1 }

func (s OverviewRow) body(r Range) block {
	if s.isVector() {
		return unitField(s.Maps.Data, unitColumns(s.Maps.Count, 8), overviewWidth, r)
	}
	const gap = 4
	var tiles []block
	room := overviewWidth
	for i := range s.Maps.Count {
		t := fit(shade(s.Maps.Plane(i), s.Maps.Width, r, grey), overviewSide)
		if room -= t.size().X + gap; room < 0 {
			break
		}
		tiles = append(tiles, t)
	}
	shown := len(tiles)
	if rest := s.Maps.Count - shown; rest > 0 {
		tiles = append(tiles, label{fmt.Sprintf("+%d more", rest), smallText, faintInk})
	}
	return row(gap, alignMiddle, tiles...)
}

const mostBars, fewestBars = 12, 10

// order lists the classes to show: all, or of many the likeliest first.
func (o Overview) order() []int {
	values := o.outputs()
	classes := make([]int, len(values))
	for i := range classes {
		classes[i] = i
	}
	if len(classes) <= mostBars {
		return classes
	}
	slices.SortStableFunc(classes, func(a, b int) int { return cmp.Compare(values[b], values[a]) }) // NaN last
	return classes[:fewestBars]
}

func (o Overview) shownNote() string {
	switch {
	case len(o.outputs()) <= mostBars:
		return ""
	case len(o.Values) > 0:
		return fmt.Sprintf("the %d largest", fewestBars)
	}
	return fmt.Sprintf("the %d likeliest", fewestBars)
}

func (o Overview) bars() block {
	const height, width, names = 14, 420, 150
	rows := column(3, alignStart)
	for _, class := range o.order() {
		share, text, highlighted := o.output(class)
		face, colour := bodyText, hairline
		if highlighted {
			face, colour = boldText, blue
		}
		length := 1
		if xmath.IsFinite(share) {
			length = max(1, int(width*min(max(share, 0), 1)+0.5))
		}
		rows.blocks = append(rows.blocks, row(8, alignMiddle,
			sized{label{classLabel(o.Labels, class), face, ink}, image.Pt(o.nameWidth(names), 0), alignEnd,
				alignMiddle},
			bar{image.Pt(length, height), colour},
			label{text, face, ink}))
	}
	return rows
}

// output returns a bar's relative length, its text, and whether it is highlighted: the likeliest
// class, or a label above 1/2. Bars of values show magnitudes.
func (o Overview) output(class int) (share float32, text string, highlighted bool) {
	v := o.outputs()[class]
	switch {
	case len(o.Values) > 0:
		r := RangeOf(o.Values)
		return max(v, -v) / max(r.Max, -r.Min, 1e-30), r.number(v), false
	case o.Independent:
		return v, percent(v), v > 0.5
	}
	return v, percent(v), v == RangeOf(o.Probabilities).Max
}

func (o Overview) nameWidth(most int) int {
	width := 0
	for _, class := range o.order() {
		width = max(width, boldText.width(classLabel(o.Labels, class)))
	}
	return min(width, most)
}

func classLabel(labels []string, class int) string {
	if labels == nil {
		return fmt.Sprint(class)
	}
	return labels[class]
}

// percent formats a fraction; only 1 itself gives 100%.
func percent(p float32) string {
	switch {
	case !xmath.IsFinite(p):
		return "not a number"
	case p < 1 && p >= 0.9995:
		return "> 99.9%"
	case p > 0 && p < 0.0005:
		return "< 0.1%"
	}
	return fmt.Sprintf("%.1f%%", 100*p)
}

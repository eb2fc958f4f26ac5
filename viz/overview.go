package viz

import (
	"cmp"
	"fmt"
	"image"
	"slices"
)

// Overview shows one image's way through a network: the input, a row of small maps for each layer, and the class scores as bars.
type Overview struct {
	Title         string
	Input         image.Image
	Stages        []Stage
	Probabilities []float32 // one a class; the ten greatest are shown where there are more than twelve
	Labels        []string  // the classes' names; nil: their numbers
}

// Stage is a layer of an [Overview].
type Stage struct {
	Name   string // "conv1"
	Detail string // "Conv2D 30 5×5"
	Maps   Planes
}

const (
	overviewSide  = 56  // a map's longer side, about
	overviewWidth = 700 // of a row of maps, about
	overviewNames = 190 // the column of names
)

// Image draws the overview.
func (o Overview) Image() (image.Image, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	b := o.Input.Bounds()
	rows := []block{stageRow("input", fit(o.Input, 2*overviewSide), fmt.Sprintf("%d×%d", b.Dx(), b.Dy()))}
	bad := 0
	for _, s := range o.Stages {
		rows = append(rows, s.row())
		bad += countNotFinite(s.Maps.Data)
	}
	rows = append(rows, stageRow("class scores", o.bars(), fmt.Sprintf("%d classes", len(o.Probabilities)), o.shownNote()))
	warning := ""
	if bad > 0 {
		warning = fmt.Sprintf("%s not finite numbers (magenta)", pluralIs(bad, "value"))
	}
	return render(page(o.Title, column(10, alignStart, rows...), legend("a layer's least value", "its greatest", grey),
		"one scale a layer, given beside it; the input as it is; 1×1 layers as one field, a square a unit", warning)), nil
}

func (o Overview) check() error {
	if o.Input == nil || o.Input.Bounds().Empty() {
		return fmt.Errorf("overview: no input image")
	}
	for _, s := range o.Stages {
		if err := s.Maps.check("overview: layer " + s.Name); err != nil {
			return err
		}
	}
	if len(o.Probabilities) == 0 {
		return fmt.Errorf("overview: no class scores")
	}
	if o.Labels != nil && len(o.Labels) != len(o.Probabilities) {
		return fmt.Errorf("overview: %d labels for %d class scores: want one each", len(o.Labels), len(o.Probabilities))
	}
	return nil
}

func stageRow(name string, body block, about ...string) block {
	names := column(2, alignStart, label{name, boldText, ink})
	for _, line := range about {
		if line != "" {
			names.blocks = append(names.blocks, paragraph(line, smallText, faintInk, overviewNames-12))
		}
	}
	return row(0, alignMiddle, sized{names, image.Pt(overviewNames, 0), alignStart, alignStart}, body)
}

func (s Stage) row() block {
	r := RangeOf(s.Maps.Data)
	return stageRow(s.Name, s.body(r), s.Detail, s.count(), "values "+r.String())
}

func (s Stage) count() string {
	if s.isVector() {
		return plural(s.Maps.Count, "unit")
	}
	return fmt.Sprintf("%s of %d×%d", plural(s.Maps.Count, "map"), s.Maps.Width, s.Maps.Height)
}

func (s Stage) isVector() bool { return s.Maps.Height == 1 && s.Maps.Width == 1 }

func (s Stage) body(r Range) block {
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

// order lists the classes to show: all, or the likeliest first where they are many.
func (o Overview) order() []int {
	classes := make([]int, len(o.Probabilities))
	for i := range classes {
		classes[i] = i
	}
	if len(classes) <= mostBars {
		return classes
	}
	slices.SortStableFunc(classes, func(a, b int) int { return cmp.Compare(o.Probabilities[b], o.Probabilities[a]) }) // NaN last
	return classes[:fewestBars]
}

func (o Overview) shownNote() string {
	if len(o.Probabilities) <= mostBars {
		return ""
	}
	return fmt.Sprintf("the %d likeliest", fewestBars)
}

func (o Overview) bars() block {
	const height, width, names = 14, 420, 150
	best := RangeOf(o.Probabilities).Max
	rows := column(3, alignStart)
	for _, class := range o.order() {
		p := o.Probabilities[class]
		face, colour := bodyText, hairline
		if p == best {
			face, colour = boldText, blue
		}
		length := 1
		if finite(p) {
			length = max(1, int(width*min(max(p, 0), 1)+0.5))
		}
		rows.blocks = append(rows.blocks, row(8, alignMiddle,
			sized{label{classLabel(o.Labels, class), face, ink}, image.Pt(o.nameWidth(names), 0), alignEnd, alignMiddle},
			bar{image.Pt(length, height), colour},
			label{percent(p), face, ink}))
	}
	return rows
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

// percent prints a share so that what isn't certain doesn't read as 100%.
func percent(p float32) string {
	switch {
	case !finite(p):
		return "not a number"
	case p < 1 && p >= 0.9995:
		return "> 99.9%"
	case p > 0 && p < 0.0005:
		return "< 0.1%"
	}
	return fmt.Sprintf("%.1f%%", 100*p)
}

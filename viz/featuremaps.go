package viz

import (
	"fmt"
	"image"
	"math"
)

// FeatureMaps is a page with the activations of one layer. Units without planes (1x1) are drawn as
// squares in one field.
type FeatureMaps struct {
	Title   string
	Maps    Planes
	Scale   Scale  // ScaleEach, or ScaleShared to compare maps
	Range   *Range // range of ScaleShared; nil: the layer's own
	Columns int    // maps per row; 0: chosen by their number
	Tile    int    // approximate longer side of a map in pixels; 0: 96
}

// Image draws the page.
func (f FeatureMaps) Image() (image.Image, error) {
	if err := f.Maps.check("feature maps"); err != nil {
		return nil, err
	}
	if f.isVector() {
		return f.vectorPage()
	}
	maps := make([][]float32, f.Maps.Count)
	for i := range maps {
		maps[i] = f.Maps.Plane(i)
	}
	ranges, err := f.Scale.ranges(maps, f.Range)
	if err != nil {
		return nil, err
	}
	tiles := make([]block, len(maps))
	for i, m := range maps {
		tiles[i] = fit(shade(m, f.Maps.Width, ranges[i], gray), orDefault(f.Tile, 96))
	}
	body := grid(orDefault(f.Columns, columnsFor(len(tiles))), 5, tiles)
	return render(page(f.Title, body, f.legend(ranges[0]), f.scaleNote(), constantNote(maps),
		warnNotFinite(f.Maps.Data))), nil
}

func (f FeatureMaps) isVector() bool { return f.Maps.Height == 1 && f.Maps.Width == 1 }

func (f FeatureMaps) legend(shared Range) block {
	if f.Scale == ScaleEach {
		return legend("its least value", "its greatest", gray)
	}
	return legend(shared.least(), shared.greatest(), gray)
}

func (f FeatureMaps) scaleNote() string {
	how := "one scale for all"
	if f.Scale == ScaleEach {
		how = "each map scaled to its own min … max"
	}
	return fmt.Sprintf("%s of %d×%d; %s; values %v", plural(f.Maps.Count, "map"), f.Maps.Width, f.Maps.Height, how,
		RangeOf(f.Maps.Data))
}

func (f FeatureMaps) vectorPage() (image.Image, error) {
	ranges, err := ScaleShared.ranges([][]float32{f.Maps.Data}, f.Range)
	if err != nil {
		return nil, err
	}
	columns := orDefault(f.Columns, unitColumns(f.Maps.Count, 1))
	return render(page(f.Title, unitField(f.Maps.Data, columns, 480, ranges[0]),
		legend(ranges[0].least(), ranges[0].greatest(), gray),
		fmt.Sprintf("%s in reading order, %d a row; one scale for all; values %v", plural(f.Maps.Count, "unit"),
			columns, RangeOf(f.Maps.Data)),
		warnNotFinite(f.Maps.Data))), nil
}

// unitField draws a vector as rows of squares of at most 24 pixels, at most width wide unless a
// unit would be smaller than a pixel.
func unitField(values []float32, columns, width int, r Range) block {
	square := min(24, max(1, width/columns))
	rows := (len(values) + columns - 1) / columns
	img := image.NewRGBA(image.Rect(0, 0, columns*square+2, rows*square+2))
	cell := func(i int) image.Rectangle {
		return image.Rect(0, 0, square, square).Add(image.Pt(1+i%columns*square, 1+i/columns*square))
	}
	for i := range values { // the frame follows the units of an incomplete last row
		fill(img, cell(i).Inset(-1), hairline)
	}
	colors := shade(values, len(values), r, gray)
	for i := range values {
		fill(img, cell(i), colors.RGBAAt(i, 0))
	}
	return bare{img}
}

// unitColumns arranges n units about aspect times as wide as high, in full rows if n has a suitable
// divisor. Up to 20 units are one row.
func unitColumns(n int, aspect float64) int {
	if n <= 20 {
		return n
	}
	wanted := math.Sqrt(aspect * float64(n))
	for columns := int(math.Ceil(wanted)); float64(columns) <= 2*wanted; columns++ {
		if n%columns == 0 {
			return columns
		}
	}
	return int(math.Ceil(wanted))
}

// columnsFor makes a page a little wider than high.
func columnsFor(n int) int {
	return min(max(int(math.Ceil(math.Sqrt(1.5*float64(n)))), min(n, 4)), 16)
}

// constantNote lists maps with a single value. These dead maps would be flat gray on their own
// scale.
func constantNote(maps [][]float32) string {
	zero, constant := 0, 0
	for _, m := range maps {
		r := RangeOf(m)
		if r.Min != r.Max || countNotFinite(m) > 0 || len(m) == 1 {
			continue
		}
		constant++
		if r.Min == 0 {
			zero++
		}
	}
	switch {
	case constant == 0:
		return ""
	case constant == zero:
		return fmt.Sprintf("%s zero throughout", pluralIs(zero, "map"))
	}
	return fmt.Sprintf("%s the same value throughout, %d of them zero", pluralHas(constant, "map"), zero)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func pluralIs(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return plural(n, noun) + " are"
}

func pluralHas(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " has"
	}
	return plural(n, noun) + " have"
}

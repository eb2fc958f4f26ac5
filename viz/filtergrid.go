package viz

import (
	"fmt"
	"image"
)

// FilterGrid shows a convolution's filters, magnified so that every weight is a square. One input
// channel gives gray tiles, three give color (red, green, blue); any other number gives a row for
// each filter and a column for each input channel, the first 32 of each.
type FilterGrid struct {
	Title   string
	Filters Filters
	Scale   Scale  // ScaleEach, or ScaleShared
	Range   *Range // range of ScaleShared, to compare pictures; nil: these filters' own
	Columns int    // tiles per row, 0: 8; unused with one row per filter
	Tile    int    // approximate longer side of a tile in pixels; 0: 60
	Numbers bool   // writes each filter's number below it or before its row
}

// Image draws the grid.
func (g FilterGrid) Image() (image.Image, error) {
	if err := g.Filters.check(); err != nil {
		return nil, err
	}
	ranges, err := g.Scale.ranges(g.each(), g.Range)
	if err != nil {
		return nil, err
	}
	body := g.tiles(ranges)
	return render(page(g.Title, body, g.legend(), g.scaleNote(), g.partNote(), warnNotFinite(g.Filters.Data))), nil
}

const mostFilterRows, mostFilterColumns = 32, 32

func (g FilterGrid) each() [][]float32 {
	filters := make([][]float32, g.Filters.Out)
	for i := range filters {
		filters[i] = g.Filters.Filter(i).Data
	}
	return filters
}

func (g FilterGrid) tiles(ranges []Range) block {
	side := orDefault(g.Tile, 60)
	if g.oneTileEach() {
		tiles := make([]block, g.Filters.Out)
		for i := range tiles {
			tiles[i] = fit(filterImage(g.Filters.Filter(i), ranges[i]), side)
			if g.Numbers {
				tiles[i] = column(1, alignMiddle, tiles[i], label{fmt.Sprint(i), smallText, faintInk})
			}
		}
		return grid(orDefault(g.Columns, 8), 6, tiles)
	}
	rows, columns := min(g.Filters.Out, mostFilterRows), min(g.Filters.In, mostFilterColumns)
	var tiles []block
	for i := range rows {
		if g.Numbers {
			tiles = append(tiles, label{fmt.Sprint(i), smallText, faintInk})
		}
		for c := range columns {
			tiles = append(tiles, fit(shade(g.Filters.Filter(i).Plane(c), g.Filters.Width, ranges[i], gray), side/2))
		}
	}
	if g.Numbers {
		columns++
	}
	return grid(columns, 3, tiles)
}

func (g FilterGrid) oneTileEach() bool { return g.Filters.In == 1 || g.Filters.In == 3 }

// filterImage is a filter over one or three channels as one image.
func filterImage(f Planes, r Range) image.Image {
	if f.Count == 3 {
		return shadeRGB(f.Plane(0), f.Plane(1), f.Plane(2), f.Width, r)
	}
	return shade(f.Plane(0), f.Width, r, gray)
}

func (g FilterGrid) legend() block {
	if g.Scale == ScaleEach {
		return legend("its least weight", "its greatest", gray)
	}
	r := RangeOf(g.Filters.Data)
	if g.Range != nil {
		r = *g.Range
	}
	return legend(r.least(), r.greatest(), gray)
}

func (g FilterGrid) scaleNote() string {
	weights := fmt.Sprintf("weights %v", RangeOf(g.Filters.Data))
	note := "one scale for all filters; " + weights
	if g.Scale == ScaleEach {
		note = "each filter scaled to its own min … max; " + weights
	}
	if g.Filters.In == 3 {
		note += "; red, green, blue: the three input channels"
	}
	return note
}

func (g FilterGrid) partNote() string {
	if g.oneTileEach() {
		return ""
	}
	return fmt.Sprintf("a row a filter (%s), a column an input channel (%s)",
		part(mostFilterRows, g.Filters.Out), part(mostFilterColumns, g.Filters.In))
}

// part describes how many of n are shown: "all 20" or "the first 32 of 384".
func part(shown, n int) string {
	if shown < n {
		return fmt.Sprintf("the first %d of %d", shown, n)
	}
	return fmt.Sprintf("all %d", n)
}

func orDefault(v, otherwise int) int {
	if v <= 0 {
		return otherwise
	}
	return v
}

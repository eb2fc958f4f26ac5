package viz

import (
	"fmt"
	"image"
)

// Responses shows the image, and each filter beside its response to the image. Each filter and each
// response has its own scale; a response's caption gives the range.
type Responses struct {
	Title   string
	Input   image.Image
	Filters Filters // with 1 or 3 input channels
	Maps    Planes  // a response for each filter
	Numbers []int   // of the filters; nil: 0, 1, 2, …
	Named   bool    // names each filter's orientation
	Columns int     // pairs per row, 0: 4
	Tile    int     // approximate longer side of a response in pixels; 0: 130
}

// Image draws the pairs.
func (r Responses) Image() (image.Image, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	side := orDefault(r.Tile, 130)
	pairs := make([]block, r.Filters.Out)
	for i := range pairs {
		pairs[i] = r.pair(i, side)
	}
	input := column(3, alignStart, fit(r.Input, side*3/2),
		label{fmt.Sprintf("the image, %d×%d", r.Input.Bounds().Dx(), r.Input.Bounds().Dy()), smallText, faintInk})
	body := column(16, alignStart, input, grid(orDefault(r.Columns, 4), 14, pairs))
	return render(page(r.Title, body, legend("its least value", "its greatest", grey),
		fmt.Sprintf("every filter and every response (%d×%d) scaled to its own min … max, a response's range below "+
			"it; weights %v",
			r.Maps.Width, r.Maps.Height, RangeOf(r.Filters.Data)),
		warnNotFinite(r.Maps.Data))), nil
}

func (r Responses) check() error {
	if r.Input == nil || r.Input.Bounds().Empty() {
		return fmt.Errorf("responses: no input image")
	}
	if err := r.Filters.check(); err != nil {
		return err
	}
	if err := r.Maps.check("responses"); err != nil {
		return err
	}
	if r.Filters.In != 1 && r.Filters.In != 3 {
		return fmt.Errorf("responses: got filters of %d channels, want 1 (grey) or 3 (red, green, blue)", r.Filters.In)
	}
	if r.Numbers != nil && len(r.Numbers) != r.Filters.Out {
		return fmt.Errorf("responses: got %d numbers for %d filters, want one each", len(r.Numbers), r.Filters.Out)
	}
	if r.Maps.Count != r.Filters.Out {
		return fmt.Errorf("responses: got %d maps for %d filters, want one each", r.Maps.Count, r.Filters.Out)
	}
	return nil
}

func (r Responses) pair(i, side int) block {
	f := r.Filters.Filter(i)
	response := r.Maps.Plane(i)
	span := RangeOf(response)
	number := i
	if r.Numbers != nil {
		number = r.Numbers[i]
	}
	filter := column(3, alignStart,
		fit(filterImage(f, RangeOf(f.Data)), 50),
		label{fmt.Sprintf("filter %d", number), smallText, faintInk})
	if r.Named {
		o, _ := OrientationOf(f)
		filter.blocks = append(filter.blocks, label{o.String(), smallText, ink})
	}
	return row(5, alignStart,
		filter,
		column(3, alignStart,
			fit(shade(response, r.Maps.Width, span, grey), side),
			label{span.String(), smallText, faintInk}))
}

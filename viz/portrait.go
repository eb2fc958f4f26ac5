package viz

import (
	"fmt"
	"image"
)

// Portrait shows what excites a unit most: the input found by activation maximization on the left,
// large, and the best images on the right. Pixels are intensities from 0 to 1.
type Portrait struct {
	Title   string
	Ideal   image.Image
	Caption string // below the ideal input, for example its activation
	Items   []Item // nine fill a square; may be empty
	Note    string
}

// Image draws the portrait.
func (p Portrait) Image() (image.Image, error) {
	const side, gap = 270, 10
	if p.Ideal == nil || p.Ideal.Bounds().Empty() {
		return nil, fmt.Errorf("portrait: no ideal input")
	}
	cells := make([]block, len(p.Items))
	for i, item := range p.Items {
		if item.Image == nil || item.Image.Bounds().Empty() {
			return nil, fmt.Errorf("portrait: image %d is empty", i)
		}
		cells[i] = item.block(side/3 - gap)
	}
	ideal := column(3, alignStart, fit(p.Ideal, side), label{p.Caption, bodyText, ink})
	return render(page(p.Title, row(24, alignStart, ideal, grid(3, gap, cells)), legend("0", "1", gray), p.Note)), nil
}

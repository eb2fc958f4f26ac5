package viz

import (
	"fmt"
	"image"
)

// Portrait shows what a unit answers to most: the input found by ascent on the left, large, and the images that excite it most on the right.
// Pixels are shown as they are, from 0 to 1.
type Portrait struct {
	Title   string
	Ideal   image.Image
	Caption string // below the ideal input: its activation
	Items   []Item // nine make a square; may be empty
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
	return render(page(p.Title, row(24, alignStart, ideal, grid(3, gap, cells)), legend("0", "1", grey), p.Note)), nil
}

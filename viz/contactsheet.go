package viz

import (
	"fmt"
	"image"
	"strings"
)

// ContactSheet shows images in a grid, each with its caption.
type ContactSheet struct {
	Title   string
	Items   []Item
	Columns int    // 0: 10
	Tile    int    // approximate longer side of an image in pixels; 0: 84
	Note    string // below the sheet
}

// Item is an image of a [ContactSheet].
type Item struct {
	Image   image.Image
	Caption string // "\n" begins a new line; the first is printed bold
	Wrong   bool   // prints the caption in red
}

// Image draws the sheet.
func (s ContactSheet) Image() (image.Image, error) {
	if len(s.Items) == 0 {
		return nil, fmt.Errorf("contact sheet: no images")
	}
	cells := make([]block, len(s.Items))
	for i, item := range s.Items {
		if item.Image == nil || item.Image.Bounds().Empty() {
			return nil, fmt.Errorf("contact sheet: image %d is empty", i)
		}
		cells[i] = item.block(orDefault(s.Tile, 84))
	}
	return render(page(s.Title, grid(orDefault(s.Columns, 10), 10, cells), nil, s.Note)), nil
}

func (i Item) block(side int) block {
	b := column(2, alignStart, fit(i.Image, side))
	color := ink
	if i.Wrong {
		color = red
	}
	if i.Caption == "" {
		return b
	}
	face := boldText
	for line := range strings.SplitSeq(i.Caption, "\n") {
		b.blocks = append(b.blocks, label{line, face, color})
		face, color = smallText, faintInk
	}
	return b
}

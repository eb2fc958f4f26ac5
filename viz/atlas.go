package viz

import (
	"errors"
	"fmt"
	"image"
)

// Atlas shows what a network's layers respond to: a row for each layer, with some of its units. A
// unit is shown by the picture that excites it most, and below that by image crops.
type Atlas struct {
	Title string
	Rows  []AtlasRow
	Note  string
	Tile  int // approximate side of a picture; 0: 84
}

// AtlasRow is a layer of an [Atlas].
type AtlasRow struct {
	Name   string   // "conv1"
	About  []string // lines below the name
	Units  []AtlasUnit
	Absent string // why there are no units
}

// AtlasUnit is a unit of an [AtlasRow].
type AtlasUnit struct {
	Caption string
	Ideal   image.Image   // the picture that excites it most
	Crops   []image.Image // image crops that excite it most; nine fill a square; may be empty
}

const atlasNames = 150 // the column of names

// Image draws the atlas.
func (a Atlas) Image() (image.Image, error) {
	if len(a.Rows) == 0 {
		return nil, errors.New("atlas: no layers")
	}
	side := orDefault(a.Tile, 84)
	body := column(12, alignStart)
	for _, r := range a.Rows {
		units := row(10, alignStart)
		for _, u := range r.Units {
			cell, err := u.block(side)
			if err != nil {
				return nil, fmt.Errorf("atlas: layer %s: %w", r.Name, err)
			}
			units.blocks = append(units.blocks, cell)
		}
		if len(r.Units) == 0 {
			units.blocks = append(units.blocks, label{r.Absent, bodyText, faintInk})
		}
		names := column(2, alignStart, paragraph(r.Name, boldText, ink, atlasNames-12))
		for _, line := range r.About {
			names.blocks = append(names.blocks, paragraph(line, smallText, faintInk, atlasNames-12))
		}
		body.blocks = append(body.blocks, row(0, alignStart,
			sized{names, image.Pt(atlasNames, 0), alignStart, alignStart}, units))
	}
	return render(page(a.Title, body, nil, a.Note)), nil
}

func (u AtlasUnit) block(side int) (block, error) {
	if u.Ideal == nil || u.Ideal.Bounds().Empty() {
		return nil, errors.New("no picture")
	}
	cell := column(3, alignStart, square(u.Ideal, side))
	if len(u.Crops) > 0 {
		const gap = 3
		crops := make([]block, len(u.Crops))
		for i, c := range u.Crops {
			if c == nil || c.Bounds().Empty() {
				return nil, fmt.Errorf("crop %d is empty", i)
			}
			crops[i] = square(c, (side-2*gap)/3)
		}
		cell.blocks = append(cell.blocks, grid(3, gap, crops))
	}
	cell.blocks = append(cell.blocks, sized{label{shortened(u.Caption, smallText, side), smallText, faintInk},
		image.Pt(side, 0), alignStart, alignStart})
	return cell, nil
}

// square scales an image smoothly to a longer side of exactly side pixels, and frames it.
func square(img image.Image, side int) block {
	scaled := smooth(img, side)
	b := scaled.Bounds()
	for x := range b.Dx() {
		scaled.SetRGBA(x, 0, hairline)
		scaled.SetRGBA(x, b.Dy()-1, hairline)
	}
	for y := range b.Dy() {
		scaled.SetRGBA(0, y, hairline)
		scaled.SetRGBA(b.Dx()-1, y, hairline)
	}
	return bare{scaled}
}

// shortened cuts the text to the width.
func shortened(text string, face *typeface, width int) string {
	if face.width(text) <= width {
		return text
	}
	letters := []rune(text)
	for len(letters) > 1 && face.width(string(letters)+"…") > width {
		letters = letters[:len(letters)-1]
	}
	return string(letters) + "…"
}

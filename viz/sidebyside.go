package viz

import (
	"errors"
	"fmt"
	"image"
	"image/draw"
)

// SideBySide shows pictures in a row, each with its own title and legend: before and after.
type SideBySide []Raster

// Image draws the pictures.
func (s SideBySide) Image() (image.Image, error) {
	if len(s) == 0 {
		return nil, errors.New("side by side: no pictures")
	}
	pictures := row(0, alignStart)
	for i, p := range s {
		img, err := p.Image()
		if err != nil {
			return nil, fmt.Errorf("side by side: picture %d: %w", i, err)
		}
		pictures.blocks = append(pictures.blocks, bare{img})
	}
	img := image.NewRGBA(image.Rectangle{Max: pictures.size()})
	draw.Draw(img, img.Bounds(), image.NewUniform(white), image.Point{}, draw.Src)
	pictures.draw(img, image.Point{})
	return img, nil
}

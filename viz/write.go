package viz

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"io"

	"convgraph/internal/file"
)

// Raster is a picture in pixels. Image returns an error for inconsistent data.
type Raster interface {
	Image() (image.Image, error)
}

// Vector is a picture in SVG.
type Vector interface {
	SVG(w io.Writer) error
}

// EncodePNG draws the picture into w.
func EncodePNG(w io.Writer, picture Raster) error {
	img, err := picture.Image()
	if err != nil {
		return err
	}
	return png.Encode(w, img)
}

// WritePNG draws the picture into a file, which it creates or replaces.
func WritePNG(path string, picture Raster) error {
	return writeFile(path, func(w io.Writer) error { return EncodePNG(w, picture) })
}

// EncodeSVG draws the picture into w.
func EncodeSVG(w io.Writer, picture Vector) error { return picture.SVG(w) }

// WriteSVG draws the picture into a file, which it creates or replaces.
func WriteSVG(path string, picture Vector) error { return writeFile(path, picture.SVG) }

// writeFile draws into memory first, so that a failed drawing changes no file, and then replaces
// the file in one step.
func writeFile(path string, draw func(io.Writer) error) error {
	var b bytes.Buffer
	if err := draw(&b); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return file.Write(path, func(w io.Writer) error {
		_, err := b.WriteTo(w)
		return err
	})
}

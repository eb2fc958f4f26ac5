// Package digit turns any picture of a digit into what the MNIST database holds: light ink on black in 28x28 pixels, the digit fitted into
// 20x20 with its proportions kept and its centre of mass moved to the middle (yann.lecun.com/exdb/mnist; LeCun et al. 1998, section III.A).
//
// The picture may be of any size and of any two colours. Which of them is the ink is found by the picture's border, which is taken for
// background, or said by the caller.
package digit

import (
	"errors"
	"fmt"
	"image"

	"convgraph/train/dataset"
)

const (
	Size   = 28 // the side of a digit's image, in pixels
	fitted = 20 // the longer side of the ink in it
)

// Ink says whether a digit is darker or lighter than what it is written on.
type Ink int

const (
	Detect Ink = iota // by the picture's border, which is background
	Dark              // dark on light, as on paper
	Light             // light on dark, as MNIST itself
)

// String is "dark on light" or "light on dark".
func (k Ink) String() string {
	switch k {
	case Dark:
		return "dark on light"
	case Light:
		return "light on dark"
	}
	return "detect"
}

// A Digit is a picture as MNIST holds it.
type Digit struct {
	Pixels []float32 // Size·Size, row-major, from 0 (background) to 1 (ink)
	Ink    Ink       // what the picture had, Dark or Light
}

// Read makes a digit of a PNG or JPEG file; see [dataset.ReadImage] for what it refuses.
func Read(path string, ink Ink) (*Digit, error) {
	img, err := dataset.ReadImage(path)
	if err != nil {
		return nil, err
	}
	d, err := FromImage(img, ink)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// FromImage makes a digit of a picture. Transparent parts count as background. It is an error if nothing is drawn in the picture.
func FromImage(img image.Image, ink Ink) (*Digit, error) {
	if ink < Detect || ink > Light {
		return nil, fmt.Errorf("ink is %d: want Detect, Dark or Light", ink)
	}
	if img.Bounds().Empty() {
		return nil, errors.New("the picture is empty: it has no pixels")
	}
	c := newCanvas(img)
	s := c.scale(ink)
	if s.contrast() < leastContrast {
		return nil, noInk(ink)
	}
	p := c.ink(s)
	p.dropSpecks()
	return &Digit{Pixels: place(p.cropped()), Ink: s.ink()}, nil
}

func noInk(wanted Ink) error {
	if wanted == Detect {
		return errors.New("nothing is drawn in the picture: all of it has about one colour")
	}
	return fmt.Errorf("nothing is drawn in the picture that is %v", wanted)
}

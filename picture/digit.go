package picture

import (
	"errors"
	"fmt"
	"image"
)

const (
	digitSide  = 28 // side of a digit's image, in pixels
	fittedSide = 20 // longer side of the ink in it
)

// Ink is the brightness of a digit's ink relative to its background.
type Ink string

const (
	NoInk  Ink = ""       // the picture isn't a digit
	Detect Ink = "detect" // from the picture's border, which is background
	Dark   Ink = "dark"   // dark on light, as on paper
	Light  Ink = "light"  // light on dark, as in MNIST
)

// String returns "dark on light" or "light on dark".
func (k Ink) String() string {
	switch k {
	case Dark:
		return "dark on light"
	case Light:
		return "light on dark"
	}
	return string(k)
}

// Digit converts any picture of a digit to MNIST's form: light ink on black in 28x28 pixels, the
// digit fitted into 20x20 with its proportions, and its center of mass in the middle
// (yann.lecun.com/exdb/mnist; LeCun et al. 1998, section III.A).
//
// The picture may have any size and any two colors. Transparent parts count as background. A
// picture without ink is an error. The sample's Ink is the picture's, Dark or Light.
func Digit(img image.Image, ink Ink) (*Sample, error) {
	if ink != Detect && ink != Dark && ink != Light {
		return nil, fmt.Errorf("got ink %q, want %q, %q or %q", string(ink), Detect, string(Dark), string(Light))
	}
	if img.Bounds().Empty() {
		return nil, errEmpty
	}
	c := newCanvas(img)
	s := c.scale(ink)
	if s.contrast() < leastContrast {
		return nil, noInk(ink)
	}
	p := c.ink(s)
	p.dropSpecks()
	return &Sample{Pixels: center(p.cropped()), Ink: s.ink()}, nil
}

var errEmpty = errors.New("the picture is empty: it has no pixels")

func noInk(wanted Ink) error {
	if wanted == Detect {
		return errors.New("nothing is drawn in the picture: all of it has about one color")
	}
	return fmt.Errorf("nothing is drawn in the picture that is %v", wanted)
}

// Package classify turns any picture into what a network takes, and what the network gives into the
// classes it takes the picture for.
package classify

import (
	"fmt"

	"convgraph/graph"
	"convgraph/picture"
)

// TakesPictures says why a network doesn't take pictures; nil if it does.
func TakesPictures(spec *graph.Spec) error {
	if err := picture.TakesPictures(spec.Input); err != nil {
		return fmt.Errorf("model %q takes no pictures: %w", spec.Name, err)
	}
	return nil
}

// Preprocessing is what is done to a picture before the network reads it.
func Preprocessing(spec *graph.Spec) picture.Preprocessing {
	if spec.Name == "alexnet" {
		return picture.AlexNet(spec.Input)
	}
	return picture.DefaultFor(spec.Input)
}

// FolderPreprocessing is what is done to the pictures of class folders: [Preprocessing], but
// drawings in MNIST's size are taken as they are.
func FolderPreprocessing(spec *graph.Spec) picture.Preprocessing {
	p := Preprocessing(spec)
	p.Digit = picture.NoInk
	return p
}

// WithInk is p told what the ink of a digit's picture is. [picture.Detect] changes nothing;
// anything else is for networks whose pictures are taken for digits.
func WithInk(p picture.Preprocessing, ink picture.Ink) (picture.Preprocessing, error) {
	if ink == picture.Detect {
		return p, nil
	}
	if p.Digit == picture.NoInk {
		return p, fmt.Errorf("ink is %v: that is for networks whose pictures are prepared as MNIST's digits", ink)
	}
	p.Digit = ink
	return p, nil
}

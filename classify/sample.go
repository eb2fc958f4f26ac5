// Package classify turns any picture into what a network reads, and the network's output into the classes
// it takes the picture for.
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

// Preprocessing is what is done to a picture before the network reads it: what the spec declares. For a
// spec that declares nothing, as files written before specs could, it is MNIST's treatment of digits
// for inputs of (1, 28, 28), AlexNet's crop for networks that begin as a trained AlexNet does, and else
// the picture in the input's size.
func Preprocessing(spec *graph.Spec) picture.Preprocessing {
	switch {
	case spec.Preprocess != nil:
		return *spec.Preprocess
	case beginsAsAlexNet(spec.Layers):
		return picture.AlexNet(spec.Input)
	}
	return picture.DefaultFor(spec.Input)
}

// FolderPreprocessing is what is done to the pictures of class folders: [Preprocessing], except that a
// network whose spec declares nothing takes drawings in MNIST's size as they are.
func FolderPreprocessing(spec *graph.Spec) picture.Preprocessing {
	p := Preprocessing(spec)
	if spec.Preprocess == nil {
		p.Digit = picture.NoInk
	}
	return p
}

// beginsAsAlexNet recognises the AlexNet of files without a declaration: it was trained on class
// folders with a layer that subtracts their mean colour, and it is the only such network with local
// response normalisation behind its first convolution.
func beginsAsAlexNet(layers []graph.Layer) bool {
	if len(layers) < 4 {
		return false
	}
	_, mean := layers[0].(graph.Normalize)
	_, conv := layers[1].(graph.Conv2D)
	_, lrn := layers[3].(graph.LRN)
	return mean && conv && lrn
}

// WithInk is p told what the ink of a digit's picture is. [picture.Detect] changes nothing; anything
// else is for networks whose pictures are taken for digits.
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

// Package classify prepares pictures for a network and turns its outputs into classes.
package classify

import (
	"fmt"

	"convgraph/graph"
	"convgraph/picture"
)

// TakesPictures returns nil if a network takes pictures, else the reason why not.
func TakesPictures(spec *graph.Spec) error {
	if err := picture.TakesPictures(spec.Input); err != nil {
		return fmt.Errorf("model %q takes no pictures: %w", spec.Name, err)
	}
	return nil
}

// Preprocessing returns the preprocessing that the spec declares. Older files declare none: then it
// is MNIST's for inputs of (1, 28, 28), AlexNet's crop for a trained AlexNet, and else a scaling to
// the input's size.
func Preprocessing(spec *graph.Spec) picture.Preprocessing {
	switch {
	case spec.Preprocess != nil:
		return *spec.Preprocess
	case beginsAsAlexNet(spec.Layers):
		return picture.AlexNet(spec.Input)
	}
	return picture.DefaultFor(spec.Input)
}

// FolderPreprocessing returns the preprocessing of pictures in class folders: [Preprocessing],
// except that a network without a declaration doesn't treat pictures of MNIST's size as digits.
func FolderPreprocessing(spec *graph.Spec) picture.Preprocessing {
	p := Preprocessing(spec)
	if spec.Preprocess == nil {
		p.Digit = picture.NoInk
	}
	return p
}

// beginsAsAlexNet recognizes a trained AlexNet in a file without a declaration: it alone has both a
// layer that subtracts the mean color and local response normalization after its first
// convolution.
func beginsAsAlexNet(layers []graph.Layer) bool {
	if len(layers) < 4 {
		return false
	}
	_, mean := layers[0].(graph.Normalize)
	_, conv := layers[1].(graph.Conv2D)
	_, lrn := layers[3].(graph.LRN)
	return mean && conv && lrn
}

// WithInk returns p with a fixed ink of digits. [picture.Detect] changes nothing; another ink is an
// error for a network whose pictures aren't digits.
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

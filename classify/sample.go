// Package classify turns any picture into what a network takes, and what the network gives into the classes it takes the picture for.
package classify

import (
	"fmt"
	"image"

	"gorgonia.org/tensor"

	"convgraph/digit"
	"convgraph/graph"
	"convgraph/train/dataset"
)

// A Sample is a picture as a model takes it.
type Sample struct {
	Pixels []float32 // C·H·W values from 0 to 1, as the model's Spec().Input has them
	Ink    digit.Ink // what the digit was; Detect if the picture wasn't taken for a digit
}

// TakesDigits says whether a network's pictures are prepared as MNIST's are, by package digit: those of 1×28×28 are.
func TakesDigits(spec *graph.Spec) bool {
	return spec.Input.Eq(tensor.Shape{1, digit.Size, digit.Size})
}

// TakesPictures says whether a network takes pictures, or why not.
func TakesPictures(spec *graph.Spec) error {
	if in := spec.Input; in.Dims() != 3 || in[0] != 1 && in[0] != 3 {
		return fmt.Errorf("model %q takes %v: pictures are for models of (channels, height, width), 1 or 3 channels", spec.Name, in)
	}
	return nil
}

// Read makes a sample of a PNG or JPEG file; see [dataset.ReadImage] for what it refuses.
func Read(spec *graph.Spec, path string, ink digit.Ink) (*Sample, error) {
	if err := TakesPictures(spec); err != nil {
		return nil, err
	}
	img, err := dataset.ReadImage(path)
	if err != nil {
		return nil, err
	}
	s, err := Prepare(spec, img, ink)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Prepare makes a sample of a picture of any size: for a network of 1×28×28 images what MNIST holds, see [digit.FromImage]; for any other
// the middle of the picture, scaled to cover the input. Ink other than Detect is for the former.
func Prepare(spec *graph.Spec, img image.Image, ink digit.Ink) (*Sample, error) {
	if TakesDigits(spec) {
		d, err := digit.FromImage(img, ink)
		if err != nil {
			return nil, err
		}
		return &Sample{Pixels: d.Pixels, Ink: d.Ink}, nil
	}
	if ink != digit.Detect {
		return nil, fmt.Errorf("ink is %v: that is for models of 1×28×28 images, %q takes %v", ink, spec.Name, spec.Input)
	}
	pixels, err := middle(spec, img)
	return &Sample{Pixels: pixels}, err
}

// middle is the middle of a picture. AlexNet is evaluated on the middle 227 of 256 pixels (see trainmnist), so here, too.
func middle(spec *graph.Spec, img image.Image) ([]float32, error) {
	if err := TakesPictures(spec); err != nil {
		return nil, err
	}
	in := spec.Input
	larger := in
	if spec.Name == "alexnet" {
		larger = tensor.Shape{in[0], dataset.AlexNetSide(in[1]), dataset.AlexNetSide(in[2])}
	}
	pixels, err := dataset.Fit(img, larger)
	if err != nil {
		return nil, err
	}
	cropped := make([]float32, in.TotalSize())
	dataset.CentreCrop{Height: in[1], Width: in[2]}.Apply(asImage(cropped, in), asImage(pixels, larger), nil)
	return cropped, nil
}

func asImage(pixels []float32, shape tensor.Shape) dataset.Image {
	return dataset.Image{Channels: shape[0], Height: shape[1], Width: shape[2], Pixels: pixels}
}

package main

import (
	"image"

	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/picture"
	"convgraph/viz"
)

// pictureFlags are the flags that change how a picture is prepared.
type pictureFlags struct {
	Ink    string `enum:"detect,dark,light" default:"detect" help:"The digit's ink: dark (on light), light (on dark), or detect (from the picture's border)."`
	Invert bool   `help:"Short for -ink dark: the digit is dark on light, unlike MNIST's."`
}

// picturesHelp is the paragraph about pictures in a command's help.
const picturesHelp = `IMAGE is a PNG, JPEG, GIF, WebP, BMP or TIFF file of any size, gray or in color. It is ` +
	`prepared as the model's file declares. A model of MNIST's digits gets light ink on black, scaled to 20×20 and ` +
	`centered by its mass; dark ink on a light ground is detected and inverted. Without a declaration a picture is ` +
	`scaled to cover the input, and the middle is kept. Transparent parts become black.`

// read prepares the picture in a file.
func (f pictureFlags) read(m *graph.Model, path string) (*picture.Sample, error) {
	preprocess, err := f.preprocessing(m.Spec())
	if err != nil {
		return nil, err
	}
	if err := classify.TakesPictures(m.Spec()); err != nil {
		return nil, err
	}
	return preprocess.Read(path, m.Spec().Input)
}

// preprocessing returns the model's preprocessing with the ink that the flags name.
func (f pictureFlags) preprocessing(spec *graph.Spec) (p picture.Preprocessing, err error) {
	ink := picture.Ink(f.Ink)
	if f.Invert {
		if ink == picture.Light {
			return p, cli.Usagef("-invert contradicts -ink light")
		}
		ink = picture.Dark
	}
	if p, err = classify.WithInk(classify.Preprocessing(spec), ink); err != nil {
		return p, cli.Usagef("-ink and -invert are for models whose pictures are taken for digits: %q takes %s",
			spec.Name, shapeText(spec.Input))
	}
	return p, nil
}

// asBatch returns an image as a batch of one.
func asBatch(pixels []float32, shape tensor.Shape) *tensor.Dense {
	return tensor.New(tensor.WithShape(append(tensor.Shape{1}, shape...)...), tensor.WithBacking(pixels))
}

// pictureOf draws a model's input with its mean and std undone.
func pictureOf(spec *graph.Spec, pixels []float32) (image.Image, error) {
	intensities := classify.Preprocessing(spec).Intensities(pixels, spec.Input[0])
	return planes(intensities, spec.Input).Image(viz.Range{Min: 0, Max: 1})
}

// planes returns the maps of an output (C, H, W), or the units of an output without maps.
func planes(values []float32, shape tensor.Shape) viz.Planes {
	if shape.Dims() != 3 {
		return viz.Planes{Count: len(values), Height: 1, Width: 1, Data: values}
	}
	return viz.Planes{Count: shape[0], Height: shape[1], Width: shape[2], Data: values}
}

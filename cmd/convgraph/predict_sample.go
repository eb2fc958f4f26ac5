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

// pictureFlags say how a picture becomes what a model takes.
type pictureFlags struct {
	Ink string `enum:"detect,dark,light" default:"detect" help:"What the digit is: dark on light, light on dark, or found out by the picture's border."`
	// Invert is the short form of -ink dark.
	Invert bool `help:"The same as -ink dark: the digit is dark on light, MNIST's inverse."`
}

// picturesHelp is the part of a command's help about pictures.
const picturesHelp = `An IMAGE is a PNG, JPEG, GIF, WebP, BMP or TIFF of any size, grey or in colour. For a model of 1×28×28 images it becomes what MNIST holds: light ink on black, fitted ` +
	`into 20×20, its centre of mass in the middle; dark ink on a light ground is detected and inverted. For any other model it is scaled to cover ` +
	`the input and the middle is kept; transparent parts lie on black.`

// read makes a sample of the picture in a file.
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

// preprocessing is the model's, with the ink that the flags name.
func (f pictureFlags) preprocessing(spec *graph.Spec) (p picture.Preprocessing, err error) {
	ink := picture.Ink(f.Ink)
	if f.Invert {
		if ink == picture.Light {
			return p, cli.Usagef("-invert contradicts -ink light")
		}
		ink = picture.Dark
	}
	if p, err = classify.WithInk(classify.Preprocessing(spec), ink); err != nil {
		return p, cli.Usagef("-ink and -invert are for models whose pictures are taken for digits: %q takes %s", spec.Name, shapeText(spec.Input))
	}
	return p, nil
}

// asBatch is one image as a batch of one.
func asBatch(pixels []float32, shape tensor.Shape) *tensor.Dense {
	return tensor.New(tensor.WithShape(append(tensor.Shape{1}, shape...)...), tensor.WithBacking(pixels))
}

// pictureOf draws what a model reads, as the picture that it was before its mean and std were taken out.
func pictureOf(spec *graph.Spec, pixels []float32) (image.Image, error) {
	intensities := classify.Preprocessing(spec).Intensities(pixels, spec.Input[0])
	return planes(intensities, spec.Input).Image(viz.Range{Min: 0, Max: 1})
}

// planes are the maps of a layer's output (C, H, W), or the units of one without maps.
func planes(values []float32, shape tensor.Shape) viz.Planes {
	if shape.Dims() != 3 {
		return viz.Planes{Count: len(values), Height: 1, Width: 1, Data: values}
	}
	return viz.Planes{Count: shape[0], Height: shape[1], Width: shape[2], Data: values}
}

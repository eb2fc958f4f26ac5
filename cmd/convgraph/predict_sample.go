package main

import (
	"fmt"
	"image"
	"math"

	"gorgonia.org/tensor"

	"convgraph/digit"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/train/dataset"
	"convgraph/viz"
)

// pictureFlags say how a picture becomes what a model takes.
type pictureFlags struct {
	Ink string `enum:"detect,dark,light" default:"detect" help:"What the digit is: dark on light, light on dark, or found out by the picture's border."`
	// Invert is the short form of -ink dark.
	Invert bool `help:"The same as -ink dark: the digit is dark on light, MNIST's inverse."`
}

// picturesHelp is the part of a command's help about pictures.
const picturesHelp = `An IMAGE is a PNG or JPEG of any size, grey or in colour. For a model of 1×28×28 images it becomes what MNIST holds: light ink on black, fitted ` +
	`into 20×20, its centre of mass in the middle; dark ink on a light ground is detected and inverted. For any other model it is scaled to cover ` +
	`the input and the middle is kept.`

// sample is a picture as a model takes it.
type sample struct {
	x   *tensor.Dense // (1, C, H, W)
	ink digit.Ink     // what the digit was; Detect if the picture wasn't taken for a digit
}

// read makes a sample of the picture in a file.
func (f pictureFlags) read(m *graph.Model, path string) (*sample, error) {
	ink := map[string]digit.Ink{"dark": digit.Dark, "light": digit.Light}[f.Ink]
	if f.Invert {
		if ink == digit.Light {
			return nil, cli.Usagef("-invert contradicts -ink light")
		}
		ink = digit.Dark
	}
	input := m.Spec().Input
	if input.Eq(tensor.Shape{1, digit.Size, digit.Size}) {
		d, err := digit.Read(path, ink)
		if err != nil {
			return nil, err
		}
		return &sample{asBatch(d.Pixels, input), d.Ink}, nil
	}
	if ink != digit.Detect {
		return nil, cli.Usagef("-ink and -invert are for models of 1×28×28 images: %q takes %s", m.Spec().Name, shapeText(input))
	}
	pixels, err := fitted(m, path)
	if err != nil {
		return nil, err
	}
	return &sample{x: asBatch(pixels, input)}, nil
}

// fitted is the middle of a picture. AlexNet is evaluated on the middle 227 of 256 pixels (see trainmnist), so here, too.
func fitted(m *graph.Model, path string) ([]float32, error) {
	input := m.Spec().Input
	if input.Dims() != 3 {
		return nil, fmt.Errorf("model %q takes %v: pictures are for models of (channels, height, width)", m.Spec().Name, input)
	}
	img, err := dataset.ReadImage(path)
	if err != nil {
		return nil, err
	}
	margin := 1.0
	if m.Spec().Name == "alexnet" {
		margin = 256. / 227
	}
	larger := tensor.Shape{input[0], int(math.Round(margin * float64(input[1]))), int(math.Round(margin * float64(input[2])))}
	pixels, err := dataset.Fit(img, larger)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	middle := make([]float32, input.TotalSize())
	dataset.CentreCrop{Height: input[1], Width: input[2]}.Apply(datasetImage(middle, input), datasetImage(pixels, larger), nil)
	return middle, nil
}

func datasetImage(pixels []float32, shape tensor.Shape) dataset.Image {
	return dataset.Image{Channels: shape[0], Height: shape[1], Width: shape[2], Pixels: pixels}
}

// asBatch is one image as a batch of one.
func asBatch(pixels []float32, shape tensor.Shape) *tensor.Dense {
	return tensor.New(tensor.WithShape(append(tensor.Shape{1}, shape...)...), tensor.WithBacking(pixels))
}

// picture is what the model sees.
func (s *sample) picture() (image.Image, error) { return pictureOf(s.x.Float32s(), s.x.Shape()[1:]) }

// pictureOf draws a sample of values from 0 to 1.
func pictureOf(pixels []float32, shape tensor.Shape) (image.Image, error) {
	return planes(pixels, shape).Image(viz.Range{Min: 0, Max: 1})
}

// planes are the maps of a layer's output (C, H, W), or the units of one without maps.
func planes(values []float32, shape tensor.Shape) viz.Planes {
	if shape.Dims() != 3 {
		return viz.Planes{Count: len(values), Height: 1, Width: 1, Data: values}
	}
	return viz.Planes{Count: shape[0], Height: shape[1], Width: shape[2], Data: values}
}

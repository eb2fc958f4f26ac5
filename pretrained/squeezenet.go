// Package pretrained embeds a trained network, to classify pictures without a download or a
// training, and to fine-tune. README.md states the origin of the weights.
package pretrained

import (
	_ "embed"
	"fmt"
	"strings"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/picture"
)

//go:embed squeezenet1_0.safetensors
var squeezeNet []byte

//go:embed classes.txt
var classNames string

// SqueezeNet returns SqueezeNet 1.0 (Iandola et al. 2016) with weights for the 1000 classes of
// ImageNet. Of 1000 pictures, one a class, it names 652 correctly, and 859 within its top five.
func SqueezeNet(options ...graph.Option) (*graph.Model, error) {
	m, err := graph.New(squeezeNetSpec(), options...)
	if err != nil {
		return nil, err
	}
	arrays, _, err := safetensors.Decode(squeezeNet)
	if err != nil {
		return nil, err
	}
	if arrays, err = models.Rename(m, arrays); err != nil {
		return nil, err
	}
	if err := reverseChannels(arrays, "features.0.weight"); err != nil {
		return nil, err
	}
	for i := range arrays {
		arrays[i].Value = formats.Convert(arrays[i].Value, m.Dtype())
	}
	return m, m.SetParams(arrays)
}

// squeezeNetSpec declares the authors' Caffe network: the last convolution is padded, and pictures
// are stretched to 256x256, minus the training set's mean color.
func squeezeNetSpec() *graph.Spec {
	spec := models.SqueezeNet{Size: 227, Paper: true}.Spec()
	for i, l := range spec.Layers {
		if c, ok := l.(graph.Conv2D); ok && c.Name == "classifier.1" {
			c.Pad = graph.Square(1)
			spec.Layers[i] = c
		}
	}
	spec.Preprocess = &picture.Preprocessing{
		Fit: picture.Stretch, Resize: 256, Interpolation: picture.Bilinear,
		Mean: []float64{123. / 255, 117. / 255, 104. / 255},
		Std:  []float64{1. / 255, 1. / 255, 1. / 255},
	}
	spec.ClassNames = strings.Fields(classNames)
	return spec
}

// reverseChannels makes of a filter for blue, green and red one for red, green and blue.
func reverseChannels(arrays []formats.Array, name string) error {
	a, ok := formats.Find(arrays, name)
	if !ok || a.Value.Dims() != 4 || a.Value.Shape()[1] != 3 {
		return fmt.Errorf("array %q: want filters of 3 channels", name)
	}
	values, taps := a.Value.Float32s(), a.Value.Shape()[2]*a.Value.Shape()[3]
	for filter := 0; filter < len(values); filter += 3 * taps {
		for i := range taps {
			blue, red := filter+i, filter+2*taps+i
			values[blue], values[red] = values[red], values[blue]
		}
	}
	return nil
}

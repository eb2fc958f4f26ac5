package main

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
)

// gradients is the loss of the images x and its gradients. The targets t are labels (N), or a
// distribution over the classes for each image (N, classes): the loss is the cross-entropy with it.
func gradients(m *graph.Model, x, t *tensor.Dense) (*graph.Gradients, error) {
	classes := m.Classes()
	if classes < 2 || t.Dims() != 2 || t.Shape()[1] != classes {
		return m.Gradients(x, t)
	}
	n := t.Shape()[0]
	if want := append(tensor.Shape{n}, m.Spec().Input...); !slices.Equal(x.Shape(), want) {
		return nil, fmt.Errorf("array \"x\" has shape %v: want %v, an image for each target", x.Shape(), want)
	}
	if err := checkDistributions(t); err != nil {
		return nil, err
	}
	step, err := m.NewStep(n, graph.WithoutDropout(), graph.WithInputGradient())
	if err != nil {
		return nil, err
	}
	defer step.Close()
	if err := step.SetImages(x); err != nil {
		return nil, err
	}
	if err := tensor.Copy(step.Targets(), t); err != nil {
		return nil, err
	}
	return stepGradients(m, step)
}

// stepGradients runs a step that holds a batch, and copies its results.
func stepGradients(m *graph.Model, step *graph.Step) (*graph.Gradients, error) {
	loss, err := step.Run(0)
	if err != nil {
		return nil, err
	}
	g := &graph.Gradients{Loss: loss}
	for i, p := range m.Params() {
		v, err := step.Gradients()[i].Grad()
		if err != nil {
			return nil, err
		}
		g.Params = append(g.Params, graph.Param{Name: p.Name, Value: v.(*tensor.Dense).Clone().(*tensor.Dense)})
	}
	images, err := step.InputGradient()
	if err != nil {
		return nil, err
	}
	g.Images = images.Clone().(*tensor.Dense)
	return g, nil
}

// sumTolerance is how far a row's sum may be from 1: distributions are often stored in float32 or
// rounded to some digits.
const sumTolerance = 1e-4

// checkDistributions is an error if a row of (N, classes) is no distribution.
func checkDistributions(t *tensor.Dense) error {
	classes := t.Shape()[1]
	values := formats.Convert(t, tensor.Float64).Float64s()
	for row := range t.Shape()[0] {
		sum := 0.0
		for c, v := range values[row*classes : (row+1)*classes] {
			if !(v >= 0) {
				return fmt.Errorf(`array "t": row %d has %v for class %d: want a distribution over the classes, without negative numbers`, row, v, c)
			}
			sum += v
		}
		if !(math.Abs(sum-1) <= sumTolerance) {
			return fmt.Errorf(`array "t": row %d sums to %.6g: want a distribution over the classes, which sums to 1`, row, sum)
		}
	}
	return nil
}

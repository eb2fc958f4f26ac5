package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// Gradients are the loss of a batch and its gradients.
type Gradients struct {
	Loss   float64
	Images *tensor.Dense // with respect to the images, (N, C, H, W)
	Params []NamedTensor // with respect to each trained parameter, in the order of Params
}

// Gradients computes the loss of a batch and its gradients by reverse-mode differentiation. Dropout
// is off: the loss is that of [Model.Loss].
func (m *Model) Gradients(images, targets *tensor.Dense) (*Gradients, error) {
	step, err := m.loadedStep(images, targets)
	if err != nil {
		return nil, err
	}
	defer step.Close()
	g := &Gradients{}
	if g.Loss, err = step.Run(0); err != nil {
		return nil, err
	}
	for i, p := range step.net.trained {
		v, err := dense(step.net.grads[i].Value())
		if err != nil {
			return nil, err
		}
		g.Params = append(g.Params, NamedTensor{Name: p.Name, Value: v.Clone().(*tensor.Dense)})
	}
	ofImages, err := step.InputGradient()
	if err != nil {
		return nil, err
	}
	g.Images = ofImages.Clone().(*tensor.Dense) // the step's arena isn't kept alive
	return g, nil
}

// Gradient returns the gradients of [Model.Gradients] with respect to the parameters.
func (m *Model) Gradient(images, targets *tensor.Dense) ([]NamedTensor, error) {
	g, err := m.Gradients(images, targets)
	if err != nil {
		return nil, err
	}
	return g.Params, nil
}

// NumericalGradient computes the same gradient by central differences, (L(p+h) - L(p-h)) / 2h for
// each element p of each trained parameter. It is slow, and checks [Model.Gradient]. The book uses
// h = 1e-4; the model should be of float64.
func (m *Model) NumericalGradient(images, targets *tensor.Dense, h float64) ([]NamedTensor, error) {
	if !(h > 0) || math.IsInf(h, 1) {
		return nil, fmt.Errorf("model %q: step h: got %g, want a finite number above 0", m.spec.Name, h)
	}
	trained := m.trained()
	grads := make([]NamedTensor, len(trained))
	for i, p := range trained {
		values := make([]float64, p.Value.Shape().TotalSize())
		for j := range values {
			slope, err := m.slope(p.Value, j, h, images, targets)
			if err != nil {
				return nil, err
			}
			values[j] = slope
		}
		grads[i] = NamedTensor{Name: p.Name, Value: denseOf(m.dtype, p.Value.Shape(), values)}
	}
	return grads, nil
}

func (m *Model) slope(p *tensor.Dense, j int, h float64, images, targets *tensor.Dense) (float64, error) {
	was := at(p, j)
	defer setAt(p, j, was)
	setAt(p, j, was+h)
	up, err := m.Loss(images, targets)
	if err != nil {
		return 0, err
	}
	setAt(p, j, was-h)
	down, err := m.Loss(images, targets)
	return (up - down) / (2 * h), err
}

// loadedStep returns a step with the batch loaded.
func (m *Model) loadedStep(images, targets *tensor.Dense) (*Step, error) {
	n, err := m.checkImages(images)
	if err != nil {
		return nil, err
	}
	rows, err := m.targetRows(targets, n)
	if err != nil {
		return nil, err
	}
	step, err := m.NewStep(n, WithoutDropout(), WithInputGradient())
	if err != nil {
		return nil, err
	}
	step.load(images, rows)
	return step, nil
}

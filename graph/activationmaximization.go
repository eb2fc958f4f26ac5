package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// An ActivationMaximization computes the activation of one unit of a layer for an image, and its
// gradient with respect to the image, for gradient ascent on the image (Simonyan, Vedaldi and
// Zisserman 2013). It uses the model's parameters and doesn't change them. It is for one goroutine
// at a time.
type ActivationMaximization struct {
	model    *Model
	machine  G.VM
	x        *tensor.Dense
	y, xgrad *G.Node
}

// NewActivationMaximization builds the symbolic graph from the image to the unit, and its gradient.
// In a layer of shape (C, H, W) a unit is one of the C channels, and its activation the value at
// the center of its plane; in any other layer a unit is one of the outputs.
func (m *Model) NewActivationMaximization(layer string, unit int) (*ActivationMaximization, error) {
	part, err := m.UpTo(layer)
	if err != nil {
		return nil, err
	}
	if units := part.head.output.Shape[0]; unit < 0 || unit >= units {
		return nil, fmt.Errorf("model %q: got unit %d of layer %q, want 0 to %d", m.spec.Name, unit, layer, units-1)
	}
	building.Lock()
	defer building.Unlock()

	a := &ActivationMaximization{model: part, x: zeros(m.dtype, batched(1, m.spec.Input))}
	if err := a.build(unit); err != nil {
		return nil, fmt.Errorf("model %q: layer %q: %w", m.spec.Name, layer, err)
	}
	return a, nil
}

func (a *ActivationMaximization) build(unit int) error {
	net, err := a.model.lower(1, lowering{fused: !a.model.unfused})
	if err != nil {
		return err
	}
	if err := net.addProbabilities(); err != nil {
		return err
	}
	if a.y, err = ops.Select(net.output(), unit, a.center()); err != nil {
		return err
	}
	grads, err := G.Grad(a.y, net.x)
	if err != nil {
		return err
	}
	if grads, err = sumForks(G.Nodes{a.y}, grads); err != nil {
		return err
	}
	a.xgrad = grads[0]
	program, locations, err := G.CompileFunction(net.graph, net.leaves(), G.Nodes{a.y, a.xgrad})
	if err != nil {
		return err
	}
	a.machine = G.NewTapeMachine(net.graph, G.WithPrecompiled(program, locations))
	return G.Let(net.x, a.x)
}

// center returns the index of the center of the layer's plane, in row-major order.
func (a *ActivationMaximization) center() int {
	out := a.model.head.output.Shape
	if out.Dims() != 3 {
		return 0
	}
	return out[1]/2*out[2] + out[2]/2
}

// Run computes the unit's activation for one image (1, C, H, W), and its gradient with respect to
// the image. The gradient is valid until the next Run.
func (a *ActivationMaximization) Run(image *tensor.Dense) (answer float64, gradient *tensor.Dense, err error) {
	n, err := a.model.checkImages(image)
	if err != nil {
		return 0, nil, err
	}
	if n != 1 {
		return 0, nil, fmt.Errorf("model %q: got %d images, want 1 at a time", a.model.spec.Name, n)
	}
	copyValues(a.x, 0, image, 0, image.Shape().TotalSize())
	a.machine.Reset()
	if err := a.machine.RunAll(); err != nil {
		return 0, nil, fmt.Errorf("model %q: %w", a.model.spec.Name, err)
	}
	if answer, err = scalar(a.y.Value()); err != nil {
		return 0, nil, err
	}
	gradient, err = dense(a.xgrad.Value())
	return answer, gradient, err
}

// Close closes the machine.
func (a *ActivationMaximization) Close() error { return a.machine.Close() }

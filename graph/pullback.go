package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A Pullback computes a layer's values y for a batch of images, and the gradient of their weighted
// sum with respect to the images and to other layers: for weights w the vector-Jacobian product
// wᵀ·∂y/∂x. It uses the model's parameters and doesn't change them. A Pullback is for one goroutine
// at a time.
type Pullback struct {
	model   *Model
	batch   int
	machine G.VM

	x, weights *tensor.Dense
	y          *G.Node
	grads      G.Nodes
	between    G.Nodes // the layers whose gradients are wanted
}

// NewPullback builds the symbolic graph from n images to the layer's values, and back to the images
// and to the layers named in between.
func (m *Model) NewPullback(n int, layer string, between ...string) (*Pullback, error) {
	part, err := m.UpTo(layer)
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, fmt.Errorf("model %q: got a batch of %d images, want at least 1", m.spec.Name, n)
	}
	building.Lock()
	defer building.Unlock()

	p := &Pullback{
		model: part, batch: n,
		x:       zeros(m.dtype, batched(n, m.spec.Input)),
		weights: zeros(m.dtype, batched(n, part.head.output.Shape)),
	}
	if err := p.build(between); err != nil {
		return nil, fmt.Errorf("model %q: layer %q: %w", m.spec.Name, layer, err)
	}
	return p, nil
}

func (p *Pullback) build(between []string) error {
	net, err := p.model.lower(p.batch, lowering{fused: len(between) == 0 && !p.model.unfused})
	if err != nil {
		return err
	}
	if err := net.addProbabilities(); err != nil {
		return err
	}
	p.y = net.output()
	weights := G.NewTensor(net.graph, p.model.dtype, p.weights.Dims(),
		G.WithShape(p.weights.Shape()...), G.WithName("weights"))
	wrt := G.Nodes{net.x}
	for _, name := range between {
		node, err := p.model.Node(name)
		if err != nil {
			return err
		}
		p.between = append(p.between, net.values[node])
	}
	grads, err := G.Backpropagate(G.Nodes{p.y}, G.Nodes{weights}, append(wrt, p.between...))
	if err != nil {
		return err
	}
	if p.grads, err = sumForks(G.Nodes{p.y}, grads); err != nil {
		return err
	}
	outputs := append(append(G.Nodes{p.y}, p.grads...), p.between...)
	program, locations, err := G.CompileFunction(net.graph, append(net.leaves(), weights), outputs)
	if err != nil {
		return err
	}
	p.machine = G.NewTapeMachine(net.graph, G.WithPrecompiled(program, locations))
	if err := G.Let(weights, p.weights); err != nil {
		return err
	}
	return G.Let(net.x, p.x)
}

// Weights returns the weights of the layer's values, (N, then the layer's shape), initially 0, to
// be filled before [Pullback.Run].
func (p *Pullback) Weights() *tensor.Dense { return p.weights }

// Run computes the layer's values for the images (N, C, H, W), and the gradient of their weighted
// sum with respect to the images. Both are valid until the next Run.
func (p *Pullback) Run(images *tensor.Dense) (values, gradient *tensor.Dense, err error) {
	n, err := p.model.checkImages(images)
	if err != nil {
		return nil, nil, err
	}
	if n != p.batch {
		return nil, nil, fmt.Errorf("model %q: got %d images, want %d", p.model.spec.Name, n, p.batch)
	}
	copyValues(p.x, 0, images, 0, images.Shape().TotalSize())
	p.machine.Reset()
	if err := p.machine.RunAll(); err != nil {
		return nil, nil, fmt.Errorf("model %q: %w", p.model.spec.Name, err)
	}
	if values, err = dense(p.y.Value()); err != nil {
		return nil, nil, err
	}
	gradient, err = dense(p.grads[0].Value())
	return values, gradient, err
}

// Between returns the values of the i-th layer that [Model.NewPullback] was given as between, and
// the gradient with respect to them. Both are valid until the next Run.
func (p *Pullback) Between(i int) (values, gradient *tensor.Dense, err error) {
	if values, err = dense(p.between[i].Value()); err != nil {
		return nil, nil, err
	}
	gradient, err = dense(p.grads[i+1].Value())
	return values, gradient, err
}

// Close closes the machine.
func (p *Pullback) Close() error { return p.machine.Close() }

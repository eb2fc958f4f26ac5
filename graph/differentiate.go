package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// differentiate adds the gradients of the loss.
func (s *symbolic) differentiate(inputGradient bool) error {
	wrt := s.trainedNodes()
	if inputGradient {
		wrt = append(wrt, s.x)
	}
	if len(wrt) == 0 {
		return s.nothingToTrain()
	}
	grads, err := G.Grad(s.loss, wrt...)
	if err != nil {
		return fmt.Errorf("model %q: %w", s.model.spec.Name, err)
	}
	s.grads, err = sumForks(G.Nodes{s.loss}, grads)
	return err
}

// trainedNodes returns the nodes of the trained parameters.
func (s *symbolic) trainedNodes() (wrt G.Nodes) {
	s.trained = s.model.trained()
	for _, p := range s.trained {
		wrt = append(wrt, s.param(p))
	}
	return wrt
}

func (s *symbolic) nothingToTrain() error {
	return fmt.Errorf("model %q: nothing to differentiate: want a trained parameter", s.model.spec.Name)
}

// penalize adds the gradient penalty to the loss. The loss is a mean, so ∂L[n]/∂x[n] is N times its
// gradient.
func (s *symbolic) penalize(weight float64) error {
	if weight == 0 {
		return nil
	}
	grads, err := G.Grad(s.loss, s.x)
	if err != nil {
		return fmt.Errorf("model %q: gradient of the images: %w", s.model.spec.Name, err)
	}
	if grads, err = sumForks(G.Nodes{s.loss}, grads); err != nil {
		return err
	}
	squares, err := ops.Dot(grads[0], grads[0])
	if err != nil {
		return err
	}
	penalty, err := ops.Scale(squares, weight*float64(s.x.Shape()[0]))
	if err != nil {
		return err
	}
	s.loss, err = ops.Add(s.loss, penalty)
	return err
}

// differentiateGradients adds the Hessian-vector product: with a vector v[p] for each trained
// parameter p, the gradients of Σp ⟨g[p], v[p]⟩.
func (s *symbolic) differentiateGradients() error {
	wrt := s.trainedNodes()
	if len(wrt) == 0 {
		return s.nothingToTrain()
	}
	for _, p := range wrt {
		v := G.NewTensor(s.graph, s.model.dtype, p.Dims(), G.WithShape(p.Shape()...), G.WithName("v: "+p.Name()))
		s.vector = append(s.vector, v)
	}
	products, err := G.Backpropagate(s.grads, s.vector, wrt)
	if err != nil {
		return fmt.Errorf("model %q: gradients of the gradients: %w", s.model.spec.Name, err)
	}
	s.products, err = sumForks(append(G.Nodes{s.loss}, s.grads...), products)
	return err
}

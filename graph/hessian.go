package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// A Hessian multiplies vectors by H, the second derivatives of the loss of one batch with respect
// to the trained parameters, H[p,q] = ∂²L/∂p∂q. It never stores H: a product is the gradient of ⟨g,
// v⟩, with g the gradient of the loss, and costs about as much as three gradients. The loss is that
// of [Model.Loss]: without dropout, with the running statistics. A Hessian uses the model's
// parameters and is for one goroutine at a time.
type Hessian struct{ step *Step }

// NewHessian lowers the model for batches of the given size, differentiates it twice and compiles
// the product. Passes whose ops can be differentiated only once are skipped.
func (m *Model) NewHessian(batch int) (*Hessian, error) {
	if err := m.checkBatch(batch); err != nil {
		return nil, err
	}
	step, err := m.newStep(batch, stepConfig{unfused: m.unfused, noDropout: true, hessian: true})
	if err != nil {
		return nil, err
	}
	return &Hessian{step}, nil
}

// Images returns the batch (N, C, H, W), to be filled before [Hessian.Product].
func (h *Hessian) Images() *tensor.Dense { return h.step.x }

// Targets returns the targets as in [Step.Targets], to be filled before [Hessian.Product].
func (h *Hessian) Targets() *tensor.Dense { return h.step.t }

// Vector returns the vector to multiply, to be filled before [Hessian.Product]: a tensor for each
// trained parameter, in the order of Params.
func (h *Hessian) Vector() []*tensor.Dense { return h.step.vector }

// Product returns the Hessian times the vector, a tensor for each trained parameter. The tensors
// are valid until the next call.
func (h *Hessian) Product() ([]*tensor.Dense, error) {
	h.step.machine.Reset()
	if err := h.step.machine.RunAll(); err != nil {
		return nil, err
	}
	products := make([]*tensor.Dense, len(h.step.net.products))
	for i, n := range h.step.net.products {
		var err error
		if products[i], err = dense(n.Value()); err != nil {
			return nil, err
		}
	}
	return products, nil
}

// Close closes the machine.
func (h *Hessian) Close() error { return h.step.Close() }

// HessianVector multiplies a vector by the Hessian of the loss of a batch; see [Hessian]. The
// vector has a tensor for each trained parameter, in the order of Params.
func (m *Model) HessianVector(images, targets *tensor.Dense, v []NamedTensor) ([]NamedTensor, error) {
	n, err := m.checkImages(images)
	if err != nil {
		return nil, err
	}
	rows, err := m.targetRows(targets, n)
	if err != nil {
		return nil, err
	}
	trained := m.trained()
	if err := m.checkVector(v, trained); err != nil {
		return nil, err
	}
	h, err := m.NewHessian(n)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	h.step.load(images, rows)
	for i, part := range h.Vector() {
		copyValues(part, 0, v[i].Value, 0, part.Shape().TotalSize())
	}
	products, err := h.Product()
	if err != nil {
		return nil, err
	}
	named := make([]NamedTensor, len(products))
	for i, p := range products {
		named[i] = NamedTensor{Name: trained[i].Name, Value: p.Clone().(*tensor.Dense)}
	}
	return named, nil
}

func (m *Model) checkVector(v []NamedTensor, trained []*Parameter) error {
	if len(v) != len(trained) {
		return fmt.Errorf("model %q: vector: got %d tensors, want %d, one for each trained parameter",
			m.spec.Name, len(v), len(trained))
	}
	for i, p := range trained {
		part := v[i]
		if part.Name != p.Name {
			return fmt.Errorf("model %q: tensor %d of the vector: got %.80q, want %q", m.spec.Name, i,
				part.Name, p.Name)
		}
		if part.Value == nil || part.Value.Dtype() != m.dtype || !part.Value.Shape().Eq(p.Shape) {
			return fmt.Errorf("model %q: tensor %q of the vector: got %v, want %v %v",
				m.spec.Name, p.Name, describeTensor(part.Value), p.Shape, m.dtype)
		}
	}
	return nil
}

package graph

import (
	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// Loss is what training makes small: the mean over a batch. In a spec that declares none it follows
// from the last layer: cross-entropy for Softmax of classes, binary cross-entropy for Sigmoid, else
// the mean squared error.
type Loss string

// The losses, by their names in JSON.
const (
	// CrossEntropy is -Σ t·log p of the class probabilities p = softmax(logits): one class an image.
	// The last layer is Softmax, or gives the logits.
	CrossEntropy Loss = "cross_entropy"
	// BinaryCrossEntropy is the mean of -(t·log p + (1-t)·log(1-p)) with p = σ(logits): each output is
	// a label of its own, which an image has or hasn't. The last layer is Sigmoid, or gives the logits.
	BinaryCrossEntropy Loss = "binary_cross_entropy"
	// MeanSquaredError is the mean of (y-t)² for regression.
	MeanSquaredError Loss = "mean_squared_error"
)

// Losses are all losses.
func Losses() []Loss { return []Loss{CrossEntropy, BinaryCrossEntropy, MeanSquaredError} }

// head is how a network ends: the value that its loss and its answers are computed from.
type head struct {
	loss   Loss
	logits *Node // what the loss reads: the last node, or what its Softmax or Sigmoid reads
	output *Node // the last node
}

// squash is the node that turns logits into probabilities, or nil if the network ends in logits.
func (h head) squash() *Node {
	if h.logits == h.output {
		return nil
	}
	return h.output
}

// head joins the declared loss with the last layer.
func (s *Spec) head(nodes []*Node) (head, error) {
	last := nodes[len(nodes)-1]
	h := head{loss: s.Loss, logits: last, output: last}
	over, softmax := last.Layer.(Softmax)
	aside := softmax && over.Axis != 0 // over a row or a column, not over classes
	_, sigmoid := last.Layer.(Sigmoid)
	if h.loss == "" {
		h.loss = defaultLoss(softmax && !aside && last.Shape[0] == last.Shape.TotalSize(), sigmoid)
	}
	switch h.loss {
	case CrossEntropy:
		if aside {
			return head{}, s.errorf("loss", 0, "loss is %q: want a last layer Softmax of axis 0, the classes, but its axis is %d", h.loss, over.Axis)
		}
		if sigmoid {
			return head{}, s.errorf("loss", 0, "loss is %q: want a last layer Softmax, or logits, but it is Sigmoid", h.loss)
		}
	case BinaryCrossEntropy:
		if softmax {
			return head{}, s.errorf("loss", 0, "loss is %q: want a last layer Sigmoid, or logits, but it is Softmax", h.loss)
		}
	case MeanSquaredError:
		return h, nil
	default:
		return head{}, s.errorf("loss", 0, "loss %.40q is unknown: want one of %q", h.loss, Losses())
	}
	if softmax || sigmoid {
		h.logits = last.Inputs[0]
	}
	if got := h.logits.Shape; h.loss == CrossEntropy && got[0] != got.TotalSize() {
		return head{}, s.errorf("loss", 0, "loss is %q and the logits are %v: want (classes) or (classes, 1, 1)", h.loss, got)
	}
	return h, nil
}

func defaultLoss(softmax, sigmoid bool) Loss {
	switch {
	case softmax:
		return CrossEntropy
	case sigmoid:
		return BinaryCrossEntropy
	}
	return MeanSquaredError
}

// TrainingLoss is the loss that the model is trained with.
func (m *Model) TrainingLoss() Loss { return m.head.loss }

// lower adds the loss of logits and targets to their graph.
func (l Loss) lower(logits, targets *G.Node) (*G.Node, error) {
	switch l {
	case CrossEntropy:
		return crossEntropy(ops.SoftmaxCrossEntropy, logits, targets)
	case BinaryCrossEntropy:
		return ops.BinaryCrossEntropy(logits, targets)
	}
	return ops.MeanSquaredError(logits, targets)
}

// crossEntropy is for logits and targets (N, classes) or (N, classes, 1, 1).
func crossEntropy(op func(x, target *G.Node) (*G.Node, error), logits, targets *G.Node) (*G.Node, error) {
	rows, err := flat(logits)
	if err != nil {
		return nil, err
	}
	if targets, err = flat(targets); err != nil {
		return nil, err
	}
	return op(rows, targets)
}

// probabilities adds what turns the loss's logits into probabilities.
func (l Loss) probabilities(logits *G.Node) (*G.Node, error) {
	if l == BinaryCrossEntropy {
		return ops.Sigmoid(logits)
	}
	return ops.Softmax(logits)
}

package graph

// A head is the end of a network: the values that its loss and its predictions are computed from.
type head struct {
	loss   Loss
	logits *Node // the input of the loss: the last node, or what its Softmax or Sigmoid reads
	output *Node // the last node
}

// squash returns the node that turns logits into probabilities, or nil if the network ends in
// logits.
func (h head) squash() *Node {
	if h.logits == h.output {
		return nil
	}
	return h.output
}

// head matches the declared loss with the last layer.
func (s *Spec) head(nodes []*Node) (head, error) {
	last := nodes[len(nodes)-1]
	h := head{loss: s.Loss, logits: last, output: last}
	over, softmax := last.Layer.(Softmax)
	aside := softmax && over.Axis != 0 // along a row or a column, not over classes
	_, sigmoid := last.Layer.(Sigmoid)
	if h.loss == "" {
		h.loss = defaultLoss(softmax && !aside && last.Shape[0] == last.Shape.TotalSize(), sigmoid)
	}
	switch h.loss {
	case CrossEntropy:
		if aside {
			return head{}, s.errorf("loss",
				0, "loss %q: got a last layer Softmax of axis %d, want axis 0", h.loss, over.Axis)
		}
		if sigmoid {
			return head{}, s.errorf("loss", 0, "loss %q: got a last layer Sigmoid, want Softmax, or logits", h.loss)
		}
	case BinaryCrossEntropy:
		if softmax {
			return head{}, s.errorf("loss", 0, "loss %q: got a last layer Softmax, want Sigmoid, or logits", h.loss)
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
		return head{}, s.errorf("loss",
			0, "loss %q: got logits %v, want (classes) or (classes, 1, 1)", h.loss, got)
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

package graph

import (
	"math"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// A Loss is the function that training minimizes: a mean over the batch. A spec without a loss has
// the one that fits its last layer: cross-entropy for Softmax over classes, binary cross-entropy
// for Sigmoid, otherwise the mean squared error.
type Loss string

// The losses, by their names in JSON.
const (
	// CrossEntropy is -Σ t·log p with the class probabilities p = softmax(logits): one class for
	// each image. The last layer is Softmax, or returns the logits.
	CrossEntropy Loss = "cross_entropy"
	// BinaryCrossEntropy is the mean of -(t·log p + (1-t)·log(1-p)) with p = σ(logits): each output
	// is an independent label. The last layer is Sigmoid, or returns the logits.
	BinaryCrossEntropy Loss = "binary_cross_entropy"
	// MeanSquaredError is the mean of (y-t)², for regression.
	MeanSquaredError Loss = "mean_squared_error"
)

// Losses returns all losses.
func Losses() []Loss { return []Loss{CrossEntropy, BinaryCrossEntropy, MeanSquaredError} }

// lower adds the loss of logits and targets to their symbolic graph.
func (l Loss) lower(logits, targets *G.Node) (*G.Node, error) {
	switch l {
	case CrossEntropy:
		return crossEntropy(ops.SoftmaxCrossEntropy, logits, targets)
	case BinaryCrossEntropy:
		return ops.BinaryCrossEntropy(logits, targets)
	}
	return ops.MeanSquaredError(logits, targets)
}

// crossEntropy applies an op to logits and targets of (N, classes) or (N, classes, 1, 1).
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

// probabilities adds the function from logits to probabilities.
func (l Loss) probabilities(logits *G.Node) (*G.Node, error) {
	if l == BinaryCrossEntropy {
		return ops.Sigmoid(logits)
	}
	return ops.Softmax(logits)
}

// of returns the loss of one sample.
func (l Loss) of(logits, targets []float64) (sum float64) {
	switch l {
	case CrossEntropy:
		total := logSumExp(logits)
		for c, t := range targets {
			if t != 0 {
				sum += t * (total - logits[c])
			}
		}
		return sum
	case BinaryCrossEntropy:
		for i, t := range targets {
			x := logits[i] // log(1+e^x) - t·x, where e^x can't overflow
			sum += max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) - t*x
		}
	default:
		for i, t := range targets {
			sum += (logits[i] - t) * (logits[i] - t)
		}
	}
	return sum / float64(len(targets))
}

func logSumExp(row []float64) float64 {
	largest := math.Inf(-1)
	for _, v := range row {
		largest = math.Max(largest, v)
	}
	sum := 0.0
	for _, v := range row {
		sum += math.Exp(v - largest)
	}
	return largest + math.Log(sum)
}

func (l Loss) targetRange() string {
	if l == MeanSquaredError {
		return "that is finite"
	}
	return "from 0 to 1"
}

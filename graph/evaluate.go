package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

// Accuracy is the share of right answers for images (N, C, H, W), for any N. With binary
// cross-entropy it counts every output by itself, which is right on its target's side of 1/2; with
// any other loss an image is right if its largest logit is that of its target's largest value.
//
// The targets are (N) class numbers or (N, outputs): distributions for cross-entropy, probabilities
// for binary cross-entropy, any numbers for the mean squared error.
func (m *Model) Accuracy(images, targets *tensor.Dense) (float64, error) {
	rows, logits, err := m.answers(images, targets)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	size := m.head.logits.Shape.TotalSize()
	if m.head.loss == BinaryCrossEntropy {
		right := 0
		for i, t := range rows {
			if (t > 0.5) == (logits[i] > 0) {
				right++
			}
		}
		return float64(right) / float64(len(rows)), nil
	}
	if size == 1 && m.head.loss == MeanSquaredError {
		return 0, fmt.Errorf("model %q: a single output without classes has no accuracy: its loss is %q", m.spec.Name, m.head.loss)
	}
	right, n := 0, len(rows)/size
	for i := range n {
		if argMax(rows[i*size:][:size]) == argMax(logits[i*size:][:size]) {
			right++
		}
	}
	return float64(right) / float64(n), nil
}

// Loss is the mean of the model's loss over the images, for any N; see [Model.Accuracy] for the
// arguments. Dropout is off.
func (m *Model) Loss(images, targets *tensor.Dense) (float64, error) {
	rows, logits, err := m.answers(images, targets)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	size := m.head.logits.Shape.TotalSize()
	sum := 0.0
	for i := range len(rows) / size {
		sum += m.head.loss.of(logits[i*size:][:size], rows[i*size:][:size])
	}
	return sum / float64(len(rows)/size), nil
}

// answers are the targets' and the logits' values, row by row.
func (m *Model) answers(images, targets *tensor.Dense) (rows, logits []float64, err error) {
	predicted, err := m.Predict(images)
	if err != nil {
		return nil, nil, err
	}
	rows, err = m.targetRows(targets, images.Shape()[0])
	return rows, float64s(predicted), err
}

// targetRows reads targets of either form into one row an image.
func (m *Model) targetRows(targets *tensor.Dense, n int) ([]float64, error) {
	if targets == nil {
		return nil, fmt.Errorf("model %q: targets are nil: want one for each of %d images", m.spec.Name, n)
	}
	if err := checkDense(targets); err != nil {
		return nil, fmt.Errorf("model %q: targets %w", m.spec.Name, err)
	}
	shape, want := targets.Shape(), batched(n, m.head.logits.Shape)
	size := m.head.logits.Shape.TotalSize()
	switch {
	case slices.Equal(shape, want), shape.TotalSize() == n && size == 1 && m.head.loss != CrossEntropy:
		rows := float64s(targets)
		return rows, m.checkTargets(rows)
	case shape.TotalSize() == n:
		return m.oneHot(float64s(targets))
	}
	return nil, fmt.Errorf("model %q: targets have shape %v for %d images: want (%d) class numbers or %v", m.spec.Name, shape, n, n, want)
}

// oneHot is a row a class number.
func (m *Model) oneHot(numbers []float64) ([]float64, error) {
	classes := m.head.logits.Shape.TotalSize()
	rows := make([]float64, len(numbers)*classes)
	for i, v := range numbers {
		c := int(v)
		if float64(c) != v || v < 0 || c >= classes {
			return nil, fmt.Errorf("model %q: label %d is %v: want a whole number from 0 to %d", m.spec.Name, i, v, classes-1)
		}
		rows[i*classes+c] = 1
	}
	return rows, nil
}

// distributionTolerance is how far the sum of a distribution in float32 may be from 1.
const distributionTolerance = 1e-3

// checkTargets sees that the loss is defined for the targets.
func (m *Model) checkTargets(rows []float64) error {
	size := m.head.logits.Shape.TotalSize()
	for i := range len(rows) / size {
		row := rows[i*size:][:size]
		sum := 0.0
		for j, t := range row {
			if !xmath.IsFinite(t) || m.head.loss != MeanSquaredError && (t < 0 || t > 1) {
				return fmt.Errorf("model %q: target %d of image %d is %v: want a number %s", m.spec.Name, j, i, t, m.head.loss.targetRange())
			}
			sum += t
		}
		if m.head.loss == CrossEntropy && math.Abs(sum-1) > distributionTolerance {
			return fmt.Errorf("model %q: the target of image %d sums to %v: want a distribution, whose sum is 1", m.spec.Name, i, sum)
		}
	}
	return nil
}

// ArgMax is the index of the largest value of each row of a matrix; of equal values the first. It is
// nil for what isn't a matrix of floats in one piece.
func ArgMax(matrix *tensor.Dense) []int {
	if matrix == nil || matrix.Dims() != 2 || checkDense(matrix) != nil {
		return nil
	}
	n, columns := matrix.Shape()[0], matrix.Shape()[1]
	values, indices := float64s(matrix), make([]int, n)
	for i := range indices {
		indices[i] = argMax(values[i*columns:][:columns])
	}
	return indices
}

func argMax(row []float64) (index int) {
	for i, v := range row {
		if v > row[index] {
			index = i
		}
	}
	return index
}

// LossAlong is the loss of a batch at the parameters moved by each of the distances along a direction,
// which has a tensor for each trained parameter. The parameters are as before afterwards.
func (m *Model) LossAlong(images, targets *tensor.Dense, direction []*tensor.Dense, distances []float64) ([]float64, error) {
	trained := m.trained()
	if len(direction) != len(trained) {
		return nil, fmt.Errorf("model %q: direction has %d tensors: want %d, one for each trained parameter", m.spec.Name, len(direction), len(trained))
	}
	was := make([]*tensor.Dense, len(trained))
	for i, p := range trained {
		if direction[i] == nil || !direction[i].Shape().Eq(p.Shape) {
			return nil, fmt.Errorf("model %q: tensor %d of the direction is %v: want %v", m.spec.Name, i, describeTensor(direction[i]), p.Shape)
		}
		was[i] = p.Value.Clone().(*tensor.Dense)
	}
	defer func() {
		for i, p := range trained {
			copyValues(p.Value, 0, was[i], 0, p.Shape.TotalSize())
		}
	}()
	losses := make([]float64, len(distances))
	for k, distance := range distances {
		for i, p := range trained {
			for j := range p.Shape.TotalSize() {
				setAt(p.Value, j, at(was[i], j)+distance*at(direction[i], j))
			}
		}
		var err error
		if losses[k], err = m.Loss(images, targets); err != nil {
			return nil, err
		}
	}
	return losses, nil
}

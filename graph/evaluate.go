package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

// Accuracy returns the fraction of correct predictions for images (N, C, H, W), for any N. With
// binary cross-entropy it counts outputs: one is correct if it is on its target's side of 1/2. With
// any other loss it counts images: one is correct if its largest logit is at the index of its
// largest target.
//
// Targets are (N) class numbers or (N, outputs): distributions for cross-entropy, probabilities for
// binary cross-entropy, any numbers for the mean squared error.
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
		return 0, fmt.Errorf("model %q: got one output with the loss %q, which has no accuracy, want classes",
			m.spec.Name, m.head.loss)
	}
	right, n := 0, len(rows)/size
	for i := range n {
		if argMax(rows[i*size:][:size]) == argMax(logits[i*size:][:size]) {
			right++
		}
	}
	return float64(right) / float64(n), nil
}

// Loss returns the mean of the model's loss over images (N, C, H, W), for any N, without dropout.
// The targets are those of [Model.Accuracy].
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

// answers returns the values of the targets and of the logits, row by row.
func (m *Model) answers(images, targets *tensor.Dense) (rows, logits []float64, err error) {
	predicted, err := m.Predict(images)
	if err != nil {
		return nil, nil, err
	}
	rows, err = m.targetRows(targets, images.Shape()[0])
	return rows, float64s(predicted), err
}

// targetRows converts targets of either form into one row for each image.
func (m *Model) targetRows(targets *tensor.Dense, n int) ([]float64, error) {
	if targets == nil {
		return nil, fmt.Errorf("model %q: targets: got nil, want one for each of %d images", m.spec.Name, n)
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
	return nil, fmt.Errorf("model %q: targets: got shape %v for %d images, want (%d) class numbers or %v",
		m.spec.Name, shape, n, n, want)
}

// oneHot returns a row for each class number.
func (m *Model) oneHot(numbers []float64) ([]float64, error) {
	classes := m.head.logits.Shape.TotalSize()
	rows := make([]float64, len(numbers)*classes)
	for i, v := range numbers {
		c := int(v)
		if float64(c) != v || v < 0 || c >= classes {
			return nil, fmt.Errorf("model %q: label %d: got %v, want a whole number from 0 to %d",
				m.spec.Name, i, v, classes-1)
		}
		rows[i*classes+c] = 1
	}
	return rows, nil
}

// distributionTolerance is how far the sum of a distribution in float32 may be from 1.
const distributionTolerance = 1e-3

// checkTargets returns an error unless the loss is defined for the targets.
func (m *Model) checkTargets(rows []float64) error {
	size := m.head.logits.Shape.TotalSize()
	for i := range len(rows) / size {
		row := rows[i*size:][:size]
		sum := 0.0
		for j, t := range row {
			if !xmath.IsFinite(t) || m.head.loss != MeanSquaredError && (t < 0 || t > 1) {
				return fmt.Errorf("model %q: target %d of image %d: got %v, want a number %s",
					m.spec.Name, j, i, t, m.head.loss.targetRange())
			}
			sum += t
		}
		if m.head.loss == CrossEntropy && math.Abs(sum-1) > distributionTolerance {
			return fmt.Errorf("model %q: target of image %d: got the sum %v, want a distribution with the sum 1",
				m.spec.Name, i, sum)
		}
	}
	return nil
}

// ArgMax returns the index of the largest value in each row of a matrix, the first of equal values.
// It returns nil unless the argument is a contiguous matrix of floats.
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

// LossAlong returns the loss of a batch with the parameters moved along a direction, for each of
// the distances. The direction has a tensor for each trained parameter. The parameters are restored
// afterwards.
func (m *Model) LossAlong(
	images, targets *tensor.Dense, direction []*tensor.Dense, distances []float64,
) ([]float64, error) {
	trained := m.trained()
	if len(direction) != len(trained) {
		return nil, fmt.Errorf("model %q: direction: got %d tensors, want %d, one for each trained parameter",
			m.spec.Name, len(direction), len(trained))
	}
	was := make([]*tensor.Dense, len(trained))
	for i, p := range trained {
		if direction[i] == nil || !direction[i].Shape().Eq(p.Shape) {
			return nil, fmt.Errorf("model %q: tensor %d of the direction: got %v, want %v",
				m.spec.Name, i, describeTensor(direction[i]), p.Shape)
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

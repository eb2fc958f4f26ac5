package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// Accuracy is the share of images (N, C, H, W) whose largest logit is that of their label, for any N. The labels are (N) class numbers or
// (N, classes) one-hot.
func (m *Model) Accuracy(images, labels *tensor.Dense) (float64, error) {
	logits, err := m.Predict(images)
	if err != nil {
		return 0, err
	}
	targets, err := m.classNumbers(labels, images.Shape()[0])
	if err != nil || len(targets) == 0 {
		return 0, err
	}
	right := 0
	for i, c := range ArgMax(logits) {
		if c == targets[i] {
			right++
		}
	}
	return float64(right) / float64(len(targets)), nil
}

// Loss is the mean cross-entropy of softmax(logits) with the labels, for any N; see [Model.Accuracy] for the arguments.
func (m *Model) Loss(images, labels *tensor.Dense) (float64, error) {
	logits, err := m.Predict(images)
	if err != nil {
		return 0, err
	}
	targets, err := m.classNumbers(labels, images.Shape()[0])
	if err != nil || len(targets) == 0 {
		return 0, err
	}
	rows, sum := float64s(logits), 0.0
	for i, c := range targets {
		row := rows[i*m.Classes():][:m.Classes()]
		sum += logSumExp(row) - row[c]
	}
	return sum / float64(len(targets)), nil
}

// ArgMax is the place of the largest value of each row of a matrix; of equal values the first. What isn't a matrix of floats in one piece has
// no rows: nil.
func ArgMax(matrix *tensor.Dense) []int {
	if matrix == nil || matrix.Dims() != 2 || checkDense(matrix) != nil {
		return nil
	}
	n, columns := matrix.Shape()[0], matrix.Shape()[1]
	values, places := float64s(matrix), make([]int, n)
	for i := range places {
		row := values[i*columns:][:columns]
		for j, v := range row {
			if v > row[places[i]] {
				places[i] = j
			}
		}
	}
	return places
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

// classNumbers reads labels of either form.
func (m *Model) classNumbers(labels *tensor.Dense, n int) ([]int, error) {
	if labels == nil {
		return nil, fmt.Errorf("model %q: labels are nil: want one for each of %d images", m.spec.Name, n)
	}
	shape, classes := labels.Shape(), m.Classes()
	if err := checkDense(labels); err != nil {
		return nil, fmt.Errorf("model %q: labels %w", m.spec.Name, err)
	}
	if shape.Dims() == 2 && shape[0] == n && shape[1] == classes {
		return ArgMax(labels), nil
	}
	if shape.TotalSize() != n {
		return nil, fmt.Errorf("model %q: labels have shape %v for %d images: want (%d) or (%d, %d)", m.spec.Name, shape, n, n, n, classes)
	}
	numbers := make([]int, n)
	for i, v := range float64s(labels) {
		numbers[i] = int(v)
		if float64(numbers[i]) != v || v < 0 || numbers[i] >= classes {
			return nil, fmt.Errorf("model %q: label %d is %v: want a whole number from 0 to %d", m.spec.Name, i, v, classes-1)
		}
	}
	return numbers, nil
}

// float64s are a tensor's elements, converted if they must be.
func float64s(d *tensor.Dense) []float64 {
	if d.Dtype() == tensor.Float64 {
		return d.Float64s()
	}
	out := make([]float64, d.Shape().TotalSize())
	for i, v := range d.Float32s() {
		out[i] = float64(v)
	}
	return out
}

package main

import (
	"fmt"
	"math"
	"slices"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/picture"
)

// answer is a model's output for a picture: probabilities with a prediction, or numbers.
type answer struct {
	prediction    *classify.Prediction // nil without probabilities
	probabilities []float32
	values        []float32 // the outputs without probabilities; nil if they are maps
	text          string
}

func newAnswer(m *graph.Model, image string, s *picture.Sample) (*answer, error) {
	if !m.HasProbabilities() {
		return newNumbers(m, image, s)
	}
	a := &answer{probabilities: make([]float32, m.Classes())}
	if err := m.ProbabilitiesInto(a.probabilities, s.Pixels); err != nil {
		return nil, err
	}
	if err := classify.CheckFinite(a.probabilities); err != nil {
		return nil, fmt.Errorf("%s: %w", image, err)
	}
	a.prediction = classify.NewPrediction(m, image, s.Ink, a.probabilities)
	a.text = a.prediction.Answer()
	return a, nil
}

func newNumbers(m *graph.Model, image string, s *picture.Sample) (*answer, error) {
	a := &answer{}
	if m.Output().Shape.Dims() != 1 {
		return a, nil
	}
	a.values = make([]float32, m.Classes())
	if err := m.PredictInto(a.values, s.Pixels); err != nil {
		return nil, err
	}
	if err := classify.CheckFinite(a.values); err != nil {
		return nil, fmt.Errorf("%s: %w", image, err)
	}
	most := a.largest()
	a.text = fmt.Sprintf("%s: %.4g", classify.ClassName(m.Spec(), most), a.values[most])
	return a, nil
}

// independent reports whether the model is multi-label.
func (a *answer) independent(m *graph.Model) bool {
	return a.probabilities != nil && m.TrainingLoss() == graph.BinaryCrossEntropy
}

// class returns the index of the top class, or of the output with the largest magnitude.
func (a *answer) class() int {
	if a.prediction != nil {
		return a.prediction.Class
	}
	return a.largest()
}

func (a *answer) largest() (index int) {
	magnitudes := make([]float64, len(a.values))
	for i, v := range a.values {
		magnitudes[i] = math.Abs(float64(v))
	}
	return max(0, slices.Index(magnitudes, slices.Max(append([]float64{0}, magnitudes...))))
}

// before returns the answer's text with a separator after it, or nothing for an empty text.
func (a *answer) before(separator string) string {
	if a.text == "" {
		return ""
	}
	return a.text + separator
}

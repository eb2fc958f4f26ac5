package classify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"convgraph/graph"
	"convgraph/internal/xmath"
	"convgraph/picture"
)

// topCount is the number of classes that a prediction names.
const topCount = 3

// A Prediction is a model's output for a picture: with cross-entropy the top classes, with binary
// cross-entropy the labels, with the mean squared error numbers.
type Prediction struct {
	Image string `json:"image,omitempty"` // its name
	*Guess
	Top     []Guess   `json:"top,omitempty"`     // the likeliest, that one first
	Labels  []Guess   `json:"labels,omitzero"`   // with binary cross-entropy: those above 1/2, the likeliest first
	Outputs []float32 `json:"outputs,omitempty"` // without probabilities
	Names   []string  `json:"names,omitempty"`   // of the outputs, if they have names
	Ink     string    `json:"ink,omitempty"`
}

// A Guess is a class with its probability.
type Guess struct {
	Class       int     `json:"class"`
	Name        string  `json:"name"`
	Probability float32 `json:"probability"`
}

// Predict runs a model on a sample. An output that isn't finite is an error.
func Predict(m *graph.Model, image string, s *picture.Sample) (*Prediction, error) {
	outputs := make([]float32, m.Classes())
	if err := m.OutputsInto(outputs, s.Pixels); err != nil {
		return nil, err
	}
	if err := CheckFinite(outputs); err != nil {
		return nil, fmt.Errorf("%s: %w", image, err)
	}
	return NewPrediction(m, image, s.Ink, outputs), nil
}

// CheckFinite returns an error that names the first output that is NaN or infinite.
func CheckFinite(outputs []float32) error {
	for i, v := range outputs {
		if !xmath.IsFinite(v) {
			return fmt.Errorf("the model's output %d: got %v, want finite numbers", i, v)
		}
	}
	return nil
}

// NewPrediction makes a prediction of a model's outputs for one picture; see
// [graph.Model.OutputsInto].
func NewPrediction(m *graph.Model, image string, ink picture.Ink, outputs []float32) *Prediction {
	spec := m.Spec()
	p := &Prediction{Image: image, Ink: ink.String()}
	if !m.HasProbabilities() {
		p.Outputs, p.Names = slices.Clone(outputs), spec.ClassNames
		return p
	}
	p.Top = Top(spec, outputs, topCount)
	p.Guess = &p.Top[0]
	if m.TrainingLoss() == graph.BinaryCrossEntropy {
		p.Labels = LabelsAbove(spec, outputs, 0.5)
	}
	return p
}

// LabelsAbove returns the labels above a probability, the likeliest first.
func LabelsAbove(spec *graph.Spec, probabilities []float32, least float32) []Guess {
	all := Top(spec, probabilities, len(probabilities))
	n, _ := slices.BinarySearchFunc(all, least, func(g Guess, least float32) int {
		if g.Probability > least {
			return -1
		}
		return 1
	})
	return all[:n]
}

// Top returns the n likeliest classes, or all if there are fewer, the likeliest first. Equal ones
// are in the order of their indices.
func Top(spec *graph.Spec, probabilities []float32, n int) []Guess {
	top := make([]Guess, 0, min(n, len(probabilities))+1)
	for class, p := range probabilities {
		rank := len(top)
		for rank > 0 && p > top[rank-1].Probability {
			rank--
		}
		if rank == n {
			continue
		}
		top = slices.Insert(top, rank, Guess{Class: class, Name: ClassName(spec, class), Probability: p})
		top = top[:min(len(top), n)]
	}
	return top
}

// ClassName returns a class's name, or its index if the spec has no names.
func ClassName(spec *graph.Spec, class int) string {
	if spec.ClassNames != nil {
		return spec.ClassNames[class]
	}
	return strconv.Itoa(class)
}

// String returns a line such as "seven.png: 7 (99.21%), then 9 (0.62%), 2 (0.11%); dark on light".
func (p Prediction) String() string {
	line := fmt.Sprintf("%s: %s", p.Image, p.Answer())
	if p.Labels == nil && len(p.Top) > 1 {
		line += ", then " + list(p.Top[1:], Guess.String)
	}
	if p.Ink != "" {
		line += "; " + p.Ink
	}
	return line
}

// Answer returns the prediction in a few words: the top class, the labels, or the numbers.
func (p Prediction) Answer() string {
	switch {
	case p.Guess == nil:
		numbered := make([]string, len(p.Outputs))
		for i, v := range p.Outputs {
			numbered[i] = fmt.Sprintf("%.4g", v)
			if p.Names != nil {
				numbered[i] = p.Names[i] + ": " + numbered[i]
			}
		}
		return list(numbered, func(s string) string { return s })
	case p.Labels == nil:
		return p.Guess.String()
	case len(p.Labels) == 0:
		return "no label"
	}
	return list(p.Labels, Guess.String)
}

// list joins the first elements, and says how many more there are.
func list[T any](elements []T, text func(T) string) string {
	const most = 8
	var parts []string
	for _, e := range elements[:min(most, len(elements))] {
		parts = append(parts, text(e))
	}
	if more := len(elements) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}

func (g Guess) String() string {
	return fmt.Sprintf("%s (%s)", g.Name, Percent(float64(g.Probability)))
}

// Percent formats a probability. It never rounds to 0% or 100%.
func Percent(p float64) string {
	switch {
	case p < 1 && p >= 0.99995:
		return "> 99.99%"
	case p > 0 && p < 0.00005:
		return "< 0.01%"
	}
	return fmt.Sprintf("%.2f%%", 100*p)
}

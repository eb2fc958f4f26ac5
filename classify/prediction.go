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

// topCount is how many of the likeliest classes a prediction names.
const topCount = 3

// A Prediction is what a model says about a picture.
type Prediction struct {
	Image string `json:"image,omitempty"` // its name
	Guess
	Top []Guess `json:"top"` // the likeliest, this one first
	Ink string  `json:"ink,omitempty"`
}

// A Guess is a class with its probability.
type Guess struct {
	Class       int     `json:"class"`
	Name        string  `json:"name"`
	Probability float32 `json:"probability"`
}

// Predict says what a model takes a sample for: the likeliest three classes. The model must end in Softmax. A probability that isn't a
// number is an error.
func Predict(m *graph.Model, image string, s *picture.Sample) (*Prediction, error) {
	probabilities := make([]float32, m.Classes())
	if err := m.ProbabilitiesInto(probabilities, s.Pixels); err != nil {
		return nil, err
	}
	if err := CheckFinite(probabilities); err != nil {
		return nil, fmt.Errorf("%s: %w", image, err)
	}
	return NewPrediction(m.Spec(), image, s.Ink, probabilities), nil
}

// CheckFinite is an error that names the first of a model's outputs that is a NaN or an infinity.
func CheckFinite(outputs []float32) error {
	for i, v := range outputs {
		if !xmath.IsFinite(v) {
			return fmt.Errorf("the model's output %d is %v: want finite numbers", i, v)
		}
	}
	return nil
}

// NewPrediction puts probabilities, one a class, into words.
func NewPrediction(spec *graph.Spec, image string, ink picture.Ink, probabilities []float32) *Prediction {
	top := Top(spec, probabilities, topCount)
	return &Prediction{Image: image, Guess: top[0], Top: top, Ink: ink.String()}
}

// Top are the n likeliest classes, or all if there are fewer, the likeliest first and the lower number first of equals.
func Top(spec *graph.Spec, probabilities []float32, n int) []Guess {
	top := make([]Guess, 0, min(n, len(probabilities))+1)
	for class, p := range probabilities {
		place := len(top)
		for place > 0 && p > top[place-1].Probability {
			place--
		}
		if place == n {
			continue
		}
		top = slices.Insert(top, place, Guess{Class: class, Name: ClassName(spec, class), Probability: p})
		top = top[:min(len(top), n)]
	}
	return top
}

// ClassName is a class's name, or its number.
func ClassName(spec *graph.Spec, class int) string {
	if spec.ClassNames != nil {
		return spec.ClassNames[class]
	}
	return strconv.Itoa(class)
}

// String is "seven.png: 7 (99.21%), then 9 (0.62%), 2 (0.11%); dark on light".
func (p Prediction) String() string {
	line := fmt.Sprintf("%s: %v", p.Image, p.Guess)
	var others []string
	for _, g := range p.Top[1:] {
		others = append(others, g.String())
	}
	if len(others) > 0 {
		line += ", then " + strings.Join(others, ", ")
	}
	if p.Ink != "" {
		line += "; " + p.Ink
	}
	return line
}

func (g Guess) String() string {
	return fmt.Sprintf("%s (%s)", g.Name, Percent(float64(g.Probability)))
}

// Percent is a probability in words. It doesn't call certain what isn't.
func Percent(p float64) string {
	switch {
	case p < 1 && p >= 0.99995:
		return "> 99.99%"
	case p > 0 && p < 0.00005:
		return "< 0.01%"
	}
	return fmt.Sprintf("%.2f%%", 100*p)
}

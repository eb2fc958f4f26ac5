package train

import (
	"fmt"
	"math"

	"convgraph/graph"
	"convgraph/internal/xmath"
	"convgraph/train/dataset"
)

// Score is how many of how many images a model gets right.
type Score struct{ Right, Total int }

// Accuracy is the share of right answers.
func (s Score) Accuracy() float64 {
	if s.Total == 0 {
		return 0
	}
	return float64(s.Right) / float64(s.Total)
}

// String is "98.97% (9897/10000)".
func (s Score) String() string {
	return fmt.Sprintf("%.2f%% (%d/%d)", 100*s.Accuracy(), s.Right, s.Total)
}

// Evaluate counts the right answers of a model on a whole set. Damaged images are left out of the total.
func Evaluate(m *graph.Model, ds dataset.Dataset) (Score, error) {
	var score Score
	err := eachAnswer(m, ds, func(a Prediction) error {
		score.Count(a.Label == a.Predicted)
		return nil
	})
	return score, err
}

// TopK counts the images of a set whose label is among the k classes a model finds likeliest; of equals those with the smaller numbers.
// TopK of 1 is [Evaluate].
func TopK(m *graph.Model, ds dataset.Dataset, k int) (Score, error) {
	if k < 1 {
		return Score{}, fmt.Errorf("top %d: want at least 1", k)
	}
	var score Score
	err := eachAnswer(m, ds, func(a Prediction) error {
		score.Count(a.Rank() < k)
		return nil
	})
	return score, err
}

// Count adds an answer.
func (s *Score) Count(right bool) {
	s.Total++
	if right {
		s.Right++
	}
}

// An Prediction is what a model says about one sample of a set.
type Prediction struct {
	Index, Label, Predicted int
	Logits                  []float32 // valid until the next answer
}

// Rank is how many classes the model finds likelier than the label: those with a greater logit, and those before it with an equal one. A
// label that the model has no class for comes after all of them.
func (a Prediction) Rank() (before int) {
	if a.Label >= len(a.Logits) {
		return len(a.Logits)
	}
	for i, v := range a.Logits {
		if v > a.Logits[a.Label] || v == a.Logits[a.Label] && i < a.Label {
			before++
		}
	}
	return before
}

// Probability is the softmax of the predicted class.
func (a Prediction) Probability() float64 {
	sum := 0.0
	for _, v := range a.Logits {
		sum += math.Exp(float64(v) - float64(a.Logits[a.Predicted]))
	}
	return 1 / sum
}

// evaluationBatch is how many images are held in memory at once while evaluating.
const evaluationBatch = 256

// checkFinite is an error that names the first logit that is a NaN or an infinity.
func (a Prediction) checkFinite() error {
	for class, v := range a.Logits {
		if !xmath.IsFinite(float64(v)) {
			return fmt.Errorf("the model's output %d for image %d is %v: want finite numbers", class, a.Index, v)
		}
	}
	return nil
}

// eachAnswer tells use the model's answers, in the order of the samples, but for damaged images. It ends with the first error of use.
func eachAnswer(m *graph.Model, ds dataset.Dataset, use func(Prediction) error) error {
	classes := m.Classes()
	logits := make([]float32, evaluationBatch*classes)
	for batch, err := range dataset.InOrder(ds, evaluationBatch) {
		if err != nil {
			return err
		}
		n := len(batch.Labels)
		if err := m.PredictInto(logits[:n*classes], batch.X); err != nil {
			return err
		}
		for i, label := range batch.Labels {
			row := logits[i*classes : (i+1)*classes]
			if err := use(Prediction{Index: batch.Indices[i], Label: label, Predicted: argMax(row), Logits: row}); err != nil {
				return err
			}
		}
	}
	return nil
}

func argMax(row []float32) (place int) {
	for i, v := range row {
		if v > row[place] {
			place = i
		}
	}
	return place
}

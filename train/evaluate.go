package train

import (
	"fmt"
	"math"

	"convgraph/graph"
	"convgraph/internal/xmath"
	"convgraph/train/dataset"
)

// Score counts the images that a model gets right.
type Score struct{ Right, Total int }

// Accuracy returns the share of right answers, 0 of none.
func (s Score) Accuracy() float64 {
	if s.Total == 0 {
		return 0
	}
	return float64(s.Right) / float64(s.Total)
}

// String formats the score as "98.97% (9897/10000)".
func (s Score) String() string {
	return fmt.Sprintf("%.2f%% (%d/%d)", 100*s.Accuracy(), s.Right, s.Total)
}

// Evaluate counts the right answers of a model on a whole set. Corrupt images don't count.
func Evaluate(m *graph.Model, ds dataset.Dataset) (Score, error) {
	var score Score
	err := eachPrediction(m, ds, func(p Prediction) error {
		score.Count(p.Label == p.Predicted)
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

// A Prediction is a model's answer for one sample.
type Prediction struct {
	Index, Label, Predicted int
	Logits                  []float32 // valid until the next prediction
}

// Rank returns how many classes the model finds likelier than the label: those with a greater
// logit, and of equal logits those with a smaller index. A label that the model has no class for
// ranks last.
func (p Prediction) Rank() (before int) {
	if p.Label >= len(p.Logits) {
		return len(p.Logits)
	}
	for i, v := range p.Logits {
		if v > p.Logits[p.Label] || v == p.Logits[p.Label] && i < p.Label {
			before++
		}
	}
	return before
}

// Probability returns the softmax of the predicted class.
func (p Prediction) Probability() float64 {
	sum := 0.0
	for _, v := range p.Logits {
		sum += math.Exp(float64(v) - float64(p.Logits[p.Predicted]))
	}
	return 1 / sum
}

// evaluationBatch is the number of images in memory at once.
const evaluationBatch = 256

// checkFinite rejects logits with a NaN or an infinity.
func (p Prediction) checkFinite() error {
	for class, v := range p.Logits {
		if !xmath.IsFinite(float64(v)) {
			return fmt.Errorf("the model's output %d for image %d is %v: want finite numbers", class, p.Index, v)
		}
	}
	return nil
}

// eachPrediction calls use with the model's prediction for each sample, in their order, skipping
// corrupt images. It returns the first error of use.
func eachPrediction(m *graph.Model, ds dataset.Dataset, use func(Prediction) error) error {
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
			if err := use(Prediction{Index: batch.Indices[i], Label: label, Predicted: argMax(row),
				Logits: row}); err != nil {
				return err
			}
		}
	}
	return nil
}

func argMax(row []float32) (index int) {
	for i, v := range row {
		if v > row[index] {
			index = i
		}
	}
	return index
}

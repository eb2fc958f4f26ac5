package train

import (
	"fmt"

	"convgraph/graph"
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
	err := eachPrediction(m, ds, func(_, label, predicted int) { score.count(label == predicted) })
	return score, err
}

// TopK counts the images of a set whose label is among the k classes a model finds likeliest; of equals those with the smaller numbers.
// TopK of 1 is [Evaluate].
func TopK(m *graph.Model, ds dataset.Dataset, k int) (Score, error) {
	if k < 1 {
		return Score{}, fmt.Errorf("top %d: want at least 1", k)
	}
	var score Score
	err := eachAnswer(m, ds, func(_, label int, logits []float32) { score.count(label < len(logits) && rank(logits, label) < k) })
	return score, err
}

// rank is how many classes come before one: those with a greater value, and those before it with an equal one.
func rank(row []float32, class int) (before int) {
	for i, v := range row {
		if v > row[class] || v == row[class] && i < class {
			before++
		}
	}
	return before
}

func (s *Score) count(right bool) {
	s.Total++
	if right {
		s.Right++
	}
}

// evaluationBatch is how many images are held in memory at once while evaluating.
const evaluationBatch = 256

// eachPrediction tells use each sample's index, label and predicted class.
func eachPrediction(m *graph.Model, ds dataset.Dataset, use func(i, label, predicted int)) error {
	return eachAnswer(m, ds, func(i, label int, logits []float32) { use(i, label, argMax(logits)) })
}

// eachAnswer tells use each sample's index, label and logits, which are use's until it returns.
func eachAnswer(m *graph.Model, ds dataset.Dataset, use func(i, label int, logits []float32)) error {
	loader, err := dataset.NewLoader(dataset.LoaderOptions{Batch: evaluationBatch, Damage: dataset.SkipDamaged})
	if err != nil {
		return err
	}
	order := make([]int, ds.Len())
	for i := range order {
		order[i] = i
	}
	classes := m.Classes()
	logits := make([]float32, evaluationBatch*classes)
	for batch, err := range loader.Epoch(ds, order) {
		if err != nil {
			return err
		}
		n := len(batch.Labels)
		if err := m.PredictInto(logits[:n*classes], batch.X); err != nil {
			return err
		}
		for i, label := range batch.Labels {
			use(batch.Indices[i], label, logits[i*classes:(i+1)*classes])
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

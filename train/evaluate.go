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
	err := eachPrediction(m, ds, func(_, label, predicted int) {
		score.Total++
		if label == predicted {
			score.Right++
		}
	})
	return score, err
}

// evaluationBatch is how many images are held in memory at once while evaluating.
const evaluationBatch = 256

// eachPrediction tells use each sample's index, label and predicted class.
func eachPrediction(m *graph.Model, ds dataset.Dataset, use func(i, label, predicted int)) error {
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
			use(batch.Indices[i], label, argMax(logits[i*classes:(i+1)*classes]))
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

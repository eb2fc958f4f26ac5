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

// Evaluate counts the right answers of a model on a whole set.
func Evaluate(m *graph.Model, ds dataset.Dataset) (Score, error) {
	score := Score{Total: ds.Len()}
	err := eachPrediction(m, ds, func(_, label, predicted int) {
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
	size, classes := ds.Shape().TotalSize(), m.Classes()
	batch := max(1, min(evaluationBatch, ds.Len()))
	images, logits, labels := make([]float32, batch*size), make([]float32, batch*classes), make([]int, batch)
	for first := 0; first < ds.Len(); first += batch {
		n := min(batch, ds.Len()-first)
		for i := range n {
			label, err := ds.Sample(first+i, images[i*size:(i+1)*size])
			if err != nil {
				return fmt.Errorf("sample %d: %w", first+i, err)
			}
			labels[i] = label
		}
		if err := m.PredictInto(logits[:n*classes], images[:n*size]); err != nil {
			return err
		}
		for i := range n {
			use(first+i, labels[i], argMax(logits[i*classes:(i+1)*classes]))
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

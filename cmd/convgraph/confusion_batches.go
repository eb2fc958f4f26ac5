package main

import (
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/train/dataset"
)

// eachPrediction tells use every image's index, label and class probabilities, which are valid until it returns.
func eachPrediction(m *graph.Model, set dataset.Dataset, use func(index, label int, probabilities []float32)) error {
	return eachBatch(set, func(b *dataset.Minibatch) error {
		shape := append(tensor.Shape{len(b.Labels)}, set.Shape()...)
		probabilities, err := m.Probabilities(tensor.New(tensor.WithShape(shape...), tensor.WithBacking(b.X)))
		if err != nil {
			return err
		}
		for i, label := range b.Labels {
			use(b.Indices[i], label, probabilities.Float32s()[i*m.Classes():][:m.Classes()])
		}
		return nil
	})
}

// eachBatch goes through a set in order. Damaged images are left out.
func eachBatch(set dataset.Dataset, use func(*dataset.Minibatch) error) error {
	const batch = 256
	loader, err := dataset.NewLoader(dataset.LoaderOptions{Batch: batch, Damage: dataset.SkipDamaged})
	if err != nil {
		return err
	}
	order := make([]int, set.Len())
	for i := range order {
		order[i] = i
	}
	for b, err := range loader.Epoch(set, order) {
		if err != nil {
			return err
		}
		if err := use(b); err != nil {
			return err
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

package train

import (
	"fmt"

	"convgraph/graph"
	"convgraph/train/dataset"
)

// maxWeight bounds the weight of a class.
const maxWeight = 1e6

// checkWeights validates the class weights.
func (t *Trainer) checkWeights() error {
	if t.ClassWeights == nil {
		return nil
	}
	if loss := t.Model.Spec().Loss; loss != "" && loss != graph.CrossEntropy {
		return fmt.Errorf("class weights are for the loss %q: model %q has %q",
			graph.CrossEntropy, t.Model.Spec().Name, loss)
	}
	if got, want := len(t.ClassWeights), t.Model.Classes(); got != want {
		return fmt.Errorf("got %d class weights, want %d, one for each class of the model", got, want)
	}
	for class, w := range t.ClassWeights {
		if !(w >= 0 && w <= maxWeight) {
			return fmt.Errorf("the weight of class %d is %g: want 0 to %g", class, w, maxWeight)
		}
	}
	return nil
}

// BalancedWeights returns class weights with which every class counts the same in the loss, however
// many samples it has:
//
//	weight = samples / (classes · samples of the class)
//
// and 0 for a class without samples. Their mean over the samples is 1. The model may have more
// classes than the set.
func BalancedWeights(ds dataset.Dataset, classes int) ([]float64, error) {
	counts, err := dataset.Counts(ds)
	if err != nil {
		return nil, err
	}
	total, present := 0, 0
	for _, n := range counts {
		total += n
		if n > 0 {
			present++
		}
	}
	weights := make([]float64, classes)
	for class, n := range counts[:min(len(counts), classes)] {
		if n > 0 {
			weights[class] = float64(total) / float64(present*n)
		}
	}
	return weights, nil
}

package train

import (
	"fmt"
	"slices"

	"convgraph/graph"
	"convgraph/train/dataset"
)

// Confusion counts the predictions of a model by true and predicted class.
type Confusion struct {
	Names  []string
	Counts [][]int // [true][predicted]
}

// Confuse predicts every image of a set, skipping corrupt ones, and calls listen with each
// prediction. The names are the model's, or the set's if the model has none. A NaN or an infinity
// among the outputs is an error.
func Confuse(m *graph.Model, ds dataset.Dataset, listen ...func(Prediction)) (*Confusion, error) {
	spec := m.Spec()
	if !ds.Shape().Eq(spec.Input) {
		return nil, fmt.Errorf("model %q takes images of %v, the set has %v", spec.Name, spec.Input, ds.Shape())
	}
	names := spec.ClassNames
	if len(names) == 0 {
		names = dataset.ClassNames(ds)
	}
	c := newConfusion(names, max(ds.Classes(), m.Classes()))
	err := eachPrediction(m, ds, func(p Prediction) error {
		if err := p.checkFinite(); err != nil {
			return err
		}
		c.Counts[p.Label][p.Predicted]++
		for _, notify := range listen {
			notify(p)
		}
		return nil
	})
	return c, err
}

// newConfusion returns a matrix of zeros. A class without a name is named by its number.
func newConfusion(names []string, classes int) *Confusion {
	c := &Confusion{Names: slices.Clone(names), Counts: make([][]int, classes)}
	for i := range c.Counts {
		c.Counts[i] = make([]int, classes)
	}
	for i := len(c.Names); i < classes; i++ {
		c.Names = append(c.Names, fmt.Sprint(i))
	}
	return c
}

// Score counts the right answers.
func (c *Confusion) Score() (s Score) {
	for i, row := range c.Counts {
		s.Right += row[i]
		for _, n := range row {
			s.Total += n
		}
	}
	return s
}

// A Report holds the figures of a confusion matrix.
type Report struct {
	Right    int           `json:"right"`
	Total    int           `json:"total"`
	Accuracy float64       `json:"accuracy"`
	Classes  []ClassReport `json:"classes"`
	Counts   [][]int       `json:"confusion"` // [true][predicted]
}

// A ClassReport holds the figures of a class. A share of nothing is 0.
type ClassReport struct {
	Name      string  `json:"name"`
	Right     int     `json:"right"`
	Images    int     `json:"images"`
	Predicted int     `json:"predicted"` // images taken for this class
	Precision float64 `json:"precision"` // right / predicted
	Recall    float64 `json:"recall"`    // right / images
}

// Report computes the figures.
func (c *Confusion) Report() *Report {
	score := c.Score()
	r := &Report{Right: score.Right, Total: score.Total, Accuracy: score.Accuracy(), Counts: c.Counts}
	for i, name := range c.Names {
		class := ClassReport{Name: name, Right: c.Counts[i][i]}
		for j := range c.Counts {
			class.Images += c.Counts[i][j]
			class.Predicted += c.Counts[j][i]
		}
		class.Precision = Score{class.Right, class.Predicted}.Accuracy()
		class.Recall = Score{class.Right, class.Images}.Accuracy()
		r.Classes = append(r.Classes, class)
	}
	return r
}

package train

import (
	"fmt"

	"convgraph/graph"
	"convgraph/train/dataset"
)

// Confusion counts the predictions of a model by true and predicted class.
type Confusion struct {
	Names  []string
	Counts [][]int // [true][predicted]
}

// Confuse predicts every image of a set.
func Confuse(m *graph.Model, ds dataset.Dataset) (*Confusion, error) {
	if !ds.Shape().Eq(m.Spec().Input) {
		return nil, fmt.Errorf("model %q takes images of %v, the set has %v", m.Spec().Name, m.Spec().Input, ds.Shape())
	}
	c := &Confusion{Names: dataset.ClassNames(ds), Counts: make([][]int, max(ds.Classes(), m.Classes()))}
	for i := range c.Counts {
		c.Counts[i] = make([]int, len(c.Counts))
	}
	for i := len(c.Names); i < len(c.Counts); i++ {
		c.Names = append(c.Names, fmt.Sprint(i))
	}
	err := eachPrediction(m, ds, func(_, label, predicted int) { c.Counts[label][predicted]++ })
	return c, err
}

// Score is the count of right answers.
func (c *Confusion) Score() (s Score) {
	for i, row := range c.Counts {
		s.Right += row[i]
		for _, n := range row {
			s.Total += n
		}
	}
	return s
}

// A Report is a confusion in figures.
type Report struct {
	Right    int           `json:"right"`
	Total    int           `json:"total"`
	Accuracy float64       `json:"accuracy"`
	Classes  []ClassReport `json:"classes"`
	Counts   [][]int       `json:"confusion"` // [true][predicted]
}

// A ClassReport is one class's figures; a share of nothing is 0.
type ClassReport struct {
	Name      string  `json:"name"`
	Right     int     `json:"right"`
	Images    int     `json:"images"`
	Predicted int     `json:"predicted"` // how many images were taken for this class
	Precision float64 `json:"precision"` // right / predicted
	Recall    float64 `json:"recall"`    // right / images
}

// Report gives the figures.
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

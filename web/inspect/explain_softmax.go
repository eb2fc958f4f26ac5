package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"convgraph/graph"
)

// softmax is how logits become probabilities: exp(logit − largest), divided by the sum of these
// exponentials.
type softmax struct {
	Largest number  `json:"largest"`       // of the logits
	Sum     number  `json:"sum"`           // of the exponentials
	Classes []share `json:"classes"`       // the likeliest and the class in question, in the network's order
	More    int     `json:"more"`          // how many Classes leaves out
	Log     bool    `json:"log,omitempty"` // the values are the logarithms of the probabilities
}

// A share is one class, or one index of the axis along which the probabilities sum to 1.
type share struct {
	Class       int    `json:"class"`
	From        cell   `json:"from"`
	Name        string `json:"name"`
	Logit       number `json:"logit"`
	Exponential number `json:"exponential"` // e^(logit − largest)
	Probability number `json:"probability"`
}

const mostClasses = 10

func explainSoftmax(k working, e *explanation) error {
	axis := 0
	s := &softmax{}
	switch l := k.layer.layer.(type) {
	case graph.Softmax:
		axis = l.Axis
	case graph.LogSoftmax:
		axis, s.Log = l.Axis, true
	}
	cells := line(e.Cell, k.in, axis)
	logits, results := pick(k.x, k.in, cells), pick(k.y, k.in, cells)
	largest := slices.Max(logits)
	var sum float64
	for _, z := range logits {
		sum += math.Exp(float64(z - largest))
	}
	s.Largest, s.Sum = number(largest), number(sum)
	for _, i := range likeliest(results, e.Cell.along(axis)) {
		probability := results[i]
		if s.Log {
			probability = float32(math.Exp(float64(probability)))
		}
		s.Classes = append(s.Classes, share{
			Class: i, From: cells[i], Name: k.className(axis, i), Logit: number(logits[i]),
			Exponential: number(math.Exp(float64(logits[i] - largest))), Probability: number(probability),
		})
	}
	s.More = len(logits) - len(s.Classes)
	e.Softmax = s
	return nil
}

// className names index i of an axis: its class, if each index has one.
func (k working) className(axis, i int) string {
	if axis == 0 && k.in.Maps == len(k.classes) {
		return k.classes[i]
	}
	return fmt.Sprintf("%s %d", [3]string{"map", "row", "column"}[axis], i)
}

// along returns a cell's index on an axis: 0 is the maps, 1 the rows, 2 the columns.
func (c cell) along(axis int) int { return [3]int{c.Map, c.Row, c.Column}[axis] }

// line returns the cells along an axis through one cell.
func line(through cell, e extent, axis int) []cell {
	cells := make([]cell, [3]int{e.Maps, e.Height, e.Width}[axis])
	for i := range cells {
		c := through
		*[3]*int{&c.Map, &c.Row, &c.Column}[axis] = i
		cells[i] = c
	}
	return cells
}

// pick returns the values of cells.
func pick(x []float32, e extent, cells []cell) []float32 {
	values := make([]float32, len(cells))
	for i, c := range cells {
		values[i] = x[e.at(c)]
	}
	return values
}

// likeliest returns the classes to show, in the network's order.
func likeliest(probabilities []float32, asked int) []int {
	order := make([]int, len(probabilities))
	for i := range order {
		order[i] = i
	}
	rank := func(i int) float32 { // the class in question ranks first
		if i == asked {
			return 2
		}
		return probabilities[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank(b), rank(a)) })
	order = order[:min(mostClasses, len(order))]
	slices.Sort(order)
	return order
}

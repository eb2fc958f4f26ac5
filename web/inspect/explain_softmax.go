package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"convgraph/graph"
)

// softmax is how logits became probabilities: the exponential of each, less the largest so that none overflows, divided by their sum.
type softmax struct {
	Largest number  `json:"largest"`       // of the logits
	Sum     number  `json:"sum"`           // of the exponentials
	Classes []share `json:"classes"`       // the likeliest in the order of the network, the one in question always among them
	More    int     `json:"more"`          // classes that aren't in Classes
	Log     bool    `json:"log,omitempty"` // the values are the logarithms of the probabilities
}

// A share is one class, or one place of the axis that the probabilities add up along.
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

// className is what the place i of an axis is called: by its class where there is one for each.
func (k working) className(axis, i int) string {
	if axis == 0 && k.in.Maps == len(k.classes) {
		return k.classes[i]
	}
	return fmt.Sprintf("%s %d", [3]string{"map", "row", "column"}[axis], i)
}

// along is a cell's place on an axis: 0 is the maps, 1 the rows, 2 the columns.
func (c cell) along(axis int) int { return [3]int{c.Map, c.Row, c.Column}[axis] }

// line are the cells along an axis through one of them.
func line(through cell, e extent, axis int) []cell {
	cells := make([]cell, [3]int{e.Maps, e.Height, e.Width}[axis])
	for i := range cells {
		c := through
		*[3]*int{&c.Map, &c.Row, &c.Column}[axis] = i
		cells[i] = c
	}
	return cells
}

// pick takes the values of cells.
func pick(x []float32, e extent, cells []cell) []float32 {
	values := make([]float32, len(cells))
	for i, c := range cells {
		values[i] = x[e.at(c)]
	}
	return values
}

// likeliest are the classes to show, in their own order.
func likeliest(probabilities []float32, asked int) []int {
	order := make([]int, len(probabilities))
	for i := range order {
		order[i] = i
	}
	rank := func(i int) float32 { // the one in question comes before all
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

package explore

import (
	"cmp"
	"math"
	"slices"
)

// softmax is how logits became probabilities: the exponential of each, less the largest so that none overflows, divided by their sum.
type softmax struct {
	Largest number  `json:"largest"` // of the logits
	Sum     number  `json:"sum"`     // of the exponentials
	Classes []share `json:"classes"` // the likeliest in the order of the network, the one in question always among them
	More    int     `json:"more"`    // classes that aren't in Classes
}

// A share is one class.
type share struct {
	Class       int    `json:"class"`
	Name        string `json:"name"`
	Logit       number `json:"logit"`
	Exponential number `json:"exponential"` // e^(logit − largest)
	Probability number `json:"probability"`
}

const mostClasses = 10

func explainSoftmax(k working, e *explanation) error {
	largest := slices.Max(k.x)
	var sum float64
	for _, z := range k.x {
		sum += math.Exp(float64(z - largest))
	}
	s := &softmax{Largest: number(largest), Sum: number(sum)}
	for _, i := range likeliest(k.y, e.Cell.Map) {
		s.Classes = append(s.Classes, share{
			Class: i, Name: k.classes[i], Logit: number(k.x[i]),
			Exponential: number(math.Exp(float64(k.x[i] - largest))), Probability: number(k.y[i]),
		})
	}
	s.More = len(k.x) - len(s.Classes)
	e.Softmax = s
	return nil
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

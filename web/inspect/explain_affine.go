package inspect

import (
	"cmp"
	"math"
	"slices"
)

// affine is a unit's sum over all inputs. It lists the largest products.
type affine struct {
	Largest []contribution `json:"largest"` // by magnitude, largest first
	More    rest           `json:"more"`    // all others
	Sum     number         `json:"sum"`     // of all products
	Bias    number         `json:"bias"`
	NoBias  bool           `json:"no_bias,omitempty"`
	Total   number         `json:"total"` // Sum + Bias
}

// A contribution is one input's product.
type contribution struct {
	From    cell   `json:"from"` // of the layer's input
	Input   number `json:"input"`
	Weight  number `json:"weight"`
	Product number `json:"product"`
}

const mostContributions = 10

func explainAffine(k working, e *explanation) error {
	weight, err := k.param("weight")
	if err != nil {
		return err
	}
	b, has := k.optional("bias", e.Cell.Map)
	weights := weight[e.Cell.Map*len(k.x) : (e.Cell.Map+1)*len(k.x)]
	product := func(i int) float64 { return float64(k.x[i]) * float64(weights[i]) }
	order := make([]int, len(k.x))
	var sum, largest float64
	for i := range order {
		order[i] = i
		sum += product(i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(math.Abs(product(b)), math.Abs(product(a))) })
	part := &affine{Sum: number(sum), Bias: number(b), NoBias: !has, Total: number(sum + float64(b)),
		Largest: []contribution{}}
	for _, i := range order[:min(mostContributions, len(order))] {
		largest += product(i)
		part.Largest = append(part.Largest, contribution{k.in.cell(i), number(k.x[i]), number(weights[i]),
			number(product(i))})
	}
	part.More = rest{len(order) - len(part.Largest), number(sum - largest)}
	e.Affine = part
	return nil
}

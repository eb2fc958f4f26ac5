package inspect

import (
	"cmp"
	"math"

	"convgraph/graph"
)

// A pooling is the content of a cell's window, and how it became one value.
type pooling struct {
	How    string   `json:"how"` // max, mean, lp or subsample
	Window window   `json:"window"`
	Inputs []number `json:"inputs"` // empty if too many to show
	Inside []bool   `json:"inside"` // false in the padding
	Winner int      `json:"winner"` // index of the input that max pooling took; -1 for other poolings

	Sum         number `json:"sum"`         // of the inputs; for lp of |x|^P
	Count       int    `json:"count"`       // divisor of the mean
	P           number `json:"p"`           // for lp: the power, and the degree of the root
	Factor      number `json:"factor"`      // for lp: multiplies the sum; 1 unless the window exceeds the padding
	Coefficient number `json:"coefficient"` // for subsample: multiplies the sum
	Bias        number `json:"bias"`        // for subsample: is added
	Total       number `json:"total"`       // the value in float64
}

func explainPooling(k working, e *explanation) error {
	sliding, _ := slidingOf(k.layer.layer, k.in)
	w := sliding.window(e.Cell)
	inputs, inside := w.read(k.x, k.in, e.Cell.Map)
	var sum float64
	for _, v := range inputs {
		sum += float64(v)
	}
	p := &pooling{Window: w, Inputs: numbers(inputs), Inside: inside, Winner: -1, Sum: number(sum), Count: len(inputs)}
	e.Pooling = p
	if len(inputs) > mostNumbers {
		p.Inputs, p.Inside = []number{}, []bool{}
	}
	switch l := k.layer.layer.(type) {
	case graph.MaxPool, graph.GlobalMaxPool:
		p.How, p.Winner = "max", winner(inputs, inside)
		p.Total = number(inputs[p.Winner])
	case graph.AvgPool:
		p.How, p.Count = "mean", sliding.counted(e.Cell, k.in, l.ExcludePad)
		p.Total = number(sum / float64(p.Count))
	case graph.GlobalAvgPool:
		p.How, p.Total = "mean", number(sum/float64(p.Count))
	case graph.LpPool:
		p.lp(cmp.Or(l.P, 2), inputs, sliding.counted(e.Cell, k.in, false))
	case graph.Subsample:
		return k.subsample(p, e.Cell.Map, sum)
	}
	return nil
}

// lp fills in the part for LpPool. Cells beyond the padding count as the mean of the others.
func (p *pooling) lp(power float64, inputs []float32, counted int) {
	var sum float64
	for _, v := range inputs {
		sum += math.Pow(math.Abs(float64(v)), power)
	}
	factor := float64(len(inputs)) / float64(counted)
	p.How, p.Sum, p.Count, p.P, p.Factor = "lp", number(sum), counted, number(power), number(factor)
	p.Total = number(math.Pow(sum*factor, 1/power))
}

func (k working) subsample(p *pooling, m int, sum float64) error {
	coefficient, err := k.param("coefficient")
	if err != nil {
		return err
	}
	bias, err := k.param("bias")
	if err != nil {
		return err
	}
	p.How, p.Coefficient, p.Bias = "subsample", number(coefficient[m]), number(bias[m])
	p.Total = number(sum*float64(coefficient[m]) + float64(bias[m]))
	return nil
}

// winner returns the index of the first largest input, like the kernel: padding never wins, and NaN
// wins over every number.
func winner(values []float32, inside []bool) int {
	best := -1
	for i, v := range values {
		if inside[i] && (best < 0 || v > values[best] || isNaN(v) && !isNaN(values[best])) {
			best = i
		}
	}
	return best
}

func isNaN(v float32) bool { return math.IsNaN(float64(v)) }

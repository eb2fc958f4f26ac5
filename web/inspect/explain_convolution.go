package inspect

import "convgraph/graph"

// A convolution is a cell's sum of input times weight, over the window in each input map that the
// filter reads, plus the bias.
type convolution struct {
	Window window `json:"window"`
	Taps   []tap  `json:"taps"` // of the first maps
	More   rest   `json:"more"` // the maps that Taps leaves out
	Sum    number `json:"sum"`  // of all products
	Bias   number `json:"bias"`
	NoBias bool   `json:"no_bias,omitempty"`
	Total  number `json:"total"` // Sum + Bias
}

// A tap is the contribution of one input map, in reading order.
type tap struct {
	Map      int      `json:"map"` // of the layer's input
	Inputs   []number `json:"inputs"`
	Inside   []bool   `json:"inside"` // false in the padding, where the input is 0
	Weights  []number `json:"weights"`
	Products []number `json:"products"`
	Subtotal number   `json:"subtotal"`
}

// rest is the number and the sum of the entries that a list leaves out.
type rest struct {
	Count int    `json:"count"`
	Sum   number `json:"sum"`
}

// Limits of an explanation: maps with all their numbers, and numbers of each kind.
const (
	mostTaps    = 16
	mostNumbers = 4096
)

func explainConvolution(k working, e *explanation) error {
	c := k.layer.layer.(graph.Conv2D)
	weight, err := k.param("weight")
	if err != nil {
		return err
	}
	bias, has := k.optional("bias", e.Cell.Map)
	sliding, _ := slidingOf(c, k.in)
	window := sliding.window(e.Cell)
	maps, first := filterMaps(c, e.Cell.Map, k.in.Maps)
	taps := window.Height * window.Width
	detailed := min(len(maps), mostTaps, mostNumbers/taps)
	part := &convolution{Window: window, Taps: []tap{}, Bias: number(bias), NoBias: !has}
	var sum, others float64
	for i, m := range maps {
		t, subtotal := newTap(window, k, m, weight[(first+i)*taps:(first+i+1)*taps])
		sum += subtotal
		if i < detailed {
			part.Taps = append(part.Taps, t)
		} else {
			others += subtotal
		}
	}
	part.More = rest{len(maps) - detailed, number(others)}
	part.Sum, part.Total = number(sum), number(sum+float64(part.Bias))
	e.Convolution = part
	return nil
}

// filterMaps returns the input maps that a filter reads, and the index of its first plane of
// weights.
func filterMaps(c graph.Conv2D, filter, channels int) (maps []int, first int) {
	if c.Connections != nil {
		for _, inputs := range c.Connections[:filter] {
			first += len(inputs)
		}
		return c.Connections[filter], first
	}
	groups := max(c.Groups, 1)
	each := channels / groups
	for m := range each {
		maps = append(maps, filter/(c.Filters/groups)*each+m)
	}
	return maps, filter * each
}

// newTap multiplies a window by its weights. The subtotal is in float64, so it differs from the
// kernel's sum only by the kernel's rounding.
func newTap(w window, k working, m int, weights []float32) (t tap, subtotal float64) {
	inputs, inside := w.read(k.x, k.in, m)
	products := make([]float32, len(inputs))
	for i, v := range inputs {
		products[i] = v * weights[i]
		subtotal += float64(v) * float64(weights[i])
	}
	return tap{
		Map: m, Inputs: numbers(inputs), Inside: inside, Weights: numbers(weights), Products: numbers(products),
		Subtotal: number(subtotal),
	}, subtotal
}

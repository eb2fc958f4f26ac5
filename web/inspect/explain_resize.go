package inspect

import (
	"convgraph/graph"
	"convgraph/ops"
)

// explainResize shows an interpolation as a weighted sum over a window. Each weight is the product
// of a row's and a column's weight.
func explainResize(k working, e *explanation) error {
	r := k.layer.layer.(graph.Resize)
	rows, columns := r.Taps(0, k.in.Height)[e.Cell.Row], r.Taps(1, k.in.Width)[e.Cell.Column]
	if len(rows) == 0 || len(columns) == 0 {
		e.Note = "a cell outside of the input: nothing was read"
		return nil
	}
	top, bottom := span(rows)
	left, right := span(columns)
	w := window{Top: top, Left: left, Height: bottom - top + 1, Width: right - left + 1, Dilation: [2]int{1, 1}}
	weights := make([]float32, w.Height*w.Width)
	for _, row := range rows {
		for _, column := range columns {
			weights[(row.Index-top)*w.Width+column.Index-left] = float32(row.Weight * column.Weight)
		}
	}
	t, sum := newTap(w, k, e.Cell.Map, weights)
	part := &convolution{Window: w, Taps: []tap{t}, Sum: number(sum), NoBias: true, Total: number(sum)}
	if len(weights) > mostNumbers {
		part.Taps, part.More = []tap{}, rest{1, number(sum)}
	}
	e.Convolution = part
	return nil
}

// span returns the first and the last row or column of a non-empty list.
func span(taps []ops.Tap) (first, last int) { return taps[0].Index, taps[len(taps)-1].Index }

// resized returns the area of the input that an area of the output reads; ok is false if it reads
// nothing.
func resized(r graph.Resize, a area, in extent) (read area, ok bool) {
	top, bottom, rows := spans(r.Taps(0, in.Height)[a.Top : a.Bottom+1])
	left, right, columns := spans(r.Taps(1, in.Width)[a.Left : a.Right+1])
	return area{top, left, bottom, right}, rows && columns
}

// spans returns the first and the last row or column of several lists.
func spans(lines [][]ops.Tap) (first, last int, ok bool) {
	for _, taps := range lines {
		if len(taps) == 0 {
			continue
		}
		begin, end := span(taps)
		if !ok {
			first, last, ok = begin, end, true
		}
		first, last = min(first, begin), max(last, end)
	}
	return first, last, ok
}

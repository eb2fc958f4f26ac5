package viz_test

import (
	"bytes"
	"fmt"
	"image/png"

	"convgraph/viz"
)

func ExampleFilterGrid() {
	edges := viz.Filters{Out: 2, In: 1, Height: 3, Width: 3, Data: []float32{
		-1, 0, 1, -1, 0, 1, -1, 0, 1, // vertical edges
		-1, -1, -1, 0, 0, 0, 1, 1, 1, // horizontal ones
	}}
	var b bytes.Buffer
	if err := viz.EncodePNG(&b, viz.FilterGrid{Title: "two edge detectors", Filters: edges}); err != nil {
		fmt.Println(err)
		return
	}
	c, err := png.DecodeConfig(&b)
	fmt.Println(c.Width, c.Height, err)
	// Output: 397 182 <nil>
}

func ExampleConfusion() {
	_, err := viz.Confusion{Counts: [][]int{{9, 1}, {0}}}.Image()
	fmt.Println(err)
	// Output: confusion matrix: row 1 has 1 counts: want 2, one a class
}

func ExampleRangeOf() {
	fmt.Println(viz.RangeOf([]float32{-0.5, 0.25}, []float32{2}).Max)
	// Output: 2
}

package viz_test

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"

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

func ExampleAccuracyCurve() {
	curve := viz.AccuracyCurve{Title: "SimpleConvNet on MNIST", Train: []float64{0.961, 0.978},
		Test: []float64{0.957, 0.974}}
	dir, err := os.MkdirTemp("", "curve")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	fmt.Println(viz.WritePNG(filepath.Join(dir, "accuracy.png"), curve),
		viz.WriteSVG(filepath.Join(dir, "accuracy.svg"), curve))
	// Output: <nil> <nil>
}

func ExampleFeatureMaps() {
	maps := viz.Planes{Count: 2, Height: 2, Width: 3, Data: make([]float32, 11)}
	_, err := viz.FeatureMaps{Title: "pool1", Maps: maps}.Image()
	fmt.Println(err)
	// Output: feature maps: got 11 values for 2x2x3 (count, height, width), want 12
}

func ExampleTestPattern() {
	p := viz.GrayPlane(viz.TestPattern())
	fmt.Println(p.Count, p.Height, p.Width, viz.RangeOf(p.Data).Min, viz.RangeOf(p.Data).Max)
	// Output: 1 128 128 0 1
}

func ExampleConfusion() {
	_, err := viz.Confusion{Counts: [][]int{{9, 1}, {0}}}.Image()
	fmt.Println(err)
	// Output: confusion matrix: row 1: got 1 counts, want 2, one a class
}

func ExampleRangeOf() {
	fmt.Println(viz.RangeOf([]float32{-0.5, 0.25}, []float32{2}).Max)
	// Output: 2
}

func ExampleEncodeDOT() {
	g := viz.Graph{
		Nodes: []viz.GraphNode{
			{ID: "x", Label: "x", Kind: viz.KindInput, Shape: "1×28×28"},
			{ID: "y", Label: "ReLU", Group: "relu1"},
		},
		Edges: []viz.GraphEdge{{From: "x", To: "y"}},
	}
	if err := viz.EncodeDOT(os.Stdout, g); err != nil {
		fmt.Println(err)
	}
	// Output:
	// digraph {
	// 	rankdir=TB
	// 	node [shape=box style="rounded,filled" fontname="Helvetica" fontsize=11]
	// 	edge [fontname="Helvetica" fontsize=9 color="#5b6270"]
	// 	"x" [label="x\n1×28×28" class="input" fillcolor="#e6f6ec" color="#2f8f57"]
	// 	subgraph "cluster_relu1" {
	// 		label="relu1" fontname="Helvetica" fontsize=12 style=rounded color="#9aa1ad"
	// 		"y" [label="ReLU" class="operation" fillcolor="#eaf1fd" color="#3f6fc4"]
	// 	}
	// 	"x" -> "y" [label="1×28×28"]
	// }
}

func ExampleLossLines() {
	picture := viz.LossLines{
		Title: "two valleys", Distances: []float64{-1, 0, 1},
		Lines: []viz.LossLine{{Name: "steep", Losses: []float64{3, 1, 3}},
			{Name: "flat", Losses: []float64{1.1, 1, 1.1}}},
	}
	img, err := picture.Image()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(img.Bounds().Dx() > 700)
	// Output: true
}

package train_test

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/train"
	"convgraph/train/dataset"
)

// ExampleEvaluate counts the right answers of a model whose class is the brightest pixel.
func ExampleEvaluate() {
	m, err := graph.New(graph.Sequential("brightest", tensor.Shape{1, 1, 2}, graph.He(), graph.Affine{Units: 2},
		graph.Softmax{}))
	if err != nil {
		panic(err)
	}
	copy(m.Params()[0].Value.Float32s(), []float32{1, 0, 0, 1})
	pixels, labels := []uint8{200, 0, 0, 200, 200, 0}, []uint8{0, 1, 1}
	set, err := dataset.NewImages(tensor.Shape{1, 1, 2}, pixels, labels, 2)
	if err != nil {
		panic(err)
	}
	score, err := train.Evaluate(m, set)
	if err != nil {
		panic(err)
	}
	fmt.Println(score)
	// Output: 66.67% (2/3)
}

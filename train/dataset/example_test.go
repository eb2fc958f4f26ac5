package dataset_test

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

// ExampleSubtractMean centers the images of a set on the set's mean.
func ExampleSubtractMean() {
	set, err := dataset.NewImages(tensor.Shape{1, 1, 2}, []uint8{0, 255, 255, 255}, []uint8{0, 1}, 2)
	if err != nil {
		panic(err)
	}
	statistics, err := dataset.Measure(set, 1)
	if err != nil {
		panic(err)
	}
	centered, err := dataset.Transformed(set, 1, dataset.SubtractMean{Mean: statistics.MeanImage})
	if err != nil {
		panic(err)
	}
	pixels := make([]float32, 2)
	label, err := centered.Sample(0, pixels)
	fmt.Println(pixels, label, err)
	// Output: [-0.5 0] 0 <nil>
}

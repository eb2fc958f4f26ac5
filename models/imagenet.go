package models

import (
	"math"

	"convgraph/graph"
	"convgraph/picture"
)

// forImageNet sets the preprocessing that torchvision's networks are trained with: the center of a
// picture whose shorter side is 256 for an input of 224, normalized by ImageNet's mean and std.
func forImageNet(spec *graph.Spec) *graph.Spec {
	spec.Preprocess = &picture.Preprocessing{
		Fit:    picture.Shorter,
		Resize: resized(spec.Input[1]),
		Mean:   []float64{0.485, 0.456, 0.406},
		Std:    []float64{0.229, 0.224, 0.225},
	}
	return spec
}

// resized returns the length of a picture's shorter side for an input of the given size: 256 for
// 224.
func resized(size int) int { return int(math.Round(float64(size) * 256 / 224)) }

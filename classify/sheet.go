package classify

import (
	"image"
	"image/color"
	"math"

	"convgraph/graph"
)

// Sheet draws inputs of a network that takes pictures side by side, each in the input's size. The
// mean and std of the network's preprocessing are undone, so 8-bit pictures come back as they were.
func Sheet(spec *graph.Spec, inputs [][]float32) image.Image {
	channels, height, width := spec.Input[0], spec.Input[1], spec.Input[2]
	sheet := image.NewNRGBA(image.Rect(0, 0, width*len(inputs), height))
	for i, x := range inputs {
		levels := Preprocessing(spec).Intensities(x, channels)
		level := func(channel, y, x int) uint8 {
			v := float64(levels[(channel%channels*height+y)*width+x])
			return uint8(math.Round(255 * min(1, max(0, v))))
		}
		for y := range height {
			for x := range width {
				sheet.SetNRGBA(i*width+x, y, color.NRGBA{level(0, y, x), level(1, y, x), level(2, y, x), 255})
			}
		}
	}
	return sheet
}

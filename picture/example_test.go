package picture_test

import (
	"fmt"
	"image"

	"convgraph/picture"
)

func ExampleDigit() {
	page := drawing(image.Rect(0, 0, 300, 200), image.Rect(240, 30, 250, 90), paper, pen) // a one, far from the middle
	d, err := picture.Digit(page, picture.Detect)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Ink)
	fmt.Println(d.Pixels[14*side+10 : 14*side+18])
	// Output:
	// dark on light
	// [0 0 0 1 1 1 0 0]
}

// torchvision's classifiers read the middle 224 pixels of a picture whose shorter side is 256.
func ExamplePreprocessing() {
	p := picture.Preprocessing{
		Fit: picture.Shorter, Resize: 256, Interpolation: picture.Bilinear,
		Mean: []float64{0.485, 0.456, 0.406}, Std: []float64{0.229, 0.224, 0.225},
	}
	white := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	s, err := p.Apply(white, []int{3, 224, 224})
	if err != nil {
		fmt.Println(err)
		return
	}
	plane := 224 * 224
	fmt.Printf("%d values: %.3f %.3f %.3f\n", len(s.Pixels), s.Pixels[0], s.Pixels[plane], s.Pixels[2*plane])
	// Output:
	// 150528 values: 2.249 2.429 2.640
}

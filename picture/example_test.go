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

// Drawings draws pictures to try a training with: four class folders of discs, squares, triangles
// and crosses, of any color, size and position on a colored ground.
//
//	go run ./examples/drawings pictures
package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

const perClass = 30

// A shape says whether it covers a point of the square from -1 to 1.
type shape func(x, y float64) bool

var shapes = map[string]shape{
	"disc":     func(x, y float64) bool { return x*x+y*y < 1 },
	"square":   func(x, y float64) bool { return max(math.Abs(x), math.Abs(y)) < 1 },
	"triangle": func(x, y float64) bool { return math.Abs(x) < (1+y)/2 && y < 1 },
	"cross": func(x, y float64) bool {
		return max(math.Abs(x), math.Abs(y)) < 1 && math.Abs(math.Abs(x)-math.Abs(y)) < 0.3
	},
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: drawings FOLDER")
	}
	for name, inside := range shapes {
		if err := drawClass(filepath.Join(os.Args[1], name), inside); err != nil {
			log.Fatal(err)
		}
	}
}

func drawClass(folder string, inside shape) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range perClass {
		img := draw(inside, rng)
		if err := write(filepath.Join(folder, fmt.Sprintf("%03d.png", i)), img); err != nil {
			return err
		}
	}
	return nil
}

func draw(inside shape, rng *rand.Rand) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 120+rng.IntN(80), 120+rng.IntN(80)))
	ground, ink := colors(rng)
	radius := 22 + rng.IntN(35)
	size := img.Rect.Size()
	centerX, centerY := radius+rng.IntN(size.X-2*radius), radius+rng.IntN(size.Y-2*radius)
	for y := range size.Y {
		for x := range size.X {
			c := ground
			if inside(float64(x-centerX)/float64(radius), float64(y-centerY)/float64(radius)) {
				c = ink
			}
			img.SetRGBA(x, y, noisy(c, rng))
		}
	}
	return img
}

// colors returns two colors that can be told apart.
func colors(rng *rand.Rand) (ground, ink [3]int) {
	for difference := 0; difference < 200; {
		difference = 0
		for i := range 3 {
			ground[i], ink[i] = rng.IntN(256), rng.IntN(256)
			difference += max(ground[i]-ink[i], ink[i]-ground[i])
		}
	}
	return ground, ink
}

func noisy(c [3]int, rng *rand.Rand) color.RGBA {
	for i := range c {
		c[i] = min(max(c[i]+rng.IntN(25)-12, 0), 255)
	}
	return color.RGBA{uint8(c[0]), uint8(c[1]), uint8(c[2]), 255}
}

func write(path string, img image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := png.Encode(f, img); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

package picture

import (
	"fmt"
	"image"
	"math"
	"slices"

	"convgraph/internal/xmath"
)

// Preprocessing declares how a picture is prepared for a network. It is plain data and is stored
// with the network. The zero value scales the middle of the picture to the input's size and gives
// intensities from 0 to 1.
//
// As JSON, where omitted fields have the zero value:
//
//	{"fit": "shorter", "resize": 256, "interpolation": "bilinear",
//	 "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}  torchvision's classifiers, input (3,224,224)
//	{"fit": "stretch"}                                             the whole picture, its proportions given up
//	{"resize": 256}                                                AlexNet's, input (3,227,227)
//	{"digit": "detect"}                                            MNIST's, input (1,28,28)
//
// The input's channels decide between colour and grey: 3 are red, green and blue, 1 is the luma.
// Transparent parts are over black.
type Preprocessing struct {
	Fit Fit `json:"fit,omitzero"`
	// Resize is the length in pixels of the shorter side to which the picture is scaled before the
	// input's size is cut from its middle. 0 is the input's own size.
	Resize        int           `json:"resize,omitzero"`
	Interpolation Interpolation `json:"interpolation,omitzero"`
	// Mean is subtracted from the intensities, then Std divides them; one value for each channel.
	// nil means 0 and 1.
	Mean []float64 `json:"mean,omitempty"`
	Std  []float64 `json:"std,omitempty"`
	// Digit declares that the picture shows a digit, which [Digit] converts to MNIST's form, and
	// gives the kind of ink. The input must be (1,28,28), and nothing else scales the picture.
	Digit Ink `json:"digit,omitzero"`
}

// Fit selects the part of a picture to scale, and the proportions.
type Fit string

const (
	Cover   Fit = ""        // the largest part in the middle with the input's proportions
	Stretch Fit = "stretch" // all of it, to the input's proportions
	Shorter Fit = "shorter" // all of it with its proportions: the shorter side to Resize, as torchvision's Resize
)

// Interpolation is the filter that computes pixels. All are antialiased: scaling down widens the
// filter. Bilinear and Bicubic are Pillow's, to the bit where Pillow scales the rows first. Since
// version 13 Pillow chooses the order, which makes a difference of one level of 256, or a few where
// a cubic's overshoot is clipped.
type Interpolation string

const (
	// Default is Bilinear, except with Fit Cover, which is older than this field: there it is a
	// bilinear filter that rounds down.
	Default  Interpolation = ""
	Bilinear Interpolation = "bilinear"
	Bicubic  Interpolation = "bicubic"
)

// maxSide keeps sizes far from overflow; no network uses a larger picture.
const maxSide = 1 << 13

// DefaultFor returns the preprocessing of a network whose file doesn't declare one: MNIST's for
// inputs of (1,28,28), else the zero value.
func DefaultFor(input []int) Preprocessing {
	if slices.Equal(input, []int{1, digitSide, digitSide}) {
		return Preprocessing{Digit: Detect}
	}
	return Preprocessing{}
}

// AlexNet returns the preprocessing of Krizhevsky et al. 2012, section 4.1: the middle 227 of 256
// pixels, or the same fraction of another input.
func AlexNet(input []int) Preprocessing {
	if TakesPictures(input) != nil {
		return Preprocessing{}
	}
	return Preprocessing{Resize: int(math.Round(float64(min(input[1], input[2])) * 256 / 227))}
}

// TakesPictures returns nil if a network with this input takes pictures, else the reason why not.
func TakesPictures(input []int) error {
	if len(input) != 3 || input[0] != 1 && input[0] != 3 {
		return fmt.Errorf(
			"got input %v, want (channels, height, width) with 1 channel (grey) or 3 (red, green, blue)", input,
		)
	}
	if min(input[1], input[2]) < 1 || max(input[1], input[2]) > maxSide {
		return fmt.Errorf("got input %v, want a height and a width from 1 to %d", input, maxSide)
	}
	return nil
}

// IsZero reports whether p is the zero value.
func (p Preprocessing) IsZero() bool {
	return p.Fit == "" && p.Resize == 0 && p.Interpolation == "" && p.Mean == nil && p.Std == nil && p.Digit == ""
}

// Check returns an error if p doesn't suit a network with this input. The zero value suits every
// network, even one that takes no pictures.
func (p Preprocessing) Check(input []int) error {
	if p.IsZero() {
		return nil
	}
	if err := TakesPictures(input); err != nil {
		return err
	}
	if err := p.checkSize(input); err != nil {
		return err
	}
	if err := p.checkDigit(input); err != nil {
		return err
	}
	if err := checkValues("mean", p.Mean, input[0], false); err != nil {
		return err
	}
	return checkValues("std", p.Std, input[0], true)
}

func (p Preprocessing) checkSize(input []int) error {
	if !slices.Contains([]Fit{Cover, Stretch, Shorter}, p.Fit) {
		return fmt.Errorf("fit: got %q, want %q, %q or none", p.Fit, Stretch, Shorter)
	}
	if !slices.Contains([]Interpolation{Default, Bilinear, Bicubic}, p.Interpolation) {
		return fmt.Errorf("interpolation: got %q, want %q, %q or none", p.Interpolation, Bilinear, Bicubic)
	}
	least := min(input[1], input[2])
	if p.Fit == Shorter {
		least = max(input[1], input[2])
	}
	if p.Resize != 0 && (p.Resize < least || p.Resize > maxSide) {
		return fmt.Errorf(
			"resize: got %d, want %d to %d for an input of %dx%d", p.Resize, least, maxSide, input[1], input[2],
		)
	}
	if size := p.scaled(input); max(size.X, size.Y) > maxSide {
		return fmt.Errorf("resize: got %d, which scales an input of %dx%d to %dx%d, want sides of at most %d",
			p.Resize, input[1], input[2], size.Y, size.X, maxSide)
	}
	return nil
}

func (p Preprocessing) checkDigit(input []int) error {
	switch {
	case !slices.Contains([]Ink{NoInk, Detect, Dark, Light}, p.Digit):
		return fmt.Errorf(
			"digit: got %q, want %q, %q, %q or none", string(p.Digit), string(Detect), string(Dark), string(Light),
		)
	case p.Digit == NoInk:
		return nil
	case !slices.Equal(input, []int{1, digitSide, digitSide}):
		return fmt.Errorf("digit: got input %v, want [1 %d %d]", input, digitSide, digitSide)
	case p.Fit != Cover || p.Resize != 0 || p.Interpolation != Default:
		return fmt.Errorf("digit: got fit %q, resize %d and interpolation %q with it, want none",
			p.Fit, p.Resize, p.Interpolation)
	}
	return nil
}

func checkValues(field string, values []float64, channels int, positive bool) error {
	if values != nil && len(values) != channels {
		return fmt.Errorf("%s: got %d values, want %d, one for each channel", field, len(values), channels)
	}
	for c, v := range values {
		narrow := float32(v)
		if !xmath.IsFinite(narrow) {
			return fmt.Errorf("%s: got %v for channel %d, want a finite float32", field, v, c)
		}
		if positive && narrow <= 0 {
			return fmt.Errorf("%s: got %v for channel %d, want more than 0", field, v, c)
		}
	}
	return nil
}

// Sample is a picture as a network reads it.
type Sample struct {
	Pixels []float32 // C·H·W values
	Ink    Ink       // of a digit, Dark or Light; NoInk for other pictures
}

// Read prepares the picture file at path. It refuses what [Read] refuses.
func (p Preprocessing) Read(path string, input []int) (*Sample, error) {
	img, err := Read(path)
	if err != nil {
		return nil, err
	}
	s, err := p.Apply(img, input)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Apply prepares a picture of any size for an input of (channels, height, width).
func (p Preprocessing) Apply(img image.Image, input []int) (*Sample, error) {
	if err := p.checkFor(img, input); err != nil {
		return nil, err
	}
	s := &Sample{Pixels: make([]float32, input[0]*input[1]*input[2])}
	var err error
	s.Ink, err = p.write(s.Pixels, img, input)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ApplyTo is [Preprocessing.Apply] that writes the values to dst.
func (p Preprocessing) ApplyTo(dst []float32, img image.Image, input []int) error {
	if err := p.checkFor(img, input); err != nil {
		return err
	}
	if size := input[0] * input[1] * input[2]; len(dst) != size {
		return fmt.Errorf("got a slice of %d values, want %d for input %v", len(dst), size, input)
	}
	_, err := p.write(dst, img, input)
	return err
}

func (p Preprocessing) checkFor(img image.Image, input []int) error {
	if err := TakesPictures(input); err != nil {
		return err
	}
	if err := p.Check(input); err != nil {
		return err
	}
	if img.Bounds().Empty() {
		return errEmpty
	}
	return nil
}

func (p Preprocessing) write(dst []float32, img image.Image, input []int) (Ink, error) {
	if p.Digit != NoInk {
		d, err := Digit(img, p.Digit)
		if err != nil {
			return NoInk, err
		}
		p.normalize(dst, d.Pixels)
		return d.Ink, nil
	}
	scratch := levelScratch.Get().(*[]uint8)
	defer levelScratch.Put(scratch)
	levels := grown(scratch, len(dst))
	p.levels(levels, img, input)
	if p.Mean == nil && p.Std == nil {
		Intensities(dst, levels)
		return NoInk, nil
	}
	plane := input[1] * input[2]
	for c := range input[0] {
		table := p.table(c)
		for i, level := range levels[c*plane : (c+1)*plane] {
			dst[c*plane+i] = table[level]
		}
	}
	return NoInk, nil
}

// normalize computes (v-mean)/std of the only channel.
func (p Preprocessing) normalize(dst, values []float32) {
	mean, std := p.meanStd(0)
	for i, v := range values {
		dst[i] = (v - mean) / std
	}
}

// table returns the value of each level in channel c, computed in float32 step by step as in
// PyTorch.
func (p Preprocessing) table(c int) (table [256]float32) {
	mean, std := p.meanStd(c)
	for level := range table {
		table[level] = (intensity[level] - mean) / std
	}
	return table
}

func (p Preprocessing) meanStd(c int) (mean, std float32) {
	std = 1
	if p.Mean != nil {
		mean = float32(p.Mean[c])
	}
	if p.Std != nil {
		std = float32(p.Std[c])
	}
	return mean, std
}

// Intensities undoes Mean and Std: it returns the intensities, mostly from 0 to 1, of the values
// that a network reads.
func (p Preprocessing) Intensities(values []float32, channels int) []float32 {
	restored := make([]float32, len(values))
	plane := len(values) / channels
	for c := range channels {
		mean, std := p.meanStd(c)
		for i := c * plane; i < (c+1)*plane; i++ {
			restored[i] = values[i]*std + mean
		}
	}
	return restored
}

// Normalized is the inverse of [Preprocessing.Intensities].
func (p Preprocessing) Normalized(intensities []float32, channels int) []float32 {
	values := make([]float32, len(intensities))
	plane := len(intensities) / channels
	for c := range channels {
		mean, std := p.meanStd(c)
		for i := c * plane; i < (c+1)*plane; i++ {
			values[i] = (intensities[i] - mean) / std
		}
	}
	return values
}

// Uncropped returns the preprocessing, and its input, without the final crop of p: the picture from
// which random crops are taken. Its middle is the result of p, up to one pixel with Fit Shorter, of
// which only a square is kept.
func (p Preprocessing) Uncropped(input []int) (Preprocessing, []int) {
	if p.Resize == 0 || TakesPictures(input) != nil {
		return p, slices.Clone(input)
	}
	if p.Fit == Shorter {
		return p, []int{input[0], p.Resize, p.Resize}
	}
	size := p.scaled(input)
	p.Resize = 0
	return p, []int{input[0], size.Y, size.X}
}

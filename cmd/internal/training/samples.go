package training

import (
	"image"
	"image/png"
	"io"

	"convgraph/classify"
	"convgraph/internal/file"
	"convgraph/picture"
)

// samplesFile holds sample pictures for the page of convgraph serve: pictures side by side, each as
// the network reads it.
const samplesFile = "samples.png"

// sampleCount is how many pictures samplesFile holds, if the test set has as many.
const sampleCount = 10

// samples draws test images that lie evenly over the set, leaving out those that can't be read. ok
// is false for networks that take no pictures, and for digits: the page has its own.
func (s *source) samples() (sheet image.Image, ok bool) {
	if classify.TakesPictures(s.spec) != nil || classify.Preprocessing(s.spec).Digit != picture.NoInk ||
		!s.spec.Input.Eq(s.test.Shape()) {
		return nil, false
	}
	var inputs [][]float32
	n := s.test.Len()
	for i := range min(sampleCount, n) {
		x := make([]float32, s.spec.Input.TotalSize())
		if _, err := s.test.Sample(i*n/min(sampleCount, n), x); err == nil {
			inputs = append(inputs, x)
		}
	}
	if len(inputs) == 0 {
		return nil, false
	}
	return classify.Sheet(s.spec, inputs), true
}

// writeSamples leaves the sample pictures, if there are any.
func (o *output) writeSamples(s *source) error {
	sheet, ok := s.samples()
	if !ok {
		return nil
	}
	return file.Write(o.path(samplesFile), func(w io.Writer) error { return png.Encode(w, sheet) })
}

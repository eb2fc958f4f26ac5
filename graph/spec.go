package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// A Spec declares a network. It is plain data: in JSON it is a user's own model file, and it travels
// in the metadata of every parameter file.
//
// A layer reads the one before it in the list, or those that [From] names. The last layer is the
// output.
type Spec struct {
	Name   string
	Input  tensor.Shape // of one sample: (C, H, W) or (features)
	Init   Init         // how weights start whose layer doesn't say
	Layers []Layer

	Loss Loss // empty: it follows from the last layer, see [Loss]

	// Preprocess is what is done to a picture before the network reads it. nil: the spec doesn't say.
	Preprocess *picture.Preprocessing
	ClassNames []string // of the outputs, in order; nil: they go by their numbers
}

// A SpecError is a semantic error in a spec that parsed correctly.
type SpecError struct {
	Model string
	Field string // of the spec in JSON
	Layer int    // which of the layers, from 1; 0: the field as a whole
	Err   error
}

func (e *SpecError) Error() string { return fmt.Sprintf("model %q: %v", e.Model, e.Err) }
func (e *SpecError) Unwrap() error { return e.Err }

func (s *Spec) errorf(field string, layer int, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if layer > 0 {
		err = fmt.Errorf("layer %d %w", layer, err)
	}
	return &SpecError{s.Name, field, layer, err}
}

func (s *Spec) check() error {
	if s.Input.Dims() != 3 && s.Input.Dims() != 1 {
		return s.errorf("input", 0, "input is %v: want (channels, height, width) or (features)", s.Input)
	}
	for _, n := range s.Input {
		if n < 1 || n > maxSide {
			return s.errorf("input", 0, "input is %v: want sizes from 1 to %d", s.Input, maxSide)
		}
	}
	if elements(s.Input) > maxElements {
		return s.errorf("input", 0, "input is %v: want at most %d numbers", s.Input, maxElements)
	}
	if len(s.Layers) == 0 {
		return s.errorf("layers", 0, "it has no layers")
	}
	if len(s.Layers) > maxLayers {
		return s.errorf("layers", 0, "it has %d layers: want at most %d", len(s.Layers), maxLayers)
	}
	if err := s.Init.check(); err != nil {
		return s.errorf("init", 0, "%w", err)
	}
	if s.Preprocess != nil {
		if err := s.Preprocess.Check(s.Input); err != nil {
			return s.errorf("preprocess", 0, "preprocess: %w", err)
		}
	}
	return nil
}

// A spec may be anybody's file, so its sizes are bounded before memory is taken for it.
const (
	maxSide     = 1 << 20 // of an input, a window, a stride, a padding, a neighbourhood; and of a batch
	maxLayers   = 10_000  // a graph takes kilobytes a layer, and gorgonia's time grows faster than that
	maxReads    = 100_000 // of all layers together
	maxJoin     = 1024    // values that one layer reads: gorgonia infers types in time that grows with their square
	maxElements = 1 << 31 // of all parameters together, and of one sample's activations together
)

// elements is the number of elements of a shape, or maxElements+1 if there are more (the plain
// product could overflow).
func elements(s tensor.Shape) int64 {
	n := int64(1)
	for _, d := range s {
		if d > 0 && n > maxElements/int64(d) {
			return maxElements + 1
		}
		n *= int64(d)
	}
	return n
}

// inFloat32 says that a number is finite in float32, too.
func inFloat32(v float64) bool { return math.Abs(v) <= math.MaxFloat32 }

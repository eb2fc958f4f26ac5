package graph

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// A Spec declares a network. It is plain data: a user's model file in JSON, and part of the
// metadata of every parameter file.
//
// A layer reads the one before it in the list, or those that [From] names. The last layer is the
// output.
type Spec struct {
	Name   string
	Input  tensor.Shape // of one sample: (C, H, W) or (features)
	Init   Init         // of weights whose layer has none of its own
	Layers []Layer

	Loss Loss // empty: the one that fits the last layer, see [Loss]

	// Preprocess is applied to a picture before the network reads it; nil if the spec doesn't say.
	Preprocess *picture.Preprocessing
	ClassNames []string // of the outputs, in order; nil: outputs are numbered
}

// A SpecError is a semantic error in a spec that parsed correctly.
type SpecError struct {
	Model string
	Field string // in the spec's JSON
	Layer int    // number of the layer, from 1; 0: the field as a whole
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
		return s.errorf("input", 0, "input: got %v, want (channels, height, width) or (features)", s.Input)
	}
	for _, n := range s.Input {
		if n < 1 || n > maxSide {
			return s.errorf("input", 0, "input: got %v, want sizes from 1 to %d", s.Input, maxSide)
		}
	}
	if elements(s.Input) > maxElements {
		return s.errorf("input", 0, "input: got %v, want at most %d numbers", s.Input, maxElements)
	}
	if len(s.Layers) == 0 {
		return s.errorf("layers", 0, "got no layers, want at least one")
	}
	if len(s.Layers) > maxLayers {
		return s.errorf("layers", 0, "got %d layers, want at most %d", len(s.Layers), maxLayers)
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

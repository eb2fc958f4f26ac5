package graph

import (
	"fmt"
	"math"
	"reflect"

	"gorgonia.org/tensor"
)

// A Spec declares a network: what goes in, and the layers in order. It is plain data; in JSON it is a user's own model file, and it
// travels in the metadata of every parameter file.
type Spec struct {
	Name   string
	Input  tensor.Shape // of one sample: (C, H, W)
	Init   Init         // how weights start whose layer doesn't say
	Layers []Layer

	ClassNames []string // of the outputs, in order; none: they go by their numbers
}

// Sequential declares a network of layers, one after the other.
func Sequential(name string, input tensor.Shape, init Init, layers ...Layer) *Spec {
	return &Spec{Name: name, Input: input, Init: init, Layers: layers}
}

// stage is a layer in its place: named, with its shapes settled.
type stage struct {
	name       string
	layer      Layer
	in, out    tensor.Shape
	parameters []Parameter
}

// stages names the layers and infers every shape, or says which layer doesn't fit; the error is a *misfit.
func (s *Spec) stages() ([]stage, error) {
	if err := s.checkInput(); err != nil {
		return nil, err
	}
	names := namer{taken: map[string]bool{}, count: map[string]int{}}
	in := s.Input
	var total size
	var stages []stage
	for i, l := range s.Layers {
		if err := checkValue(l); err != nil {
			return nil, s.misfit("layers", i+1, "%w", err)
		}
		name, err := names.name(l)
		if err != nil {
			return nil, s.misfit("layers", i+1, "(%v): %w", l, err)
		}
		out, err := l.Output(in)
		if err != nil {
			return nil, s.misfit("layers", i+1, "%q (%v, input %v): %w", name, l, in, err)
		}
		if err := checkNumbers(l); err != nil {
			return nil, s.misfit("layers", i+1, "%q (%v, input %v): %w", name, l, in, err)
		}
		st := stage{name: name, layer: l, in: in, out: out, parameters: l.Parameters(in)}
		if err := total.add(st); err != nil {
			return nil, s.misfit("layers", i+1, "%q (%v, input %v): %w", name, l, in, err)
		}
		stages = append(stages, st)
		in = out
	}
	if n := len(s.ClassNames); n > 0 && n != in.TotalSize() {
		return nil, s.misfit("class_names", 0, "%d class names for %d outputs: want one for each, or none", n, in.TotalSize())
	}
	return stages, nil
}

// A misfit is what no network can be made of, in a spec whose JSON may be right.
type misfit struct {
	model string
	field string // of the spec in JSON
	layer int    // which of the layers, from 1; 0: the field as a whole
	err   error
}

func (e *misfit) Error() string { return fmt.Sprintf("model %q: %v", e.model, e.err) }
func (e *misfit) Unwrap() error { return e.err }

func (s *Spec) misfit(field string, layer int, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if layer > 0 {
		err = fmt.Errorf("layer %d %w", layer, err)
	}
	return &misfit{s.Name, field, layer, err}
}

func (s *Spec) checkInput() error {
	if s.Input.Dims() != 3 && s.Input.Dims() != 1 {
		return s.misfit("input", 0, "input is %v: want (channels, height, width) or (features)", s.Input)
	}
	for _, n := range s.Input {
		if n < 1 || n > maxSide {
			return s.misfit("input", 0, "input is %v: want sizes from 1 to %d", s.Input, maxSide)
		}
	}
	if elements(s.Input) > maxElements {
		return s.misfit("input", 0, "input is %v: want at most %d numbers", s.Input, maxElements)
	}
	if len(s.Layers) == 0 {
		return s.misfit("layers", 0, "it has no layers")
	}
	if len(s.Layers) > maxLayers {
		return s.misfit("layers", 0, "it has %d layers: want at most %d", len(s.Layers), maxLayers)
	}
	if err := s.Init.check(); err != nil {
		return s.misfit("init", 0, "%w", err)
	}
	return nil
}

// checkValue refuses nil, and a pointer to a layer of this package: it would be one that nobody knows, with no name of its own and no JSON.
func checkValue(l Layer) error {
	v := reflect.ValueOf(l)
	switch {
	case l == nil, v.Kind() == reflect.Pointer && v.IsNil():
		return fmt.Errorf("is nil")
	case v.Kind() != reflect.Pointer:
		return nil
	}
	if value, ok := v.Elem().Interface().(Layer); ok && Kind(value) != "" {
		return fmt.Errorf("is a %T: want a %T", l, value)
	}
	return nil
}

// inFloat32 says that a number is one in float32, too: not NaN, nor so large that it becomes infinite.
func inFloat32(v float64) bool { return math.Abs(v) <= math.MaxFloat32 }

// checkNumbers sees that a layer holds no number that would make NaN of everything, as a Go program may have computed one.
func checkNumbers(l Layer) error {
	v := reflect.Indirect(reflect.ValueOf(l))
	if v.Kind() != reflect.Struct {
		return nil
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		switch value := v.Field(i).Interface().(type) {
		case float64:
			if !inFloat32(value) {
				return fmt.Errorf("%s is %g: want a finite number of float32", field.Name, value)
			}
		case []float64:
			for c, x := range value {
				if !inFloat32(x) {
					return fmt.Errorf("%s of channel %d is %g: want a finite number of float32", field.Name, c, x)
				}
			}
		case Init:
			if err := value.check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// namer gives every layer a name of its own: its label, or its kind's stem with a number.
type namer struct {
	taken map[string]bool
	count map[string]int
}

func (n *namer) name(l Layer) (string, error) {
	name := l.Label()
	if name == "" {
		_, stem := kindAndStem(l)
		n.count[stem]++
		name = fmt.Sprintf("%s%d", stem, n.count[stem])
	}
	if n.taken[name] {
		return "", fmt.Errorf("the name %q is taken by an earlier layer", name)
	}
	n.taken[name] = true
	return name, nil
}

// A spec may be anybody's file, so it is held to sizes that a machine can have before memory is taken for it.
const (
	maxSide     = 1 << 20 // of an input, a window, a stride, a padding, a neighbourhood; and of a batch
	maxLayers   = 10_000  // a graph is some kilobytes a layer, and gorgonia's time grows faster than it
	maxElements = 1 << 31 // of the parameters in all, and of one sample's activations in all
)

// size is what the layers up to here need.
type size struct{ parameters, activations int64 }

func (n *size) add(s stage) error {
	if n.activations += elements(s.out); n.activations > maxElements {
		return fmt.Errorf("output is %v: the activations of one sample would be more than %d numbers", s.out, maxElements)
	}
	for _, p := range s.parameters {
		if n.parameters += elements(p.Shape); n.parameters > maxElements {
			return fmt.Errorf("%s is %v: the parameters would be more than %d numbers", p.Name, p.Shape, maxElements)
		}
	}
	return nil
}

// elements is the number of elements of a shape, or maxElements+1 if there are more (the plain product could overflow).
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

package gradcheck

import (
	"fmt"
	"testing"

	"gorgonia.org/tensor"
)

// Input is a named tensor to differentiate with respect to: float32 or float64, row-major, of at
// least one dimension.
type Input struct {
	Name  string
	Value *tensor.Dense
}

// inputValues checks the inputs and returns the values of each, without copying.
func inputValues(inputs []Input) ([]values, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("got no inputs, want at least one input")
	}
	var all []values
	names := map[string]bool{}
	for _, in := range inputs {
		if names[in.Name] || in.Name == "" {
			return nil, fmt.Errorf("input name: got %q, want a different name for each input", in.Name)
		}
		names[in.Name] = true
		v, err := valuesOf(in.Value)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", in.Name, err)
		}
		if first := inputs[0]; in.Value.Dtype() != first.Value.Dtype() {
			return nil, fmt.Errorf(
				"input %q: got %v, want %v like input %q", in.Name, in.Value.Dtype(), first.Value.Dtype(), first.Name,
			)
		}
		all = append(all, v)
	}
	return all, nil
}

// Func is a scalar function of tensors in memory, with gradients computed by any means: a model's
// loss as a function of its parameters, for example.
type Func struct {
	// Inputs have one element type. A check changes their values and restores them.
	Inputs []Input
	// Loss evaluates the function at the inputs' current values. It must be deterministic, so
	// random ops need fixed noise.
	Loss func() (float64, error)
	// Gradients returns the gradients at the inputs' current values: one for each input, in order,
	// of its shape.
	Gradients func() ([]*tensor.Dense, error)
}

// Options configures a check. The zero value compares every element, with steps and tolerances for
// the element type.
type Options struct {
	// Directions is 0 for the full mode; otherwise it is the number of random directions per input
	// in the projected mode.
	Directions int
	// Samples is the number of elements per input, those with the largest gradient, that the
	// projected mode also compares; 0 means 4.
	Samples int
	// Seed determines the directions, and the projection of a function that returns a tensor.
	Seed uint64
	// Tolerance is the largest relative error that passes; 0 means 1e-6 in float64 and 1e-3 in
	// float32.
	Tolerance float64
	// Floor is a lower bound for the floor that the package comment describes.
	Floor float64
	// Step is the step of plain central differences (f(x+h) - f(x-h)) / 2h; the book's is 1e-4.
	// With 0 the checker takes a larger step, in proportion to |x| above 1, and extrapolates from
	// it and its half (Richardson), which is some hundred times as accurate.
	Step float64
}

const (
	tolerance64    = 1e-6
	tolerance32    = 1e-3
	defaultSamples = 4
)

func (o Options) withDefaults(dt tensor.Dtype) Options {
	if o.Samples == 0 {
		o.Samples = defaultSamples
	}
	if o.Tolerance == 0 {
		o.Tolerance = tolerance64
		if dt == tensor.Float32 {
			o.Tolerance = tolerance32
		}
	}
	return o
}

// Check compares the function's gradients with central differences. An error means that this wasn't
// possible; the result of the comparison is in the report, see [Report.Err].
func (f Func) Check(o Options) (*Report, error) {
	r, err := check(f, o, false)
	if err != nil {
		return nil, fmt.Errorf("gradcheck: %w", err)
	}
	return r, nil
}

// Test checks the function and fails t, with the report, if a gradient is wrong.
func (f Func) Test(t testing.TB, o Options) *Report {
	t.Helper()
	r, err := f.Check(o)
	return verdict(t, r, err)
}

// Check is [Func.Check] for a gorgonia-built function of the inputs.
func Check(inputs []Input, build Build, o Options) (*Report, error) {
	f, err := compile(inputs, build, o.Seed)
	if err != nil {
		return nil, fmt.Errorf("gradcheck: %w", err)
	}
	return f.Check(o)
}

// Test is [Func.Test] for a gorgonia-built function of the inputs.
func Test(t testing.TB, inputs []Input, build Build, o Options) *Report {
	t.Helper()
	r, err := Check(inputs, build, o)
	return verdict(t, r, err)
}

func verdict(t testing.TB, r *Report, err error) *Report {
	t.Helper()
	if err != nil {
		t.Fatal(err)
		return nil
	}
	if err := r.Err(); err != nil {
		t.Errorf("%v\n%v", err, r)
	}
	return r
}

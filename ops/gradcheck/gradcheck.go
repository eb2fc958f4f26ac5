package gradcheck

import (
	"fmt"
	"testing"

	"gorgonia.org/tensor"
)

// An Input is a named tensor that a function is differentiated with regard to: float32 or float64, row-major, of at least one dimension.
type Input struct {
	Name  string
	Value *tensor.Dense
}

// inputValues checks the inputs and gives the numbers behind each.
func inputValues(inputs []Input) ([]values, error) {
	if len(inputs) == 0 {
		return nil, fmt.Errorf("want at least one input")
	}
	var all []values
	names := map[string]bool{}
	for _, in := range inputs {
		if names[in.Name] || in.Name == "" {
			return nil, fmt.Errorf("input name %q: want a name of its own for each input", in.Name)
		}
		names[in.Name] = true
		v, err := valuesOf(in.Value)
		if err != nil {
			return nil, fmt.Errorf("input %q %w", in.Name, err)
		}
		if first := inputs[0]; in.Value.Dtype() != first.Value.Dtype() {
			return nil, fmt.Errorf("input %q is %v, input %q is %v: want one element type", in.Name, in.Value.Dtype(), first.Name, first.Value.Dtype())
		}
		all = append(all, v)
	}
	return all, nil
}

// A Func is a scalar function of tensors that live in memory, with gradients computed in some way of its own: a model's loss over its
// parameters, say.
type Func struct {
	// Inputs are all of one element type. While the function is being checked their values change; afterwards they are as before.
	Inputs []Input
	// Loss is the function at the inputs' present values. It must give the same number for the same values, so random ops need fixed noise.
	Loss func() (float64, error)
	// Gradients are the gradients at the inputs' present values: one for each input, in order, of its shape.
	Gradients func() ([]*tensor.Dense, error)
}

// Options say how to check. The zero value compares every element, with steps and tolerances that suit the element type.
type Options struct {
	// Directions is 0 for the full mode; otherwise it is the number of random directions per input of the projected mode.
	Directions int
	// Samples is the number of elements per input that the projected mode compares besides, those of the largest gradient; 0 is 4.
	Samples int
	// Seed draws the directions, and the projection of a function that returns a tensor.
	Seed uint64
	// Tolerance is the largest relative error that passes; 0 is 1e-6 in float64 and 1e-3 in float32.
	Tolerance float64
	// Floor is the least magnitude that errors are relative to, where the one of the package's comment isn't larger.
	Floor float64
	// Step is the step of plain central differences (f(x+h) - f(x-h)) / 2h; the book's is 1e-4. 0 takes a larger step, in proportion to |x|
	// where that is above 1, and extrapolates from it and its half (Richardson), which is some hundred times as accurate.
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

// Check compares the function's gradients with central differences. The error says why that can't be done; how the comparison ended is in
// the report, see [Report.Err].
func (f Func) Check(o Options) (*Report, error) {
	r, err := check(f, o)
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

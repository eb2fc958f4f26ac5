package gradcheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"gorgonia.org/tensor"
)

// Report is the result of a check.
type Report struct {
	Dtype       string        `json:"dtype"`       // of the inputs: float32 or float64
	Directions  int           `json:"directions"`  // per input; 0 in the full mode
	Tolerance   float64       `json:"tolerance"`   // largest relative error that passes
	Loss        float64       `json:"loss"`        // at the point
	Evaluations int           `json:"evaluations"` // of the loss
	Inputs      []InputReport `json:"inputs"`

	// Asymmetry of second derivatives is |u'·H·v - v'·H·u| relative to |u|·|H·v|; nil of first
	// ones.
	Asymmetry *float64 `json:"asymmetry,omitempty"`
}

// InputReport is the result of a check for one input.
type InputReport struct {
	Name     string `json:"name"`
	Shape    []int  `json:"shape"`
	Elements int    `json:"elements"` // of the input
	Compared int    `json:"compared"` // elements and directions
	// of those: a kink or a pole was in reach of the first step, but not of a smaller one
	Retried int `json:"retried"`
	// of those: a kink was in reach of every step, so only the one-sided derivatives bound the
	// gradient
	Kinks int     `json:"kinks"`
	Floor float64 `json:"floor"` // largest one needed, see the package comment
	// mean of |gradient - numerical| over the compared elements without kinks
	MeanDifference float64 `json:"mean_difference"`
	Worst          Element `json:"worst"`

	differences float64
	counted     int
	wanted      int // comparisons away from kinks in the projected mode
}

// Element is the comparison at one element of an input, or along a direction.
type Element struct {
	Index     []int   `json:"index,omitempty"`     // nil for a direction
	Direction *int    `json:"direction,omitempty"` // nil for an element
	Gradient  float64 `json:"gradient"`
	Numerical float64 `json:"numerical"`
	Error     float64 `json:"relative_error"`
}

// comparison is an element with further data for its report.
type comparison struct {
	Element
	slope slope
	floor float64
}

func (in *InputReport) addElement(c comparison) {
	in.add(c)
	if c.slope.kink {
		return
	}
	in.counted++
	in.differences += math.Abs(c.Gradient - c.Numerical)
	in.MeanDifference = in.differences / float64(in.counted)
}

func (in *InputReport) add(c comparison) {
	in.Compared++
	in.Floor = max(in.Floor, c.floor)
	switch {
	case c.slope.kink:
		in.Kinks++
	case c.slope.retried:
		in.Retried++
	}
	if in.Compared == 1 || !(c.Error <= in.Worst.Error) { // NaN counts as the worst
		in.Worst = c.Element
	}
}

// Err returns nil if every gradient agrees with the numerical derivative within the tolerance.
// Otherwise it names the worst element of each input that doesn't.
func (r *Report) Err() error {
	var all []error
	for _, in := range r.Inputs {
		if err := in.err(r.Tolerance); err != nil {
			all = append(all, fmt.Errorf("gradcheck: %q: %w", in.Name, err))
		}
	}
	if r.asymmetric() {
		all = append(all, fmt.Errorf(
			"gradcheck: second derivatives differ by %.2g in the other order, want at most %.2g",
			*r.Asymmetry, r.symmetryTolerance(),
		))
	}
	return errors.Join(all...)
}

func (r *Report) asymmetric() bool {
	return r.Asymmetry != nil && !(*r.Asymmetry <= r.symmetryTolerance())
}

func (r *Report) symmetryTolerance() float64 {
	if r.Dtype == tensor.Float32.String() {
		return symmetryTolerance32
	}
	return symmetryTolerance64
}

func (in InputReport) err(tolerance float64) error {
	if e := in.Worst; in.wrong(tolerance) {
		return fmt.Errorf(
			"gradient %.9g, numerical %.9g at %s: relative error %.2g, want at most %.2g", e.Gradient, e.Numerical,
			e.position(), e.Error, tolerance,
		)
	}
	if in.tooManyKinks() {
		return fmt.Errorf(
			"%d of %d comparisons are at kinks (a rectifier at 0, two equal maxima), which shows too little: "+
				"want inputs away from them",
			in.Kinks, in.Compared,
		)
	}
	return nil
}

func (in InputReport) wrong(tolerance float64) bool { return !(in.Worst.Error <= tolerance) }

func (in InputReport) tooManyKinks() bool {
	if in.wanted > 0 {
		return in.smooth() < in.wanted
	}
	return 10*in.Kinks > in.Compared
}

// smooth is the number of comparisons away from kinks.
func (in InputReport) smooth() int { return in.Compared - in.Kinks }

func (e Element) position() string {
	if e.Direction != nil {
		return fmt.Sprintf("direction %d", *e.Direction)
	}
	return fmt.Sprint(e.Index)
}

// String returns a table with a line for each input.
func (r *Report) String() string {
	var b strings.Builder
	mode := "every element"
	if r.Directions > 0 {
		mode = fmt.Sprintf("%d directions per input", r.Directions)
	}
	fmt.Fprintf(&b, "%s, %s, loss %.6g, tolerance %.2g\n", r.Dtype, mode, r.Loss, r.Tolerance)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(
		w,
		"input\tshape\tcompared\tmean difference\tworst error\tat\tgradient\tnumerical\tfloor\tretried\tkinks\tverdict",
	)
	for _, in := range r.Inputs {
		e := in.Worst
		fmt.Fprintf(w, "%s\t%v\t%d\t%.2e\t%.2e\t%s\t%.9g\t%.9g\t%.1e\t%d\t%d\t%s\n", in.Name, in.Shape, in.Compared,
			in.MeanDifference, e.Error,
			e.position(), e.Gradient, e.Numerical, in.Floor, in.Retried, in.Kinks, in.mark(r.Tolerance))
	}
	w.Flush()
	if r.Asymmetry != nil {
		fmt.Fprintf(&b, "second derivatives in the other order: %.2e apart\n", *r.Asymmetry)
	}
	return b.String()
}

func (in InputReport) mark(tolerance float64) string {
	switch {
	case in.wrong(tolerance):
		return "WRONG"
	case in.tooManyKinks():
		return "kinks"
	}
	return "ok"
}

// MarshalJSON adds a field that tells whether the check passed.
func (r *Report) MarshalJSON() ([]byte, error) {
	type fields Report
	return json.Marshal(struct {
		Passed bool `json:"passed"`
		*fields
	}{r.Err() == nil, (*fields)(r)})
}

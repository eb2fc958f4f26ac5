package graph

import (
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// Resize interpolates each plane to the height and width of Size, as ONNX's Resize operator does.
// With "half_pixel", row i of the result is at row (i + 1/2)·H/OH - 1/2 of the input. Coordinates
// has the other mappings.
type Resize struct {
	Name string `json:"name,omitempty"`
	Size Pair   `json:"size"`
	Mode string `json:"mode,omitempty"` // "nearest" (default), "linear" or "cubic"
	// "half_pixel" (default), "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
	// "asymmetric" or "tf_crop_and_resize"
	Coordinates string `json:"coordinates,omitempty"`
	// for nearest: "round_prefer_floor" (default), "round_prefer_ceil", "floor" or "ceil"
	Rounding string     `json:"rounding,omitempty"`
	Scale    [2]float64 `json:"scale,omitzero"` // of height and width; 0 is Size divided by the input's size
	// for tf_crop_and_resize: top, left, bottom, right as fractions of the input
	Region    [4]float64 `json:"region,omitzero"`
	Cubic     float64    `json:"cubic,omitempty"`     // the cubic's coefficient a; 0 is -0.75
	Antialias bool       `json:"antialias,omitempty"` // widens the window when shrinking: every value counts
	// gives rows and columns outside no weight, instead of repeating the border
	NoOutside bool `json:"no_outside,omitempty"`
	plain
}

// Label returns the layer's own name.
func (r Resize) Label() string { return r.Name }

var (
	resizeModes       = []string{"nearest", "linear", "cubic"}
	resizeCoordinates = []string{
		"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize",
	}
	resizeRoundings = []string{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}
)

// Output returns (C, the height of Size, its width).
func (r Resize) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	for _, field := range []struct {
		name, value string
		known       []string
	}{
		{"mode", r.Mode, resizeModes},
		{"coordinates", r.Coordinates, resizeCoordinates},
		{"rounding", r.Rounding, resizeRoundings},
	} {
		if field.value != "" && !slices.Contains(field.known, field.value) {
			return nil, fmt.Errorf("%s: got %.40q, want one of %q", field.name, field.value, field.known)
		}
	}
	for axis, n := range r.Size {
		if n < 1 || n > maxSide {
			return nil, fmt.Errorf("size: got %v, want 1 to %d", r.Size, maxSide)
		}
		if s := r.Scale[axis]; s != 0 && !(s >= 1./maxSide && s <= maxSide) {
			return nil, fmt.Errorf("scale: got %v, want numbers from 1/%d to %d", r.Scale, maxSide, maxSide)
		}
		if !(math.Abs(r.Region[axis]) <= maxSide) || !(math.Abs(r.Region[2+axis]) <= maxSide) {
			return nil, fmt.Errorf("region: got %v, want shares of the input", r.Region)
		}
	}
	return tensor.Shape{in[0][0], r.Size[0], r.Size[1]}, nil
}

// MultiplyAdds returns one for each tap of each value: 4 for linear, 16 for cubic.
func (r Resize) MultiplyAdds(in ...tensor.Shape) int64 {
	taps := map[string]int64{"linear": 4, "cubic": 16}[r.Mode]
	return taps * int64(in[0][0]) * int64(r.Size[0]) * int64(r.Size[1])
}

// Lower adds a Resample op.
func (r Resize) Lower(l *Lowering) (*G.Node, error) {
	in := l.X().Shape()
	return ops.Resample(l.X(), r.Taps(0, in[2]), r.Taps(1, in[3]))
}

// Taps returns, for each row (axis 0) or column (axis 1) of the result, the ones of the n of the
// input that it reads, in order, with their weights. A row without taps is 0.
func (r Resize) Taps(axis, n int) [][]ops.Tap {
	scale := r.Scale[axis]
	if scale == 0 {
		scale = float64(r.Size[axis]) / float64(n)
	}
	lines := make([][]ops.Tap, r.Size[axis])
	for i := range lines {
		at := r.center(axis, float64(i), n, scale)
		if r.Coordinates == "tf_crop_and_resize" && (at < 0 || at > float64(n-1)) {
			continue // outside the input: zeros
		}
		switch r.Mode {
		case "linear":
			lines[i] = r.window(at, n, scale, 1, func(d float64) float64 { return max(0, 1-math.Abs(d)) })
		case "cubic":
			lines[i] = r.window(at, n, scale, 2, r.cubic)
		default:
			lines[i] = []ops.Tap{{Index: min(max(r.round(at), 0), n-1), Weight: 1}}
		}
	}
	return lines
}

// center returns the position of row i of the result among the n rows of the input.
func (r Resize) center(axis int, i float64, n int, scale float64) float64 {
	out := float64(r.Size[axis])
	switch r.Coordinates {
	case "align_corners":
		if out == 1 {
			return 0
		}
		return i * float64(n-1) / (scale*float64(n) - 1)
	case "asymmetric":
		return i / scale
	case "pytorch_half_pixel":
		if out == 1 {
			return 0
		}
	case "half_pixel_symmetric":
		adjustment := out / (scale * float64(n))
		center := float64(n) / 2
		return center*(1-adjustment) + (i+0.5)/scale - 0.5
	case "tf_crop_and_resize":
		begin, end := r.Region[axis], r.Region[2+axis]
		if out == 1 {
			return 0.5 * (begin + end) * float64(n-1)
		}
		return (begin + i*(end-begin)/(out-1)) * float64(n-1)
	}
	return (i+0.5)/scale - 0.5
}

func (r Resize) round(at float64) int {
	switch r.Rounding {
	case "floor":
		return int(math.Floor(at))
	case "ceil":
		return int(math.Ceil(at))
	case "round_prefer_ceil":
		return int(math.Floor(at + 0.5))
	}
	return int(math.Ceil(at - 0.5))
}

// window weights the rows around a position by a function of the distance, which is 0 from reach
// on.
func (r Resize) window(at float64, n int, scale, reach float64, weight func(distance float64) float64) []ops.Tap {
	stretch := 1.0
	if r.Antialias && scale < 1 {
		stretch = 1 / scale
	}
	first, last := int(math.Floor(at-reach*stretch)), int(math.Ceil(at+reach*stretch))
	var taps []ops.Tap
	var sum float64
	for i := first; i <= last; i++ {
		w := weight((float64(i) - at) / stretch)
		if w == 0 || r.NoOutside && (i < 0 || i >= n) {
			continue
		}
		sum += w
		inside := min(max(i, 0), n-1)
		if k := len(taps) - 1; k >= 0 && taps[k].Index == inside {
			taps[k].Weight += w
			continue
		}
		taps = append(taps, ops.Tap{Index: inside, Weight: w})
	}
	for k := range taps {
		taps[k].Weight /= sum
	}
	return taps
}

// cubic is the kernel of Keys 1981.
func (r Resize) cubic(d float64) float64 {
	a := orDefault(r.Cubic, -0.75)
	d = math.Abs(d)
	switch {
	case d < 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}

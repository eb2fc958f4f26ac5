package ops

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"convgraph/internal/xmath"
)

// A Pair holds the values for height and width, in this order.
type Pair = [2]int

// Conv is how a convolution's kernel moves over the input. The zero value is stride 1, no padding,
// no dilation, one group.
//
// PadBegin and PadEnd add to Pad where padding differs by side. ONNX's pads top, left, bottom,
// right are PadBegin {top, left} and PadEnd {bottom, right}. For its automatic padding of n rows in
// total, SAME_UPPER is Pad n/2 and PadEnd n%2, SAME_LOWER is Pad n/2 and PadBegin n%2.
type Conv struct {
	Stride   Pair // 0 is 1
	Pad      Pair // rows of zeros above and below, columns of zeros left and right
	PadBegin Pair // further rows above, further columns left
	PadEnd   Pair // further rows below, further columns right
	Dilation Pair // distance of the kernel's taps; 0 is 1
	Groups   int  // number of independent convolutions the channels are split into; 0 is 1
}

func (c Conv) withDefaults() Conv {
	c.Stride, c.Dilation = orElse(c.Stride, Pair{1, 1}), orElse(c.Dilation, Pair{1, 1})
	if c.Groups == 0 {
		c.Groups = 1
	}
	return c
}

// OutputSize returns the height and width of the result for an input and a kernel of the given
// sizes; see [OutputSize].
func (c Conv) OutputSize(size, kernel Pair) (Pair, error) {
	return outputPlane(c.withDefaults().axes(size, kernel))
}

func (c Conv) axes(size, kernel Pair) (axes [2]axis) {
	for i := range axes {
		pad := padding{c.Pad[i], c.PadBegin[i], c.PadEnd[i]}
		axes[i] = axis{size[i], kernel[i], c.Stride[i], c.Dilation[i], pad, false}
	}
	return axes
}

func (c Conv) String() string {
	s := windowString(c.Stride, c.Pad, c.PadBegin, c.PadEnd, c.Dilation)
	if c.Groups != 1 {
		s += fmt.Sprintf(", groups %d", c.Groups)
	}
	return s
}

// Pool is how a pooling window moves over the input. Padding that differs by side is given as in
// [Conv]; on each side it must be smaller than the window.
type Pool struct {
	Kernel   Pair
	Stride   Pair // 0 is the kernel: windows side by side
	Pad      Pair // rows above and below, columns left and right
	PadBegin Pair // further rows above, further columns left
	PadEnd   Pair // further rows below, further columns right
	Dilation Pair // distance of the window's elements; 0 is 1

	// Ceil rounds the number of windows up: a last window may reach beyond the padding, if it
	// begins in the input or in the padding before it (ceil_mode of PyTorch and ONNX). Elements
	// beyond the padding never count in an average.
	Ceil bool

	// ExcludePad divides an average by the number of the window's elements that lie in the input
	// (count_include_pad = false of PyTorch and ONNX). Other poolings ignore it.
	ExcludePad bool
}

func (p Pool) withDefaults() Pool {
	p.Stride, p.Dilation = orElse(p.Stride, p.Kernel), orElse(p.Dilation, Pair{1, 1})
	return p
}

// OutputSize returns the height and width of the result for an input of the given size; see
// [OutputSize]. A window that contains only padding is an error.
func (p Pool) OutputSize(size Pair) (Pair, error) {
	p = p.withDefaults()
	axes := p.axes(size)
	out, err := outputPlane(axes)
	if err != nil {
		return out, err
	}
	for i, a := range axes {
		if err := a.checkSeen(out[i]); err != nil {
			return out, fmt.Errorf("%s: %w", axisNames[i], err)
		}
	}
	return out, nil
}

func (p Pool) axes(size Pair) (axes [2]axis) {
	for i := range axes {
		pad := padding{p.Pad[i], p.PadBegin[i], p.PadEnd[i]}
		axes[i] = axis{size[i], p.Kernel[i], p.Stride[i], p.Dilation[i], pad, p.Ceil}
	}
	return axes
}

func (p Pool) String() string {
	dilation := orElse(p.Dilation, Pair{1, 1})
	s := "kernel " + pairString(p.Kernel) + ", " + windowString(p.Stride, p.Pad, p.PadBegin, p.PadEnd, dilation)
	if p.Ceil {
		s += ", ceil"
	}
	if p.ExcludePad {
		s += ", padding not counted"
	}
	return s
}

func windowString(stride, pad, begin, end, dilation Pair) string {
	s := "stride " + pairString(stride)
	if pad != (Pair{}) {
		s += ", pad " + pairString(pad)
	}
	if begin != (Pair{}) {
		s += ", more at the beginning " + pairString(begin)
	}
	if end != (Pair{}) {
		s += ", more at the end " + pairString(end)
	}
	if dilation != (Pair{1, 1}) {
		s += ", dilation " + pairString(dilation)
	}
	return s
}

func pairString(p Pair) string {
	if p[0] == p[1] {
		return fmt.Sprint(p[0])
	}
	return fmt.Sprintf("%dx%d", p[0], p[1])
}

func orElse(p, fallback Pair) Pair {
	for i := range p {
		if p[i] == 0 {
			p[i] = fallback[i]
		}
	}
	return p
}

// OutputSize returns the number of windows along one axis,
//
//	⌊(size + 2·pad - dilation·(kernel-1) - 1) / stride⌋ + 1
//
// No window at all is an error.
func OutputSize(size, kernel, stride, pad, dilation int) (int, error) {
	return axis{size, kernel, stride, dilation, padding{both: pad}, false}.windows()
}

// axis is the geometry of windows along one axis of an input.
type axis struct {
	size, kernel, stride, dilation int
	pad                            padding
	ceil                           bool
}

// padding is the padding of an axis: both is added on both sides, begin and end on one.
type padding struct{ both, begin, end int }

func (p padding) before() int { return p.both + p.begin }
func (p padding) after() int  { return p.both + p.end }

func (p padding) String() string {
	if p.before() == p.after() {
		return fmt.Sprint(p.before())
	}
	return fmt.Sprintf("%d before and %d after", p.before(), p.after())
}

func (a axis) extent() int { return a.dilation*(a.kernel-1) + 1 }

// windows returns the number of windows; see [OutputSize] and [Pool].
func (a axis) windows() (int, error) {
	if err := a.check(); err != nil {
		return 0, err
	}
	free := a.size + a.pad.before() + a.pad.after() - a.extent()
	if free < 0 && !(a.ceil && free > -a.stride) {
		return 0, fmt.Errorf(
			"a window of %d doesn't fit an input of %d padded to %d", a.extent(), a.size, free+a.extent(),
		)
	}
	last := free / a.stride
	if a.ceil && free > 0 && free%a.stride > 0 && last < (a.size+a.pad.before()-1)/a.stride {
		last++
	}
	return last + 1, nil
}

func (a axis) check() error {
	if a.kernel < 1 || a.stride < 1 || a.dilation < 1 || min(a.pad.both, a.pad.begin, a.pad.end) < 0 {
		return fmt.Errorf(
			"window: got kernel %d, stride %d, dilation %d, pad %v, "+
				"want kernel, stride and dilation of at least 1, pad of at least 0",
			a.kernel, a.stride, a.dilation, a.pad,
		)
	}
	most := (math.MaxInt - a.size) / 2 // so that the padded size fits an int
	tooMuch := a.pad.both > most || max(a.pad.begin, a.pad.end) > most-a.pad.both
	if a.size < 0 || tooMuch || a.kernel-1 > (math.MaxInt-1)/a.dilation {
		return fmt.Errorf(
			"size %d, kernel %d, dilation %d, pad %v: sizes overflow int", a.size, a.kernel, a.dilation, a.pad,
		)
	}
	return nil
}

// checkSeen returns an error if a window has no element in the input. With padding below the
// extent, a window can miss the input only if its elements are further apart than the input is
// long. For a window that begins b elements before the input, the first element that isn't before
// the input has the index -b mod dilation. It is enough to check one window more than the input has
// elements: by then an index lies beyond the input, or the indices repeat.
func (a axis) checkSeen(windows int) error {
	before, after, extent := a.pad.before(), a.pad.after(), a.extent()
	if most := max(before, after); most > 0 && most >= extent {
		return fmt.Errorf(
			"pad: got %v, want less than the kernel %s: a window would see only padding", a.pad, a.kernelString(),
		)
	}
	for range min(windows, a.size+1) {
		if before <= 0 || a.size >= a.dilation {
			break
		}
		if (a.dilation-before%a.dilation)%a.dilation >= a.size {
			return fmt.Errorf(
				"a window of dilation %d would step over an input of %d with pad %v", a.dilation, a.size, a.pad,
			)
		}
		before -= a.stride
	}
	return nil
}

func (a axis) kernelString() string {
	if a.dilation == 1 {
		return fmt.Sprint(a.kernel)
	}
	return fmt.Sprintf("%d of dilation %d", a.kernel, a.dilation)
}

var axisNames = [2]string{"height", "width"}

func outputPlane(axes [2]axis) (out Pair, err error) {
	for i, a := range axes {
		if out[i], err = a.windows(); err != nil {
			return out, fmt.Errorf("%s: %w", axisNames[i], err)
		}
	}
	return out, nil
}

func checkImages(x tensor.Shape) error {
	if x.Dims() != 4 || x.TotalSize() == 0 {
		return fmt.Errorf("input: got shape %v, want (N, C, H, W)", x)
	}
	return nil
}

// finite reports whether no number is NaN or infinite.
func finite(numbers ...float64) bool {
	for _, v := range numbers {
		if !xmath.IsFinite(v) {
			return false
		}
	}
	return true
}

package kernel

// axis describes the windows of a convolution or a pooling along one axis of their input. Tap k of
// window i reads element
//
//	i·stride + k·dilation - before,     k < kernel
//
// of in elements. Element -1 … -before and in … in+after-1 are padding.
type axis struct {
	in, kernel, stride, before, after, dilation int

	ceil bool // the last window may end beyond the padding if it begins in front of it
}

// extent returns the number of elements from a window's first tap to its last.
func (a axis) extent() int { return a.dilation*(a.kernel-1) + 1 }

// windows returns the number of windows, by PyTorch's rule for ceil.
func (a axis) windows() int {
	free := a.in + a.before + a.after - a.extent()
	if !a.ceil {
		return free/a.stride + 1
	}
	n := ceilDivFloor(free, a.stride) + 1
	if (n-1)*a.stride >= a.in+a.before {
		n--
	}
	return n
}

// inside reports whether every window reads the input alone, no padding.
func (a axis) inside() bool { return a.before == 0 && (a.windows()-1)*a.stride+a.extent() <= a.in }

// reach is the part of the input that a window reads: every dilation-th element of [from, to).
type reach struct{ from, to int }

func (a axis) reaches() []reach {
	s := make([]reach, a.windows())
	for i := range s {
		start := i*a.stride - a.before
		first, end := span(a.kernel, a.dilation, start, a.in)
		s[i] = reach{start + first*a.dilation, start + (end-1)*a.dilation + 1}
	}
	return s
}

// counts returns the divisor of each window's average: the taps in the input and the padding, or in
// the input alone.
func (a axis) counts(excludePad bool) []int {
	s := make([]int, a.windows())
	for i := range s {
		start := i*a.stride - a.before
		if excludePad {
			first, end := span(a.kernel, a.dilation, start, a.in)
			s[i] = end - first
			continue
		}
		s[i] = min(a.kernel, ceilDiv(a.in+a.after-start, a.dilation))
	}
	return s
}

package kernel

// axis is how the windows of a convolution or a pooling lie along one axis of their input. Tap k of
// window i reads
//
//	i·stride + k·dilation - before,     k < kernel
//
// of in elements, with before elements of padding before the first and after behind the last.
type axis struct {
	in, kernel, stride, before, after, dilation int

	ceil bool // a last window may reach beyond the padding, if it begins in front of it
}

// extent returns how far a window reaches from its first tap to its last.
func (a axis) extent() int { return a.dilation*(a.kernel-1) + 1 }

// windows returns how many windows there are. The rule of ceil is PyTorch's.
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

// inside says that no window reads padding or what lies beyond it.
func (a axis) inside() bool { return a.before == 0 && (a.windows()-1)*a.stride+a.extent() <= a.in }

// reach is what a window sees of the input along one axis: every dilation-th element, from
// included, to not.
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

// counts returns how many taps of each window count in an average: those in the input and the
// padding, or in the input alone.
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

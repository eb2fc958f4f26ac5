package ops

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// A Pair holds the values for height and width, in this order.
type Pair = [2]int

// Conv is how a convolution's kernel moves over the input. The zero value is stride 1, no padding, no dilation, one group.
type Conv struct {
	Stride   Pair // 0 is 1
	Pad      Pair // rows of zeros above and below, columns of zeros left and right
	Dilation Pair // distance of the kernel's taps; 0 is 1
	Groups   int  // input and output channels are split into this many independent convolutions; 0 is 1
}

func (c Conv) withDefaults() Conv {
	c.Stride, c.Dilation = orElse(c.Stride, Pair{1, 1}), orElse(c.Dilation, Pair{1, 1})
	if c.Groups == 0 {
		c.Groups = 1
	}
	return c
}

func (c Conv) String() string {
	s := windowString(c.Stride, c.Pad)
	if c.Dilation != (Pair{1, 1}) {
		s += fmt.Sprintf(", dilation %s", pairString(c.Dilation))
	}
	if c.Groups != 1 {
		s += fmt.Sprintf(", groups %d", c.Groups)
	}
	return s
}

// Pool is how a pooling window moves over the input.
type Pool struct {
	Kernel Pair
	Stride Pair // 0 is the kernel: windows side by side
	Pad    Pair // smaller than the kernel
}

func (p Pool) withDefaults() Pool {
	p.Stride = orElse(p.Stride, p.Kernel)
	return p
}

func (p Pool) String() string {
	return fmt.Sprintf("kernel %s, %s", pairString(p.Kernel), windowString(p.Stride, p.Pad))
}

func windowString(stride, pad Pair) string {
	s := "stride " + pairString(stride)
	if pad != (Pair{}) {
		s += ", pad " + pairString(pad)
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

// OutputSize is the number of places a window has along one axis: floor((size + 2·pad - dilation·(kernel-1) - 1) / stride) + 1.
// It is an error if the window doesn't fit once.
func OutputSize(size, kernel, stride, pad, dilation int) (int, error) {
	if kernel < 1 || stride < 1 || dilation < 1 || pad < 0 {
		return 0, fmt.Errorf("kernel %d, stride %d, dilation %d, pad %d: want kernel, stride and dilation of at least 1, pad of at least 0",
			kernel, stride, dilation, pad)
	}
	if size < 0 || pad > (math.MaxInt-size)/2 || kernel-1 > (math.MaxInt-1)/dilation {
		return 0, fmt.Errorf("size %d, kernel %d, dilation %d, pad %d: want sizes that can be", size, kernel, dilation, pad)
	}
	extent := dilation*(kernel-1) + 1
	if padded := size + 2*pad; extent > padded {
		return 0, fmt.Errorf("a window of %d doesn't fit an input of %d padded to %d", extent, size, padded)
	}
	return (size+2*pad-extent)/stride + 1, nil
}

func outputPlane(in tensor.Shape, kernel, stride, pad, dilation Pair) (Pair, error) {
	var out Pair
	for axis, name := range [2]string{"height", "width"} {
		n, err := OutputSize(in[2+axis], kernel[axis], stride[axis], pad[axis], dilation[axis])
		if err != nil {
			return out, fmt.Errorf("%s: %w", name, err)
		}
		out[axis] = n
	}
	return out, nil
}

func checkImages(x tensor.Shape) error {
	if x.Dims() != 4 || x.TotalSize() == 0 {
		return fmt.Errorf("input has shape %v: want (N, C, H, W)", x)
	}
	return nil
}

// finite says that no number is NaN or infinite.
func finite(numbers ...float64) bool {
	for _, v := range numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

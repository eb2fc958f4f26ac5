package ops

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Rearrange permutes the elements of each sample of x (N, …). It reads a sample as an array of the
// sizes dims, permutes the axes, so that axis k of the result is axis order[k] of dims, and gives
// the sample the new shape.
//
//	Rearrange(x, []int{C, H, W}, []int{1, 2, 0}, tensor.Shape{H, W, C}) // NCHW to NHWC
func Rearrange(x *G.Node, dims, order []int, shape tensor.Shape) (*G.Node, error) {
	return apply("Rearrange", rearrange[float32](dims, order, shape), rearrange[float64](dims, order, shape), x)
}

// rearrange: y[n, i] = x[n, p(i)] for a permutation p, so dx[n, p(i)] = dy[n, i].
func rearrange[T kernel.Float](dims, order []int, shape tensor.Shape) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		x := in[0]
		if err := checkRearrange(x, dims, order, shape); err != nil {
			return rule[T]{}, err
		}
		block, from := permutedBlocks(dims, order)
		sample := x.TotalSize() / x[0]
		blocks := sample / block
		source := func(i int) int { return i/blocks*sample + from(i%blocks) }
		moved := kernel.NewCopy[T](x[0]*blocks, block, source, every(block, 0))
		back := moved.Reversed()
		output, view := append(tensor.Shape{x[0]}, shape...), slices.IsSorted(order)
		forward, dx := moved.Run, transposed(x, output, moved.Run, back.Run)
		if view {
			forward, dx = func(x, y []T) { move(y, x) }, unchanged[T](x, output)
		}
		return rule[T]{
			attributes: fmt.Sprintf("%v in order %v", dims, order),
			output:     output,
			view:       view,
			forward:    func(in [][]T, y []T) { forward(in[0], y) },
			vjps:       []vjp[T]{dx},
		}, nil
	}
}

func checkRearrange(x tensor.Shape, dims, order []int, shape tensor.Shape) error {
	if x.Dims() < 2 || x.TotalSize() == 0 {
		return fmt.Errorf("input: got shape %v, want (N, …)", x)
	}
	sample := x.TotalSize() / x[0]
	if sampleSize(dims) != sample || sampleSize(shape) != sample {
		return fmt.Errorf(
			"sizes: got %v, then %v for the samples of %v, want %d numbers in each", dims, shape, x, sample,
		)
	}
	sorted := slices.Sorted(slices.Values(order))
	for i, axis := range sorted {
		if i != axis || len(order) != len(dims) {
			return fmt.Errorf("order: got %v for %d axes, want each axis once", order, len(dims))
		}
	}
	if len(order) != len(dims) {
		return fmt.Errorf("order: got %v for %d axes, want each axis once", order, len(dims))
	}
	return nil
}

// sampleSize returns the product of sizes, or -1 if a size is below 1 or the product overflows.
func sampleSize(sizes []int) int {
	total := 1
	for _, n := range sizes {
		if n < 1 || total > maxElements/n {
			return -1
		}
		total *= n
	}
	return total
}

const maxElements = 1 << 48

// permutedBlocks describes how a permuted sample is copied: in contiguous blocks of one size. from
// returns the source index of a block of the result. A block is made of the last axes that stay
// last, in their order.
func permutedBlocks(dims, order []int) (size int, from func(block int) int) {
	strides := make([]int, len(dims))
	for axis, stride := len(dims)-1, 1; axis >= 0; axis-- {
		strides[axis] = stride
		stride *= dims[axis]
	}
	outer := len(order)
	for size = 1; outer > 0 && order[outer-1] == outer-1; outer-- {
		size *= dims[outer-1]
	}
	return size, func(block int) (at int) {
		for k := outer - 1; k >= 0; k-- {
			axis := order[k]
			at += block % dims[axis] * strides[axis]
			block /= dims[axis]
		}
		return at
	}
}

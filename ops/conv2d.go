package ops

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// Conv2D is the 2-D convolution of deep learning (a cross-correlation) with a bias: x is (N, C, H,
// W), w is (K, C/groups, kh, kw), b is (K), the result (N, K, OH, OW), see [Conv.OutputSize]. A nil
// b means no bias.
func Conv2D(x, w, b *G.Node, c Conv) (*G.Node, error) {
	c = c.withDefaults()
	return apply("Conv2D", conv2D[float32](c), conv2D[float64](c), withBias(x, w, b)...)
}

// conv2D: with stride s, padding p above and left, dilation d and input channels c of k's group,
//
//	y[n,k,i,j] = b[k] + Σ(c,r,q) w[k,c,r,q] · x[n, c, s·i + d·r - p, s·j + d·q - p]
//
// which is linear in x and in w, so
//
//	dx[n,c,h,w]  = Σ(k,r,q) w[k,c,r,q] · dy[n,k,i,j]        s·i + d·r - p = h, s·j + d·q - p = w
//	dw[k,c,r,q]  = Σ(n,i,j) dy[n,k,i,j] · x[n, c, s·i + d·r - p, s·j + d·q - p]
//	db[k]        = Σ(n,i,j) dy[n,k,i,j]
func conv2D[T kernel.Float](c Conv) builder[T] {
	return func(in []tensor.Shape) (rule[T], error) {
		shape, err := convShape(in, c)
		if err != nil {
			return rule[T]{}, err
		}
		k := kernel.NewConv[T](shape)
		return rule[T]{
			attributes: c.String(),
			output:     convOutput(shape),
			forward:    func(in [][]T, y []T) error { k.Forward(in[0], in[1], biasOf(in), y); return nil },
			split:      splits(k.Split),
			vjps:       convVJPs(k, shape)[:len(in)],
		}, nil
	}
}

func convOutput(s kernel.ConvShape) tensor.Shape {
	return tensor.Shape{s.Batch, s.OutChannels, s.OutHeight(), s.OutWidth()}
}

// convVJPs are the gradients of x, w and b.
func convVJPs[T kernel.Float](k *kernel.Conv[T], shape kernel.ConvShape) []vjp[T] {
	f := convForm(k, shape)
	return []vjp[T]{
		{
			reads:  []operand{1},
			apply:  func(saved [][]T, dy, dx []T) error { k.BackwardData(saved[0], dy, dx); return nil },
			second: f.second(0, 2, 1),
		},
		{
			reads:  []operand{0},
			apply:  func(saved [][]T, dy, dw []T) error { k.BackwardWeights(saved[0], dy, dw); return nil },
			late:   k.LateWeights,
			second: f.second(1, 2, 0),
		},
		{
			apply:  func(_ [][]T, dy, db []T) error { k.BackwardBias(dy, db); return nil },
			late:   k.LateBias,
			second: biasForm[T](convOutput(shape)).second(0, 1),
		},
	}
}

// convForm is F(x, w, dy) = ⟨dy, x∗w⟩ of the convolution x∗w without bias.
func convForm[T kernel.Float](k *kernel.Conv[T], s kernel.ConvShape) form[T] {
	x := tensor.Shape{s.Batch, s.InChannels, s.InHeight, s.InWidth}
	w := tensor.Shape{s.OutChannels, s.InChannels / s.Groups, s.KernelH, s.KernelW}
	return form[T]{name: "Conv2D", slots: []tensor.Shape{x, w, convOutput(s)}, partials: []partial[T]{
		func(in, _ [][]T, dx []T) error { k.BackwardData(in[1], in[2], dx); return nil },
		func(in, _ [][]T, dw []T) error { k.BackwardWeights(in[0], in[2], dw); return nil },
		func(in, _ [][]T, y []T) error { k.Forward(in[0], in[1], nil, y); return nil },
	}}
}

// biasForm is F(b, dy) = Σ dy[n,c,i]·b[c].
func biasForm[T kernel.Float](y tensor.Shape) form[T] {
	batch, channels, plane := y[0], y[1], planeSize(y)
	return linear("Bias", tensor.Shape{channels}, y,
		func(_ [][]T, b, out []T) error {
			for n := range batch {
				kernel.FillRows(channels, plane, b, 1, out[n*channels*plane:][:channels*plane])
			}
			return nil
		},
		func(_ [][]T, dy, db []T) error { kernel.ChannelSum(batch, channels, plane, dy, db); return nil })
}

// convShape checks the operands' shapes. The bias is optional.
func convShape(in []tensor.Shape, c Conv) (kernel.ConvShape, error) {
	x, w := in[0], in[1]
	if err := checkImages(x); err != nil {
		return kernel.ConvShape{}, err
	}
	if w.Dims() != 4 || w.TotalSize() == 0 {
		return kernel.ConvShape{}, fmt.Errorf(
			"weight has shape %v: want (out channels, in channels / groups, height, width)", w,
		)
	}
	if c.Groups < 1 {
		return kernel.ConvShape{}, fmt.Errorf("%d groups: want at least 1", c.Groups)
	}
	if x[1]%c.Groups != 0 || w[0]%c.Groups != 0 {
		return kernel.ConvShape{}, fmt.Errorf(
			"%d input and %d output channels don't divide into %d groups", x[1], w[0], c.Groups,
		)
	}
	if w[1]*c.Groups != x[1] {
		return kernel.ConvShape{}, fmt.Errorf(
			"input %v has %d channels, the weight %v in %d groups takes %d", x, x[1], w, c.Groups, w[1]*c.Groups,
		)
	}
	if len(in) > 2 && (in[2].Dims() != 1 || in[2][0] != w[0]) {
		return kernel.ConvShape{}, fmt.Errorf("bias has shape %v: want (%d), one for each output channel", in[2], w[0])
	}
	axes := c.axes(Pair{x[2], x[3]}, Pair{w[2], w[3]})
	if _, err := outputPlane(axes); err != nil {
		return kernel.ConvShape{}, err
	}
	return kernel.ConvShape{
		Batch: x[0], InChannels: x[1], InHeight: x[2], InWidth: x[3],
		OutChannels: w[0], KernelH: w[2], KernelW: w[3],
		StrideH: c.Stride[0], StrideW: c.Stride[1],
		PadTop: axes[0].pad.before(), PadBottom: axes[0].pad.after(),
		PadLeft: axes[1].pad.before(), PadRight: axes[1].pad.after(),
		DilationH: c.Dilation[0], DilationW: c.Dilation[1], Groups: c.Groups,
	}, nil
}

// withBias returns the inputs of an op whose bias may be nil.
func withBias(x, w, b *G.Node) []*G.Node {
	if b == nil {
		return []*G.Node{x, w}
	}
	return []*G.Node{x, w, b}
}

// biasOf returns the bias among such an op's operands, or nil.
func biasOf[T kernel.Float](in [][]T) []T {
	if len(in) < 3 {
		return nil
	}
	return in[2]
}

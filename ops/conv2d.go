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
			forward:    func(in [][]T, y []T) { k.Forward(in[0], in[1], biasOf(in), y) },
			split:      splits(k.Split),
			vjps:       convVJPs(k, shape)[:len(in)],
		}, nil
	}
}

func convOutput(s kernel.ConvShape) tensor.Shape {
	return tensor.Shape{s.Batch, s.OutChannels, s.OutHeight(), s.OutWidth()}
}

// convVJPs are the gradients of x, w and b.
func convVJPs[T kernel.Float](k *kernel.Conv[T], s kernel.ConvShape) []vjp[T] {
	x := tensor.Shape{s.Batch, s.InChannels, s.InHeight, s.InWidth}
	w := tensor.Shape{s.OutChannels, s.InChannels / s.Groups, s.KernelH, s.KernelW}
	y := convOutput(s)
	dx, dw := bilinear(x, w, y, func(x, w, y []T) { k.Forward(x, w, nil, y) }, k.BackwardData, k.BackwardWeights)
	db := biasVJP(y, k.BackwardBias)
	dw.late, db.late = k.LateWeights, k.LateBias
	return []vjp[T]{dx, dw, db}
}

// biasVJP is the gradient of a bias: back overwrites db[c] with Σ dy[n,c,i].
func biasVJP[T kernel.Float](y tensor.Shape, back func(dy, db []T)) vjp[T] {
	return vjp[T]{apply: func(_ [][]T, _, dy, db []T) { back(dy, db) }, second: biasSecond[T](y)}
}

// biasSecond is the rule of a bias's gradient, db[c] = Σ dy[n,c,i].
func biasSecond[T kernel.Float](y tensor.Shape) second {
	batch, channels, plane := y[0], y[1], planeSize(y)
	return linear(tensor.Shape{channels}, y,
		func(b, out []T) {
			for n := range batch {
				kernel.FillRows(channels, plane, b, 1, out[n*channels*plane:][:channels*plane])
			}
		},
		func(dy, db []T) { kernel.ChannelSum(batch, channels, plane, dy, db) },
	).second(0)
}

// convShape checks the operands' shapes. The bias is optional.
func convShape(in []tensor.Shape, c Conv) (kernel.ConvShape, error) {
	x, w := in[0], in[1]
	if err := checkImages(x); err != nil {
		return kernel.ConvShape{}, err
	}
	if w.Dims() != 4 || w.TotalSize() == 0 {
		return kernel.ConvShape{}, fmt.Errorf(
			"weight: got shape %v, want (out channels, in channels / groups, height, width)", w,
		)
	}
	if c.Groups < 1 {
		return kernel.ConvShape{}, fmt.Errorf("groups: got %d, want at least 1", c.Groups)
	}
	if x[1]%c.Groups != 0 || w[0]%c.Groups != 0 {
		return kernel.ConvShape{}, fmt.Errorf(
			"groups: got %d for %d input and %d output channels, want a divisor of both", c.Groups, x[1], w[0],
		)
	}
	if w[1]*c.Groups != x[1] {
		return kernel.ConvShape{}, fmt.Errorf(
			"input: got %d channels (shape %v), want %d for the weight %v in %d groups", x[1], x, w[1]*c.Groups, w,
			c.Groups,
		)
	}
	if len(in) > 2 && (in[2].Dims() != 1 || in[2][0] != w[0]) {
		return kernel.ConvShape{}, fmt.Errorf("bias: got shape %v, want (%d), one for each output channel", in[2], w[0])
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

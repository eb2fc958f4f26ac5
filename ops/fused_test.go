package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/internal/kernel"
	"convgraph/ops/gradcheck"
)

// This file compares fused ops with their parts, bit by bit, gradients included. Other tests
// compare the parts with PyTorch.

type assembly = func(G.Nodes) (*G.Node, error)

// compareWithParts runs both on the same numbers; bad numbers include NaN, infinities and -0. All
// NaN count as equal (a sum of several has the bits of any of them), and so do -0 and 0: a sum of
// -0 alone stays -0 if the rectifier works on vector registers.
func compareWithParts(t require.TestingT, shapes []tensor.Shape, bad bool, fused, parts assembly) {
	compareAs[float32](t, shapes, bad, fused, parts)
	compareAs[float64](t, shapes, bad, fused, parts)
}

func compareAs[T kernel.Float](t require.TestingT, shapes []tensor.Shape, bad bool, fused, parts assembly) {
	r := rand.New(rand.NewPCG(8, 0))
	c := referenceCase{}
	for _, s := range shapes {
		c.Inputs = append(c.Inputs, randomTensor(r, s, bad))
	}
	c.Grads = c.Inputs
	g := G.NewGraph()
	y, err := fused(leaves[T](g, c.Inputs))
	require.NoError(t, err)
	c.DY = randomTensor(r, y.Shape(), false)

	gotY, gotGrads := differentiate[T](t, c, fused)
	wantY, wantGrads := differentiate[T](t, c, parts)
	requireSameBits(t, wantY, gotY, "y")
	for i, want := range wantGrads {
		requireSameBits(t, want, gotGrads[i], "gradient of input %d", i)
	}
}

// randomTensor returns multiples of 1/4, so that some windows have equal values and some sums are
// 0.
func randomTensor(r *rand.Rand, s tensor.Shape, bad bool) *referenceTensor {
	x := &referenceTensor{Shape: s, Data: make([]float64, s.TotalSize())}
	for i := range x.Data {
		x.Data[i] = float64(r.IntN(25)-12) / 4
		if bad && r.IntN(40) == 0 {
			x.Data[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)}[r.IntN(4)]
		}
	}
	return x
}

func requireSameBits(t require.TestingT, want, got []float64, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	require.Len(t, got, len(want), what)
	for i, w := range want {
		if math.IsNaN(w) && math.IsNaN(got[i]) || w == 0 && got[i] == 0 {
			continue
		}
		require.Equal(t, math.Float64bits(w), math.Float64bits(got[i]), "%s: element %d is %v, want %v", what,
			i, got[i], w)
	}
}

func convThenReLU(in G.Nodes, c Conv) (*G.Node, error) { return convThen(ReLUFunction(), in, c) }

func convThen(f Function, in G.Nodes, c Conv) (*G.Node, error) {
	a, err := Conv2D(in[0], in[1], third(in), c)
	if err != nil {
		return nil, err
	}
	return f.Apply(a)
}

// clips are the limits of clippings, in float32 and beyond.
var clips = [][2]float64{{0, 6}, {-0.7, 1.1}, {math.Inf(-1), 0.5}, {0.25, math.Inf(1)}, {-1e300, 1e300}}

func compareConvClip(t require.TestingT, shapes []tensor.Shape, bad bool, conv Conv, clip [2]float64) {
	low, high := clip[0], clip[1]
	compareWithParts(t, shapes, bad,
		func(in G.Nodes) (*G.Node, error) { return ConvClip2D(in[0], in[1], third(in), conv, low, high) },
		func(in G.Nodes) (*G.Node, error) { return convThen(ClipFunction(low, high), in, conv) })
}

func convThenReLUThenPool(in G.Nodes, c Conv, p Pool) (*G.Node, error) {
	r, err := convThenReLU(in, c)
	if err != nil {
		return nil, err
	}
	return MaxPool2D(r, p)
}

func affineThenReLU(in G.Nodes) (*G.Node, error) {
	a, err := Affine(in[0], in[1], third(in))
	if err != nil {
		return nil, err
	}
	return ReLU(a)
}

// TestFusedConvolutionsAreTheirParts uses the geometries of the convolutions with PyTorch's
// numbers.
func TestFusedConvolutionsAreTheirParts(t *testing.T) {
	compared := 0
	for _, c := range readReference(t) {
		if c.Op != "Conv2D" {
			continue
		}
		compared++
		var shapes []tensor.Shape
		for _, in := range c.Inputs {
			shapes = append(shapes, in.Shape)
		}
		conv := c.conv()
		for _, bad := range []bool{false, true} {
			compareWithParts(t, shapes, bad,
				func(in G.Nodes) (*G.Node, error) { return ConvReLU2D(in[0], in[1], third(in), conv) },
				func(in G.Nodes) (*G.Node, error) { return convThenReLU(in, conv) })
			compareConvClip(t, shapes, bad, conv, clips[compared%len(clips)])
		}
		for _, pool := range []Pool{{Kernel: Pair{1, 1}}, {Kernel: Pair{2, 2}, Pad: Pair{1, 1}, Ceil: true},
			{Kernel: Pair{3, 2}, Stride: Pair{1, 1}, Pad: Pair{2, 1}}} {
			compareWithParts(t, shapes, false,
				func(in G.Nodes) (*G.Node, error) { return ConvReLUPool2D(in[0], in[1], third(in), conv, pool) },
				func(in G.Nodes) (*G.Node, error) { return convThenReLUThenPool(in, conv, pool) })
		}
	}
	require.Greater(t, compared, 30)
}

// TestAnyFusedConvolutionIsItsParts draws geometries, with batches and channels large enough for
// each way in which the kernels divide the work.
func TestAnyFusedConvolutionIsItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		small := func(label string, from, to int) int { return rapid.IntRange(from, to).Draw(t, label) }
		pair := func(label string, from, to int) Pair {
			return Pair{small(label+" h", from, to), small(label+" w", from, to)}
		}
		conv := Conv{
			Stride: pair("stride", 1, 3), Pad: pair("pad", 0, 3), PadEnd: pair("end", 0, 1),
			Dilation: pair("dilation", 1, 2), Groups: small("groups", 1, 2),
		}
		pool := Pool{Kernel: pair("window", 1, 3), Stride: pair("pool stride", 1, 3),
			Ceil: rapid.Bool().Draw(t, "ceil")}
		kernel, size := pair("kernel", 1, 4), pair("size", 1, 9)
		for axis := range size {
			pool.Pad[axis] = small("pool pad", 0, pool.Kernel[axis]-1)
			least := (pool.Kernel[axis]-1)*conv.Stride[axis] + conv.Dilation[axis]*(kernel[axis]-1) +
				1 - 2*conv.Pad[axis]
			size[axis] = max(size[axis], least)
		}
		batch := rapid.SampledFrom([]int{1, 2, 17}).Draw(t, "batch")
		channels, filters := small("channels", 1, 3), small("filters", 1, 9)
		shapes := []tensor.Shape{
			{batch, channels * conv.Groups, size[0], size[1]}, {filters * conv.Groups, channels, kernel[0], kernel[1]},
			{filters * conv.Groups},
		}
		if rapid.Bool().Draw(t, "without bias") {
			shapes = shapes[:2]
		}
		bad := rapid.Bool().Draw(t, "bad")
		compareWithParts(t, shapes, bad,
			func(in G.Nodes) (*G.Node, error) { return ConvReLU2D(in[0], in[1], third(in), conv) },
			func(in G.Nodes) (*G.Node, error) { return convThenReLU(in, conv) })
		compareConvClip(t, shapes, bad, conv, rapid.SampledFrom(clips).Draw(t, "clip"))
		compareWithParts(t, shapes, bad,
			func(in G.Nodes) (*G.Node, error) { return ConvReLUPool2D(in[0], in[1], third(in), conv, pool) },
			func(in G.Nodes) (*G.Node, error) { return convThenReLUThenPool(in, conv, pool) })
	})
}

func TestAffineReLUIsItsParts(t *testing.T) {
	for _, c := range []struct {
		x   tensor.Shape
		out int
	}{{tensor.Shape{1, 1}, 1}, {tensor.Shape{3, 5}, 4}, {tensor.Shape{2, 2, 3, 2}, 3}, {tensor.Shape{33, 70}, 45},
		{tensor.Shape{2, 1500}, 30}} {
		shapes := []tensor.Shape{c.x, {c.out, features(c.x)}, {c.out}}
		fused := func(in G.Nodes) (*G.Node, error) { return AffineReLU(in[0], in[1], third(in)) }
		compareWithParts(t, shapes, false, fused, affineThenReLU)
		compareWithParts(t, shapes, true, fused, affineThenReLU)
		compareWithParts(t, shapes[:2], false, fused, affineThenReLU)
	}
}

// TestLargeFusedConvolutionsAreTheirParts has convolutions that the kernels compute by tiles, by
// planes, and by products in several parts.
func TestLargeFusedConvolutionsAreTheirParts(t *testing.T) {
	for _, c := range []struct {
		x, w tensor.Shape
		conv Conv
	}{
		{tensor.Shape{2, 16, 18, 15}, tensor.Shape{17, 16, 3, 3}, Conv{Pad: Pair{1, 1}}},
		{tensor.Shape{17, 16, 16, 16}, tensor.Shape{16, 16, 3, 3}, Conv{Pad: Pair{1, 1}}},
		{tensor.Shape{2, 24, 17, 19}, tensor.Shape{24, 1, 3, 3}, Conv{Pad: Pair{1, 1}, Stride: Pair{2, 2}, Groups: 24}},
		{tensor.Shape{1, 20, 23, 29}, tensor.Shape{37, 20, 1, 1}, Conv{}},
		{tensor.Shape{1, 1100, 5, 9}, tensor.Shape{5, 1100, 1, 1}, Conv{}},
	} {
		shapes := []tensor.Shape{c.x, c.w, {c.w[0]}}
		for _, clip := range clips {
			compareConvClip(t, shapes, false, c.conv, clip)
		}
		compareWithParts(t, shapes, false,
			func(in G.Nodes) (*G.Node, error) { return ConvReLU2D(in[0], in[1], third(in), c.conv) },
			func(in G.Nodes) (*G.Node, error) { return convThenReLU(in, c.conv) })
	}
}

func TestBatchNormAddReLUIsItsParts(t *testing.T) {
	const eps = 1e-3
	parts := func(in G.Nodes) (*G.Node, error) {
		y, _, _, err := BatchNorm(in[0], in[1], in[2], eps)
		if err != nil {
			return nil, err
		}
		if y, err = Add(y, in[3]); err != nil {
			return nil, err
		}
		return ReLU(y)
	}
	for _, x := range []tensor.Shape{{4, 3}, {2, 3, 5, 1}, {17, 5, 7, 6}, {3, 2, 40, 41}} {
		for _, bad := range []bool{false, true} {
			compareWithParts(t, []tensor.Shape{x, {x[1]}, {x[1]}, x}, bad, func(in G.Nodes) (*G.Node, error) {
				y, _, _, err := BatchNormAddReLU(in[0], in[1], in[2], in[3], eps)
				return y, err
			}, parts)
		}
	}
}

func TestLimitedBatchNormIsItsParts(t *testing.T) {
	const eps = 1e-3
	type trained = func(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error)
	type frozen = func(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error)
	compare := func(x tensor.Shape, fused trained, fusedFrozen frozen, f Function) {
		shapes := []tensor.Shape{x, {x[1]}, {x[1]}}
		for _, bad := range []bool{false, true} {
			compareWithParts(t, shapes, bad,
				func(in G.Nodes) (*G.Node, error) {
					y, _, _, err := fused(in[0], in[1], in[2], eps)
					return y, err
				},
				func(in G.Nodes) (*G.Node, error) {
					y, _, _, err := BatchNorm(in[0], in[1], in[2], eps)
					if err != nil {
						return nil, err
					}
					return f.Apply(y)
				})
		}
		given := func(in G.Nodes, op frozen) (*G.Node, error) {
			statistic := func(name string, v float64) *G.Node {
				values := tensor.New(tensor.Of(in[0].Dtype()), tensor.WithShape(x[1]))
				if err := values.Memset(
					map[tensor.Dtype]any{tensor.Float32: float32(v), tensor.Float64: v}[in[0].Dtype()]); err != nil {
					panic(err)
				}
				return G.NodeFromAny(in[0].Graph(), values, G.WithName(name))
			}
			return op(in[0], in[1], in[2], statistic("mean", 0.25), statistic("variance", 2), eps)
		}
		compareWithParts(t, shapes, false,
			func(in G.Nodes) (*G.Node, error) { return given(in, fusedFrozen) },
			func(in G.Nodes) (*G.Node, error) {
				y, err := given(in, FrozenBatchNorm)
				if err != nil {
					return nil, err
				}
				return f.Apply(y)
			})
	}
	for _, x := range []tensor.Shape{{4, 3}, {2, 3, 5, 1}, {17, 5, 7, 6}, {3, 2, 40, 41}} {
		compare(x, BatchNormReLU, FrozenBatchNormReLU, ReLUFunction())
		for _, c := range clips {
			low, high := c[0], c[1]
			compare(x,
				func(x, weight, bias *G.Node, eps float64) (y, mean, variance *G.Node, err error) {
					return BatchNormClip(x, weight, bias, eps, low, high)
				},
				func(x, weight, bias, mean, variance *G.Node, eps float64) (*G.Node, error) {
					return FrozenBatchNormClip(x, weight, bias, mean, variance, eps, low, high)
				}, ClipFunction(low, high))
		}
	}
}

// TestAForgottenActivationIsCaught leaves out the epilogue of the fused ops' gradients.
func TestAForgottenActivationIsCaught(t *testing.T) {
	caught := 0
	for _, s := range subjects {
		r, err := s.build(append(slices.Clone(s.inputs), s.targetShape()...))
		require.NoError(t, err)
		if r.epilogue.apply == nil {
			continue
		}
		caught++
		err = s.check(t, func(in []tensor.Shape) (rule[float64], error) {
			r, err := s.build(in)
			r.epilogue = vjp[float64]{}
			return r, err
		}, gradcheck.Options{})
		for i := range s.inputs {
			require.ErrorContains(t, err, inputName(i), s.name)
		}
	}
	require.Equal(t, 6, caught)
}

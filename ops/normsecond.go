package ops

import (
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/internal/kernel"
)

// normSecond composes the second derivatives of a normalization (see normRule) from small ops. With
// E the mean over a set, g = w·dy, and
//
//	h(x) = (x - E x)·r        r = 1/√(v + eps)        P(a) = a - E a - h·E(a·h)
//
// dx is r·P(g). P is symmetric. A gradient dh of h gives x the gradient r·P(dh), and ∂r/∂x =
// -r²·h/M. So with u for dx, and z = r·P(u),
//
//	⟨u, dx⟩ = Σ r·(u·g - E u·E g - E(u·h)·E(g·h))
//	d(dy)   = w·z
//	d(w)    = Σ dy·z over the channel
//	d(x)    = r·P(-r·(u·E(g·h) + g·E(u·h))) - r²·h·E(u·P(g))
//	        = -r²·((u - E u)·E(g·h) + (g - E g)·E(u·h) + h·(E(u·g) - E u·E g - 3·E(u·h)·E(g·h)))
//
// and with q for dw, which is Σ dy·h over the channel,
//
//	d(dy)   = q·h
//	d(x)    = r·P(q·dy)
type normSecond[T kernel.Float] struct {
	x    tensor.Shape
	sets normSets
	eps  float64
}

// ofData is the rule of dx, which reads x and w.
func (n normSecond[T]) ofData() second {
	return second{
		transposed: func(a around) (*G.Node, error) {
			var c composer
			z := c.node(n.data(a.in[0], a.u))
			return c.node(n.scaled(z, a.in[1])), c.err
		},
		bends: []bend{
			{0, func(a around) (*G.Node, error) {
				var c composer
				g := c.node(n.scaled(a.dy, a.in[1]))
				return c.node(n.bend(a.in[0], g, a.u)), c.err
			}},
			{1, func(a around) (*G.Node, error) {
				var c composer
				z := c.node(n.data(a.in[0], a.u))
				return c.node(n.sums(z, a.dy)), c.err
			}},
		},
	}
}

// ofWeight is the rule of dw, which reads x.
func (n normSecond[T]) ofWeight() second {
	return second{
		transposed: func(a around) (*G.Node, error) {
			var c composer
			h := c.node(n.standard(a.in[0]))
			return c.node(n.scaled(h, a.u)), c.err
		},
		bends: []bend{{0, func(a around) (*G.Node, error) {
			var c composer
			g := c.node(n.scaled(a.dy, a.u))
			return c.node(n.data(a.in[0], g)), c.err
		}}},
	}
}

// scaled is w[c]·v.
func (n normSecond[T]) scaled(v, w *G.Node) (*G.Node, error) {
	return channelForm[T](n.x).node("dChannels", G.Nodes{v, w, nil}, nil, nil)
}

// sums is Σ v·dy over each channel.
func (n normSecond[T]) sums(v, dy *G.Node) (*G.Node, error) {
	return channelForm[T](n.x).node("dChannels", G.Nodes{v, nil, dy}, nil, nil)
}

// channelForm is F(x, w, dy) = Σ x[n,c,i]·w[c]·dy[n,c,i].
func channelForm[T kernel.Float](x tensor.Shape) form[T] {
	batch, channels, plane := x[0], x[1], planeOf(x)
	scale := func(v, w, out []T) {
		size := channels * plane
		for n := range batch {
			kernel.ScaleRows(channels, plane, v[n*size:][:size], w, out[n*size:][:size])
		}
	}
	return bilinearForm(x, tensor.Shape{channels}, x,
		scale, func(w, dy, dx []T) { scale(dy, w, dx) }, channelSums[T](x))
}

// channelSums returns a function that sets sums[c] = Σ a[n,c,i]·b[n,c,i].
func channelSums[T kernel.Float](x tensor.Shape) func(a, b, sums []T) {
	batch, channels, plane := x[0], x[1], planeOf(x)
	dots := make([]T, batch*channels)
	return func(a, b, sums []T) {
		kernel.DotRows(batch*channels, plane, a, b, dots)
		kernel.ChannelSum(batch, channels, 1, dots, sums)
	}
}

// standard is h(x).
func (n normSecond[T]) standard(x *G.Node) (*G.Node, error) {
	return bent("dNorm", n.x, func(in [][]T, h []T) {
		n.sets.parallel(func(set int) {
			s := setOf(n, set, in[0])
			n.sets.each(set, func(i int) { h[i] = T(s.at(i)) })
		})
	}, x)
}

// data is r·P(g).
func (n normSecond[T]) data(x, g *G.Node) (*G.Node, error) {
	return bent("dNorm", n.x, func(in [][]T, out []T) {
		x, g := in[0], in[1]
		n.sets.parallel(func(set int) {
			s := setOf(n, set, x)
			mean, along := s.means(g)
			n.sets.each(set, func(i int) {
				out[i] = T(s.inverse * (float64(g[i]) - mean - s.at(i)*along))
			})
		})
	}, x, g)
}

// bend is d(x) of normSecond's derivation.
func (n normSecond[T]) bend(x, g, u *G.Node) (*G.Node, error) {
	return bent("dNorm", n.x, func(in [][]T, out []T) {
		x, g, u := in[0], in[1], in[2]
		n.sets.parallel(func(set int) {
			s := setOf(n, set, x)
			meanG, alongG := s.means(g)
			meanU, alongU := s.means(u)
			var products float64
			n.sets.each(set, func(i int) { products += (float64(u[i]) - meanU) * (float64(g[i]) - meanG) })
			level := products/n.sets.size() - 3*alongU*alongG
			n.sets.each(set, func(i int) {
				out[i] = T(-s.inverse * s.inverse * ((float64(u[i])-meanU)*alongG +
					(float64(g[i])-meanG)*alongU + s.at(i)*level))
			})
		})
	}, x, g, u)
}

// A normSet is a set with its statistics.
type normSet[T kernel.Float] struct {
	normSets
	set           int
	x             []T
	mean, inverse float64 // E x and r
}

func setOf[T kernel.Float](n normSecond[T], set int, x []T) normSet[T] {
	s := normSet[T]{normSets: n.sets, set: set, x: x}
	s.each(set, func(i int) { s.mean += float64(x[i]) })
	s.mean /= s.size()
	var squares float64
	s.each(set, func(i int) { squares += square(float64(x[i]) - s.mean) })
	s.inverse = 1 / math.Sqrt(squares/s.size()+n.eps)
	return s
}

// at is h of element i.
func (s normSet[T]) at(i int) float64 { return (float64(s.x[i]) - s.mean) * s.inverse }

// means are E a and E(a·h).
func (s normSet[T]) means(a []T) (mean, along float64) {
	s.each(s.set, func(i int) {
		mean += float64(a[i])
		along += float64(a[i]) * s.at(i)
	})
	return mean / s.size(), along / s.size()
}

// normSets are the sets of values that are normalized together. A set consists of runs, each of
// length values that are step elements apart.
type normSets struct {
	count        int
	first        func(set int) int
	runs, stride int // number of a set's runs; elements between the starts of two runs
	length, step int
}

// channelSets are the channels, over the batch and the plane.
func channelSets(x tensor.Shape) normSets {
	plane := planeOf(x)
	return normSets{x[1], every(plane, 0), x[0], x[1] * plane, plane, 1}
}

// groupSets are the groups of channels of each sample.
func groupSets(x tensor.Shape, groups int) normSets {
	size := features(x) / groups
	return normSets{x[0] * groups, every(size, 0), 1, 0, size, 1}
}

// pixelSets are the pixels of each sample, over the channels.
func pixelSets(x tensor.Shape) normSets {
	plane := planeOf(x)
	first := func(set int) int { return set/plane*x[1]*plane + set%plane }
	return normSets{x[0] * plane, first, 1, 0, x[1], plane}
}

func (s normSets) size() float64 { return float64(s.runs * s.length) }

// each calls f for each element of a set.
func (s normSets) each(set int, f func(i int)) {
	for run := range s.runs {
		i := s.first(set) + run*s.stride
		for range s.length {
			f(i)
			i += s.step
		}
	}
}

func (s normSets) parallel(f func(set int)) {
	kernel.Parallel(s.count, func(_, set int) { f(set) })
}

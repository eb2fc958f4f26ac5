package graph

import (
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// A pass fuses several nodes into one op. It changes no result by a bit, and the values between the
// nodes are never in memory.

// passes are tried in this order at each node; the first match wins.
var passes = []pass{
	{"conv-relu-pool", fuseConvReLUPool, true},
	{"conv-relu", fuseConvReLU, false},
	{"conv-clip", fuseConvClip, false},
	{"affine-relu", fuseAffineReLU, false},
	{"batchnorm-relu", fuseBatchNormReLU, false},
	{"batchnorm-clip", fuseBatchNormClip, false},
	{"batchnorm-add-relu", fuseBatchNormAddReLU, false},
}

// A pass fuses the first nodes of a chain into one op: fuse returns how many, and how to lower
// them, or 0 if the pass doesn't match. In a chain each node is the only reader of the one before
// it; a sum in it reads other values, too.
type pass struct {
	name string
	fuse func(chain []*Node) (n int, lower lowerFunc)
	once bool // the op can be differentiated only once: graphs with second derivatives skip the pass
}

// A lowerFunc adds ops to a symbolic graph, like [Layer.Lower], with the parameters of the group's
// first node and all that the group reads from outside.
type lowerFunc func(l *Lowering) (*G.Node, error)

// A group is a chain of nodes fused by a pass, or a single node.
type group struct {
	nodes []*Node
	pass  string // that fused the nodes; empty for a single node
	once  bool   // of the pass
	lower lowerFunc
}

// longestChain is the number of nodes that a pass may look at.
const longestChain = 3

// fuse groups the nodes up to the logits by the passes that match, in the order in which they are
// computed. Set twice if the graph will be differentiated twice.
func (m *Model) fuse(twice bool) (groups []group) {
	place := map[*Node]int{}
	for i, n := range m.hidden() {
		place[n] = i
	}
	grouped := map[*Node]bool{}
	for _, n := range m.hidden() {
		if grouped[n] {
			continue
		}
		g := fuseFirst(m.chain(n, grouped), twice)
		for _, member := range g.nodes {
			grouped[member] = true
		}
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int { return place[a.turn()] - place[b.turn()] })
	return groups
}

// chain returns a node and the following ones that are each other's only readers, up to the logits
// or a node of another group.
func (m *Model) chain(n *Node, grouped map[*Node]bool) []*Node {
	chain := []*Node{n}
	for len(chain) < longestChain && n != m.head.logits && len(n.readers) == 1 {
		n = n.readers[0]
		if _, sum := n.Layer.(Add); grouped[n] || len(n.Inputs) != 1 && !sum {
			break
		}
		chain = append(chain, n)
	}
	return chain
}

func fuseFirst(chain []*Node, twice bool) group {
	for _, p := range passes {
		if twice && p.once {
			continue
		}
		if n, lower := p.fuse(chain); n > 0 {
			return group{nodes: chain[:n], pass: p.name, lower: lower, once: p.once}
		}
	}
	return alone(chain[0])
}

func alone(n *Node) group { return group{nodes: []*Node{n}, lower: n.Layer.Lower} }

// asDeclared puts every node into a group of its own.
func asDeclared(nodes []*Node) (groups []group) {
	for _, n := range nodes {
		groups = append(groups, alone(n))
	}
	return groups
}

func (g group) last() *Node { return g.nodes[len(g.nodes)-1] }

// turn returns the node in whose place the group is computed: the first, or the last if the group
// reads other values than the first node does, which may be computed in between.
func (g group) turn() *Node {
	if len(g.inputs()) > len(g.nodes[0].Inputs) {
		return g.last()
	}
	return g.nodes[0]
}

// inputs returns the nodes outside the group that it reads, those of the first node first.
func (g group) inputs() (outside []*Node) {
	for _, n := range g.nodes {
		for _, in := range n.Inputs {
			if !slices.Contains(g.nodes, in) {
				outside = append(outside, in)
			}
		}
	}
	return outside
}

// name joins the names of the nodes: "conv1+relu1+pool1".
func (g group) name() string {
	var names []string
	for _, n := range g.nodes {
		names = append(names, n.Name)
	}
	return strings.Join(names, "+")
}

// fuseConvReLUPool fuses a convolution, a rectifier and a max pooling, computed image by image.
func fuseConvReLUPool(chain []*Node) (int, lowerFunc) {
	n, _ := fuseConvReLU(chain)
	if n == 0 || len(chain) == n {
		return 0, nil
	}
	conv := chain[0].Layer.(Conv2D)
	pool, ok := chain[n].Layer.(MaxPool)
	if !ok {
		return 0, nil
	}
	return n + 1, func(l *Lowering) (*G.Node, error) {
		return ops.ConvReLUPool2D(l.X(), l.Param("weight"), l.Param("bias"), conv.op(), pool.op())
	}
}

// fuseConvReLU fuses a rectifier into a convolution whose filters read all channels of their group.
func fuseConvReLU(chain []*Node) (int, lowerFunc) {
	conv, ok := chain[0].Layer.(Conv2D)
	if _, relu := next[ReLU](chain); !ok || conv.Connections != nil || !relu {
		return 0, nil
	}
	return 2, func(l *Lowering) (*G.Node, error) {
		return ops.ConvReLU2D(l.X(), l.Param("weight"), l.Param("bias"), conv.op())
	}
}

// fuseConvClip fuses a clipping, such as ReLU6, into a convolution like fuseConvReLU's.
func fuseConvClip(chain []*Node) (int, lowerFunc) {
	conv, ok := chain[0].Layer.(Conv2D)
	clip, clips := next[Clip](chain)
	if !ok || conv.Connections != nil || !clips {
		return 0, nil
	}
	return 2, func(l *Lowering) (*G.Node, error) {
		return ops.ConvClip2D(l.X(), l.Param("weight"), l.Param("bias"), conv.op(), clip.Min, clip.Max)
	}
}

// fuseAffineReLU fuses a rectifier into an affine layer.
func fuseAffineReLU(chain []*Node) (int, lowerFunc) {
	_, ok := chain[0].Layer.(Affine)
	if _, relu := next[ReLU](chain); !ok || !relu {
		return 0, nil
	}
	return 2, func(l *Lowering) (*G.Node, error) {
		x, err := flat(l.X())
		if err != nil {
			return nil, err
		}
		return ops.AffineReLU(x, l.Param("weight"), l.Param("bias"))
	}
}

// fuseBatchNormReLU fuses a rectifier into a batch normalization.
func fuseBatchNormReLU(chain []*Node) (int, lowerFunc) {
	norm, ok := chain[0].Layer.(BatchNorm)
	if _, relu := next[ReLU](chain); !ok || !relu {
		return 0, nil
	}
	return 2, norm.lowerReLU
}

// fuseBatchNormClip fuses a clipping into a batch normalization.
func fuseBatchNormClip(chain []*Node) (int, lowerFunc) {
	norm, ok := chain[0].Layer.(BatchNorm)
	clip, clips := next[Clip](chain)
	if !ok || !clips {
		return 0, nil
	}
	return 2, func(l *Lowering) (*G.Node, error) { return norm.lowerClip(l, clip.Min, clip.Max) }
}

// fuseBatchNormAddReLU fuses the sum of two values and a rectifier into a batch normalization. The
// group is computed in the place of the sum, so the gradient of what it normalizes may have another
// place among those of other readers; of two gradients the sum has the same bits in either order.
func fuseBatchNormAddReLU(chain []*Node) (int, lowerFunc) {
	norm, ok := chain[0].Layer.(BatchNorm)
	if _, sum := next[Add](chain); !ok || norm.Frozen || !sum || len(chain[1].Inputs) != 2 {
		return 0, nil
	}
	if _, relu := next[ReLU](chain[1:]); !relu || len(chain[0].Inputs[0].readers) > 2 {
		return 0, nil
	}
	return 3, norm.lowerAddReLU
}

// next returns the second layer of a chain if it is of the kind L.
func next[L Layer](chain []*Node) (layer L, ok bool) {
	if len(chain) > 1 {
		layer, ok = chain[1].Layer.(L)
	}
	return layer, ok
}

func (g group) multiplyAdds() (sum int64) {
	for _, n := range g.nodes {
		sum += n.MultiplyAdds()
	}
	return sum
}

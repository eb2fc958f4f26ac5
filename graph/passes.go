package graph

import (
	"strings"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// This file holds every pass: what is rewritten between the declared layers and the graph that runs.
// A pass makes one op of several nodes and changes no result by a bit; what is computed between
// those nodes is then never in memory.

// passes are tried in this order at each node; the first match wins.
var passes = []pass{
	{"conv-relu-pool", fuseConvReLUPool, true},
	{"conv-relu", fuseConvReLU, false},
	{"affine-relu", fuseAffineReLU, false},
	{"batchnorm-relu", fuseBatchNormReLU, false},
}

// A pass says how many nodes of a chain, from its first on, it makes one op of, and how; 0 if it
// doesn't match. In a chain each node is the only reader of the one before it.
type pass struct {
	name string
	fuse func(chain []*Node) (n int, lower lowerFunc)
	once bool // the op can be differentiated once: graphs with second derivatives leave the pass out
}

// A lowerFunc adds ops to a symbolic graph, as [Layer.Lower] does. The parameters are those of the
// group's first node.
type lowerFunc func(l *Lowering) (*G.Node, error)

// A group is one node, or a chain of nodes that a pass has made one op of.
type group struct {
	nodes []*Node
	pass  string // that fused them; empty for a node by itself
	once  bool   // as the pass's
	lower lowerFunc
}

// longestChain is how many nodes a pass may look at.
const longestChain = 3

// fuse goes through the nodes up to the logits once and groups what a pass matches. If twice, the
// graph is differentiated twice.
func (m *Model) fuse(twice bool) (groups []group) {
	grouped := map[*Node]bool{}
	for _, n := range m.hidden() {
		if grouped[n] {
			continue
		}
		g := fuseFirst(m.chain(n), twice)
		for _, member := range g.nodes {
			grouped[member] = true
		}
		groups = append(groups, g)
	}
	return groups
}

// chain is a node with those behind it that are its only readers. It ends at the logits.
func (m *Model) chain(n *Node) []*Node {
	chain := []*Node{n}
	for len(chain) < longestChain && n != m.head.logits && len(n.readers) == 1 {
		n = n.readers[0]
		if len(n.Inputs) != 1 {
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

// asDeclared leaves every node by itself.
func asDeclared(nodes []*Node) (groups []group) {
	for _, n := range nodes {
		groups = append(groups, alone(n))
	}
	return groups
}

// name is the nodes' names: "conv1+relu1+pool1".
func (g group) name() string {
	var names []string
	for _, n := range g.nodes {
		names = append(names, n.Name)
	}
	return strings.Join(names, "+")
}

// fuseConvReLUPool is for a convolution, a rectifier and a max pooling, worked image by image.
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

// fuseConvReLU is for a convolution whose filters see all channels of their group, and a rectifier.
func fuseConvReLU(chain []*Node) (int, lowerFunc) {
	conv, ok := chain[0].Layer.(Conv2D)
	if !ok || conv.Connections != nil || !reluFollows(chain) {
		return 0, nil
	}
	return 2, func(l *Lowering) (*G.Node, error) {
		return ops.ConvReLU2D(l.X(), l.Param("weight"), l.Param("bias"), conv.op())
	}
}

// fuseAffineReLU is for an affine layer and a rectifier.
func fuseAffineReLU(chain []*Node) (int, lowerFunc) {
	if _, ok := chain[0].Layer.(Affine); !ok || !reluFollows(chain) {
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

// fuseBatchNormReLU is for a batch normalisation and a rectifier.
func fuseBatchNormReLU(chain []*Node) (int, lowerFunc) {
	norm, ok := chain[0].Layer.(BatchNorm)
	if !ok || !reluFollows(chain) {
		return 0, nil
	}
	return 2, norm.lowerReLU
}

func reluFollows(chain []*Node) bool {
	if len(chain) < 2 {
		return false
	}
	_, ok := chain[1].Layer.(ReLU)
	return ok
}

func (g group) multiplyAdds() (sum int64) {
	for _, n := range g.nodes {
		sum += n.MultiplyAdds()
	}
	return sum
}

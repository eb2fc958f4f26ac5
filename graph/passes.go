package graph

import (
	"strings"

	G "gorgonia.org/gorgonia"

	"convgraph/ops"
)

// This file holds every pass: whatever is rewritten between the layers as they are declared and the graph that runs. A pass makes one op of
// neighbouring layers and changes no result, to the bit; what stands between those layers is then never in memory.

// passes are tried in this order at each layer; the first that fits has its way.
var passes = []pass{
	{"conv-relu-pool", fuseConvReLUPool},
	{"conv-relu", fuseConvReLU},
	{"affine-relu", fuseAffineReLU},
}

// A pass says of how many layers, from the first given on, it makes one op, and how; 0 is that it doesn't fit.
type pass struct {
	name string
	fuse func(stages []stage) (n int, lower lowerFunc)
}

// A lowerFunc adds ops to the graph of x, as [Layer.Lower] does.
type lowerFunc func(x *G.Node, params []*G.Node, mode Mode) (*G.Node, error)

// A section is one layer, or the neighbours that a pass has made one op of.
type section struct {
	stages []stage
	pass   string // that fused them; none for one layer by itself
	lower  lowerFunc
}

// fused goes through the layers once and puts together what a pass fits.
func fused(stages []stage) (sections []section) {
	for len(stages) > 0 {
		s := fuseFirst(stages)
		sections = append(sections, s)
		stages = stages[len(s.stages):]
	}
	return sections
}

func fuseFirst(stages []stage) section {
	for _, p := range passes {
		if n, lower := p.fuse(stages); n > 0 {
			return section{stages: stages[:n], pass: p.name, lower: lower}
		}
	}
	return alone(stages)
}

// alone is the first of the layers by itself.
func alone(stages []stage) section {
	return section{stages: stages[:1], lower: stages[0].layer.Lower}
}

// asDeclared leaves every layer by itself.
func asDeclared(stages []stage) (sections []section) {
	for i := range stages {
		sections = append(sections, alone(stages[i:]))
	}
	return sections
}

// name is the layers' names: "conv1+relu1+pool1".
func (s section) name() string {
	var names []string
	for _, st := range s.stages {
		names = append(names, st.name)
	}
	return strings.Join(names, "+")
}

// fuseConvReLUPool is for a convolution, a rectifier and a max pooling, worked image by image.
func fuseConvReLUPool(stages []stage) (int, lowerFunc) {
	n, _ := fuseConvReLU(stages)
	if n == 0 || len(stages) == n {
		return 0, nil
	}
	conv := stages[0].layer.(Conv2D)
	pool, ok := stages[n].layer.(MaxPool)
	if !ok {
		return 0, nil
	}
	return n + 1, func(x *G.Node, params []*G.Node, _ Mode) (*G.Node, error) {
		return ops.ConvReLUPool2D(x, params[0], params[1], conv.op(), pool.op())
	}
}

// fuseConvReLU is for a convolution whose filters see all channels of their group, and a rectifier.
func fuseConvReLU(stages []stage) (int, lowerFunc) {
	conv, ok := stages[0].layer.(Conv2D)
	if !ok || conv.Connections != nil || !reluFollows(stages) {
		return 0, nil
	}
	return 2, func(x *G.Node, params []*G.Node, _ Mode) (*G.Node, error) {
		return ops.ConvReLU2D(x, params[0], params[1], conv.op())
	}
}

// fuseAffineReLU is for an affine layer and a rectifier.
func fuseAffineReLU(stages []stage) (int, lowerFunc) {
	if _, ok := stages[0].layer.(Affine); !ok || !reluFollows(stages) {
		return 0, nil
	}
	return 2, func(x *G.Node, params []*G.Node, _ Mode) (*G.Node, error) {
		x, err := flat(x)
		if err != nil {
			return nil, err
		}
		return ops.AffineReLU(x, params[0], params[1])
	}
}

func reluFollows(stages []stage) bool {
	if len(stages) < 2 {
		return false
	}
	_, ok := stages[1].layer.(ReLU)
	return ok
}

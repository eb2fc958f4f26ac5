package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Combinators describe a network like the figure in a paper. They are flattened into a spec's list
// of layers, where a layer that doesn't read the one before it names what it reads.

// A Part is a building block of a network: a [Layer], or what [Serial], [Branches], [Residual],
// [Gate], [Block] and [Numbered] make of several parts.
type Part interface {
	// Label returns the name of the layer, or the prefix of the names inside; "" to have it
	// numbered.
	Label() string
}

// Sequential declares a network of parts, one after the other.
func Sequential(name string, input tensor.Shape, init Init, parts ...Part) *Spec {
	f := flattener{names: namer{taken: map[string]int{}, count: map[string]int{}}}
	f.flatten(combined{parts: parts}, InputName, &scope{})
	return &Spec{Name: name, Input: input, Init: init, Layers: f.layers}
}

// Serial runs parts one after the other. Without parts it is the identity.
func Serial(parts ...Part) Part { return combined{parts: parts} }

// Branches runs parts that all read the same value, and joins their results in order, with Concat{}
// for example.
func Branches(join Join, parts ...Part) Part {
	return combined{branching: true, join: join, parts: parts}
}

// Residual is x + f(x) with the body f (He et al. 2015), or s(x) + f(x) with a shortcut s.
func Residual(body Part, shortcut ...Part) Part {
	return Branches(Add{}, body, Serial(shortcut...))
}

// Gate is x · f(x) with the gate f, a list of parts: squeeze-and-excitation, for example (Hu et al.
// 2018).
func Gate(gate ...Part) Part {
	return Branches(Multiply{}, Serial(), Serial(gate...))
}

// Block runs parts one after the other and puts their names under a prefix: "layer1.conv1".
// Automatic names inside it are numbered from 1. A Block without a name has its index as the prefix
// inside [Numbered], and no prefix elsewhere.
func Block(name string, parts ...Part) Part { return combined{scoped: true, name: name, parts: parts} }

// Numbered is a [Block] that names each of its parts by its index: "features.0", "features.1".
func Numbered(name string, parts ...Part) Part {
	return combined{scoped: true, numbered: true, name: name, parts: parts}
}

// combined is the result of every combinator.
type combined struct {
	branching        bool // the parts all read the same value; otherwise they run one after the other
	join             Join // of branches
	parts            []Part
	scoped, numbered bool
	name             string
}

func (c combined) Label() string { return c.name }

// A flattener writes parts into a list of layers.
type flattener struct {
	layers []Layer
	names  namer
	last   string // the name of the last layer in the list
}

// A scope names the layers of a block.
type scope struct {
	prefix string // with the dot at its end; empty for the network itself
	count  map[string]int
}

// within returns the scope of a block. A block without a name has no scope of its own.
func (s *scope) within(name string) *scope {
	if name == "" {
		return s
	}
	return &scope{prefix: s.prefix + name + ".", count: map[string]int{}}
}

// flatten adds a part that reads the value with the given name, and returns the name of its result.
func (f *flattener) flatten(p Part, from string, in *scope) string {
	switch p := p.(type) {
	case nil:
		return f.bad(nil)
	case Layer:
		if checkValue(p) != nil {
			return f.bad(p)
		}
		return f.layer(p, from, in)
	case combined:
		if p.scoped {
			in = in.within(p.name)
		}
		if p.branching {
			return f.branches(p, from, in)
		}
		for i, part := range p.parts {
			if p.numbered {
				from = f.indexed(part, i, from, in)
			} else {
				from = f.flatten(part, from, in)
			}
		}
		return from
	}
	return f.bad(invalid{fmt.Errorf("is a %T: want a layer, or what a combinator such as Serial makes", p)})
}

// indexed adds a part of [Numbered]. Its name or prefix is its index, unless it has one of its own.
func (f *flattener) indexed(p Part, i int, from string, in *scope) string {
	index := fmt.Sprint(i)
	switch p := p.(type) {
	case Layer:
		if checkValue(p) == nil && p.Label() == "" {
			return f.flatten(Named(p, index), from, in)
		}
	case combined:
		if p.scoped && p.name == "" {
			p.name = index
			return f.flatten(p, from, in)
		}
		if !p.scoped {
			return f.flatten(p, from, in.within(index))
		}
	}
	return f.flatten(p, from, in)
}

// bad adds an invalid layer. Resolving the spec reports it.
func (f *flattener) bad(l Layer) string {
	f.layers = append(f.layers, l)
	return f.lastName()
}

func (f *flattener) branches(c combined, from string, in *scope) string {
	if checkValue(c.join) != nil {
		return f.bad(c.join)
	}
	results := make([]string, len(c.parts))
	for i, p := range c.parts {
		results[i] = f.flatten(p, from, in)
	}
	return f.add(From(c.join, results...), in)
}

// layer adds a layer that reads the value with the given name, unless the layer itself says what it
// reads.
func (f *flattener) layer(l Layer, from string, in *scope) string {
	if _, own := Reads(l); own == nil && from != f.lastName() {
		l = From(l, from)
	}
	return f.add(l, in)
}

// lastName returns the name of what a layer reads by default.
func (f *flattener) lastName() string {
	if len(f.layers) == 0 {
		return InputName
	}
	return f.last
}

// add names the layer and appends it to the list.
func (f *flattener) add(l Layer, in *scope) string {
	if in.prefix != "" {
		l = Named(l, in.prefix+in.name(l))
	}
	name, _ := f.names.name(l, len(f.layers)) // resolve reports a name that is taken
	if name == "" {
		name = l.Label()
	}
	f.layers = append(f.layers, l)
	f.last = name
	return name
}

// name returns a layer's name within the scope.
func (s *scope) name(l Layer) string {
	if name := l.Label(); name != "" {
		return name
	}
	stem := kindOf(l).stem
	s.count[stem]++
	return fmt.Sprintf("%s%d", stem, s.count[stem])
}

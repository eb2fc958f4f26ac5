package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// This file holds the combinators, which read like a paper's figure. They flatten into a spec's list
// of layers, where a layer that doesn't read the one before it says so by name.

// A Part is what a network is put together from: a [Layer], or what [Serial], [Branches], [Residual],
// [Gate], [Block] or [Numbered] make of several parts.
type Part interface {
	// Label is the name of the layer, or the prefix of the names inside; empty: it is numbered.
	Label() string
}

// Sequential declares a network of parts, one after the other.
func Sequential(name string, input tensor.Shape, init Init, parts ...Part) *Spec {
	f := flattener{names: namer{taken: map[string]int{}, count: map[string]int{}}}
	f.flatten(combined{parts: parts}, InputName, &scope{})
	return &Spec{Name: name, Input: input, Init: init, Layers: f.layers}
}

// Serial is parts one after the other. Without parts it is the identity.
func Serial(parts ...Part) Part { return combined{parts: parts} }

// Branches is parts that all read the same value, put together by a join such as Concat{}. The values
// are joined in the order of the parts.
func Branches(join Join, parts ...Part) Part {
	return combined{branching: true, join: join, parts: parts}
}

// Residual is x + f(x) for the body f (He et al. 2015), or s(x) + f(x) with a shortcut s.
func Residual(body Part, shortcut ...Part) Part {
	return Branches(Add{}, body, Serial(shortcut...))
}

// Gate is x · f(x) for the gate f, one after the other: a squeeze-and-excitation (Hu et al. 2018), say.
func Gate(gate ...Part) Part {
	return Branches(Multiply{}, Serial(), Serial(gate...))
}

// Block puts parts one after the other and their names under a prefix, in which the numbers of
// automatic names begin at 1: "layer1.conv1". Without a name it takes its index inside of [Numbered],
// and elsewhere is [Serial].
func Block(name string, parts ...Part) Part { return combined{scoped: true, name: name, parts: parts} }

// Numbered is a [Block] that names each of its parts by its index: "features.0", "features.1".
func Numbered(name string, parts ...Part) Part {
	return combined{scoped: true, numbered: true, name: name, parts: parts}
}

// combined is what every combinator makes.
type combined struct {
	branching        bool // the parts all read the same; otherwise one after the other
	join             Join // of branches
	parts            []Part
	scoped, numbered bool
	name             string
}

func (c combined) Label() string { return c.name }

// flattener writes parts into a list of layers.
type flattener struct {
	layers []Layer
	names  namer
	last   string // the name of the last layer in the list
}

// scope names the layers of a block.
type scope struct {
	prefix string // with the dot at its end; empty: the network itself
	count  map[string]int
}

// within is the scope of a block. A block without a name has no scope of its own.
func (s *scope) within(name string) *scope {
	if name == "" {
		return s
	}
	return &scope{prefix: s.prefix + name + ".", count: map[string]int{}}
}

// flatten adds a part that reads the value of the given name, and returns the name of its result.
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

// indexed adds a part whose name, or whose prefix, is its index unless it has one of its own.
func (f *flattener) indexed(p Part, i int, from string, in *scope) string {
	index := fmt.Sprint(i)
	switch p := p.(type) {
	case Layer:
		if checkValue(p) == nil && p.Label() == "" {
			return f.flatten(named(p, index), from, in)
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

// bad adds a layer that can't be. Resolving the spec reports it.
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

// layer adds a layer that reads the value of the given name, unless it says what it reads itself.
func (f *flattener) layer(l Layer, from string, in *scope) string {
	if _, own := Reads(l); own == nil && from != f.lastName() {
		l = From(l, from)
	}
	return f.add(l, in)
}

// lastName is what a layer reads that doesn't say.
func (f *flattener) lastName() string {
	if len(f.layers) == 0 {
		return InputName
	}
	return f.last
}

// add names the layer and adds it to the list.
func (f *flattener) add(l Layer, in *scope) string {
	if in.prefix != "" {
		l = named(l, in.prefix+in.name(l))
	}
	name, _ := f.names.name(l, len(f.layers)) // resolve reports a name that is taken
	if name == "" {
		name = l.Label()
	}
	f.layers = append(f.layers, l)
	f.last = name
	return name
}

// name is a layer's name within the scope.
func (s *scope) name(l Layer) string {
	if name := l.Label(); name != "" {
		return name
	}
	stem := kindOf(l).stem
	s.count[stem]++
	return fmt.Sprintf("%s%d", stem, s.count[stem])
}

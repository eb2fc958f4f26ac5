package onnx

import (
	"fmt"
	"slices"

	"convgraph/onnx/schema"
)

// Functions become at most maxNodes nodes, with maxNames bytes of names; branches, loops and
// sequences at most maxInner.
const (
	maxNodes = 1 << 17
	maxInner = 1 << 14
	maxNames = 1 << 26
)

// An inliner replaces calls of functions by the functions' nodes. PyTorch's exporter writes modules
// as functions.
type inliner struct {
	functions map[functionName]*schema.Function
	opset     int64
	calls     int
	nodes     int
	names     int // bytes
}

type functionName struct{ domain, name, overload string }

// maxCalls bounds the nesting of function calls.
const maxCalls = 64

// inlined is the nodes of a model without calls of its functions.
func inlined(file *schema.Model, opset int64) ([]schema.Node, error) {
	if len(file.Functions) == 0 {
		return file.Graph.Nodes, nil
	}
	in := &inliner{functions: map[functionName]*schema.Function{}, opset: opset}
	for i := range file.Functions {
		f := &file.Functions[i]
		in.functions[functionName{f.Domain, f.Name, f.Overload}] = f
	}
	return in.list(file.Graph.Nodes, 0)
}

func (in *inliner) list(nodes []schema.Node, depth int) (out []schema.Node, err error) {
	for _, n := range nodes {
		if in.nodes++; in.nodes > maxNodes || in.names > maxNames {
			return nil, fmt.Errorf("functions expand to more than %d nodes", maxNodes)
		}
		f := in.functions[functionName{n.Domain, n.Op, n.Overload}]
		if f == nil {
			if n, err = in.subgraphs(n, depth); err != nil {
				return nil, err
			}
			out = append(out, n)
			continue
		}
		body, err := in.call(n, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", describe(&n), err)
		}
		if depth == maxCalls {
			return nil, fmt.Errorf("%s: function calls nest deeper than %d", describe(&n), maxCalls)
		}
		inner, err := in.list(body, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, inner...)
	}
	return out, nil
}

// subgraphs is a node whose graphs call no functions.
func (in *inliner) subgraphs(n schema.Node, depth int) (schema.Node, error) {
	n.Attributes = slices.Clone(n.Attributes)
	for i, a := range n.Attributes {
		if a.Graph == nil {
			continue
		}
		g := *a.Graph
		var err error
		if g.Nodes, err = in.list(g.Nodes, depth); err != nil {
			return n, err
		}
		n.Attributes[i].Graph = &g
	}
	return n, nil
}

// call returns a function's nodes with the names and attributes of the calling node.
func (in *inliner) call(n schema.Node, f *schema.Function) ([]schema.Node, error) {
	for _, o := range f.Opsets {
		if (o.Domain == "" || o.Domain == "ai.onnx") && o.Version != in.opset {
			return nil, fmt.Errorf("its function is of operator set %d, the model of %d: want one for both",
				o.Version, in.opset)
		}
	}
	if len(n.Inputs) > len(f.Inputs) || len(n.Outputs) > len(f.Outputs) {
		return nil, fmt.Errorf("got %d inputs and %d outputs, want at most %d and %d",
			len(n.Inputs), len(n.Outputs), len(f.Inputs), len(f.Outputs))
	}
	names := map[string]string{"": ""}
	for i, name := range f.Inputs {
		if names[name] = ""; i < len(n.Inputs) {
			names[name] = n.Inputs[i]
		}
	}
	for i, name := range f.Outputs {
		if slices.Contains(f.Inputs, name) {
			return nil, fmt.Errorf("its function's output %q is an input, too: that is not supported", name)
		}
		if i < len(n.Outputs) && n.Outputs[i] != "" {
			names[name] = n.Outputs[i]
		}
	}
	in.calls++
	r := renaming{names: names, prefix: fmt.Sprintf("call#%d/",
		in.calls), attributes: n.Attributes, defaults: f.Defaults}
	body := r.nodes(f.Nodes)
	in.names += r.bytes
	return body, nil
}

// A renaming gives nodes other names: those of a map, and a prefix for the others.
type renaming struct {
	names  map[string]string
	prefix string
	bytes  int // of the new names

	attributes, defaults []schema.Attribute // that references name
}

func (r *renaming) name(name string) string {
	if to, ok := r.names[name]; ok {
		return to
	}
	r.bytes += len(r.prefix) + len(name)
	return r.prefix + name
}

func (r *renaming) all(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = r.name(name)
	}
	return out
}

func (r *renaming) nodes(nodes []schema.Node) []schema.Node {
	out := make([]schema.Node, len(nodes))
	for i, n := range nodes {
		n.Inputs, n.Outputs = r.all(n.Inputs), r.all(n.Outputs)
		attributes := n.Attributes
		n.Attributes = nil
		for _, a := range attributes {
			if a, ok := r.attribute(a); ok {
				n.Attributes = append(n.Attributes, a)
			}
		}
		out[i] = n
	}
	return out
}

// attribute is a node's attribute; one that refers to an attribute that isn't given is left out.
func (r *renaming) attribute(a schema.Attribute) (schema.Attribute, bool) {
	if a.Reference != "" {
		for _, given := range slices.Concat(r.attributes, r.defaults) {
			if given.Name == a.Reference {
				given.Name = a.Name
				return given, true
			}
		}
		return a, false
	}
	if a.Graph != nil {
		g := r.graph(a.Graph)
		a.Graph = &g
	}
	return a, true
}

func (r *renaming) graph(g *schema.Graph) schema.Graph {
	out := *g
	out.Nodes = r.nodes(g.Nodes)
	out.Inputs, out.Outputs = r.infos(g.Inputs), r.infos(g.Outputs)
	out.Initializers = slices.Clone(g.Initializers)
	for i := range out.Initializers {
		out.Initializers[i].Name = r.name(out.Initializers[i].Name)
	}
	return out
}

func (r *renaming) infos(infos []schema.ValueInfo) []schema.ValueInfo {
	out := slices.Clone(infos)
	for i := range out {
		out[i].Name = r.name(out[i].Name)
	}
	return out
}

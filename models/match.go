package models

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"convgraph/formats"
	"convgraph/graph"
)

// Match matches the arrays of another program's file with a model's parameters, and returns the
// parameters' names by the arrays' names.
//
// Names come first: if some prefix ("module.", "state_dict.") has an array for every parameter,
// Match takes these, in any order, and ignores the others. Only if names differ does it match by
// position: the file's modules are the model's layers in order, and within a module "weight" is the
// weight. Match refuses to match by position if a name contradicts it, or if layers of the same
// shapes could be swapped.
func Match(m *graph.Model, arrays []formats.Array) (map[string]string, error) {
	if err := formats.CheckUnique(arrays); err != nil {
		return nil, err
	}
	params := m.Params()
	under := byPrefix(params, arrays)
	complete := slices.DeleteFunc(slices.Clone(under), func(p prefixed) bool { return len(p.files) < len(params) })
	if len(complete) > 0 {
		names, err := choose(complete)
		if err != nil {
			return nil, fmt.Errorf("model %q: %w", m.Spec().Name, err)
		}
		return names, nil
	}
	names, err := byPosition(params, parameterArrays(arrays, len(params)), best(under))
	if err != nil {
		return nil, fmt.Errorf("model %q %w%s", m.Spec().Name, err, unreadable(arrays))
	}
	return names, nil
}

// unreadable returns the end of a message about the first array that can't be read, or "".
func unreadable(arrays []formats.Array) string {
	for _, a := range arrays {
		if a.Err != nil {
			return fmt.Sprintf("; array %.80q can't be read: %v", a.Name, a.Err)
		}
	}
	return ""
}

// A prefixed is the set of parameters that a file has under a prefix.
type prefixed struct {
	prefix string            // "" or with a dot at the end
	files  map[string]string // the arrays' names by the parameters' names
	twice  string            // a parameter with two arrays
}

// names returns the parameters' names by the arrays' names.
func (p prefixed) names() (map[string]string, error) {
	if p.twice != "" {
		return nil, fmt.Errorf("two arrays under the prefix %q match %q: want a map of the names", p.prefix, p.twice)
	}
	names := make(map[string]string, len(p.files))
	for name, file := range p.files {
		names[file] = name
	}
	return names, nil
}

// byPrefix returns the prefixes under which the file has parameters, in the file's order.
func byPrefix(params []*graph.Parameter, arrays []formats.Array) []prefixed {
	known, mostDots := map[string]bool{}, 0
	for _, p := range params {
		known[p.Name] = true
		mostDots = max(mostDots, strings.Count(p.Name, "."))
	}
	var found []prefixed
	index := map[string]int{}
	for _, a := range arrays {
		clean := withoutWrappers(a.Name)
		for _, start := range starts(clean, mostDots) {
			name, prefix := clean[start:], clean[:start]
			if !known[name] {
				continue
			}
			i, ok := index[prefix]
			if !ok {
				i = len(found)
				index[prefix] = i
				found = append(found, prefixed{prefix: prefix, files: map[string]string{}})
			}
			if _, taken := found[i].files[name]; taken {
				found[i].twice = name
			}
			found[i].files[name] = a.Name
		}
	}
	return found
}

// starts returns the offsets of a name's suffixes with at most mostDots dots, longest first.
func starts(name string, mostDots int) []int {
	var at []int
	dots := 0
	for i := len(name) - 1; i >= 0 && dots <= mostDots; i-- {
		if name[i] == '.' {
			at = append(at, i+1)
			dots++
		}
	}
	if dots <= mostDots {
		at = append(at, 0)
	}
	slices.Reverse(at)
	return at
}

// wrappers are what PyTorch adds to the names of wrapped modules, at any depth.
var wrappers = []string{"_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."}

func withoutWrappers(name string) string {
	for _, w := range wrappers {
		name = strings.ReplaceAll("."+name, "."+w, ".")[1:]
	}
	return name
}

// containers are the names under which checkpoints and wrappers store the network itself. A moving
// average of its parameters has another name.
var containers = []string{"state_dict", "model_state_dict", "model", "module", "net", "network"}

// choose selects the network itself among several sets of parameters, and returns the parameters'
// names by the arrays' names.
func choose(complete []prefixed) (map[string]string, error) {
	isNetwork := func(p prefixed) bool {
		for _, part := range strings.Split(strings.TrimSuffix(p.prefix, "."), ".") {
			if part != "" && !slices.Contains(containers, part) {
				return false
			}
		}
		return true
	}
	networks := slices.DeleteFunc(slices.Clone(complete), func(p prefixed) bool { return !isNetwork(p) })
	switch {
	case len(complete) == 1:
		return complete[0].names()
	case len(networks) == 1:
		return networks[0].names()
	}
	var prefixes []string
	for _, p := range complete {
		prefixes = append(prefixes, fmt.Sprintf("%.80q", p.prefix))
	}
	return nil, fmt.Errorf("the file has all parameters under each of the prefixes %s: want a map of the names",
		strings.Join(prefixes, ", "))
}

// best returns the prefix with the most parameters.
func best(under []prefixed) prefixed {
	var most prefixed
	for _, p := range under {
		if len(p.files) > len(most.files) {
			most = p
		}
	}
	return most
}

// parameterArrays returns the arrays that may be a network's parameters: no counters and nothing
// unreadable, and of a checkpoint only those of the network, if it has one array for each
// parameter.
func parameterArrays(arrays []formats.Array, want int) []formats.Array {
	candidates := slices.DeleteFunc(slices.Clone(arrays),
		func(a formats.Array) bool { return a.Value == nil || a.Value.Dims() == 0 })
	if len(candidates) == want || want == 0 {
		return candidates
	}
	for _, c := range containers {
		inside := slices.DeleteFunc(slices.Clone(candidates),
			func(a formats.Array) bool { return !strings.HasPrefix(a.Name, c+".") })
		if len(inside) == want {
			return inside
		}
	}
	return candidates
}

// byPosition matches arrays and parameters in order. Arrays with the names of parameters must match
// those.
func byPosition(params []*graph.Parameter, arrays []formats.Array, named prefixed) (map[string]string, error) {
	if len(params) != len(arrays) {
		return nil, count(params, arrays, named)
	}
	layers, modules := unitsOf(params), modulesOf(arrays)
	if len(layers) != len(modules) {
		layers, modules = single(layers), single(modules)
	}
	sortByNumbers(modules)
	names := map[string]string{}
	for i, layer := range layers {
		if err := layer.take(modules[i], names); err != nil {
			return nil, err
		}
	}
	for _, p := range params {
		file, ok := named.files[p.Name]
		if ok && names[file] != p.Name {
			return nil, fmt.Errorf("has a parameter %q, but by its position array %q is %q: want a map of the names",
				p.Name, file, names[file])
		}
	}
	return names, checkOrder(modules, names, named)
}

// count returns the error for different numbers of arrays and parameters. If names match, it says
// which one is missing.
func count(params []*graph.Parameter, arrays []formats.Array, named prefixed) error {
	if len(named.files) > 0 {
		for _, p := range params {
			if _, ok := named.files[p.Name]; !ok {
				return fmt.Errorf(
					"has %d parameters, of which the file has %d under the prefix %.80q: %q is missing; "+
						"the file has %s",
					len(params), len(named.files), named.prefix, p.Name, arrayNames(arrays))
			}
		}
	}
	return fmt.Errorf("has %d parameters, the file %d arrays: %s", len(params), len(arrays), arrayNames(arrays))
}

// A unit is a layer of the model or a module of the file.
type unit struct {
	name    string
	members []member
}

// A member is a parameter or an array.
type member struct {
	name  string
	role  string // "weight", "bias", "running_mean", "running_var"; "" if the name doesn't say
	shape []int
}

// roles maps the last parts of names to roles.
var roles = map[string]string{
	"weight": "weight", "coefficient": "weight", "kernel": "weight", "gamma": "weight", "bias": "bias", "beta": "bias",
	"running_mean": "running_mean", "moving_mean": "running_mean",
	"running_var": "running_var", "moving_variance": "running_var", "moving_var": "running_var",
}

func newMember(name string, shape []int) (unitName string, m member) {
	dot := strings.LastIndexByte(name, '.')
	return name[:max(dot, 0)], member{name: name, role: roles[name[dot+1:]], shape: shape}
}

func unitsOf(params []*graph.Parameter) (units []unit) {
	for _, p := range params {
		name, m := newMember(p.Name, p.Shape)
		units = grouped(units, name, m)
	}
	return units
}

// modulesOf groups arrays by modules, if their names end in a role.
func modulesOf(arrays []formats.Array) (units []unit) {
	for _, a := range arrays {
		name, m := newMember(a.Name, a.Value.Shape())
		if m.role == "" {
			name = a.Name
		}
		units = grouped(units, name, m)
	}
	return units
}

// grouped adds a member to the last unit if it has that name, or to a new one.
func grouped(units []unit, name string, m member) []unit {
	if last := len(units) - 1; last >= 0 && units[last].name == name {
		units[last].members = append(units[last].members, m)
		return units
	}
	return append(units, unit{name, []member{m}})
}

// single makes a unit of every member.
func single(units []unit) (singles []unit) {
	for _, u := range units {
		for _, m := range u.members {
			singles = append(singles, unit{m.name, []member{m}})
		}
	}
	return singles
}

// take maps the module's arrays to the layer's parameters: by their roles, or by position if names
// don't say.
func (layer unit) take(module unit, names map[string]string) error {
	if len(layer.members) != len(module.members) {
		return fmt.Errorf("has %d parameters in layer %q, but the file has %d arrays in %.80q: want a map of the names",
			len(layer.members), layer.name, len(module.members), module.name)
	}
	left := slices.Clone(module.members)
	for _, p := range layer.members {
		i := slices.IndexFunc(left, func(a member) bool { return a.role == p.role })
		if i < 0 && (left[0].role == "" || p.role == "") {
			i = 0
		}
		if i < 0 {
			return fmt.Errorf("can't match array %.80q: by its position it is %q: want a map of the names",
				left[0].name, p.name)
		}
		names[left[i].name] = p.name
		left = slices.Delete(left, i, i+1)
	}
	return nil
}

// sortByNumbers sorts modules by the numbers in their names if nothing else in the names differs: a
// file sorted by name has "10" before "2".
func sortByNumbers(modules []unit) {
	for _, u := range modules {
		if !sameWords(modules[0].name, u.name) {
			return
		}
	}
	slices.SortStableFunc(modules, func(a, b unit) int { return slices.Compare(numbers(a.name), numbers(b.name)) })
}

// checkOrder refuses modules of the same shapes whose order isn't confirmed by their names.
func checkOrder(modules []unit, names map[string]string, named prefixed) error {
	last := map[string]unit{}
	for _, u := range modules {
		if u.confirmed(names, named) {
			continue
		}
		shapes := fmt.Sprint(u.shapes())
		before, same := last[shapes]
		last[shapes] = u
		if same && !(sameWords(before.name, u.name) && slices.Compare(numbers(before.name), numbers(u.name)) < 0) {
			return fmt.Errorf("has two layers of the same shapes, %.80q and %.80q in the file, "+
				"whose names don't tell them apart: want a map of the names",
				before.name, u.name)
		}
	}
	return nil
}

// confirmed reports whether all arrays have the names of their parameters.
func (u unit) confirmed(names map[string]string, named prefixed) bool {
	return !slices.ContainsFunc(u.members, func(m member) bool { return named.files[names[m.name]] != m.name })
}

func (u unit) shapes() (shapes [][]int) {
	for _, m := range u.members {
		shapes = append(shapes, m.shape)
	}
	slices.SortFunc(shapes, func(a, b []int) int { return slices.Compare(a, b) })
	return shapes
}

// sameWords reports whether names differ only in numbers.
func sameWords(a, b string) bool { return slices.Equal(words(a), words(b)) }

func isDigit(r rune) bool     { return r >= '0' && r <= '9' }
func noDigit(r rune) bool     { return !isDigit(r) }
func words(s string) []string { return strings.FieldsFunc(s, isDigit) }

// numbers returns the numbers in a name.
func numbers(name string) (all []int) {
	for _, digits := range strings.FieldsFunc(name, noDigit) {
		n, err := strconv.Atoi(digits)
		if err != nil { // overflows int
			n = int(^uint(0) >> 1)
		}
		all = append(all, n)
	}
	return all
}

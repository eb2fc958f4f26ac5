package onnx

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// PyTorch's exporters spell local response normalisation out, over the channels
// as the depth of one volume, the average giving the alpha divided by the size:
//
//	y = x / (k + alpha · average(pad(reshape(x·x))))^beta
//
// The older one asks in a branch (If) whether there is a depth to squeeze away,
// reshapes the result to what it is already, and computes its shapes in between.
var lrnSpelledOut = []string{"Mul", "Reshape", "Pad", "AveragePool", "Squeeze", "Mul", "Add", "Pow", "Div"}

// lrnNode is a node of such a normalisation. Those between its steps compute
// shapes.
type lrnNode struct {
	*schema.Node
	step bool
}

// spelledOutLRN takes in the nodes of such a normalisation, if they begin one,
// and returns how many they are.
func (im *importer) spelledOutLRN(nodes []schema.Node) (int, error) {
	if im.pad != nil || im.scale != 0 || im.shape.Dims() != 3 || nodes[0].Op != "Mul" || !slices.Equal(nodes[0].Inputs, []string{im.value, im.value}) {
		return 0, nil
	}
	found := im.lrnNodes(nodes)
	if found == nil {
		return 0, nil
	}
	last := found[len(found)-1]
	if last.Inputs[0] != im.value || im.known(last.Outputs[0]) {
		return 0, nil
	}
	layer, err := im.readLRN(found)
	if err != nil {
		return 0, err
	}
	if err := im.add(step{layer: layer}); err != nil {
		return 0, err
	}
	im.advance(last.Outputs[0])
	return len(found), nil
}

// lrnNodes are the first of nodes up to the end of a normalisation, or nil if
// they aren't one.
func (im *importer) lrnNodes(nodes []schema.Node) (found []lrnNode) {
	constants := map[string]bool{"": true}
	constant := func(name string) bool { return constants[name] || im.constants[name] != nil }
	at := 0
	for i := range nodes {
		n := &nodes[i]
		if n.Domain != "" || len(n.Outputs) != 1 {
			return nil
		}
		if n.Op == "Shape" || n.Op != "If" && !slices.ContainsFunc(n.Inputs, func(name string) bool { return !constant(name) }) {
			constants[n.Outputs[0]] = true
			found = append(found, lrnNode{n, false})
			continue
		}
		found = append(found, lrnNode{n, true})
		switch {
		case isLRNStep(n, lrnSpelledOut[at]):
			at++
		case at == 0 || n.Op != "Reshape" || lrnSpelledOut[at-1] != "Squeeze":
			return nil
		}
		if at == len(lrnSpelledOut) {
			return found
		}
	}
	return nil
}

func isLRNStep(n *schema.Node, op string) bool {
	switch n.Op {
	case "If":
		return op == "Squeeze" && len(n.Inputs) == 1
	case "Squeeze", "AveragePool", "Pad":
		return n.Op == op && len(n.Inputs) >= 1
	}
	return n.Op == op && len(n.Inputs) == 2
}

func (im *importer) readLRN(nodes []lrnNode) (graph.LRN, error) {
	last := nodes[0].Outputs[0]
	var l graph.LRN
	for _, n := range nodes[1:] {
		var err error
		if n.step {
			err = im.readLRNStep(&l, n.Node, last)
			last = n.Outputs[0]
		} else {
			err = im.node(n.Node)
		}
		if err != nil {
			return l, fmt.Errorf("%s, in a local response normalisation: %w", describe(n.Node), err)
		}
	}
	l.Alpha /= float64(l.Size)
	return l, nil
}

// readLRNStep reads one step, which takes what the one before it has made.
func (im *importer) readLRNStep(l *graph.LRN, n *schema.Node, last string) error {
	takes := 0
	if n.Op == "Div" {
		takes = 1
	}
	if n.Op != "If" && n.Inputs[takes] != last {
		return fmt.Errorf("takes %q, want %q", n.Inputs[takes], last)
	}
	a := newAttributes(n)
	if err := im.lrnStep(l, n, a, last); err != nil {
		return err
	}
	return a.done()
}

func (im *importer) lrnStep(l *graph.LRN, n *schema.Node, a *attributes, last string) (err error) {
	switch n.Op {
	case "Reshape":
		want := im.lrnVolume()
		if l.Size > 0 { // it is averaged, and its depth squeezed away
			want = slices.Delete(want, 1, 2)
		}
		return im.checkVolume(n, a, want)
	case "Pad":
		l.Size, err = im.lrnPad(n, a)
	case "AveragePool":
		im.passed[n.Outputs[0]] = append(tensor.Shape{1}, im.shape...) // a branch may ask for it
		return checkLRNAverage(l.Size, a)
	case "Squeeze":
		return im.checkSqueeze(n, a)
	case "If":
		return im.lrnBranch(n, a, last)
	case "Mul":
		l.Alpha, err = im.scalar(n.Inputs[1])
	case "Add":
		l.K, err = im.scalar(n.Inputs[1])
	case "Pow":
		l.Beta, err = im.scalar(n.Inputs[1])
	}
	return err
}

// checkSqueeze wants the volume's depth to be taken away; before operator set 13 the axes are an attribute.
func (im *importer) checkSqueeze(n *schema.Node, a *attributes) (err error) {
	axes := a.ints("axes")
	if len(n.Inputs) > 1 {
		if axes, err = im.ints(n.Inputs[1]); err != nil {
			return err
		}
	}
	if !slices.Equal(axes, []int64{1}) {
		return fmt.Errorf("axes are %v, want [1]", axes)
	}
	return nil
}

// lrnBranch wants a Squeeze in the branch that is taken.
func (im *importer) lrnBranch(n *schema.Node, a *attributes, last string) error {
	condition, err := im.ints(n.Inputs[0])
	if err != nil {
		return err
	}
	then, _ := a.take("then_branch", schema.Subgraph)
	a.take("else_branch", schema.Subgraph)
	if !slices.Equal(condition, []int64{1}) || then.Graph == nil || len(then.Graph.Nodes) == 0 || len(then.Graph.Outputs) != 1 {
		return fmt.Errorf("a branch on %v is not supported: want one that squeezes the depth away", condition)
	}
	nodes := then.Graph.Nodes
	squeeze := &nodes[len(nodes)-1]
	for i := range nodes[:len(nodes)-1] {
		if nodes[i].Op != "Constant" {
			return fmt.Errorf("%s is not supported in a branch", describe(&nodes[i]))
		}
		if err := im.node(&nodes[i]); err != nil {
			return fmt.Errorf("%s: %w", describe(&nodes[i]), err)
		}
	}
	if squeeze.Op != "Squeeze" || input(squeeze, 0) != last || !slices.Equal(squeeze.Outputs, []string{then.Graph.Outputs[0].Name}) {
		return fmt.Errorf("%s is not supported in a branch: want a Squeeze of %q", describe(squeeze), last)
	}
	squeezed := newAttributes(squeeze)
	if err := im.checkSqueeze(squeeze, squeezed); err != nil {
		return err
	}
	return squeezed.done()
}

// lrnVolume is (N, 1, C, H, W), the images with the channels as depth.
func (im *importer) lrnVolume() []int64 {
	return []int64{batchProbe, 1, int64(im.shape[0]), int64(im.shape[1]), int64(im.shape[2])}
}

// checkVolume wants a Reshape to a shape.
func (im *importer) checkVolume(n *schema.Node, a *attributes, want []int64) error {
	target, err := im.reshapeTarget(n, a)
	if err != nil {
		return err
	}
	target = slices.Clone(target)
	if len(target) > 0 && im.batch > 0 && target[0] == im.batch {
		target[0] = batchProbe
	}
	out, err := resolve(target, im.lrnVolume())
	if err != nil {
		return err
	}
	if !slices.Equal(out, want) {
		return fmt.Errorf("to %s, want %s", dimsText(target), dimsText(want))
	}
	return nil
}

// lrnPad returns the size n whose ⌊n/2⌋ channels before and ⌊(n-1)/2⌋ after
// the padding makes up for.
func (im *importer) lrnPad(n *schema.Node, a *attributes) (size int, err error) {
	if mode := a.text("mode", "constant"); mode != "constant" {
		return 0, fmt.Errorf("mode %q, want constant", mode)
	}
	pads, value, err := im.padInputs(n)
	if err != nil {
		return 0, err
	}
	if len(pads) != 10 || value != 0 {
		return 0, fmt.Errorf("pads %v with %g, want 10 pads with 0", pads, value)
	}
	before, after := pads[2], pads[7]
	pads[2], pads[7] = 0, 0
	if !allZero(pads) || before < 0 || before > maxSize || after > before || after < before-1 {
		return 0, fmt.Errorf("pads %d channels before and %d after, others %v", before, after, pads)
	}
	return int(before + after + 1), nil
}

func checkLRNAverage(size int, a *attributes) error {
	a.only("ceil_mode", 0)
	a.int("count_include_pad", 0) // there is no padding left to count
	ones := []int64{1, 1, 1}
	kernel, strides, pads := a.ints("kernel_shape"), a.ints("strides"), a.ints("pads")
	auto, dilations := a.text("auto_pad", "NOTSET"), a.ints("dilations")
	if !slices.Equal(kernel, []int64{int64(size), 1, 1}) || strides != nil && !slices.Equal(strides, ones) || !allZero(pads) ||
		dilations != nil && !slices.Equal(dilations, ones) || auto != "NOTSET" && auto != "VALID" {
		return fmt.Errorf("kernel %v, strides %v, pads %v, dilations %v, auto_pad %s: want %d channels, one by one", kernel, strides, pads, dilations, auto, size)
	}
	return nil
}

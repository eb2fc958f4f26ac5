package onnx

import (
	"fmt"
	"slices"

	"convgraph/graph"
	"convgraph/onnx/schema"
)

// PyTorch's exporter spells local response normalisation out, over the channels
// as the depth of one volume, the average giving the alpha divided by the size:
//
//	y = x / (k + alpha · average(pad(reshape(x·x))))^beta
var lrnSpelledOut = []string{"Mul", "Reshape", "Pad", "AveragePool", "Squeeze", "Mul", "Add", "Pow", "Div"}

// spelledOutLRN takes in the nodes of such a normalisation, if they begin one,
// and returns how many they are.
func (im *importer) spelledOutLRN(nodes []schema.Node) (int, error) {
	n := len(lrnSpelledOut)
	if len(nodes) < n || im.pad != nil || im.scale != 0 || im.shape.Dims() != 3 {
		return 0, nil
	}
	nodes = nodes[:n]
	for i, op := range lrnSpelledOut {
		inputs := 2
		if op == "AveragePool" {
			inputs = 1
		}
		if nodes[i].Op != op || nodes[i].Domain != "" || len(nodes[i].Outputs) != 1 || len(nodes[i].Inputs) < inputs {
			return 0, nil
		}
	}
	if !slices.Equal(nodes[0].Inputs, []string{im.value, im.value}) || nodes[n-1].Inputs[0] != im.value || im.known(nodes[n-1].Outputs[0]) {
		return 0, nil
	}
	layer, err := im.readLRN(nodes)
	if err != nil {
		return 0, err
	}
	if err := im.add(step{layer: layer}); err != nil {
		return 0, err
	}
	im.advance(nodes[n-1].Outputs[0])
	return n, nil
}

func (im *importer) readLRN(nodes []schema.Node) (graph.LRN, error) {
	last := nodes[0].Outputs[0]
	var l graph.LRN
	for i := 1; i < len(nodes); i++ {
		n := &nodes[i]
		a := newAttributes(n)
		takes := 0
		if n.Op == "Div" {
			takes = 1
		}
		if n.Inputs[takes] != last {
			return l, fmt.Errorf("%s, in a local response normalisation: takes %q, want %q", describe(n), n.Inputs[takes], last)
		}
		err := im.readLRNNode(&l, n, a)
		if err == nil {
			err = a.done()
		}
		if err != nil {
			return l, fmt.Errorf("%s, in a local response normalisation: %w", describe(n), err)
		}
		last = n.Outputs[0]
	}
	l.Alpha /= float64(l.Size)
	return l, nil
}

func (im *importer) readLRNNode(l *graph.LRN, n *schema.Node, a *attributes) (err error) {
	switch n.Op {
	case "Reshape":
		return im.checkVolume(n, a)
	case "Pad":
		l.Size, err = im.lrnPad(n, a)
	case "AveragePool":
		return checkLRNAverage(l.Size, a)
	case "Squeeze":
		var axes []int64
		if axes, err = im.ints(n.Inputs[1]); err == nil && !slices.Equal(axes, []int64{1}) {
			err = fmt.Errorf("axes are %v, want [1]", axes)
		}
	case "Mul":
		l.Alpha, err = im.scalar(n.Inputs[1])
	case "Add":
		l.K, err = im.scalar(n.Inputs[1])
	case "Pow":
		l.Beta, err = im.scalar(n.Inputs[1])
	}
	return err
}

// checkVolume wants (N, C, H, W) reshaped to (N, 1, C, H, W).
func (im *importer) checkVolume(n *schema.Node, a *attributes) error {
	target, err := im.reshapeTarget(n, a)
	if err != nil {
		return err
	}
	if len(target) > 0 && im.batch > 0 && target[0] == im.batch {
		target[0] = batchProbe
	}
	c, h, w := int64(im.shape[0]), int64(im.shape[1]), int64(im.shape[2])
	out, err := resolve(target, []int64{batchProbe, c, h, w})
	if err != nil {
		return err
	}
	if !slices.Equal(out, []int64{batchProbe, 1, c, h, w}) {
		return fmt.Errorf("to %v, want (N, 1, %d, %d, %d)", target, c, h, w)
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

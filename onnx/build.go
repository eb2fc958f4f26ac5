package onnx

import (
	"fmt"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/onnx/schema"
)

// model returns the model of the layers that the output depends on.
func (im *importer) model(file *schema.Model, input tensor.Shape, end value, options []graph.Option) (*graph.Model,
	error) {
	if end.source == inputStep { // nothing is computed: one layer that moves nothing
		if im.nothing {
			return nil, fmt.Errorf("the graph has no operator that computes anything")
		}
		var err error
		if end, err = im.add(graph.Rearrange{Shape: input}, []value{end}, ""); err != nil {
			return nil, err
		}
	}
	im.outputs = end.shape.TotalSize()
	order := im.reached(end.source)
	names := im.names(order)
	spec := &graph.Spec{Name: file.Graph.Name, Input: input, Loss: im.loss(end)}
	var arrays []formats.Array
	previous := inputStep
	for _, i := range order {
		s := im.steps[i]
		spec.Layers = append(spec.Layers, im.layer(s, names, i, previous))
		previous = i
		for _, name := range sortedKeys(s.params) {
			arrays = append(arrays, formats.Array{Name: names[i].full + "." + name, Value: s.params[name]})
		}
	}
	if err := im.takeMetadata(file, spec); err != nil {
		return nil, err
	}
	m, err := graph.NewOf(spec, arrays, options...)
	if err == nil && im.double && m.Dtype() != tensor.Float64 {
		return nil,
			fmt.Errorf("the input is float64: a model of float32 would give other numbers (see graph.WithDtype)")
	}
	return m, err
}

// loss returns the cross-entropy, unless the last layer decides the loss or the output has no
// classes. A row with the outputs of several images has none.
func (im *importer) loss(end value) graph.Loss {
	several := im.whole && im.batch != 1 && len(im.picture) == 1
	switch im.steps[end.source].layer.(type) {
	case graph.Softmax:
		return ""
	case graph.Sigmoid:
		if len(end.shape) > 1 || several { // maps, not labels
			return graph.MeanSquaredError
		}
		return ""
	}
	if len(end.shape) == 1 && end.shape[0] > 1 && !several {
		return graph.CrossEntropy
	}
	return ""
}

// layer is a step's with its name and what it reads.
func (im *importer) layer(s step, names map[int]stepName, i, previous int) graph.Layer {
	l := s.layer
	if names[i].given {
		l = graph.Named(l, names[i].full)
	}
	if len(s.inputs) == 1 && s.inputs[0] == previous {
		return l
	}
	var from []string
	for _, in := range s.inputs {
		if in == inputStep {
			from = append(from, graph.InputName)
			continue
		}
		from = append(from, names[in].full)
	}
	return graph.From(l, from...)
}

// reached are the steps that one depends on, in order, with it.
func (im *importer) reached(end int) (order []int) {
	need := make([]bool, len(im.steps))
	need[end] = true
	for i := end; i >= 0; i-- {
		if !need[i] {
			continue
		}
		for _, in := range im.steps[i].inputs {
			if in != inputStep {
				need[in] = true
			}
		}
	}
	for i, is := range need {
		if is {
			order = append(order, i)
		}
	}
	return order
}

// A stepName is a layer's name, from its parameters or automatic.
type stepName struct {
	full  string
	given bool
}

// names names the layers after their parameters. The others are numbered, skipping names that are
// taken.
func (im *importer) names(order []int) map[int]stepName {
	names, taken := map[int]stepName{}, map[string]bool{graph.InputName: true}
	for _, i := range order {
		if name := im.steps[i].name; name != "" && !taken[name] {
			names[i], taken[name] = stepName{name, true}, true
		}
	}
	ours, models := map[string]int{}, map[string]int{}
	for _, i := range order {
		if names[i].given {
			continue
		}
		stem := graph.Stem(im.steps[i].layer)
		name := ""
		for name == "" || taken[name] {
			ours[stem]++
			name = fmt.Sprintf("%s%d", stem, ours[stem])
		}
		given := ours[stem] != models[stem]+1 // the model would give another number
		if !given {
			models[stem]++
		}
		names[i], taken[name] = stepName{name, given}, true
	}
	return names
}

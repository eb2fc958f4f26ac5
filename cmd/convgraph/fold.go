package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// fold is convgraph fold.
type fold struct {
	Params string `arg:"" help:"A trained model's params.safetensors, or squeezenet (built in)."`
	Out    string `short:"o" required:"" help:"File to write, a params.safetensors." placeholder:"PARAMS"`
	JSON   bool   `name:"json" help:"Print the figures as JSON."`
}

// foldedInputs is the number of random inputs for the comparison of the logits.
const foldedInputs = 8

// folding is what fold prints.
type folding struct {
	Folded     []string `json:"folded"` // the removed layers
	BatchNorms int      `json:"batch_norms"`
	Inputs     int      `json:"inputs"`
	Largest    float64  `json:"largest_logit"`
	Difference float64  `json:"largest_difference"`
}

// Help returns the text below a command's usage.
func (fold) Help() string {
	return `Multiplies each BatchNorm that is the only reader of a convolution or an affine layer into that layer's ` +
		`weight and bias. Predictions stay the same up to rounding; prints the largest difference of the logits on ` +
		`random inputs from 0 to 1. The result is for prediction: trained further, it is a network without these ` +
		`layers.`
}

// Run folds the layers, compares the logits and writes the file.
func (c *fold) Run(stdout io.Writer) error {
	m, err := loadFinite(c.Params)
	if err != nil {
		return err
	}
	folded, names, err := m.Folded()
	if err != nil {
		return fmt.Errorf("%s: %w", c.Params, err)
	}
	result := folding{Folded: names, BatchNorms: batchNorms(m), Inputs: foldedInputs}
	if result.Largest, result.Difference, err = compare(m, folded); err != nil {
		return err
	}
	if err := folded.Save(c.Out); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(stdout, result)
	}
	_, err = fmt.Fprintf(stdout, "%d of %d BatchNorm layers are folded; "+
		"the logits of %d random inputs differ by at most %.2g, the largest is %.3g\n",
		len(names), result.BatchNorms, result.Inputs, result.Difference, result.Largest)
	return err
}

func batchNorms(m *graph.Model) (n int) {
	for _, node := range m.Nodes() {
		if _, ok := node.Layer.(graph.BatchNorm); ok {
			n++
		}
	}
	return n
}

// compare returns the largest logit of random inputs and the largest difference between the two
// models' logits.
func compare(m, other *graph.Model) (largest, difference float64, err error) {
	r := rand.New(rand.NewPCG(1, 0))
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(append(tensor.Shape{foldedInputs},
		m.Spec().Input...)...))
	for i := range x.Float32s() {
		x.Float32s()[i] = r.Float32()
	}
	want, err := m.Predict(x)
	if err != nil {
		return 0, 0, err
	}
	got, err := other.Predict(x)
	if err != nil {
		return 0, 0, err
	}
	for i, v := range want.Float32s() {
		largest = max(largest, math.Abs(float64(v)))
		difference = max(difference, math.Abs(float64(v)-float64(got.Float32s()[i])))
	}
	return largest, difference, nil
}

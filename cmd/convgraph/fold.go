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
	Params string `arg:"" help:"The params.safetensors of a trained model, or squeezenet, which comes with the program."`
	Out    string `short:"o" required:"" help:"The params.safetensors to write." placeholder:"PARAMS"`
	JSON   bool   `name:"json" help:"The figures as JSON."`
}

// foldedInputs is how many random inputs the logits are compared on.
const foldedInputs = 8

// folding is what fold prints.
type folding struct {
	Folded     []string `json:"folded"` // the layers that are gone
	BatchNorms int      `json:"batch_norms"`
	Inputs     int      `json:"inputs"`
	Largest    float64  `json:"largest_logit"`
	Difference float64  `json:"largest_difference"`
}

// Help is the longer help.
func (fold) Help() string {
	return `Each BatchNorm that is the only reader of a convolution or an affine layer goes into that layer's weight and bias. ` +
		`The result predicts the same but for rounding; the largest difference of the logits, on random inputs from 0 to 1, is printed. ` +
		`It is made for prediction: training it trains a network without these layers.`
}

// Run folds, compares and writes.
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
	_, err = fmt.Fprintf(stdout, "%d of %d BatchNorm layers are folded; the logits of %d random inputs differ by at most %.2g, the largest is %.3g\n",
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

// compare gives the largest logit of random inputs and the largest difference between two models' logits.
func compare(m, other *graph.Model) (largest, difference float64, err error) {
	r := rand.New(rand.NewPCG(1, 0))
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(append(tensor.Shape{foldedInputs}, m.Spec().Input...)...))
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

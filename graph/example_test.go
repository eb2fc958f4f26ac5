package graph_test

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// A network is a list of layers; sizes are inferred.
func ExampleNew() {
	spec := graph.Sequential("digits", tensor.Shape{1, 28, 28}, graph.He(),
		graph.Conv2D{Filters: 8, Kernel: graph.Square(5)}, graph.ReLU{}, graph.MaxPool{Kernel: graph.Square(2)},
		graph.Affine{Units: 10}, graph.Softmax{},
	)
	m, err := graph.New(spec, graph.WithSeed(1))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(m.Summary())
	// Output:
	// digits: input 1x28x28
	//   layer     code                                    output  parameters  multiply-adds  activation bytes
	//   conv1     Conv2D{Filters: 8, Kernel: Square(5)}  8x24x24         208        115,200            18,432
	//   relu1     ReLU{}                                 8x24x24           0              0            18,432
	//   pool1     MaxPool{Kernel: Square(2)}             8x12x12           0              0             4,608
	//   fc1       Affine{Units: 10}                           10      11,530         11,520                40
	//   softmax1  Softmax{}                                   10           0              0                40
	//   total                                                         11,738        126,720            41,552
	//   fused into one op  pass            activation bytes saved
	//   conv1+relu1+pool1  conv-relu-pool                  36,864
	// not fused so where second derivatives are computed: conv1+relu1+pool1
}

// If a layer doesn't fit, the error names it.
func ExampleNew_doesNotFit() {
	_, err := graph.New(graph.Sequential("digits", tensor.Shape{1, 28, 28}, graph.He(),
		graph.Conv2D{Filters: 8, Kernel: graph.Square(31), Pad: graph.Square(1)}, graph.Softmax{}))
	fmt.Println(err)
	// Output:
	// model "digits": layer 1 "conv1" (Conv2D{Filters: 8, Kernel: Square(31), Pad: Square(1)}, input (1, 28, 28)): height: a window of 31 doesn't fit an input of 28 padded to 30
}

// A network in a JSON file.
func ExampleParseSpec() {
	spec, err := graph.ParseSpec([]byte(`{
	  "name": "mine",
	  "input": [3, 32, 32],
	  "init": "he",
	  "layers": [
	    {"kind": "conv2d", "filters": 16, "kernel": 3, "pad": 1},
	    {"kind": "relu"},
	    {"kind": "max_pool", "kernel": [2, 4]},
	    {"kind": "affine", "units": 10, "init": 0.01},
	    {"kind": "softmax"}
	  ]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	summary, err := graph.Summarize(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range summary.Layers {
		fmt.Println(l.Name, l.Output)
	}
	// Output:
	// conv1 (16, 32, 32)
	// relu1 (16, 32, 32)
	// pool1 (16, 16, 8)
	// fc1 (10)
	// softmax1 (10)
}

// An error in the file names its line.
func ExampleParseSpec_mistake() {
	_, err := graph.ParseSpec([]byte(`{
	  "input": [1, 28, 28],
	  "layers": [
	    {"kind": "conv2d", "filters": 16, "kernel": 3},
	    {"kind": "affine", "unit": 10}
	  ]
	}`))
	fmt.Println(err)
	// Output:
	// line 5: layer 2: field "unit" is unknown
}

// A parameter file describes itself: loading it needs no knowledge of the network. With its own
// buffer, predicting allocates nothing.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "convgraph")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "params.safetensors")
	if err := saveBrighter(path); err != nil {
		fmt.Println(err)
		return
	}

	m, err := graph.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	images := []float32{ // two of 1x2x2
		0.9, 0.8, 0.1, 0.2,
		0.1, 0.0, 0.7, 0.6,
	}
	logits := make([]float32, 2*m.Classes())
	if err := m.PredictInto(logits, images); err != nil {
		fmt.Println(err)
		return
	}
	matrix := tensor.New(tensor.WithShape(2, m.Classes()), tensor.WithBacking(logits))
	for i, class := range graph.ArgMax(matrix) {
		fmt.Println("image", i, "is brighter in its", m.Spec().ClassNames[class], "half")
	}
	// Output:
	// image 0 is brighter in its upper half
	// image 1 is brighter in its lower half
}

//go:embed testdata/brighter.safetensors
var brighter []byte

// A program can embed the parameters.
func ExampleRead() {
	// var brighter []byte, with //go:embed brighter.safetensors above it
	m, err := graph.Read(bytes.NewReader(brighter))
	if err != nil {
		fmt.Println(err)
		return
	}
	logits := make([]float32, m.Classes())
	if err := m.PredictInto(logits, []float32{0.9, 0.8, 0.1, 0.2}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Spec().ClassNames, logits)
	// Output:
	// [upper lower] [1.7 0.3]
}

// saveBrighter saves a model that decides which half of a 2x2 image is brighter.
func saveBrighter(path string) error {
	spec := graph.Sequential("brighter", tensor.Shape{1, 2, 2}, graph.He(), graph.Affine{Units: 2}, graph.Softmax{})
	spec.ClassNames = []string{"upper", "lower"}
	m, err := graph.New(spec)
	if err != nil {
		return err
	}
	weight, err := m.Param("fc1.weight")
	if err != nil {
		return err
	}
	copy(weight.Float32s(), []float32{
		1, 1, 0, 0,
		0, 0, 1, 1,
	})
	return m.Save(path)
}

// A Step computes the model's loss and gradients for one batch size. Plain gradient descent learns
// which half is brighter.
func ExampleModel_NewStep() {
	m, err := graph.New(graph.Sequential("brighter", tensor.Shape{1, 2, 2}, graph.Gaussian(0), graph.Affine{Units: 2},
		graph.Softmax{}),
		graph.WithDtype(tensor.Float64))
	if err != nil {
		fmt.Println(err)
		return
	}
	step, err := m.NewStep(2)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer step.Close()
	copy(step.Images().Float64s(), []float64{1, 1, 0, 0, 0, 0, 1, 1})
	copy(step.Targets().Float64s(), []float64{1, 0, 0, 1})
	for i := range 3 {
		loss, err := step.Run(uint64(i))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("loss %.3f\n", loss)
		for _, p := range step.Gradients() {
			grad, err := p.Grad()
			if err != nil {
				fmt.Println(err)
				return
			}
			values := p.Value().Data().([]float64)
			for j, g := range grad.Data().([]float64) {
				values[j] -= 0.5 * g
			}
		}
	}
	// Output:
	// loss 0.693
	// loss 0.474
	// loss 0.348
}

// The gradient by differentiation and by central differences, for a model that is only a softmax.
func ExampleModel_Gradient() {
	m, err := graph.New(graph.Sequential("tiny", tensor.Shape{1}, graph.Gaussian(0), graph.Affine{Units: 2},
		graph.Softmax{}),
		graph.WithDtype(tensor.Float64))
	if err != nil {
		fmt.Println(err)
		return
	}
	image := tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float64{3}))
	label := tensor.New(tensor.WithShape(1), tensor.WithBacking([]float64{1}))
	autodiff, err := m.Gradient(image, label)
	if err != nil {
		fmt.Println(err)
		return
	}
	numbers, err := m.NumericalGradient(image, label, 1e-4)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, g := range autodiff {
		fmt.Printf("%s: %.4f, by numbers %.4f\n", g.Name, g.Value.Data(), numbers[i].Value.Data())
	}
	// Output:
	// fc1.weight: [1.5000 -1.5000], by numbers [1.5000 -1.5000]
	// fc1.bias: [0.5000 -0.5000], by numbers [0.5000 -0.5000]
}

// The loss of a linear network with one weight w is (3w)² for the image 3 with the target 0, so its
// derivative at w = 2 is 36. Central differences are exact for a quadratic function.
func ExampleModel_NumericalGradient() {
	m, err := graph.New(graph.Sequential("line", tensor.Shape{1}, graph.He(),
		graph.Affine{Name: "fc", Units: 1, NoBias: true}), graph.WithDtype(tensor.Float64))
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Params()[0].Value.Float64s()[0] = 2
	x := tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float64{3}))
	t := tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float64{0}))
	numerical, err := m.NumericalGradient(x, t, 1e-3)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s %.3f\n", numerical[0].Name, numerical[0].Value.Data())
	// Output:
	// fc.weight [36.000]
}

// The same network's gradient with respect to the image x is 2w²x = 24. The penalty adds
// 0.5·24² = 288 to the loss of 36.
func ExampleGradientPenalty() {
	m, err := graph.New(graph.Sequential("line", tensor.Shape{1}, graph.He(),
		graph.Affine{Name: "fc", Units: 1, NoBias: true}), graph.WithDtype(tensor.Float64))
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Params()[0].Value.Float64s()[0] = 2
	for _, options := range [][]graph.StepOption{nil, {graph.GradientPenalty(0.5)}} {
		step, err := m.NewStep(1, options...)
		if err != nil {
			fmt.Println(err)
			return
		}
		step.Images().Float64s()[0] = 3 // the target stays 0
		loss, err := step.Run(0)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%.1f\n", loss)
		step.Close()
	}
	// Output:
	// 36.0
	// 324.0
}

// The curvature of the loss along a direction d is d'·H·d.
func ExampleModel_HessianVector() {
	m, err := graph.New(graph.Sequential("line", tensor.Shape{1}, graph.He(), graph.Affine{Name: "fc", Units: 1}),
		graph.WithDtype(tensor.Float64))
	if err != nil {
		fmt.Println(err)
		return
	}
	x := tensor.New(tensor.WithShape(2, 1), tensor.WithBacking([]float64{1, 3}))
	t := tensor.New(tensor.WithShape(2, 1), tensor.WithBacking([]float64{0, 0}))
	d := []graph.NamedTensor{
		{Name: "fc.weight", Value: tensor.New(tensor.WithShape(1, 1), tensor.WithBacking([]float64{1}))},
		{Name: "fc.bias", Value: tensor.New(tensor.WithShape(1), tensor.WithBacking([]float64{0}))},
	}
	// L = 1/2·Σ (w·x + b)², so ∂²L/∂w² = Σ x² and ∂²L/∂w∂b = Σ x.
	products, err := m.HessianVector(x, t, d)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range products {
		fmt.Println(p.Name, p.Value.Data())
	}
	// Output:
	// fc.weight [10]
	// fc.bias [4]
}

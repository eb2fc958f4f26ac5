package onnx_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/onnx"
	"convgraph/onnx/schema"
)

// conformanceDir names ONNX's own node tests (onnx/backend/test/data/node of
// its source distribution); CONFORMANCE.md holds what came of them. Without it
// only the few in testdata/node run.
const conformanceDir = "ONNX_NODE_TESTS"

// conformanceOps are the operators whose tests are ours to pass or to refuse.
var conformanceOps = []string{"averagepool", "constant_pad", "conv", "dropout", "flatten", "gemm", "identity", "lrn", "matmul", "maxpool", "relu", "reshape", "sigmoid", "softmax", "tanh"}

func TestConformance(t *testing.T) {
	cases, err := filepath.Glob("testdata/node/test_*")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			require.NoError(t, runNodeTest(dir))
		})
	}
}

// TestConformanceInFull takes no wrong answer; refusals it lists (go test -v).
func TestConformanceInFull(t *testing.T) {
	root := os.Getenv(conformanceDir)
	if root == "" {
		t.Skipf("%s is not set", conformanceDir)
	}
	cases, err := filepath.Glob(filepath.Join(root, "test_*"))
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	passed := 0
	for _, dir := range cases {
		name := strings.TrimPrefix(filepath.Base(dir), "test_")
		if !slices.ContainsFunc(conformanceOps, func(op string) bool { return name == op || strings.HasPrefix(name, op+"_") }) {
			continue
		}
		switch err := runNodeTest(dir); err.(type) {
		case nil:
			passed++
			fmt.Printf("pass    %s\n", name)
		case refusal:
			fmt.Printf("refused %s: %v\n", name, err)
		default:
			assert.NoError(t, err, name)
		}
	}
	fmt.Printf("%d passed\n", passed)
}

// refusal is an import that said what it cannot do.
type refusal struct{ error }

// runNodeTest imports a test's model, its inputs but the first made constant,
// and compares the answer.
func runNodeTest(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return err
	}
	file, err := schema.Decode(data)
	if err != nil {
		return err
	}
	for i, v := range file.Graph.Inputs[min(1, len(file.Graph.Inputs)):] {
		t, err := readTensor(dir, "input", i+1)
		if err != nil {
			return err
		}
		t.Name = v.Name
		file.Graph.Initializers = append(file.Graph.Initializers, *t)
	}
	padRank(&file.Graph)
	if data, err = schema.Encode(file); err != nil {
		return err
	}
	m, err := onnx.Decode(data)
	if err != nil {
		return refusal{err}
	}
	return compareAnswer(m, dir)
}

// elementwise operators do not care how their numbers are arranged.
var elementwise = []string{"Relu", "Sigmoid", "Tanh", "Dropout"}

// padRank gives the input of an elementwise test, mostly (3, 4, 5), dimensions
// of 1 up to those of a batch of images; no number moves.
func padRank(g *schema.Graph) {
	if len(g.Nodes) != 1 || !slices.Contains(elementwise, g.Nodes[0].Op) {
		return
	}
	for shape := &g.Inputs[0].Shape; len(*shape) < 4; {
		*shape = append(*shape, schema.Dim{Size: 1})
	}
}

func compareAnswer(m *graph.Model, dir string) error {
	x, err := readDense(dir, "input")
	if err != nil {
		return err
	}
	if err := x.Reshape(append(tensor.Shape{x.Shape()[0]}, m.Spec().Input...)...); err != nil {
		return err
	}
	want, err := readDense(dir, "output")
	if err != nil {
		return err
	}
	layers := m.Spec().Layers
	activations, err := m.Activations(x)
	if err != nil {
		return err
	}
	got := activations[len(layers)-1].Value
	if len(layers) > 1 { // a Softmax that the import put behind logits is not the file's
		got = activations[len(layers)-2].Value
	}
	if want.Shape().TotalSize() != got.Shape().TotalSize() {
		return fmt.Errorf("answer has shape %v, want %v", got.Shape(), want.Shape())
	}
	for i := range want.Shape().TotalSize() {
		w, g := float64(want.Get(i).(float32)), float64(got.Get(i).(float32))
		if d := w - g; d > 1e-5+1e-5*abs(w) || -d > 1e-5+1e-5*abs(w) {
			return fmt.Errorf("element %d is %g, want %g", i, g, w)
		}
	}
	return nil
}

func abs(v float64) float64 { return max(v, -v) }

func readDense(dir, what string) (*tensor.Dense, error) {
	t, err := readTensor(dir, what, 0)
	if err != nil {
		return nil, err
	}
	return t.Dense()
}

func readTensor(dir, what string, i int) (*schema.Tensor, error) {
	data, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", fmt.Sprintf("%s_%d.pb", what, i)))
	if err != nil {
		return nil, err
	}
	return schema.DecodeTensor(data)
}

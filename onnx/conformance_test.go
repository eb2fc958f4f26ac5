package onnx_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/npz"
	"convgraph/graph"
	"convgraph/onnx"
	"convgraph/onnx/schema"
)

// Some of ONNX's own node tests (onnx/backend/test/data/node of its source distribution).
func TestConformance(t *testing.T) {
	cases, err := filepath.Glob("testdata/node/test_*")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) { requireNodeTest(t, dir) })
	}
}

// requireNodeTest imports a test's model, its inputs but the first made constant, and compares the
// answer.
func requireNodeTest(t *testing.T, dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	require.NoError(t, err)
	file, err := schema.Decode(data)
	require.NoError(t, err)
	for i, v := range file.Graph.Inputs[min(1, len(file.Graph.Inputs)):] {
		constant := readTensor(t, dir, "input", i+1)
		constant.Name = v.Name
		file.Graph.Initializers = append(file.Graph.Initializers, *constant)
	}
	padRank(&file.Graph)
	m, err := decode(t, file)
	require.NoError(t, err)
	x, err := readTensor(t, dir, "input", 0).Dense()
	require.NoError(t, err)
	require.NoError(t, x.Reshape(append(tensor.Shape{x.Shape()[0]}, m.Spec().Input...)...))
	want, err := readTensor(t, dir, "output", 0).Dense()
	require.NoError(t, err)
	assertAnswer(t, m, x, want)
}

func readTensor(t *testing.T, dir, what string, i int) *schema.Tensor {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", fmt.Sprintf("%s_%d.pb", what, i)))
	require.NoError(t, err)
	value, err := schema.DecodeTensor(data)
	require.NoError(t, err)
	return value
}

// elementwise is an activation.
var elementwise = []string{"Relu", "Sigmoid", "Tanh", "Dropout"}

// padRank gives the input of an elementwise test, mostly (3, 4, 5), dimensions of 1 up to those of
// a batch of images; no number moves.
func padRank(g *schema.Graph) {
	if len(g.Nodes) != 1 || !slices.Contains(elementwise, g.Nodes[0].Op) {
		return
	}
	for shape := &g.Inputs[0].Shape; len(*shape) < 4; {
		*shape = append(*shape, schema.Dim{Size: 1})
	}
}

// casesDir names a folder that testdata/make_cases.py has filled.
const casesDir = "ONNX_CASES"

// A preparedTest is one of ONNX's backend tests, in variants of which the first that imports
// counts.
type preparedTest struct {
	Test       string
	Ops, Tags  []string
	RTol, ATol float64
	Variants   []struct{ Name string }

	kind, outcome, message string
}

// core says that a test is of what a 2-D network on float32 could contain.
func (p preparedTest) core() bool {
	prefixes := []string{"in:", "out:", "training", "sequence", "outputs", "1-D", "3-D", "0-D", "-1-D", "-2-D",
		"domain", "no input"}
	for _, tag := range p.Tags {
		if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(tag, prefix) }) {
			return false
		}
	}
	ranked := slices.ContainsFunc(p.Tags, func(tag string) bool { return strings.HasPrefix(tag, "rank") })
	return !ranked || slices.ContainsFunc(p.Variants,
		func(v struct{ Name string }) bool { return strings.Contains(v.Name, "rank4") })
}

// TestConformanceInFull runs all prepared tests and takes no wrong answer. With -update it writes
// CONFORMANCE.md.
func TestConformanceInFull(t *testing.T) {
	root := os.Getenv(casesDir)
	if root == "" {
		t.Skipf("%s is not set", casesDir)
	}
	var all []preparedTest
	for _, kind := range []string{"node", "pytorch-converted", "pytorch-operator", "simple", "light"} {
		data, err := os.ReadFile(filepath.Join(root, kind+".json"))
		require.NoError(t, err)
		var tests []preparedTest
		require.NoError(t, json.Unmarshal(data, &tests))
		for _, p := range tests {
			p.kind = kind
			p.run(t, filepath.Join(root, kind, p.Test))
			assert.NotEqual(t, "wrong", p.outcome, "%s/%s: %s", kind, p.Test, p.message)
			all = append(all, p)
		}
	}
	page := conformancePage(all)
	if *update {
		require.NoError(t, os.WriteFile("CONFORMANCE.md", []byte(page), 0o644))
		return
	}
	want, err := os.ReadFile("CONFORMANCE.md")
	require.NoError(t, err)
	assert.Equal(t, string(want), page, "run with -update")
}

// run tries the variants in turn.
func (p *preparedTest) run(t *testing.T, dir string) {
	p.outcome = "refused"
	for _, v := range p.Variants {
		path := filepath.Join(dir, v.Name)
		m, err := onnx.ReadFile(filepath.Join(path, "model.onnx"))
		if err != nil {
			message := strings.TrimPrefix(err.Error(), filepath.Join(path, "model.onnx")+": onnx: ")
			if p.message == "" || strings.Contains(p.message, "dimensions: want") {
				p.message = message
			}
			continue
		}
		p.outcome, p.message = "pass", ""
		x, want := loadArray(path, "x"), loadArray(path, "y")
		if x == nil || want == nil {
			p.outcome, p.message = "wrong", "its arrays can't be read"
			return
		}
		activations, err := m.Activations(asImages(t, m, x))
		if err != nil {
			p.outcome, p.message = "wrong", err.Error()
			return
		}
		if message := differ(activations[len(activations)-1].Value, want, p.RTol, p.ATol); message != "" {
			p.outcome, p.message = "wrong", message
		}
		return
	}
}

// asImages is a file's input as a batch of its network's images. A whole batch may be one image.
func asImages(t *testing.T, m *graph.Model, x *tensor.Dense) *tensor.Dense {
	t.Helper()
	input := m.Spec().Input
	images := x.Clone().(*tensor.Dense)
	require.NoError(t, images.Reshape(append(tensor.Shape{x.Shape().TotalSize() / input.TotalSize()}, input...)...))
	return images
}

func loadArray(dir, name string) *tensor.Dense {
	arrays, err := npz.ReadFile(filepath.Join(dir, name+".npz"))
	if err != nil || len(arrays) != 1 {
		return nil
	}
	return formats.Convert(arrays[0].Value, tensor.Float32)
}

// differ says where two arrays are further apart than onnx's own tolerance; empty if they aren't.
func differ(got, want *tensor.Dense, rtol, atol float64) string {
	if got.Shape().TotalSize() != want.Shape().TotalSize() {
		return fmt.Sprintf("answer has shape %v, want %v", got.Shape(), want.Shape())
	}
	g, w := got.Float32s(), want.Float32s()
	for i := range w {
		a, b := float64(g[i]), float64(w[i])
		if a != b && !(math.Abs(a-b) <= atol+rtol*math.Abs(b)) && !(math.IsNaN(a) && math.IsNaN(b)) {
			return fmt.Sprintf("element %d is %g, want %g", i, a, b)
		}
	}
	return ""
}

// conformancePage is the document of all outcomes.
func conformancePage(all []preparedTest) string {
	var page strings.Builder
	page.WriteString(`# ONNX's own tests

What came of the backend tests of onnx (node, pytorch-converted, pytorch-operator, simple, light). A test's inputs but the first
are taken as constants, and an elementwise test's input gets dimensions of 1 up to those of a batch of images. "Core" tests are
those of what a 2-D network could contain: float32 in and out, one output, no training. This page is written by

    mkdir /tmp/conformance && cp onnx/testdata/make_cases.py /tmp/conformance
    pip install onnx && python /tmp/conformance/make_cases.py      # fills /tmp/conformance/cases
    ONNX_CASES=/tmp/conformance/cases go test ./onnx -run ConformanceInFull -update

| tests | pass | refused | core: pass | of |
|---|---|---|---|---|
`)
	var kinds []string
	for _, p := range all {
		if !slices.Contains(kinds, p.kind) {
			kinds = append(kinds, p.kind)
		}
	}
	for _, kind := range append(kinds, "all") {
		counts := map[string]int{}
		for _, p := range all {
			if p.kind != kind && kind != "all" {
				continue
			}
			counts[p.outcome]++
			if p.core() {
				counts["core"]++
				counts["core "+p.outcome]++
			}
		}
		fmt.Fprintf(&page, "| %s | %d | %d | %d | %d |\n", kind, counts["pass"], counts["refused"], counts["core pass"],
			counts["core"])
	}
	page.WriteString("\n## Core tests that are refused\n\n" + refusals(all))
	page.WriteString("\n## Passed\n\n")
	var passed []string
	for _, p := range all {
		if p.outcome == "pass" {
			passed = append(passed, strings.TrimPrefix(p.Test, "test_"))
		}
	}
	page.WriteString(wrapped(strings.Join(passed, ", "), 118) + "\n")
	return page.String()
}

// refusals is the table of core tests that don't pass.
func refusals(all []preparedTest) string {
	var rows strings.Builder
	for _, p := range all {
		if p.core() && p.outcome != "pass" {
			fmt.Fprintf(&rows, "| %s | %s |\n", strings.TrimPrefix(p.Test, "test_"),
				strings.ReplaceAll(p.message, "|", `\|`))
		}
	}
	if rows.Len() == 0 {
		return "None.\n"
	}
	return "| test | why |\n|---|---|\n" + rows.String()
}

// wrapped breaks a text into lines of at most width characters.
func wrapped(text string, width int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n")
}

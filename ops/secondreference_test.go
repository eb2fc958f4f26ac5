package ops

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
)

// TestSecondReference compares every op's second derivatives with PyTorch's double backward; see
// testdata/make_second_reference.py.
func TestSecondReference(t *testing.T) {
	cases, seconds := readReference(t), readSecondReference(t)
	require.Len(t, seconds, len(cases))
	require.Greater(t, len(cases), 300)
	for i, c := range cases {
		t.Run(fmt.Sprintf("%03d %v", i, c), func(t *testing.T) {
			results := differentiateTwice(t, c)
			require.Len(t, results, len(seconds[i]))
			for k, want := range seconds[i] {
				requireDigest(t, fmt.Sprintf("result %d", k), want, results[k])
			}
		})
	}
}

func readSecondReference(t *testing.T) [][][]float64 {
	t.Helper()
	f, err := os.Open("testdata/second_reference.json.gz")
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var file struct{ Seconds [][][]float64 }
	require.NoError(t, json.NewDecoder(z).Decode(&file))
	return file.Seconds
}

// pattern is the script's: quarters that repeat.
func pattern(j, step, shift, period int) float64 { return float64((j*step+shift)%period-period/2) / 4 }

// differentiateTwice returns the gradients of S = Σ ⟨g[i], u[i]⟩ with respect to dy and each input
// that has a gradient; nil where S doesn't depend on it.
func differentiateTwice(t *testing.T, c referenceCase) (results [][]float64) {
	t.Helper()
	g := G.NewGraph()
	inputs, dy := leaves[float64](g, c.Inputs), leaf[float64](g, "dy", c.DY)
	var wrt G.Nodes
	for i, n := range inputs {
		if c.Grads[i] != nil {
			wrt = append(wrt, n)
		}
	}
	y, err := c.build(inputs)
	require.NoError(t, err)
	grads, err := G.Backpropagate(G.Nodes{y}, G.Nodes{dy}, wrt)
	require.NoError(t, err)
	var vectors G.Nodes
	for i, n := range wrt {
		u := &referenceTensor{Shape: n.Shape(), Data: make([]float64, n.Shape().TotalSize())}
		for j := range u.Data {
			u.Data[j] = pattern(j, 5, 3*i, 11)
		}
		vectors = append(vectors, leaf[float64](g, fmt.Sprintf("u %d", i), u))
	}
	reached := map[*G.Node]bool{}
	for _, n := range grads {
		reach(n, reached)
	}
	var asked G.Nodes
	for _, n := range append(wrt, dy) {
		if reached[n] {
			asked = append(asked, n)
		}
	}
	products, err := G.Backpropagate(grads, vectors, asked)
	require.NoError(t, err)
	machine := G.NewTapeMachine(g)
	defer machine.Close()
	require.NoError(t, machine.RunAll())
	for _, n := range append(wrt, dy) {
		if !reached[n] {
			results = append(results, nil)
			continue
		}
		results = append(results, float64s[float64](t, products[0]))
		products = products[1:]
	}
	return results
}

// reach collects the nodes with respect to which a node can be differentiated.
func reach(n *G.Node, reached map[*G.Node]bool) {
	if reached[n] {
		return
	}
	reached[n] = true
	op, ok := n.Op().(G.SDOp)
	if !ok {
		return
	}
	var children G.Nodes
	for from := n.Graph().From(n.ID()); from.Next(); {
		children = append(children, from.Node().(*G.Node))
	}
	for i, differentiable := range op.DiffWRT(len(children)) {
		if differentiable {
			reach(children[i], reached)
		}
	}
}

// requireDigest compares the sums and elements that the script stores. A missing gradient counts as
// zeros.
func requireDigest(t *testing.T, what string, want, got []float64) {
	t.Helper()
	if want == nil {
		want = make([]float64, 5)
	}
	if got == nil {
		require.Equal(t, make([]float64, 5), want, what)
		return
	}
	var sums, sizes [2]float64
	rms := 0.0
	for j, v := range got {
		for k, weight := range [2]float64{pattern(j, 7, 0, 13), pattern(j, 5, 3, 17)} {
			sums[k] += weight * v
			sizes[k] += math.Abs(weight * v)
		}
		rms += v * v / float64(len(got))
	}
	rms = math.Sqrt(rms)
	const tolerance = 1e-9
	for k, sum := range sums {
		require.InDelta(t, want[k], sum, tolerance*max(sizes[k], 1e-3), "%s: sum %d", what, k)
	}
	for k, at := range []int{0, len(got) / 2, len(got) - 1} {
		require.InDelta(t, want[2+k], got[at], tolerance*max(math.Abs(want[2+k]), rms, 1e-3),
			"%s: element %d", what, at)
	}
}

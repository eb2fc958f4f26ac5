package graph_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
)

// TestNetworkErrors checks the errors of layers with invalid inputs.
func TestNetworkErrors(t *testing.T) {
	conv := func(name string, filters int) graph.Layer {
		return graph.Conv2D{Name: name, Filters: filters, Kernel: graph.Square(3), Pad: graph.Square(1)}
	}
	pool := graph.MaxPool{Kernel: graph.Square(2)}
	for _, c := range []struct {
		want   string
		layers []graph.Layer
	}{
		{`layer 2 "relu1" (ReLU{}): reads "conv2": want the name of an earlier layer, or "input"`,
			[]graph.Layer{conv("conv1", 2), graph.From(graph.ReLU{}, "conv2")}},
		{`layer 1 "relu1" (ReLU{}): reads "conv1": want the name of an earlier layer, or "input"; ` +
			`layer 2 of that name comes later`,
			[]graph.Layer{graph.From(graph.ReLU{}, "conv1"), conv("conv1", 2)}},
		{`layer 1 "me" (ReLU{}): reads "me": want the name of an earlier layer, or "input"; ` +
			`layer 1 of that name comes later`,
			[]graph.Layer{graph.From(graph.ReLU{Name: "me"}, "me")}},
		{`layer 2 "add1" (Add{}, reads "conv1" (3, 8, 8), "input" (2, 8, 8)): value 2 is (2, 8, 8): want (3, 8, 8), ` +
			`the first one's shape`,
			[]graph.Layer{conv("conv1", 3), graph.From(graph.Add{}, "conv1", "input")}},
		{`layer 2 "concat1" (Concat{}, reads "pool1" (2, 4, 4), "input" (2, 8, 8)): ` +
			`value 2 is (2, 8, 8): want height and width of the first one, (2, 4, 4)`,
			[]graph.Layer{pool, graph.From(graph.Concat{}, "pool1", "input")}},
		{`layer 3 "multiply1" (Multiply{}, reads "input" (2, 8, 8), "fc1" (3)): ` +
			`value 2 is (3): want (2, 8, 8), or a gate (2) or (2, 1, 1) for the channels`,
			[]graph.Layer{graph.GlobalAvgPool{}, graph.Affine{Units: 3}, graph.From(graph.Multiply{}, "input", "fc1")}},
		{`layer 3 "multiply1" (Multiply{}, reads "fc1" (2), "input" (2, 8, 8)): ` +
			`value 1 is (2), a gate for value 2, (2, 8, 8): want the gate second`,
			[]graph.Layer{graph.GlobalAvgPool{}, graph.Affine{Units: 2}, graph.From(graph.Multiply{}, "fc1", "input")}},
		{`layer 2 "multiply1" (Multiply{}, reads "input" (2, 8, 8), "pool1" (2, 4, 4)): ` +
			`value 2 is (2, 4, 4): want (2, 8, 8), or a gate (2) or (2, 1, 1) for the channels`,
			[]graph.Layer{pool, graph.From(graph.Multiply{}, "input", "pool1")}},
		{`layer 1 "add1" (Add{}): reads 1025 values: want at most 1024`,
			[]graph.Layer{graph.From(graph.Add{}, slices.Repeat([]string{"input"}, 1025)...)}},
		{`layer 2 "b" (Conv2D{Filters: 2, Kernel: Square(3), Pad: Square(1)}): no layer reads its output`,
			[]graph.Layer{conv("a", 2), conv("b", 2), graph.From(graph.ReLU{}, "a")}},
		{`layer 2 "relu1" (ReLU{}): reads "input", which is the network's input and the name of layer 1: ` +
			`want another name for the layer`,
			[]graph.Layer{graph.Sigmoid{Name: "input"}, graph.From(graph.ReLU{}, "input")}},
		{`layer 2 "gn1" (GroupNorm{Groups: 2, Eps: -1}, reads "input" (2, 8, 8)): eps is -1: ` +
			`want a number above 0 in float32`,
			[]graph.Layer{graph.ReLU{}, graph.From(graph.GroupNorm{Groups: 2, Eps: -1}, "input")}},
		{`layer 1 "slice1" (Slice{Begin: 1, End: 1}, input (2, 8, 8)): channels 1 to 1: ` +
			`want a range within the input's 0 to 2`,
			[]graph.Layer{graph.Slice{Begin: 1, End: 1}}},
		{`layer 1 "slice1" (Slice{End: 3}, input (2, 8, 8)): channels 0 to 3: want a range within the input's 0 to 2`,
			[]graph.Layer{graph.Slice{End: 3}}},
		{`layer 1 "pad1" (PadChannels{Begin: -1}, input (2, 8, 8)): got a padding of -1: want 0 to 1048576`,
			[]graph.Layer{graph.PadChannels{Begin: -1}}},
		{`layer 1 "shuffle1" (ChannelShuffle{Groups: 3}, input (2, 8, 8)): got 2 channels for 3 groups: ` +
			`want a multiple`,
			[]graph.Layer{graph.ChannelShuffle{Groups: 3}}},
		{`layer 1 "gn1" (GroupNorm{}, input (2, 8, 8)): got 2 channels for 0 groups: want a multiple`,
			[]graph.Layer{graph.GroupNorm{}}},
		{`layer 1 "bn1" (BatchNorm{Momentum: 2}, input (2, 8, 8)): momentum is 2: want a number from 0 to 1`,
			[]graph.Layer{graph.BatchNorm{Momentum: 2}}},
		{`layer 1 "ln1" (LayerNorm{Eps: 1e-60}, input (2, 8, 8)): eps is 1e-60: want a number above 0 in float32`,
			[]graph.Layer{graph.LayerNorm{Eps: 1e-60}}},
		{`layer 1 "clip1" (Clip{}, input (2, 8, 8)): min is 0, max is 0: want min below max`,
			[]graph.Layer{graph.Clip{}}},
		{`layer 1 "depth1" (StochasticDepth{Rate: 1}, input (2, 8, 8)): rate is 1: want at least 0 and less than 1`,
			[]graph.Layer{graph.StochasticDepth{Rate: 1}}},
		{`layer 1 "conv1" (Conv2D{Filters: 1, Kernel: Square(1), Bias: 1, NoBias: true}, input (2, 8, 8)): ` +
			`bias is 1: want 0 for a convolution without biases`,
			[]graph.Layer{graph.Conv2D{Filters: 1, Kernel: graph.Square(1), Bias: 1, NoBias: true}}},
		{`layer 1 "odd" (broken{}, input (2, 8, 8)): output is (8, 8): want (channels, height, width) or (features)`,
			[]graph.Layer{broken{}}},
	} {
		_, err := graph.New(&graph.Spec{Name: "m", Input: tensor.Shape{2, 8, 8}, Layers: c.layers})
		assert.EqualError(t, err, `model "m": `+c.want)
	}
}

// broken is a layer of another package whose output isn't an image.
type broken struct{ graph.ReLU }

func (broken) Label() string { return "odd" }

func (broken) Output(in ...tensor.Shape) (tensor.Shape, error) { return in[0][1:], nil }

// TestALayerMayBeCalledInput, as it could before layers had named inputs.
func TestALayerMayBeCalledInput(t *testing.T) {
	m := newModel(t, graph.Sequential("m", tensor.Shape{2}, graph.He(), graph.ReLU{Name: "input"},
		graph.Affine{Units: 2}))
	assert.Equal(t, "input", m.Nodes()[0].Name)
	part, err := m.UpTo("fc1")
	require.NoError(t, err)
	_, err = graph.New(part.Spec())
	require.NoError(t, err)
}

// hostile are specs that would use all memory or time.
func hostile() map[string]string {
	repeat := func(n int, layer func(i int) string) string {
		layers := make([]string, n)
		for i := range layers {
			layers[i] = layer(i)
		}
		return `{"name": "m", "input": [8, 32, 32], "layers": [` + strings.Join(layers, ",\n") + `]}`
	}
	twice := func(kind string) string {
		return repeat(60, func(i int) string {
			from := "input"
			if i > 0 {
				from = fmt.Sprintf("n%d", i-1)
			}
			return fmt.Sprintf(`{"kind": %q, "name": "n%d", "from": [%q, %q]}`, kind, i, from, from)
		})
	}
	reads := func(n int) string { return `"from": [` + strings.Repeat(`"input",`, n-1) + `"input"]` }
	return map[string]string{
		"more than 1048576 channels in all": twice("concat"),
		"got more than 10000 layers":        repeat(1_000_000, func(int) string { return `{"kind": "relu"}` }),
		"got more than 100 fields": `{"name": "m"` + strings.Repeat(" ", 100) + func() string {
			var b strings.Builder
			for i := range 1_000_000 {
				fmt.Fprintf(&b, `, "f%d": 0`, i)
			}
			return b.String() + "}"
		}(),
		"reads 60000 values: want at most 1024": repeat(1,
			func(int) string { return `{"kind": "concat", ` + reads(60_000) + `}` }),
		"the layers read more than 100000 values in all": repeat(101,
			func(int) string { return `{"kind": "add", ` + reads(1000) + `}` }),
		"want at most": repeat(9_999, func(i int) string {
			return `{"kind": "pad_channels", "begin": 1000}`
		}),
	}
}

// TestHostileSpecsAreRefused bounds the memory for each spec. The bound on time only detects a
// hang, also on the slowest machine.
func TestHostileSpecsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hostile.json")
	for want, text := range hostile() {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := graph.LoadSpec(path)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		require.ErrorContains(t, err, want)
		assert.Less(t, len(err.Error()), 2000, want)
		assert.Less(t, took, 2*time.Minute, want)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(len(text)+64<<20), want)
	}
}

// TestDoublingByAddition is harmless: each sum is as large as its terms.
func TestDoublingByAddition(t *testing.T) {
	layers := []graph.Part{graph.Affine{Units: 2}}
	for range 60 {
		layers = append(layers, graph.Residual(graph.Serial()))
	}
	m := newModel(t, graph.Sequential("m", tensor.Shape{2}, graph.He(), layers...), graph.WithDtype(tensor.Float64))
	out, err := m.Predict(images(m, 2))
	require.NoError(t, err)
	once, err := m.UpTo("fc1")
	require.NoError(t, err)
	want, err := once.Predict(images(m, 2))
	require.NoError(t, err)
	for i, v := range want.Float64s() {
		assert.Equal(t, math.Ldexp(v, 60), out.Float64s()[i])
	}
}

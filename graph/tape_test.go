package graph

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/ops"
)

var updateTapes = flag.Bool("update-tapes", false, "write testdata/tapes.txt")

// TestFirstOrderPaysNothing compares the tapes of training steps, op by op with what each reads and
// where it may work in place, with those of the time before gradients had gradients of their own.
func TestFirstOrderPaysNothing(t *testing.T) {
	var b strings.Builder
	for _, spec := range append(plannedNets(), manyReaders()) {
		m, err := New(spec)
		require.NoError(t, err)
		net, err := m.lowerStep(3, stepConfig{inputGradient: true})
		require.NoError(t, err)
		order, err := tapeOrder(net.graph.ExactSubgraphRoots(net.outputs()...))
		require.NoError(t, err)
		fmt.Fprintln(&b, spec.Name)
		for _, n := range order {
			memory, _ := ops.AliasingOf(n.Op())
			fmt.Fprintf(&b, "  %v %+v\n", n.Op(), memory)
		}
	}
	const golden = "testdata/tapes.txt"
	if *updateTapes {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

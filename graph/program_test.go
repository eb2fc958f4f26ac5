package graph

import (
	"testing"

	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// TestProgramIsTheTapeMachine runs one graph both ways: the outputs of all layers must have the
// same bits.
func TestProgramIsTheTapeMachine(t *testing.T) {
	for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
		m, err := New(Sequential("both", tensor.Shape{2, 7, 8}, He(),
			Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1), Groups: 2},
			LRN{Size: 3, K: 2, Alpha: 0.1, Beta: 0.75}, ReLU{},
			MaxPool{Kernel: Square(3), Stride: Square(1)},
			Conv2D{Filters: 2, Kernel: Square(2), Connections: [][]int{{0, 3}, {1, 2}}},
			Sigmoid{}, Subsample{Kernel: Square(2)}, Dropout{Rate: 0.5}, Tanh{}, Affine{Units: 3}, Softmax{}),
			WithDtype(dt))
		require.NoError(t, err)
		net, err := m.lower(5, lowering{})
		require.NoError(t, err)
		require.NoError(t, net.addProbabilities())
		x := zeros(dt, net.x.Shape())
		for i := range x.Shape().TotalSize() {
			setAt(x, i, float64(i%13)/13-0.2)
		}
		require.NoError(t, G.Let(net.x, x))

		tape := G.NewTapeMachine(net.graph)
		defer tape.Close()
		require.NoError(t, tape.RunAll())
		var want []*tensor.Dense
		var outputs G.Nodes
		for _, n := range m.Nodes() {
			outputs = append(outputs, net.values[n])
		}
		for _, n := range outputs {
			v := n.Value().(*tensor.Dense)
			want = append(want, v.Clone().(*tensor.Dense))
		}
		for i, n := range outputs { // the ops own their results, so the program's would be there already
			n.Value().(*tensor.Dense).Zero()
			require.NotZero(t, float64s(want[i])[0])
		}

		p := newProgram(outputs...)
		require.NoError(t, p.run())
		for i, n := range outputs {
			require.Equal(t, want[i].Data(), p.value(n).(*tensor.Dense).Data(), m.Nodes()[i].Name)
		}
	}
}

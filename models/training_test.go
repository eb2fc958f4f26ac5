package models_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/models"
	"convgraph/train/mnist"
	"convgraph/train/solver"
)

// TestTrainingIsTheBooks takes 50 steps of Adam on real MNIST, from the book's initial weights on
// the book's batches, in float64: every loss and the final parameters agree with the book's own to
// 1e-9.
func TestTrainingIsTheBooks(t *testing.T) {
	var book struct {
		BatchIndex       [][]int   `json:"batch_index"`
		LossBeforeUpdate []float64 `json:"loss_before_update"`
		Final            map[string]struct {
			Step    int
			Values  []float64
			Sum, L2 float64
			Shape   tensor.Shape
		}
	}
	readJSON(t, "testdata/book_training.json.gz", &book)
	m, err := graph.New(models.DefaultSimpleConvNet().Spec(), graph.WithDtype(tensor.Float64))
	require.NoError(t, err)
	setBookParams(t, m, numPyInitial(1))
	adam, err := solver.New("adam", solver.Config{LR: 0.001})
	require.NoError(t, err)
	step, err := m.NewStep(100)
	require.NoError(t, err)
	defer step.Close()
	images, _, err := mnist.Load()
	require.NoError(t, err)

	sample := make([]float32, 28*28)
	for i, batch := range book.BatchIndex {
		x, targets := step.Images().Float64s(), step.Targets().Float64s()
		clear(targets)
		for row, index := range batch {
			label, err := images.Sample(index, sample)
			require.NoError(t, err)
			for j, v := range sample {
				x[row*len(sample)+j] = float64(v) // the book, too, divides by 255 in float32
			}
			targets[row*10+label] = 1
		}
		_, err := step.Run(uint64(i))
		require.NoError(t, err)
		logits, err := step.Logits()
		require.NoError(t, err)
		require.InDelta(t, book.LossBeforeUpdate[i], bookLoss(logits.Float64s(), targets), 1e-9, "loss of step %d", i+1)
		require.NoError(t, adam.Step(step.Gradients()))
	}
	for i, n := range models.BookNames(m) {
		want, got := book.Final[n.Book], theirs(m.Params()[i].Value, n)
		for j, v := range want.Values {
			require.InDelta(t, v, got[j*want.Step], 1e-9, "%s, value %d", n.Book, j*want.Step)
		}
		assert.InDelta(t, want.L2, math.Sqrt(dot(got, got)), 1e-9, n.Book)
	}
}

// bookLoss is the book's cross_entropy_error of softmax(logits): -log(p + 1e-7), where ours has no
// 1e-7.
func bookLoss(logits, targets []float64) (loss float64) {
	const classes = 10
	for row := 0; row < len(logits); row += classes {
		sum, right := 0.0, 0.0
		for c, v := range logits[row : row+classes] {
			sum += math.Exp(v)
			right += targets[row+c] * math.Exp(v)
		}
		loss -= math.Log(right/sum + 1e-7)
	}
	return loss * classes / float64(len(logits))
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// theirs is a parameter in the book's layout.
func theirs(p *tensor.Dense, n models.BookName) []float64 {
	if !n.Transposed {
		return p.Float64s()
	}
	s := p.Shape()
	return ours(bookArray{Shape: s, Data: p.Float64s()}, n).Float64s() // a transpose of a transpose
}

// numPyInitial draws SimpleConvNet's weights as the book does after np.random.seed(seed).
func numPyInitial(seed uint32) map[string]bookArray {
	r := newMersenneTwister(seed)
	gaussian := func(shape ...int) bookArray {
		a := bookArray{Shape: shape, Data: make([]float64, tensor.Shape(shape).TotalSize())}
		for i := range a.Data {
			a.Data[i] = 0.01 * r.normal()
		}
		return a
	}
	zeros := func(n int) bookArray { return bookArray{Shape: tensor.Shape{n}, Data: make([]float64, n)} }
	w1, w2, w3 := gaussian(30, 1, 5, 5), gaussian(4320, 100), gaussian(100, 10)
	return map[string]bookArray{"W1": w1, "b1": zeros(30), "W2": w2, "b2": zeros(100), "W3": w3, "b3": zeros(10)}
}

package train

import (
	"bytes"
	"context"
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

	"convgraph/graph"
	"convgraph/train/dataset"
)

// brightest returns a model whose class is the brightest of an image's three pixels, and nine
// images of which it gets six right.
func brightest(t *testing.T) (*graph.Model, dataset.Dataset) {
	t.Helper()
	m, err := graph.New(graph.Sequential("brightest", tensor.Shape{1, 1, 3}, graph.He(), graph.Affine{Units: 3},
		graph.Softmax{}))
	require.NoError(t, err)
	copy(m.Params()[0].Value.Float32s(), []float32{1, 0, 0, 0, 1, 0, 0, 0, 1})
	labels := []uint8{0, 0, 0, 1, 1, 1, 2, 2, 1}
	answers := []uint8{0, 0, 1, 1, 1, 1, 2, 0, 0}
	pixels := make([]uint8, 3*len(labels))
	for i, class := range answers {
		pixels[3*i+int(class)] = 200
	}
	ds, err := dataset.NewImages(tensor.Shape{1, 1, 3}, pixels, labels, 3)
	require.NoError(t, err)
	return m, ds
}

func TestEvaluate(t *testing.T) {
	m, ds := brightest(t)
	s, err := Evaluate(m, ds)
	require.NoError(t, err)
	assert.Equal(t, Score{Right: 6, Total: 9}, s)
	assert.Equal(t, "66.67% (6/9)", s.String())
	assert.Zero(t, Score{}.Accuracy())
}

// TestPredictions checks the order, the ranks of the labels and the probabilities. All pixels but
// the brightest are equal, so the other classes rank by their index.
func TestPredictions(t *testing.T) {
	m, ds := brightest(t)
	i, want := 0, []int{0, 0, 1, 0, 0, 0, 0, 2, 1}
	counts, err := Confuse(m, ds, func(a Prediction) {
		require.Equal(t, i, a.Index)
		assert.Equal(t, want[i], a.Rank(), "sample %d", i)
		assert.Equal(t, a.Rank() == 0, a.Label == a.Predicted)
		image := make([]float32, 3)
		label, err := ds.Sample(i, image)
		require.NoError(t, err)
		assert.Equal(t, label, a.Label)
		p, err := m.Probabilities(tensor.New(tensor.WithShape(1, 1, 1, 3), tensor.WithBacking(image)))
		require.NoError(t, err)
		assert.InDelta(t, p.Float32s()[a.Predicted], a.Probability(), 1e-6)
		i++
	})
	require.NoError(t, err)
	assert.Equal(t, 9, i)
	assert.Equal(t, []string{"0", "1", "2"}, counts.Names)
	assert.Equal(t, 2, Prediction{Label: 5, Logits: []float32{1, 2}}.Rank())
}

// TestConfusionRefusesNonFinite names the image and the output.
func TestConfusionRefusesNonFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		m, ds := brightest(t)
		m.Params()[1].Value.Float32s()[2] = float32(bad)
		_, err := Confuse(m, ds)
		assert.EqualError(t, err, fmt.Sprintf("the model's output 2 for image 0: got %v, want finite numbers", bad))
	}
}

// TestConfusionHasTheModelsNames, and numbers for classes of the set that the model doesn't have.
func TestConfusionHasTheModelsNames(t *testing.T) {
	m, ds := brightest(t)
	m.Spec().ClassNames = []string{"red", "green"}
	c, err := Confuse(m, ds)
	require.NoError(t, err)
	assert.Equal(t, []string{"red", "green", "2"}, c.Names)
}

func TestConfusion(t *testing.T) {
	m, ds := brightest(t)
	c, err := Confuse(m, ds)
	require.NoError(t, err)
	assert.Equal(t, [][]int{{2, 1, 0}, {1, 3, 0}, {1, 0, 1}}, c.Counts)
	assert.Equal(t, Score{Right: 6, Total: 9}, c.Score())
	r := c.Report()
	assert.Equal(t, ClassReport{Name: "0", Right: 2, Images: 3, Predicted: 4, Precision: 0.5, Recall: 2. / 3},
		r.Classes[0])
	assert.Equal(t, ClassReport{Name: "2", Right: 1, Images: 2, Predicted: 1, Precision: 1, Recall: 0.5}, r.Classes[2])

	_, err = Confuse(m, images(t, tensor.Shape{1, 2, 4}, 1, 3, 1))
	assert.EqualError(t, err, `model "brightest" takes images of (1, 1, 3), the set has (1, 2, 4)`)
}

func TestFingerprintDistinguishesSets(t *testing.T) {
	prints := map[string]bool{}
	for _, n := range []int{300, 301} {
		for _, seed := range []uint64{1, 2} {
			text, err := Fingerprint(images(t, tensor.Shape{1, 2, 4}, n, 3, seed))
			require.NoError(t, err)
			prints[text] = true
		}
	}
	assert.Len(t, prints, 4)
}

// TestHistoryFile checks the text of history.csv.
func TestHistoryFile(t *testing.T) {
	rows := []Row{
		{Epoch: 1, Step: 600, TrainLoss: 0.25, TrainAccuracy: 0.9375, TestAccuracy: 0.1, Seconds: 1.23456},
		{Epoch: 2, Step: 1200, TrainLoss: 1. / 3, TrainAccuracy: 1, TestAccuracy: 0.989, Seconds: 20},
	}
	var b bytes.Buffer
	require.NoError(t, WriteHistory(&b, rows))
	const want = `epoch,step,train_loss,train_acc,test_acc,seconds
1,600,0.25,0.9375,0.1,1.235
2,1200,0.3333333333333333,1,0.989,20.000
`
	assert.Equal(t, want, b.String())

	path := filepath.Join(t.TempDir(), "history.csv")
	tr := trainer(t, small())
	tr.Callbacks = []Callback{HistoryFile{Path: path}}
	result, err := tr.Run(context.Background())
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	b.Reset()
	require.NoError(t, WriteHistory(&b, result.History))
	assert.Equal(t, b.String(), string(text))
	assert.Equal(t, 3, strings.Count(string(text), "\n"))
}

func TestTrainerRefuses(t *testing.T) {
	for want, change := range map[string]func(*Trainer){
		"epochs: got 0, want at least 1": func(tr *Trainer) { tr.Epochs = 0 },
		"batch: got 0, want at least 1":  func(tr *Trainer) { tr.Batch = 0 },
		"the test set is empty":          func(tr *Trainer) { tr.Test = images(t, tensor.Shape{1, 2, 4}, 0, 3, 1) },
		`model "small" takes images of (1, 2, 4), the training set has (1, 2, 3)`: func(tr *Trainer) {
			tr.Train = images(t, tensor.Shape{1, 2, 3}, 9, 3, 1)
		},
		`model "small" has 3 classes, the test set 4: want as many outputs (units or filters) ` +
			`of layer "fc1"`: func(tr *Trainer) {
			tr.Test = images(t, tensor.Shape{1, 2, 4}, 9, 4, 1)
		},
		`sampling: got "sorted", want shuffle or replace`: func(tr *Trainer) { tr.Sampling = "sorted" },
	} {
		tr := trainer(t, small())
		change(tr)
		_, err := tr.Run(context.Background())
		assert.ErrorContains(t, err, want)
	}
}

// TestEpochsAreMeasuredOnAllClasses: of a set that is sorted by class, the samples that the
// accuracy after an epoch is measured on are drawn from all of it, by the seed.
func TestEpochsAreMeasuredOnAllClasses(t *testing.T) {
	sorted := sortedSet(t, 100)
	tr := trainer(t, small())
	tr.Train, tr.Test, tr.EvalSamples = sorted, sorted, 40
	measured := func() (classes [3]int) {
		r := run{Trainer: tr}
		ds := r.sample(tr.Test, tr.EvalSamples)
		sample := make([]float32, ds.Shape().TotalSize())
		for i := range ds.Len() {
			label, err := ds.Sample(i, sample)
			require.NoError(t, err)
			classes[label]++
		}
		return classes
	}
	drawn := measured()
	assert.Equal(t, 40, drawn[0]+drawn[1]+drawn[2])
	for _, n := range drawn {
		assert.Greater(t, n, 5)
	}
	assert.Equal(t, drawn, measured())
	tr.Seed++
	assert.NotEqual(t, drawn, measured())
	tr.EvalFirst = true
	assert.Equal(t, [3]int{40}, measured())
}

// sortedSet has three classes of equally many blank images.
func sortedSet(t *testing.T, each int) dataset.Dataset {
	t.Helper()
	labels := slices.Concat(make([]uint8, each), slices.Repeat([]uint8{1}, each), slices.Repeat([]uint8{2}, each))
	set, err := dataset.NewImages(small().Input, make([]uint8, len(labels)*small().Input.TotalSize()), labels, 3)
	require.NoError(t, err)
	return set
}

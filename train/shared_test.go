package train

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/train/dataset"
	"convgraph/train/solver"
)

// images is a set of noise with a bright band for each class.
func images(t testing.TB, shape tensor.Shape, n, classes int, seed uint64) dataset.Dataset {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	size := shape.TotalSize()
	pixels, labels := make([]uint8, n*size), make([]uint8, n)
	for i := range labels {
		labels[i] = uint8(r.IntN(classes))
		sample := pixels[i*size : (i+1)*size]
		band := size / classes
		for j := range sample {
			sample[j] = uint8(r.IntN(100))
			if j/band == int(labels[i]) {
				sample[j] += 150
			}
		}
	}
	ds, err := dataset.NewImages(shape, pixels, labels, classes)
	require.NoError(t, err)
	return ds
}

// small is a network of 27 parameters for images of (1,2,4) in 3 classes.
func small() *graph.Spec {
	return graph.Sequential("small", tensor.Shape{1, 2, 4}, graph.He(), graph.Affine{Units: 3}, graph.Softmax{})
}

// withDropout is a network with dropout between two affine layers, for the images of small.
func withDropout() *graph.Spec {
	return graph.Sequential("dropping", tensor.Shape{1, 2, 4}, graph.He(),
		graph.Affine{Units: 6}, graph.ReLU{}, graph.Dropout{Rate: 0.5}, graph.Affine{Units: 3}, graph.Softmax{})
}

// simpleConvNet, leNet, resNet and alexNet are small networks of each kind, the last at its least
// size with a few filters.
func simpleConvNet() *graph.Spec { return models.DefaultSimpleConvNet().Spec() }

func leNet() *graph.Spec {
	spec, err := models.LeNet{}.Spec()
	if err != nil {
		panic(err)
	}
	return spec
}

func resNet() *graph.Spec {
	return models.CIFARResNet{Input: tensor.Shape{3, 8, 8}, Blocks: 1}.Spec()
}

func alexNet() *graph.Spec { return models.AlexNet{Size: 67, Classes: 10, Width: 1. / 32}.Spec() }

// trainer trains a new model of the spec for two epochs of four batches of augmented images.
func trainer(t testing.TB, spec *graph.Spec) *Trainer {
	t.Helper()
	m, err := graph.New(spec, graph.WithSeed(3))
	require.NoError(t, err)
	adam, err := solver.New("adam", solver.Config{LR: 0.01})
	require.NoError(t, err)
	const batch = 3
	plain := images(t, spec.Input, 4*batch+1, m.Classes(), 5)
	shape := plain.Shape()
	training, err := dataset.Augment(plain, 7, []dataset.Transform{
		dataset.RandomCrop{Height: shape[1], Width: shape[2], Padding: 1},
		dataset.Distort{Rotate: 10, ElasticAlpha: 3, ElasticSigma: 2},
	}, nil)
	require.NoError(t, err)
	result := NewTrainer(m, adam, training, images(t, spec.Input, 6, m.Classes(), 6))
	result.Epochs, result.Batch = 2, batch
	result.Schedule = solver.Cosine{LR: 0.01, Steps: result.Steps()}
	return result
}

// finish runs a training and gives what it ends with, less the time it took.
func finish(t testing.TB, tr *Trainer) ending {
	t.Helper()
	result, err := tr.Run(context.Background())
	require.NoError(t, err)
	return ending{params: paramBytes(t, tr.Model), history: timeless(result.History), test: result.Test}
}

type ending struct {
	params  string
	history []Row
	test    Score
}

func timeless(rows []Row) []Row {
	rows = append([]Row(nil), rows...)
	for i := range rows {
		rows[i].Seconds = 0
	}
	return rows
}

func paramBytes(t testing.TB, m *graph.Model) string {
	t.Helper()
	var arrays []formats.Array
	for _, p := range m.Params() {
		arrays = append(arrays, formats.Array{Name: p.Name, Value: p.Value})
	}
	data, err := safetensors.Marshal(arrays, nil)
	require.NoError(t, err)
	return string(data)
}

// at calls what after step Step.
type at struct {
	Base
	Step int
	What func() error
}

func (a at) StepEnd(s *State) error {
	if s.Step != a.Step {
		return nil
	}
	return a.What()
}

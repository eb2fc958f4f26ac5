package dataset_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/picture"
	"convgraph/train/dataset"
)

func ExampleAugment() {
	set, _ := dataset.NewImages(tensor.Shape{1, 1, 3}, []uint8{0, 51, 255}, []uint8{7}, 10)
	augmented, err := dataset.Augment(set, 1,
		[]dataset.Transform{dataset.RandomCrop{Height: 1, Width: 2}, dataset.Mirror{}},
		[]dataset.Transform{dataset.CentreCrop{Height: 1, Width: 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := make([]float32, 2)
	for epoch := range 3 {
		label, err := augmented.Epoch(epoch).Sample(0, x)
		fmt.Println("epoch", epoch, label, x, err)
	}
	label, err := augmented.Sample(0, x)
	fmt.Println("evaluated", label, x, err)
	// Output:
	// epoch 0 7 [0.2 1] <nil>
	// epoch 1 7 [0.2 0] <nil>
	// epoch 2 7 [1 0.2] <nil>
	// evaluated 7 [0 0.2] <nil>
}

func digitTransforms() []dataset.Transform {
	return []dataset.Transform{dataset.Distort{Shift: 1, Rotate: 10, Scale: 0.1, ElasticAlpha: 20, ElasticSigma: 3},
		dataset.RandomCrop{Height: 8, Width: 8, Padding: 1}, dataset.Mirror{}}
}

func augmentedSet(t testing.TB, seed uint64) *dataset.Augmented {
	t.Helper()
	set, err := dataset.Augment(counting(t, 12, 1, 10, 10), seed, digitTransforms(),
		[]dataset.Transform{dataset.CentreCrop{Height: 8, Width: 8}})
	require.NoError(t, err)
	return set
}

func TestAugmentedDependsOnlyOnSeedEpochAndIndex(t *testing.T) {
	want := map[string][]float32{}
	key := func(seed uint64, epoch, i int) string { return fmt.Sprint(seed, epoch, i) }
	for seed := range uint64(2) {
		for epoch := range 3 {
			for i := range 12 {
				_, want[key(seed, epoch, i)] = sampleOf(t, augmentedSet(t, seed).Epoch(epoch), i)
			}
		}
	}
	// Again, in the opposite order, from several goroutines and one set.
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for seed := range uint64(2) {
				set := augmentedSet(t, seed)
				for epoch := 2; epoch >= 0; epoch-- {
					for i := 11; i >= 0; i-- {
						x := make([]float32, 64)
						_, err := set.Epoch(epoch).Sample(i, x)
						assert.NoError(t, err)
						assert.Equal(t, want[key(seed, epoch, i)], x)
					}
				}
			}
		})
	}
	group.Wait()
	assert.NotEqual(t, want[key(0, 0, 3)], want[key(1, 0, 3)], "another seed")
	assert.NotEqual(t, want[key(0, 0, 3)], want[key(0, 1, 3)], "another epoch")
}

func TestEqualImagesAreDistortedDifferently(t *testing.T) {
	pixels := make([]uint8, 2*64)
	for i := range pixels {
		pixels[i] = uint8(3 * (i % 64))
	}
	set, err := dataset.NewImages(tensor.Shape{1, 8, 8}, pixels, []uint8{0, 0}, 1)
	require.NoError(t, err)
	augmented, err := dataset.Augment(set, 1, []dataset.Transform{dataset.Distort{Rotate: 20}}, nil)
	require.NoError(t, err)
	_, first := sampleOf(t, augmented.Epoch(1), 0)
	_, second := sampleOf(t, augmented.Epoch(1), 1)
	assert.NotEqual(t, first, second)
}

func TestAugmentedEvaluationView(t *testing.T) {
	set := augmentedSet(t, 1)
	plain, err := dataset.Transformed(counting(t, 12, 1, 10, 10), 5, dataset.CentreCrop{Height: 8, Width: 8})
	require.NoError(t, err)
	for i := range 12 {
		wantLabel, want := sampleOf(t, plain, i)
		label, got := sampleOf(t, set, i)
		assert.Equal(t, wantLabel, label)
		assert.Equal(t, want, got)
	}
	assert.Equal(t, tensor.Shape{1, 8, 8}, set.Epoch(3).Shape())
	assert.Equal(t, 10, set.Epoch(3).Classes())
	assert.Equal(t, 12, set.Epoch(3).Len())
}

// A chain is its transforms one after the other, each seeing what the one before it made.
func TestTransformedAppliesTheChain(t *testing.T) {
	set := counting(t, 3, 2, 10, 10)
	chain := []dataset.Transform{dataset.CentreCrop{Height: 9, Width: 8}, dataset.Distort{Rotate: 90, Shift: 2},
		dataset.Resize{Height: 5, Width: 11},
		dataset.SubtractMean{Mean: []float32{0.25, 0.5}}, dataset.CentreCrop{Height: 3, Width: 7},
		dataset.Resize{Height: 4, Width: 4}}
	whole, err := dataset.Transformed(set, 1, chain...)
	require.NoError(t, err)
	var nested dataset.Dataset = set
	for _, step := range chain {
		nested, err = dataset.Transformed(nested, 1, step)
		require.NoError(t, err)
	}
	for i := range 3 {
		_, want := sampleOf(t, nested, i)
		_, got := sampleOf(t, whole, i)
		assert.Equal(t, want, got)
	}
}

func TestForEpoch(t *testing.T) {
	plain := counting(t, 12, 1, 10, 10)
	assert.Same(t, plain, dataset.ForEpoch(plain, 3))
	set := augmentedSet(t, 1)
	_, want := sampleOf(t, set.Epoch(3), 2)
	_, got := sampleOf(t, dataset.ForEpoch(set, 3), 2)
	assert.Equal(t, want, got)
	few := dataset.ForEpoch(dataset.Take(set, 4), 3)
	assert.Equal(t, 4, few.Len())
	_, got = sampleOf(t, few, 2)
	assert.Equal(t, want, got, "the first few of an augmented set are augmented")
	epoch := func(e int) (x []float32) { _, x = sampleOf(t, dataset.ForEpoch(dataset.Mixed(set, 1), e), 2); return x }
	assert.NotEqual(t, epoch(3), epoch(4), "and so are those of a mixed one")
}

func TestAugmentRefuses(t *testing.T) {
	set := counting(t, 3, 1, 10, 10)
	_, err := dataset.Augment(set, 1, []dataset.Transform{dataset.CentreCrop{Height: 8, Width: 8}}, nil)
	assert.EqualError(t, err,
		"training transforms give images of (1, 8, 8), evaluation transforms (1, 10, 10): want the same")
	_, err = dataset.Augment(set, 1, []dataset.Transform{dataset.CentreCrop{Height: 11, Width: 8}}, nil)
	assert.ErrorContains(t, err, "training: centre crop to 11x8")
	_, err = dataset.Augment(set, 1, nil, []dataset.Transform{dataset.PCAColour{}})
	assert.ErrorContains(t, err, "evaluation: PCA colour")
	_, err = dataset.Transformed(set, 1, shapeless{})
	assert.ErrorContains(t, err, "output of transform 0: shape (5)")
}

// shapeless makes something that is no image.
type shapeless struct{}

func (shapeless) Output(tensor.Shape) (tensor.Shape, error)      { return tensor.Shape{5}, nil }
func (shapeless) Apply(picture.Image, picture.Image, *rand.Rand) {}

func TestAugmentedErrors(t *testing.T) {
	set := augmentedSet(t, 1).Epoch(1)
	_, err := set.Sample(12, make([]float32, 64))
	assert.ErrorContains(t, err, "index 12 is out of range")
	_, err = set.Sample(0, make([]float32, 100))
	assert.ErrorContains(t, err, "dst holds 100 values, a sample (1, 8, 8) has 64")
}

func TestAugmentedKeepsClassNames(t *testing.T) {
	set, err := dataset.Augment(withNames{counting(t, 1, 1, 1, 1)}, 1, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"cat", "dog"}, dataset.ClassNames(set))
	assert.Equal(t, []string{"cat", "dog"}, dataset.ClassNames(set.Epoch(1)))
}

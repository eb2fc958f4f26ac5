package dataset_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

// numbered returns n images of one pixel, which is their index, in classes of equal size.
func numbered(t *testing.T, n, each int) *dataset.Images {
	t.Helper()
	pixels, labels := make([]uint8, n), make([]uint8, n)
	for i := range pixels {
		pixels[i], labels[i] = uint8(i), uint8(i/each)
	}
	set, err := dataset.NewImages(tensor.Shape{1, 1, 1}, pixels, labels, (n-1)/each+1)
	require.NoError(t, err)
	return set
}

// indicesOf reads a set made from numbered.
func indicesOf(t *testing.T, ds dataset.Dataset) (indices []int) {
	t.Helper()
	value := make([]float32, 1)
	for i := range ds.Len() {
		_, err := ds.Sample(i, value)
		require.NoError(t, err)
		indices = append(indices, int(value[0]*255+0.5))
	}
	return indices
}

func TestDraw(t *testing.T) {
	set := numbered(t, 100, 10)
	drawn := indicesOf(t, dataset.Draw(set, 30, 1))
	assert.Len(t, drawn, 30)
	assert.IsIncreasing(t, drawn)
	assert.Equal(t, drawn, indicesOf(t, dataset.Draw(set, 30, 1)))
	assert.NotEqual(t, drawn, indicesOf(t, dataset.Draw(set, 30, 2)))
	assert.NotSubset(t, indicesOf(t, dataset.Mixed(set, 1))[:30], drawn,
		"the two orders of a seed don't depend on each other")
	classes := map[int]bool{}
	for _, i := range drawn {
		classes[i/10] = true
	}
	assert.Greater(t, len(classes), 7, "of ten")
	assert.Equal(t, dataset.Dataset(set), dataset.Draw(set, 100, 1))
	assert.Zero(t, dataset.Draw(set, -1, 1).Len())
	_, err := dataset.Draw(set, 30, 1).Sample(30, make([]float32, 1))
	assert.Error(t, err)
}

// hidden hides that a set is in memory.
type hidden struct{ dataset.Dataset }

func TestSplit(t *testing.T) {
	images := numbered(t, 104, 25) // four classes of 25 and one of 4
	for name, set := range map[string]dataset.Dataset{"in memory": images, "of any kind": hidden{images}} {
		t.Run(name, func(t *testing.T) {
			rest, part, err := dataset.Split(set, 0.1, 1)
			require.NoError(t, err)
			in, out := indicesOf(t, part), indicesOf(t, rest)
			assert.IsIncreasing(t, in)
			assert.IsIncreasing(t, out)
			all := append(in, out...)
			assert.ElementsMatch(t, indicesOf(t, images), all)
			var perClass [5]int
			for _, i := range in {
				perClass[i/25]++
			}
			assert.Equal(t, [5]int{3, 3, 3, 3, 1}, perClass)
			assert.NotEqual(t, in[:3], []int{in[3] - 25, in[4] - 25, in[5] - 25}, "each class has an order of its own")

			_, again, err := dataset.Split(set, 0.1, 1)
			require.NoError(t, err)
			assert.Equal(t, in, indicesOf(t, again))
			_, other, err := dataset.Split(set, 0.1, 2)
			require.NoError(t, err)
			assert.NotEqual(t, in, indicesOf(t, other))
		})
	}
}

// TestSplitOfFewImages: a class keeps an image for training, and gives none if it has only one.
func TestSplitOfFewImages(t *testing.T) {
	for each, want := range map[int]int{1: 0, 2: 3} {
		rest, part, err := dataset.Split(numbered(t, 3*each, each), 0.99, 1)
		require.NoError(t, err)
		assert.Equal(t, want, part.Len())
		assert.Equal(t, 3*each-want, rest.Len())
	}
}

func ExampleSplit() {
	labels := []uint8{0, 0, 0, 0, 0, 1, 1, 1, 1, 1}
	set, err := dataset.NewImages(tensor.Shape{1, 1, 1}, make([]uint8, len(labels)), labels, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	training, validation, err := dataset.Split(set, 0.2, 1)
	fmt.Println(training.Len(), validation.Len(), err)
	// Output: 8 2 <nil>
}

// TestFold: each sample is in one of the parts, which are as large and have as many of each class
// but for one, and a part depends on the seed alone.
func TestFold(t *testing.T) {
	set := random(t, 103, 2, 1)
	labels, _ := samplesOf(t, set)
	var perClass [3]int
	for _, label := range labels {
		perClass[label]++
	}
	seen := map[string]int{}
	for part := 1; part <= 5; part++ {
		rest, held, err := dataset.Fold(set, part, 5, 7)
		require.NoError(t, err)
		assert.Equal(t, 103, rest.Len()+held.Len())
		assert.InDelta(t, 103./5, held.Len(), 1)
		got, samples := samplesOf(t, held)
		var inPart [3]int
		for i, x := range samples {
			seen[fmt.Sprint(got[i], x)]++
			inPart[got[i]]++
		}
		for class, n := range inPart {
			assert.InDelta(t, float64(perClass[class])/5, n, 1)
		}
		_, again, err := dataset.Fold(set, part, 5, 7)
		require.NoError(t, err)
		_, same := samplesOf(t, again)
		assert.Equal(t, samples, same)
		_, other, err := dataset.Fold(set, part, 5, 8)
		require.NoError(t, err)
		_, different := samplesOf(t, other)
		assert.NotEqual(t, samples, different)
	}
	total := 0
	for _, n := range seen {
		total += n
	}
	assert.Equal(t, 103, total)
	assert.Greater(t, len(seen), 100, "no sample is in two parts; some look the same")
}

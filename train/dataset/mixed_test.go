package dataset_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

func TestMixedIsAPermutation(t *testing.T) {
	const n = 50
	pixels, labels := make([]uint8, n), make([]uint8, n)
	for i := range pixels {
		pixels[i], labels[i] = uint8(i), uint8(i/5)
	}
	set, err := dataset.NewImages(tensor.Shape{1, 1, 1}, pixels, labels, 10)
	require.NoError(t, err)

	read := func(seed uint64) (order []int) {
		mixed, value := dataset.Mixed(set, seed), make([]float32, 1)
		for i := range n {
			label, err := mixed.Sample(i, value)
			require.NoError(t, err)
			at := int(value[0]*255 + 0.5)
			assert.Equal(t, at/5, label)
			order = append(order, at)
		}
		return order
	}
	order := read(1)
	assert.ElementsMatch(t, read(2), order)
	assert.NotEqual(t, read(2), order)
	assert.Equal(t, read(1), order)
	_, err = dataset.Mixed(set, 1).Sample(n, make([]float32, 1))
	assert.Error(t, err)
}

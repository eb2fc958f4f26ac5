package dataset_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

func digest(t *testing.T, ds dataset.Dataset) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, dataset.Digest(ds, &b))
	return b.String()
}

// One pixel or label of many is enough to tell sets in memory apart, whatever is done to them; what isn't taken doesn't count.
func TestDigestSeesEveryPixelInMemory(t *testing.T) {
	const n, size = 1000, 6
	pixels, labels := make([]uint8, n*size), make([]uint8, n)
	set := func() dataset.Dataset {
		m, err := dataset.NewImages(tensor.Shape{1, 2, 3}, slices.Clone(pixels), slices.Clone(labels), 2)
		require.NoError(t, err)
		return m
	}
	views := map[string]func(dataset.Dataset) dataset.Dataset{
		"itself": func(ds dataset.Dataset) dataset.Dataset { return ds },
		"taken":  func(ds dataset.Dataset) dataset.Dataset { return dataset.Take(ds, n-1) },
		"augmented": func(ds dataset.Dataset) dataset.Dataset {
			a, err := dataset.Augment(ds, 1, []dataset.Transform{dataset.Mirror{}}, nil)
			require.NoError(t, err)
			return a
		},
	}
	before := map[string]string{}
	for name, view := range views {
		before[name] = digest(t, view(set()))
	}
	pixels[size*(n-1)]++
	for name, view := range views {
		assert.Equal(t, name == "taken", before[name] == digest(t, view(set())), name)
	}
	pixels[size*(n-1)]--
	labels[n-2]++
	for name, view := range views {
		assert.NotEqual(t, before[name], digest(t, view(set())), name)
	}
}

// A folder's files are told by class, name and size, and some by their pixels.
func TestDigestOfFolders(t *testing.T) {
	files := map[string][]byte{}
	for i := range 600 {
		files[fmt.Sprintf("%c/%03d.png", 'a'+i%2, i)] = pngOf(t, stripes(2, 2))
	}
	set := func(files map[string][]byte) string {
		f, _, err := dataset.OpenFolder(tree(t, files), dataset.FolderOptions{Size: 3, TestFraction: -1})
		require.NoError(t, err)
		return digest(t, f)
	}
	before := set(files)
	assert.Equal(t, before, set(files), "wherever it lies")
	for what, change := range map[string]func(files map[string][]byte){
		"a name": func(files map[string][]byte) { files["a/002b.png"] = files["a/002.png"]; delete(files, "a/002.png") },
		"a size": func(files map[string][]byte) { files["a/002.png"] = append(slices.Clone(files["a/002.png"]), 0) },
		"a pixel of the first": func(files map[string][]byte) {
			img := stripes(2, 2)
			img.Pix[0] ^= 255
			files["a/000.png"] = pngOf(t, img)
		},
		"damage": func(files map[string][]byte) { files["a/000.png"] = make([]byte, len(files["a/000.png"])) },
	} {
		changed := maps.Clone(files)
		change(changed)
		assert.NotEqual(t, before, set(changed), what)
	}
}

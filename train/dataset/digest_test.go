package dataset_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
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

// One pixel or label of many is enough to tell sets in memory apart, whatever is done to them; what
// isn't taken doesn't count.
func TestDigestCoversEveryPixel(t *testing.T) {
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
		f, _, err := dataset.OpenFolder(tree(t, files), dataset.PictureOptions{Shape: square(3), TestFraction: -1})
		require.NoError(t, err)
		return digest(t, f)
	}
	before := set(files)
	assert.Equal(t, before, set(files), "wherever it lies")
	for what, change := range map[string]func(files map[string][]byte){
		"a name": func(files map[string][]byte) {
			files["a/002b.png"] = files["a/002.png"]
			delete(files, "a/002.png")
		},
		"a size": func(files map[string][]byte) { files["a/002.png"] = append(slices.Clone(files["a/002.png"]), 0) },
		"a pixel of the first": func(files map[string][]byte) {
			img := stripes(2, 2)
			img.Pix[0] ^= 255
			files["a/000.png"] = pngOf(t, img)
		},
		"corruption": func(files map[string][]byte) { files["a/000.png"] = make([]byte, len(files["a/000.png"])) },
	} {
		changed := maps.Clone(files)
		change(changed)
		assert.NotEqual(t, before, set(changed), what)
	}
}

// TestDigestDetectsReplacedImages replaces forty images of a folder, each by another of the same
// size in bytes, as trainmnist reads them: mixed, and then cut to the first.
func TestDigestDetectsReplacedImages(t *testing.T) {
	const n = 600
	files := map[string][]byte{}
	name := func(i int) string { return fmt.Sprintf("%c/%03d.png", 'a'+i%2, i) }
	for i := range n {
		files[name(i)] = pngOf(t, stripes(2, 2))
	}
	dir := tree(t, files)
	replacement := ofLength(t, len(files[name(0)]))
	folder, _, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), TestFraction: -1})
	require.NoError(t, err)
	set := dataset.Take(dataset.Mixed(folder, 1), n)
	last := digest(t, set)
	for i := 0; i < n; i += n / 40 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name(i))), replacement, 0o644))
		now := digest(t, set)
		require.NotEqual(t, last, now, name(i))
		last = now
	}
}

// TestDigestOfLargeFolders: where the files have more than 1 GiB, not all of them are read.
func TestDigestOfLargeFolders(t *testing.T) {
	dir := tree(t, map[string][]byte{"a/1.png": pngOf(t, stripes(2, 2)), "a/2.png": nil})
	require.NoError(t, os.Truncate(filepath.Join(dir, "a", "2.png"), 2<<30))
	folder, _, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), TestFraction: -1})
	require.NoError(t, err)
	before := digest(t, folder)
	assert.Less(t, len(before), 1000)
	changed := stripes(2, 2)
	changed.Pix[4] ^= 255
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a", "1.png"), pngOf(t, changed), 0o644))
	folder, _, err = dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), TestFraction: -1})
	require.NoError(t, err)
	assert.NotEqual(t, before, digest(t, folder))
}

// ofLength returns a PNG of the given size in bytes that isn't the stripes.
func ofLength(t *testing.T, n int) []byte {
	t.Helper()
	for v := range uint8(255) {
		img := stripes(2, 2)
		img.Pix[1] = v + 1
		if data := pngOf(t, img); len(data) == n {
			return data
		}
	}
	t.Fatalf("no picture has %d bytes", n)
	return nil
}

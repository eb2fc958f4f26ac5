package main

import (
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
)

// TestAtlasOfDigits: a network of digits gets MNIST's images, and the same arguments give the same
// picture.
func TestAtlasOfDigits(t *testing.T) {
	params, out := saved(t, smallBuiltIn(t, "simpleconvnet")), filepath.Join(t.TempDir(), "a.png")
	args := []string{"atlas", params, "-o", out, "-units", "2", "-steps", "3", "-images", "30", "-json"}
	var entries []atlasEntry
	require.NoError(t, json.Unmarshal([]byte(succeed(t, args...)), &entries))
	first, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	assert.Equal(t, "conv1", entries[0].Layer)
	last := entries[len(entries)-1]
	assert.Equal(t, "5", last.Name, "a class")
	for _, e := range entries {
		assert.Len(t, e.Images, 9)
		for i, crop := range e.Images {
			assert.Regexp(t, `^No\. \d+$`, crop.Image)
			if i > 0 {
				assert.LessOrEqual(t, crop.Answer, e.Images[i-1].Answer)
			}
		}
	}
	succeed(t, args...)
	again, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Equal(t, first, again)
	succeed(t, append(args, "-seed", "2")...)
	other, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.NotEqual(t, first, other)
}

// TestAtlasSearchesEveryForm finds the same strongest responses in all forms of the same pictures,
// and skips a corrupt one.
func TestAtlasSearchesEveryForm(t *testing.T) {
	m := readModel(t, colours(t, "", graph.Softmax{}))
	dir, _ := album(t)
	answers := func(data string) (all []float64) {
		s, err := (&atlas{Data: data}).search(m, []atlasEntry{{Layer: "conv", Unit: 1}, {Layer: "fc", Unit: 3}})
		require.NoError(t, err)
		assert.Equal(t, maxSamplesAtOnce+6, s.seen)
		for _, crops := range s.best {
			for _, crop := range crops {
				all = append(all, crop.Answer)
			}
		}
		return all
	}
	want := answers(dir)
	require.Len(t, want, 2*mostCrops)
	for _, form := range []string{"parquet", "tar", "csv"} {
		copied := filepath.Join(t.TempDir(), form)
		succeed(t, "images", "-data", dir, "-as", form, "-o", copied)
		data := copied
		if form == "csv" {
			data = filepath.Join(copied, "images.csv")
			writeText(t, filepath.Join(copied, "train", "folder 0", "corrupt.png"), "no picture")
			list, err := os.ReadFile(data)
			require.NoError(t, err)
			writeText(t, data, string(list)+"train/folder 0/corrupt.png,folder 0,train\n")
		}
		assert.Equal(t, want, answers(data), form)
	}
	_, err := (&atlas{Data: filepath.Join(dir, "nothing")}).search(m, []atlasEntry{{Layer: "fc"}})
	assert.ErrorContains(t, err, "-data: ")
}

// TestAtlasSearchFindsTheStrongest compares the found images with the layer's values for all
// images.
func TestAtlasSearchFindsTheStrongest(t *testing.T) {
	params := colours(t, "", graph.Softmax{})
	dir, pictures := album(t)
	m := readModel(t, params)
	c := &atlas{Data: dir}
	entries := []atlasEntry{{Layer: "conv", Unit: 1}, {Layer: "fc", Unit: 3}}
	s, err := c.search(m, entries)
	require.NoError(t, err)
	assert.Equal(t, len(pictures), s.seen)
	for i, e := range entries {
		part, err := m.UpTo(e.Layer)
		require.NoError(t, err)
		shape := part.Output().Shape
		plane := shape.TotalSize() / shape[0]
		strongest := map[string]float64{}
		for _, path := range pictures {
			sample, err := classify.Preprocessing(m.Spec()).Read(path, m.Spec().Input)
			require.NoError(t, err)
			y, err := part.Predict(asBatch(sample.Pixels, m.Spec().Input))
			require.NoError(t, err)
			strongest[path] = largest(y.Float32s()[e.Unit*plane:][:plane])
		}
		require.Len(t, s.best[i], mostCrops)
		least := s.best[i][mostCrops-1].Answer
		stronger := 0
		for path, answer := range strongest {
			if answer > least {
				stronger++
			}
			for _, crop := range s.best[i] {
				if crop.Image == path {
					assert.InDelta(t, answer, crop.Answer, 1e-5)
				}
			}
		}
		assert.Less(t, stronger, mostCrops)
		images, _, err := s.crops(i)
		require.NoError(t, err)
		want := image.Pt(3, 3) // what a cell of conv sees
		if i == 1 {
			want = image.Pt(8, 8)
		}
		assert.Equal(t, want, images[0].Bounds().Size())
	}
}

// TestAtlasLayers expects the outputs of blocks, the layers outside blocks, and the classes.
func TestAtlasLayers(t *testing.T) {
	names := func(spec *graph.Spec, c atlas) (names []string) {
		m, err := graph.New(spec)
		require.NoError(t, err)
		layers, err := c.layers(m)
		require.NoError(t, err)
		for _, n := range layers {
			names = append(names, rowName(m, n))
		}
		return names
	}
	assert.Equal(t, []string{"conv1", "fc1", "classes"}, names(builtIn(t, "simpleconvnet"), atlas{}))
	assert.Equal(t, []string{"features.0", "features.3", "features.4", "features.5", "features.7", "features.8",
		"features.9", "features.10", "features.12", "classes"},
		names(builtIn(t, "squeezenet1_0"), atlas{}))
	assert.Len(t, names(builtIn(t, "resnet34"), atlas{}), mostAtlasLayers)
}

func TestAtlasFailures(t *testing.T) {
	params, out := saved(t, smallBuiltIn(t, "simpleconvnet")), filepath.Join(t.TempDir(), "a.png")
	fail(t, cli.BadUsage, "-units is 0: want at least 1", "atlas", params, "-o", out, "-units", "0")
	fail(t, cli.BadUsage, "-steps is 0: want at least 1", "atlas", params, "-o", out, "-steps", "0")
	fail(t, cli.BadUsage, "-images is -1: want at least 0", "atlas", params, "-o", out, "-images=-1")
	fail(t, cli.BadUsage, `has no layer "nothing"`, "atlas", params, "-o", out, "-layer", "nothing")
	fail(t, cli.BadUsage, "-pick has 10: layer ", "atlas", params, "-o", out, "-pick", "10")
	vectors := saved(t, graph.Sequential("vectors", tensor.Shape{9}, graph.He(), graph.Affine{Units: 2},
		graph.Softmax{}))
	fail(t, cli.Failed, `model "vectors" takes no pictures`, "atlas", vectors, "-o", out)
	assert.NoFileExists(t, out)
}

// TestCutTo: a receptive field keeps its size if the picture is large enough.
func TestCutTo(t *testing.T) {
	picture := image.Rect(0, 0, 10, 8)
	assert.Equal(t, image.Rect(0, 2, 4, 6), cutTo(image.Rect(-2, 2, 2, 6), picture))
	assert.Equal(t, image.Rect(6, 4, 10, 8), cutTo(image.Rect(8, 6, 12, 10), picture))
	assert.Equal(t, picture, cutTo(image.Rect(-20, -20, 20, 20), picture))
	assert.Equal(t, image.Rect(3, 3, 5, 5), cutTo(image.Rect(3, 3, 5, 5), picture))
}

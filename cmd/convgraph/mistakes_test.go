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

	"convgraph/graph"
	"convgraph/internal/cli"
)

// TestMistakesOfFolders: the page names the files, and its pictures exist.
func TestMistakesOfFolders(t *testing.T) {
	spec := graph.Sequential("halves", tensor.Shape{3, 9, 9}, graph.He(),
		graph.Conv2D{Filters: 3, Kernel: graph.Square(3)}, graph.ReLU{}, graph.Affine{Units: 2}, graph.Softmax{})
	spec.ClassNames = []string{"one <b>", "two"}
	params, data, dir := saved(t, spec), t.TempDir(), filepath.Join(t.TempDir(), "gallery")
	for _, class := range spec.ClassNames {
		for _, set := range []string{"train", "test"} {
			require.NoError(t, os.MkdirAll(filepath.Join(data, set, class), 0o755))
			for i := range 6 {
				stripes(t, filepath.Join(data, set, class, string(rune('a'+i))+".png"), 1+i)
			}
		}
	}
	assert.Regexp(t, `^6 mistakes in 12 images, the 4 surest: .*index.html\n$`,
		succeed(t, "mistakes", params, "-o", dir, "-data", data, "-most", "4"))
	var all []shownMistake
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "mistakes", params, "-o", dir, "-data", data, "-json")), &all))
	require.Len(t, all, 6, "the same pictures are in both classes")
	html, err := os.ReadFile(filepath.Join(dir, "index.html"))
	require.NoError(t, err)
	assert.NotContains(t, string(html), "one <b>", "names are text, not HTML")
	assert.Contains(t, string(html), "one &lt;b&gt;")
	for i, m := range all {
		assert.FileExists(t, m.Name)
		assert.Contains(t, string(html), filepath.Base(m.Name))
		assert.NotEqual(t, m.Class, m.Said)
		assert.InDelta(t, 1, m.Probability+m.OfClass, 1e-5, "of two classes")
		if i > 0 {
			assert.LessOrEqual(t, m.Probability, all[i-1].Probability)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "pictures", "*.png"))
	require.NoError(t, err)
	assert.Len(t, files, 18)
	assert.Equal(t, image.Pt(9, 9), readPNG(t, files[1]).Bounds().Size())
	assert.FileExists(t, filepath.Join(dir, "mistakes.png"))
	fail(t, cli.BadUsage, "-most is 0: want at least 1", "mistakes", params, "-o", dir, "-most", "0")
}

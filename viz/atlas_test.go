package viz_test

import (
	"image"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/viz"
)

// TestAtlas: rows and crops make the picture larger, and what is missing is refused.
func TestAtlas(t *testing.T) {
	ideal := image.NewRGBA(image.Rect(0, 0, 7, 7))
	unit := viz.AtlasUnit{Caption: "a name that is too long for its picture", Ideal: ideal}
	size := func(a viz.Atlas) image.Point {
		img, err := a.Image()
		require.NoError(t, err)
		return img.Bounds().Size()
	}
	one := size(viz.Atlas{Title: "t", Rows: []viz.AtlasRow{{Name: "conv1", Units: []viz.AtlasUnit{unit}}}})
	two := size(viz.Atlas{Title: "t", Rows: []viz.AtlasRow{{Name: "conv1", Units: []viz.AtlasUnit{unit, unit}},
		{Name: "conv2", Absent: "dead"}}})
	assert.Greater(t, two.X, one.X)
	assert.Greater(t, two.Y, one.Y)
	unit.Crops = []image.Image{ideal, ideal, ideal, ideal}
	assert.Greater(t,
		size(viz.Atlas{Title: "t", Rows: []viz.AtlasRow{{Name: "conv1", Units: []viz.AtlasUnit{unit}}}}).Y, one.Y)

	_, err := viz.Atlas{}.Image()
	assert.EqualError(t, err, "atlas: no layers")
	_, err = viz.Atlas{Rows: []viz.AtlasRow{{Name: "conv1", Units: []viz.AtlasUnit{{}}}}}.Image()
	assert.EqualError(t, err, "atlas: layer conv1: no picture")
	unit.Crops = []image.Image{nil}
	_, err = viz.Atlas{Rows: []viz.AtlasRow{{Name: "conv1", Units: []viz.AtlasUnit{unit}}}}.Image()
	assert.EqualError(t, err, "atlas: layer conv1: crop 0 is empty")
}

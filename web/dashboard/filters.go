package dashboard

import (
	"math"

	"gorgonia.org/tensor"

	"convgraph/graph"
)

// maxTiles is the most pictures of filters that the page shows.
const maxTiles = 128

// filters holds a first convolution's weights as grays, or as colors if it has three channels.
// Black is -Scale, mid gray 0, white Scale.
type filters struct {
	Name     string  `json:"name"`
	Step     int     `json:"step"`     // the step of these weights
	Tiles    int     `json:"tiles"`    // pictures
	All      int     `json:"all"`      // pictures without the limit
	Channels int     `json:"channels"` // of a picture, 1 or 3
	Height   int     `json:"height"`
	Width    int     `json:"width"`
	Scale    float32 `json:"scale"`
	Grays    []byte  `json:"grays"` // (tiles, channels, height, width)
}

// filtersOf copies the weights of the model's first convolution. It returns nil if there is none.
func filtersOf(m *graph.Model, step int) *filters {
	for _, p := range m.Params() {
		if s := p.Value.Shape(); s.Dims() == 4 && p.Value.Dtype() == tensor.Float32 {
			f := newFilters(p.Name, s, p.Value.Float32s())
			f.Step = step
			return f
		}
	}
	return nil
}

func newFilters(name string, s tensor.Shape, weights []float32) *filters {
	f := &filters{Name: name, All: s[0] * s[1], Channels: 1, Height: s[2], Width: s[3]}
	if s[1] == 3 {
		f.All, f.Channels = s[0], 3
	}
	f.Tiles = min(f.All, maxTiles)
	weights = weights[:f.Tiles*f.Channels*f.Height*f.Width]
	for _, v := range weights {
		if magnitude := float32(math.Abs(float64(v))); magnitude > f.Scale && !math.IsInf(float64(v), 0) {
			f.Scale = magnitude
		}
	}
	f.Grays = make([]byte, len(weights))
	for i, v := range weights {
		f.Grays[i] = gray(v, f.Scale)
	}
	return f
}

// gray is 0 for -scale and below, 255 for scale and above. NaN is black.
func gray(v, scale float32) byte {
	switch {
	case v != v:
		return 0
	case scale == 0:
		return 128
	}
	return byte(math.Round(127.5 + 127.5*float64(min(1, max(-1, v/scale)))))
}

package graph_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/graph"
)

// TestWhatNewTakesRuns draws networks from anything a Go program or a file may say: New must refuse
// them with an error, or they must predict and have gradients.
func TestWhatNewTakesRuns(t *testing.T) {
	taken := 0
	rapid.Check(t, func(r *rapid.T) {
		input := tensor.Shape{size(r, "channels"), size(r, "height"), size(r, "width")}
		layers := rapid.SliceOfN(rapid.Custom(anyPart), 1, 4).Draw(r, "layers")
		if rapid.IntRange(0, 3).Draw(r, "head") > 0 {
			layers = append(layers, graph.Affine{Units: 2}, graph.Softmax{})
		}
		spec := graph.Sequential("drawn", input, graph.He(), layers...)
		if small(spec) {
			useModel(t, newModel(t, spec))
			taken++
		}
	})
	require.NotZero(t, taken)
}

func anyLayer(r *rapid.T) graph.Layer {
	pair := func(name string) graph.Pair { return graph.Pair{size(r, name), size(r, name)} }
	optional := func(name string) graph.Pair {
		if rapid.Bool().Draw(r, name+"?") {
			return pair(name)
		}
		return graph.Pair{}
	}
	any64 := rapid.OneOf(rapid.Float64Range(-2, 2), rapid.Float64())
	switch rapid.IntRange(0, 24).Draw(r, "kind") {
	case 0:
		return graph.Conv2D{Filters: size(r, "filters"), Kernel: pair("kernel"), Stride: optional("stride"),
			Pad:      optional("pad"),
			Dilation: optional("dilation"), Groups: size(r, "groups")}
	case 1:
		connections := rapid.SliceOfN(rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 1, 3, rapid.ID), 1, 3).Draw(r,
			"connections")
		return graph.Conv2D{Filters: len(connections), Kernel: pair("kernel"), Pad: optional("pad"),
			Connections: connections}
	case 2:
		return graph.MaxPool{Kernel: pair("kernel"), Stride: optional("stride"), Pad: optional("pad")}
	case 3:
		return graph.AvgPool{Kernel: pair("kernel"), Stride: optional("stride"), Pad: optional("pad")}
	case 4:
		return graph.Subsample{Kernel: pair("kernel"), Stride: optional("stride")}
	case 5:
		return graph.LRN{Size: size(r, "size"), K: rapid.Float64().Draw(r, "k"),
			Alpha: rapid.Float64().Draw(r, "alpha"), Beta: rapid.Float64().Draw(r, "beta")}
	case 6:
		return graph.Affine{Units: size(r, "units")}
	case 7:
		return graph.Flatten{}
	case 8:
		numbers := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 3)
		return graph.Normalize{Mean: numbers.Draw(r, "mean"), Std: numbers.Draw(r, "deviation")}
	case 9:
		return graph.Dropout{Rate: rapid.Float64Range(0, 1).Draw(r, "rate")}
	case 10:
		return graph.BatchNorm{Momentum: any64.Draw(r, "momentum"), Eps: any64.Draw(r, "eps"),
			Frozen: rapid.Bool().Draw(r, "frozen")}
	case 11:
		return graph.GroupNorm{Groups: size(r, "groups"), Eps: any64.Draw(r, "eps")}
	case 12:
		return graph.LayerNorm{Eps: any64.Draw(r, "eps")}
	case 13:
		return graph.Slice{Begin: size(r, "begin"), End: size(r, "end")}
	case 14:
		return graph.PadChannels{Begin: size(r, "begin"), End: size(r, "end")}
	case 15:
		return graph.ChannelShuffle{Groups: size(r, "groups")}
	case 16:
		return graph.Clip{Min: any64.Draw(r, "min"), Max: any64.Draw(r, "max")}
	case 17:
		return graph.HardSigmoid{Alpha: any64.Draw(r, "alpha"), Beta: any64.Draw(r, "beta")}
	case 18:
		alpha := any64.Draw(r, "alpha")
		return rapid.SampledFrom([]graph.Layer{graph.LeakyReLU{Alpha: alpha}, graph.ELU{Alpha: alpha},
			graph.CELU{Alpha: alpha}}).Draw(r, "unit")
	case 19:
		return graph.PReLU{Shared: rapid.Bool().Draw(r, "shared"), Start: any64.Draw(r, "start")}
	case 20:
		rate := any64.Draw(r, "rate")
		return rapid.SampledFrom([]graph.Layer{graph.Dropout2D{Rate: rate}, graph.StochasticDepth{Rate: rate}}).Draw(r,
			"drop")
	case 21:
		return graph.MaxPool{Kernel: pair("kernel"), Stride: optional("stride"), PadBegin: optional("begin"),
			PadEnd:   optional("end"),
			Dilation: optional("dilation"), Ceil: true}
	case 22:
		return graph.AvgPool{Kernel: pair("kernel"), Stride: optional("stride"), PadBegin: optional("begin"),
			PadEnd:   optional("end"),
			Dilation: optional("dilation"), Ceil: true, ExcludePad: rapid.Bool().Draw(r, "exclude")}
	case 23:
		return graph.Conv2D{Filters: size(r, "filters"), Kernel: pair("kernel"), PadBegin: optional("begin"),
			PadEnd: optional("end"), NoBias: true}
	}
	return graph.Tanh{A: any64.Draw(r, "a"), B: any64.Draw(r, "b")}
}

// size is mostly what fits, sometimes what can't be.
func size(r *rapid.T, name string) int {
	if rapid.IntRange(0, 19).Draw(r, name+" sane") > 0 {
		return rapid.IntRange(1, 6).Draw(r, name)
	}
	return rapid.SampledFrom([]int{-1, 0, 1 << 10, 1 << 20, 1<<20 + 1, 1 << 31, 1 << 32, 1 << 40, 1 << 62, math.MaxInt,
		math.MinInt}).Draw(r, name)
}

func anyPart(r *rapid.T) graph.Part { return anyLayer(r) }

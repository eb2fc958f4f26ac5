package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// GlobalAvgPool is the mean of each channel over the plane: (C, H, W) becomes (C, 1, 1) (Lin, Chen and
// Yan 2013).
type GlobalAvgPool struct {
	Name string `json:"name,omitempty"`
	plain
}

// GlobalMaxPool is the largest value of each channel over the plane: (C, H, W) becomes (C, 1, 1).
type GlobalMaxPool struct {
	Name string `json:"name,omitempty"`
	plain
}

// Slice is the channels, or the features, from Begin up to End, without End.
type Slice struct {
	Name  string `json:"name,omitempty"`
	Begin int    `json:"begin,omitempty"`
	End   int    `json:"end"`
	plain
}

// ChannelShuffle interleaves Groups groups of channels, so that channel g·(C/Groups)+i becomes channel
// i·Groups+g (Zhang et al. 2018, ShuffleNet).
type ChannelShuffle struct {
	Name   string `json:"name,omitempty"`
	Groups int    `json:"groups"`
	plain
}

// PadChannels adds Begin channels of zeros before the input's, and End behind them (He et al. 2015,
// option A).
type PadChannels struct {
	Name  string `json:"name,omitempty"`
	Begin int    `json:"begin,omitempty"`
	End   int    `json:"end,omitempty"`
	plain
}

// plain is what layers have in common that have no parameters and multiply nothing.
type plain struct{}

// Parameters are none.
func (plain) Parameters(...tensor.Shape) []Parameter { return nil }

// MultiplyAdds are none. Function calls and comparisons aren't counted.
func (plain) MultiplyAdds(...tensor.Shape) int64 { return 0 }

// Label is the layer's own name.
func (p PadChannels) Label() string { return p.Name }

// Label is the layer's own name.
func (p GlobalAvgPool) Label() string { return p.Name }

// Label is the layer's own name.
func (p GlobalMaxPool) Label() string { return p.Name }

// Label is the layer's own name.
func (s Slice) Label() string { return s.Name }

// Label is the layer's own name.
func (s ChannelShuffle) Label() string { return s.Name }

// Output is (C, 1, 1).
func (GlobalAvgPool) Output(in ...tensor.Shape) (tensor.Shape, error) { return globallyPooled(in[0]) }

// Output is (C, 1, 1).
func (GlobalMaxPool) Output(in ...tensor.Shape) (tensor.Shape, error) { return globallyPooled(in[0]) }

func globallyPooled(in tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in); err != nil {
		return nil, err
	}
	return tensor.Shape{in[0], 1, 1}, nil
}

// Output is (End-Begin, H, W), or (End-Begin).
func (s Slice) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if s.Begin < 0 || s.End <= s.Begin || s.End > in[0][0] {
		return nil, fmt.Errorf("channels %d to %d: want a range within the input's 0 to %d", s.Begin, s.End, in[0][0])
	}
	out := in[0].Clone()
	out[0] = s.End - s.Begin
	return out, nil
}

// Output is the input's shape.
func (s ChannelShuffle) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if s.Groups < 1 || in[0][0]%s.Groups != 0 {
		return nil, fmt.Errorf("%d channels don't divide into %d groups", in[0][0], s.Groups)
	}
	return in[0], nil
}

// MultiplyAdds is an addition for each value.
func (GlobalAvgPool) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Lower adds a GlobalAvgPool op.
func (GlobalAvgPool) Lower(l *Lowering) (*G.Node, error) { return ops.GlobalAvgPool(l.X()) }

// Lower adds a GlobalMaxPool op.
func (GlobalMaxPool) Lower(l *Lowering) (*G.Node, error) { return ops.GlobalMaxPool(l.X()) }

// Lower adds a Slice op.
func (s Slice) Lower(l *Lowering) (*G.Node, error) { return ops.Slice(l.X(), s.Begin, s.End) }

// Lower adds a ChannelShuffle op.
func (s ChannelShuffle) Lower(l *Lowering) (*G.Node, error) {
	return ops.ChannelShuffle(l.X(), s.Groups)
}

// Output is (Begin+C+End, H, W).
func (p PadChannels) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if p.Begin < 0 || p.End < 0 || p.Begin > maxSide || p.End > maxSide {
		return nil, fmt.Errorf("%d channels before and %d behind: want 0 to %d", p.Begin, p.End, maxSide)
	}
	out := in[0].Clone()
	out[0] += p.Begin + p.End
	return out, nil
}

// Lower adds a PadChannels op.
func (p PadChannels) Lower(l *Lowering) (*G.Node, error) {
	return ops.PadChannels(l.X(), p.Begin, p.End)
}

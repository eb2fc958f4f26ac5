package graph

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"convgraph/ops"
)

// GlobalAvgPool is the mean of each channel over the plane: (C, H, W) becomes (C, 1, 1) (Lin, Chen
// and Yan 2013).
type GlobalAvgPool struct {
	Name string `json:"name,omitempty"`
	plain
}

// Label returns the layer's own name.
func (p GlobalAvgPool) Label() string { return p.Name }

// Output returns (C, 1, 1).
func (GlobalAvgPool) Output(in ...tensor.Shape) (tensor.Shape, error) { return globallyPooled(in[0]) }

// MultiplyAdds returns an addition for each value.
func (GlobalAvgPool) MultiplyAdds(in ...tensor.Shape) int64 { return elements(in[0]) }

// Lower adds a GlobalAvgPool op.
func (GlobalAvgPool) Lower(l *Lowering) (*G.Node, error) { return ops.GlobalAvgPool(l.X()) }

// GlobalMaxPool is the largest value of each channel over the plane: (C, H, W) becomes (C, 1, 1).
type GlobalMaxPool struct {
	Name string `json:"name,omitempty"`
	plain
}

// Label returns the layer's own name.
func (p GlobalMaxPool) Label() string { return p.Name }

// Output returns (C, 1, 1).
func (GlobalMaxPool) Output(in ...tensor.Shape) (tensor.Shape, error) { return globallyPooled(in[0]) }

// Lower adds a GlobalMaxPool op.
func (GlobalMaxPool) Lower(l *Lowering) (*G.Node, error) { return ops.GlobalMaxPool(l.X()) }

// Slice is the channels, or the features, from Begin up to but not including End.
type Slice struct {
	Name  string `json:"name,omitempty"`
	Begin int    `json:"begin,omitempty"`
	End   int    `json:"end"`
	plain
}

// Label returns the layer's own name.
func (s Slice) Label() string { return s.Name }

// Output returns (End-Begin, H, W), or (End-Begin).
func (s Slice) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if s.Begin < 0 || s.End <= s.Begin || s.End > in[0][0] {
		return nil, fmt.Errorf("got channels %d to %d, want a range within the input's 0 to %d", s.Begin,
			s.End, in[0][0])
	}
	out := in[0].Clone()
	out[0] = s.End - s.Begin
	return out, nil
}

// Lower adds a Slice op.
func (s Slice) Lower(l *Lowering) (*G.Node, error) { return ops.Slice(l.X(), s.Begin, s.End) }

// ChannelShuffle interleaves Groups groups of channels: channel g·(C/Groups)+i becomes channel
// i·Groups+g (Zhang et al. 2018, ShuffleNet).
type ChannelShuffle struct {
	Name   string `json:"name,omitempty"`
	Groups int    `json:"groups"`
	plain
}

// Label returns the layer's own name.
func (s ChannelShuffle) Label() string { return s.Name }

// Output returns the input's shape.
func (s ChannelShuffle) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if err := checkGroups(in[0][0], s.Groups); err != nil {
		return nil, err
	}
	return in[0], nil
}

// Lower adds a ChannelShuffle op.
func (s ChannelShuffle) Lower(l *Lowering) (*G.Node, error) {
	return ops.ChannelShuffle(l.X(), s.Groups)
}

// PadChannels adds Begin channels of zeros before the input's channels and End after them (He et
// al. 2015, option A).
type PadChannels struct {
	Name  string `json:"name,omitempty"`
	Begin int    `json:"begin,omitempty"`
	End   int    `json:"end,omitempty"`
	plain
}

// Label returns the layer's own name.
func (p PadChannels) Label() string { return p.Name }

// Output returns (Begin+C+End, H, W).
func (p PadChannels) Output(in ...tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in[0]); err != nil {
		return nil, err
	}
	if err := checkPadding(p.Begin, p.End); err != nil {
		return nil, err
	}
	out := in[0].Clone()
	out[0] += p.Begin + p.End
	return out, nil
}

// Lower adds a PadChannels op.
func (p PadChannels) Lower(l *Lowering) (*G.Node, error) {
	return ops.PadChannels(l.X(), p.Begin, p.End)
}

func globallyPooled(in tensor.Shape) (tensor.Shape, error) {
	if err := wantImage(in); err != nil {
		return nil, err
	}
	return tensor.Shape{in[0], 1, 1}, nil
}

package train

import (
	"fmt"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/internal/file"
	"convgraph/train/ranks"
)

// best tracks the epoch with the highest accuracy on held-out images. Of equal epochs it keeps the
// first.
type best struct {
	Epoch    int // 0 before the first epoch has ended
	Accuracy float64
}

// see compares the newest epoch with the best, and reports whether it is better.
func (b *best) see(s *State) bool {
	row := s.History[len(s.History)-1]
	_, accuracy := row.HeldOut()
	if b.Epoch > 0 && !(accuracy > b.Accuracy) {
		return false
	}
	b.Epoch, b.Accuracy = row.Epoch, accuracy
	return true
}

// KeepBest ends the training with the parameters of the epoch with the best accuracy of
// [Row.HeldOut]. It keeps them in the file Path.
type KeepBest struct {
	Base
	Path string

	best best
}

// StateName is "keep-best".
func (k *KeepBest) StateName() string { return "keep-best" }

// State is the best epoch so far. A training that is resumed before that epoch writes the file
// again.
func (k *KeepBest) State() any { return &k.best }

// EpochEnd saves the parameters if the epoch is the best.
func (k *KeepBest) EpochEnd(s *State) error {
	if !k.best.see(s) || !s.first() {
		return nil
	}
	return s.Model.Save(k.Path)
}

// Epoch returns the best epoch so far, or 0 before the first has ended.
func (k *KeepBest) Epoch() int { return k.best.Epoch }

// TrainEnd gives the model the best parameters.
func (k *KeepBest) TrainEnd(s *State) error {
	if k.best.Epoch == 0 {
		return nil
	}
	arrays, err := k.read(s)
	if err != nil {
		return fmt.Errorf("the parameters of epoch %d: %w", k.best.Epoch, err)
	}
	return s.Model.SetParams(arrays)
}

// read reads the file. Of several processes the first has it, and sends it to the others.
func (k *KeepBest) read(s *State) (arrays []formats.Array, err error) {
	if s.Trainer.Peers == nil {
		arrays, _, err = safetensors.ReadFile(k.Path)
		return arrays, err
	}
	var data []byte
	if s.first() {
		if data, err = file.Read(k.Path); err != nil {
			return nil, err
		}
	}
	if data, err = ranks.FromFirst(s.Trainer.Peers, data); err != nil {
		return nil, err
	}
	arrays, _, err = safetensors.Decode(data)
	return arrays, err
}

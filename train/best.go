package train

import (
	"fmt"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/internal/file"
	"convgraph/train/ranks"
	"convgraph/train/solver"
)

// best is the epoch with the best accuracy on held-out images so far, the first of equals.
type best struct {
	Epoch    int // 0: none yet
	Accuracy float64
}

// see takes up the newest epoch and says whether it is the best.
func (b *best) see(s *State) bool {
	row := s.History[len(s.History)-1]
	_, accuracy := row.HeldOut()
	if b.Epoch > 0 && !(accuracy > b.Accuracy) {
		return false
	}
	b.Epoch, b.Accuracy = row.Epoch, accuracy
	return true
}

// EarlyStop ends the training when the accuracy of [Row.HeldOut] hasn't got better for Patience epochs.
type EarlyStop struct {
	Base
	Patience int

	best best
}

// StateName is "early-stop".
func (e *EarlyStop) StateName() string { return "early-stop" }

// State is the best epoch so far.
func (e *EarlyStop) State() any { return &e.best }

// TrainBegin ends a training that is resumed where it had stopped.
func (e *EarlyStop) TrainBegin(s *State) error { return e.check(s) }

// EpochEnd ends the training if it is time.
func (e *EarlyStop) EpochEnd(s *State) error {
	e.best.see(s)
	return e.check(s)
}

func (e *EarlyStop) check(s *State) error {
	if e.Patience < 1 {
		return fmt.Errorf("early stop: patience is %d epochs: want at least 1", e.Patience)
	}
	if e.best.Epoch > 0 && len(s.History)-e.best.Epoch >= e.Patience {
		return ErrStop
	}
	return nil
}

// KeepBest ends the training with the parameters of the epoch with the best accuracy of [Row.HeldOut], which it keeps in the file Path.
type KeepBest struct {
	Base
	Path string

	best best
}

// StateName is "keep-best".
func (k *KeepBest) StateName() string { return "keep-best" }

// State is the best epoch so far. A training that is resumed before the epoch in the file writes the file again when it gets there.
func (k *KeepBest) State() any { return &k.best }

// EpochEnd keeps the parameters if they are the best.
func (k *KeepBest) EpochEnd(s *State) error {
	if !k.best.see(s) || !s.first() {
		return nil
	}
	return s.Model.Save(k.Path)
}

// Epoch is the best epoch so far, 0 before the first has ended.
func (k *KeepBest) Epoch() int { return k.best.Epoch }

// TrainEnd puts the best parameters into the model.
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

// read reads the file, which the first of several processes has.
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

// ReduceOnPlateau lets a plateau schedule see the error on held-out images, 1 less the accuracy of [Row.HeldOut], after each epoch.
type ReduceOnPlateau struct {
	Base
	Schedule *solver.Plateau
}

// StateName is "plateau".
func (r ReduceOnPlateau) StateName() string { return "plateau" }

// State is the schedule.
func (r ReduceOnPlateau) State() any { return r.Schedule }

// EpochEnd tells the schedule.
func (r ReduceOnPlateau) EpochEnd(s *State) error {
	_, accuracy := s.History[len(s.History)-1].HeldOut()
	return r.Schedule.Observe(1 - accuracy)
}

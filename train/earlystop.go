package train

import "fmt"

// EarlyStop ends the training when the accuracy of [Row.HeldOut] hasn't improved for Patience
// epochs.
type EarlyStop struct {
	Base
	Patience int

	best best
}

// StateName is "early-stop".
func (e *EarlyStop) StateName() string { return "early-stop" }

// State is the best epoch so far.
func (e *EarlyStop) State() any { return &e.best }

// TrainBegin stops a resumed training that had stopped before.
func (e *EarlyStop) TrainBegin(s *State) error { return e.check(s) }

// EpochEnd stops the training if its patience is over.
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

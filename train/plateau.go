package train

import "convgraph/train/solver"

// ReduceOnPlateau gives a plateau schedule the error on held-out images after each epoch: 1 less
// the accuracy of [Row.HeldOut].
type ReduceOnPlateau struct {
	Base
	Schedule *solver.Plateau
}

// StateName is "plateau".
func (r ReduceOnPlateau) StateName() string { return "plateau" }

// State is the schedule.
func (r ReduceOnPlateau) State() any { return r.Schedule }

// EpochEnd gives the schedule the epoch's error.
func (r ReduceOnPlateau) EpochEnd(s *State) error {
	_, accuracy := s.History[len(s.History)-1].HeldOut()
	return r.Schedule.Observe(1 - accuracy)
}

package train

import (
	"errors"
	"time"

	"convgraph/formats"
	"convgraph/graph"
)

// A Callback is notified as a training runs. Returning an error aborts the training; [ErrStop] ends
// it early without error. Embed [Base] to implement only the methods that matter.
type Callback interface {
	TrainBegin(*State) error
	EpochBegin(*State) error
	StepEnd(*State) error
	EpochEnd(*State) error
	TrainEnd(*State) error    // after the last epoch, before the model is evaluated on the whole sets
	Interrupted(*State) error // after the last step before the context was done
}

// A Stateful callback has a state that a resumed training needs. Checkpoints store it.
type Stateful interface {
	Callback
	StateName() string // unique among a training's callbacks
	State() any        // a pointer to the state, which must survive encoding/json
}

// A StatefulArrays callback has arrays in its state. Checkpoints store them beside the parameters.
type StatefulArrays interface {
	Stateful
	Arrays() []formats.Array
	SetArrays([]formats.Array) // what Arrays returned, in any order
}

// ErrStop is what a callback returns to end the training early without error. The other callbacks
// are still notified of the same event.
var ErrStop = errors.New("training stopped by a callback")

// State is what a callback sees. The model's parameters are the ones in training.
type State struct {
	Trainer *Trainer
	Model   *graph.Model

	Epoch      int // of Trainer.Epochs, from 1
	Step       int // steps done, over all epochs
	EpochBegan int // steps done before this epoch
	EpochSteps int // steps of this epoch
	Batch      int

	Loss     float64 // of the last step, before its update
	MeanLoss float64 // over this epoch's steps so far, without the skipped ones
	Skipped  int     // this epoch's steps with a NaN or an infinity
	History  []Row   // a row for each finished epoch
	// Diverging describes what looks diverged after the last epoch, though every number is finite:
	// the loss rose tenfold, or every image is taken for one class after such a rise. It is ""
	// otherwise.
	Diverging string
	Elapsed   time.Duration // over all runs, if the training was resumed

	// Ranks are the speeds of the processes that train together, over the last second; nil if there
	// is only one process.
	Ranks []RankSpeed

	snapshot func([]Setting) (*Checkpoint, error)
	saved    time.Duration // Elapsed at the newest checkpoint
}

// Steps returns the number of steps in all epochs.
func (s *State) Steps() int { return s.Trainer.Steps() }

// Base is a callback that does nothing.
type Base struct{}

// TrainBegin does nothing.
func (Base) TrainBegin(*State) error { return nil }

// EpochBegin does nothing.
func (Base) EpochBegin(*State) error { return nil }

// StepEnd does nothing.
func (Base) StepEnd(*State) error { return nil }

// EpochEnd does nothing.
func (Base) EpochEnd(*State) error { return nil }

// TrainEnd does nothing.
func (Base) TrainEnd(*State) error { return nil }

// Interrupted does nothing.
func (Base) Interrupted(*State) error { return nil }

package train

import (
	"errors"
	"time"

	"convgraph/formats"
	"convgraph/graph"
)

// A Callback looks at a training as it runs. An error ends the training with it; [ErrStop] ends it well. Embed [Base] to write only the
// methods that matter.
type Callback interface {
	TrainBegin(*State) error
	EpochBegin(*State) error
	StepEnd(*State) error
	EpochEnd(*State) error
	TrainEnd(*State) error    // after the last epoch, before the model is measured on the whole sets
	Interrupted(*State) error // after the last step that a done context let finish
}

// A Stateful callback remembers something that a resumed training must know. Checkpoints hold it.
type Stateful interface {
	Callback
	StateName() string // no two callbacks of a training have the same
	State() any        // a pointer to what it remembers, which encoding/json writes and reads
}

// A StatefulArrays callback remembers arrays, too. Checkpoints hold them beside the parameters.
type StatefulArrays interface {
	Stateful
	Arrays() []formats.Array
	SetArrays([]formats.Array) // those that Arrays gave, in any order
}

// ErrStop is what a callback returns to end the training early, as if its epochs were done. The other callbacks still hear of the event.
var ErrStop = errors.New("training stopped by a callback")

// State is what a callback sees. It may read everything; the model's parameters are the ones in training.
type State struct {
	Trainer *Trainer
	Model   *graph.Model

	Epoch         int // of Trainer.Epochs, from 1
	Step          int // done so far, over all epochs
	StepsPerEpoch int
	Batch         int

	Loss     float64 // of the last step's batch, before its update
	MeanLoss float64 // over the steps of this epoch so far, without those skipped
	Skipped  int     // of these steps, for a NaN or an infinity
	History  []Row   // one for each finished epoch
	// Diverging says what looks diverged after the last epoch, though every number is finite: the
	// loss has risen tenfold, or every image is taken for one class after it had. "" is nothing.
	Diverging string
	Elapsed   time.Duration // of all runs, if the training was resumed

	snapshot func([]Setting) (*Checkpoint, error)
	saved    time.Duration // Elapsed at the newest checkpoint
}

// Steps is how many there are over all epochs.
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

package train

import (
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"convgraph/formats"
	"convgraph/train/solver"
)

// A Checkpoint holds everything that a training needs to continue as if it had never stopped. There
// is no random state: the order of the samples, augmentation and dropout are functions of the seed
// and the step.
type Checkpoint struct {
	Settings []Setting // of the run that wrote it
	Flags    []Setting // of that run's command line
	Epochs   int       // planned
	Finished bool      // the run wrote its results
	Step     int       // steps done
	Epoch    int       // begun last, from 1
	LossSum  float64   // over this epoch's steps
	Skipped  int       // of this epoch's steps
	History  []Row
	Seconds  float64 // of all runs

	params    []formats.Array
	solver    solver.State
	callbacks map[string]json.RawMessage // the callbacks' states, by StateName
	arrays    []formats.Array            // the callbacks' arrays, by StateName and name: average/fc1.weight
}

// snapshot returns a checkpoint of the present state. It shares the training's arrays. Parameters
// that aren't finite are an error.
func (r *run) snapshot(settings []Setting) (*Checkpoint, error) {
	if err := r.checkParams(); err != nil {
		return nil, err
	}
	c := &Checkpoint{
		Settings: settings, Epochs: r.Epochs, Step: r.state.Step, Epoch: r.state.Epoch, LossSum: r.loss,
		Skipped: r.skipped, History: r.state.History, Seconds: r.state.Elapsed.Seconds(), solver: r.Solver.State(),
		callbacks: map[string]json.RawMessage{},
	}
	for _, p := range r.Model.Params() {
		c.params = append(c.params, formats.Array{Name: p.Name, Value: p.Value})
	}
	if r.hardest != nil {
		c.arrays = append(c.arrays, r.hardest.arrays()...)
	}
	for s := range r.stateful() {
		if err := c.capture(s); err != nil {
			return nil, fmt.Errorf("state of %q: %w", s.StateName(), err)
		}
	}
	return c, nil
}

// capture adds a callback's state.
func (c *Checkpoint) capture(s Stateful) error {
	text, err := json.Marshal(s.State())
	if err != nil {
		return err
	}
	c.callbacks[s.StateName()] = text
	if s, ok := s.(StatefulArrays); ok {
		for _, a := range s.Arrays() {
			c.arrays = append(c.arrays, formats.Array{Name: s.StateName() + "/" + a.Name, Value: a.Value})
		}
	}
	return nil
}

// restore restores a callback's state. A callback that the checkpoint doesn't know keeps its own.
func (c *Checkpoint) restore(s Stateful) error {
	text, ok := c.callbacks[s.StateName()]
	if !ok {
		return nil
	}
	if s, ok := s.(StatefulArrays); ok {
		s.SetArrays(c.arraysOf(s.StateName()))
	}
	return json.Unmarshal(text, s.State())
}

// arraysOf returns the arrays of one callback.
func (c *Checkpoint) arraysOf(callback string) (arrays []formats.Array) {
	for _, a := range c.arrays {
		if name, ok := strings.CutPrefix(a.Name, callback+"/"); ok {
			arrays = append(arrays, formats.Array{Name: name, Value: a.Value})
		}
	}
	return arrays
}

// stateful iterates over the callbacks that have a state.
func (r *run) stateful() iter.Seq[Stateful] {
	return func(yield func(Stateful) bool) {
		for _, c := range r.Callbacks {
			if s, ok := c.(Stateful); ok && !yield(s) {
				return
			}
		}
	}
}

// restore continues from a checkpoint.
func (r *run) restore(c *Checkpoint) error {
	epochs := len(c.History)
	began, steps := r.stepsBefore(epochs+1), r.StepsOf(epochs+1)
	if c.Step < began || c.Step > began+steps {
		return fmt.Errorf("got step %d after %d epochs, want step %d to %d: the batch size or the data are others",
			c.Step, epochs, began, began+steps)
	}
	if r.hardest != nil {
		if err := r.hardest.restore(c.arrays); err != nil {
			return err
		}
	}
	if err := r.Model.SetParams(c.params); err != nil {
		return err
	}
	if err := r.Solver.SetState(c.solver); err != nil {
		return err
	}
	for s := range r.stateful() {
		if err := c.restore(s); err != nil {
			return fmt.Errorf("state of %q: %w", s.StateName(), err)
		}
	}
	r.state.Step, r.state.Epoch, r.state.History, r.loss, r.skipped = c.Step, c.Epoch, c.History, c.LossSum, c.Skipped
	return nil
}

// Checkpoints writes checkpoints into a folder: after every epoch, when the training is
// interrupted, and as Every and Interval say. It keeps the last two. It must come after the
// [Stateful] callbacks, so that a checkpoint has their states after the same event.
type Checkpoints struct {
	Base
	Dir      string
	Every    int           // steps; 0: off
	Interval time.Duration // age of the newest checkpoint at which a step writes another; 0: off
	Settings []Setting
	Flags    []Setting
}

const keptCheckpoints = 2

// StepEnd writes a checkpoint if one is due.
func (c Checkpoints) StepEnd(s *State) error {
	if c.Every != 0 && s.Step%c.Every == 0 || c.Interval != 0 && s.Elapsed-s.saved >= c.Interval {
		return c.save(s)
	}
	return nil
}

// EpochEnd writes a checkpoint.
func (c Checkpoints) EpochEnd(s *State) error { return c.save(s) }

// Interrupted writes a checkpoint.
func (c Checkpoints) Interrupted(s *State) error { return c.save(s) }

func (c Checkpoints) save(s *State) error {
	checkpoint, err := s.snapshot(c.Settings)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	checkpoint.Flags = c.Flags
	if err := checkpoint.write(c.Dir); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	s.saved = s.Elapsed
	return c.removeOthers(s.Step)
}

// removeOthers removes all checkpoints but the one just written and the one before it. A checkpoint
// of a later step is from an abandoned continuation of this run, or corrupt: it would be taken for
// the newest.
func (c Checkpoints) removeOthers(step int) error {
	paths, err := checkpointPaths(c.Dir)
	if err != nil {
		return err
	}
	newest := slices.Index(paths, checkpointPath(c.Dir, step))
	for i, path := range paths {
		if i <= newest && i > newest-keptCheckpoints {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	return nil
}

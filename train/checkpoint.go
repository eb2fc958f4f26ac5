package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/internal/file"
	"convgraph/train/solver"
)

// A Checkpoint is everything a training needs to go on as if it had never stopped. What the order of the samples and dropout come from is
// a function of the seed and the step, so there is no random state besides.
type Checkpoint struct {
	Settings []Setting // of the run that wrote it
	Flags    []Setting // of its command line
	Epochs   int       // that it was to train
	Finished bool      // it did, and wrote its results
	Step     int
	Epoch    int
	LossSum  float64 // over this epoch's steps
	Skipped  int     // of this epoch's steps
	History  []Row
	Seconds  float64

	params    []formats.Array
	solver    solver.State
	callbacks map[string]json.RawMessage // their states by their names
	arrays    []formats.Array            // the callbacks', by callback and name: average/fc1.weight
}

// A Setting is one of the things that decide a training's result: the model, the data, a flag.
type Setting struct{ Name, Value string }

// record is the part of a checkpoint that isn't arrays, as its file's metadata holds it in JSON.
type record struct {
	Settings    []Setting
	Flags       []Setting
	Epochs      int
	Finished    bool
	Step, Epoch int
	LossSum     float64
	Skipped     int
	History     []Row
	Seconds     float64
	Solver      string
	SolverSteps int
	Callbacks   map[string]json.RawMessage
}

const (
	recordKey   = "convgraph.checkpoint"
	checksumKey = "sha256" // of the file as it would be without this key
	paramPrefix = "parameter/"
	slotPrefix  = "solver/"
	arrayPrefix = "callback/"
	filePattern = "checkpoint-*.safetensors"
)

func checkpointPath(dir string, step int) string {
	return filepath.Join(dir, fmt.Sprintf("checkpoint-%09d.safetensors", step))
}

// snapshot is the training as it stands; its arrays are the training's own. One whose parameters went bad has nothing to go on from.
func (r *run) snapshot(settings []Setting) (*Checkpoint, error) {
	if err := r.checkParams(); err != nil {
		return nil, err
	}
	c := &Checkpoint{
		Settings: settings, Epochs: r.Epochs, Step: r.state.Step, Epoch: r.state.Epoch, LossSum: r.loss, Skipped: r.skipped,
		History: r.state.History, Seconds: r.state.Elapsed.Seconds(), solver: r.Solver.State(),
		callbacks: map[string]json.RawMessage{},
	}
	for _, p := range r.Model.Params() {
		c.params = append(c.params, formats.Array{Name: p.Name, Value: p.Value})
	}
	for s := range r.stateful() {
		if err := c.remember(s); err != nil {
			return nil, fmt.Errorf("state of %q: %w", s.StateName(), err)
		}
	}
	return c, nil
}

// remember takes up what a callback remembers.
func (c *Checkpoint) remember(s Stateful) error {
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

// restore gives it back.
func (c *Checkpoint) restore(s Stateful) error {
	text, ok := c.callbacks[s.StateName()]
	if !ok {
		return nil // it was no callback of the training then
	}
	if s, ok := s.(StatefulArrays); ok {
		s.SetArrays(c.arraysOf(s.StateName()))
	}
	return json.Unmarshal(text, s.State())
}

// arraysOf are the arrays of one callback.
func (c *Checkpoint) arraysOf(callback string) (arrays []formats.Array) {
	for _, a := range c.arrays {
		if name, ok := strings.CutPrefix(a.Name, callback+"/"); ok {
			arrays = append(arrays, formats.Array{Name: name, Value: a.Value})
		}
	}
	return arrays
}

// stateful iterates over the callbacks that remember something.
func (r *run) stateful() iter.Seq[Stateful] {
	return func(yield func(Stateful) bool) {
		for _, c := range r.Callbacks {
			if s, ok := c.(Stateful); ok && !yield(s) {
				return
			}
		}
	}
}

// write writes the checkpoint into dir, whole or not at all.
func (c *Checkpoint) write(dir string) error {
	arrays, metadata, err := c.contents()
	if err != nil {
		return err
	}
	return safetensors.Write(checkpointPath(dir, c.Step), arrays, metadata)
}

// MarshalBinary is the checkpoint as its file has it.
func (c *Checkpoint) MarshalBinary() ([]byte, error) {
	arrays, metadata, err := c.contents()
	if err != nil {
		return nil, err
	}
	return safetensors.Marshal(arrays, metadata)
}

// UnmarshalBinary reads what MarshalBinary gave.
func (c *Checkpoint) UnmarshalBinary(data []byte) error {
	read, err := decodeCheckpoint(data)
	if err != nil {
		return err
	}
	*c = *read
	return nil
}

// contents are the arrays and the metadata of the checkpoint's file.
func (c *Checkpoint) contents() (arrays []formats.Array, metadata map[string]string, err error) {
	text, err := json.Marshal(record{
		Settings: c.Settings, Flags: c.Flags, Epochs: c.Epochs, Finished: c.Finished, Step: c.Step, Epoch: c.Epoch, LossSum: c.LossSum, Skipped: c.Skipped, History: c.History, Seconds: c.Seconds,
		Solver: c.solver.Optimizer, SolverSteps: c.solver.Steps, Callbacks: c.callbacks,
	})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range c.params {
		arrays = append(arrays, formats.Array{Name: paramPrefix + p.Name, Value: p.Value})
	}
	for _, s := range c.solver.Slots {
		arrays = append(arrays, formats.Array{Name: slotPrefix + s.Name, Value: s.Value})
	}
	for _, a := range c.arrays {
		arrays = append(arrays, formats.Array{Name: arrayPrefix + a.Name, Value: a.Value})
	}
	metadata = map[string]string{recordKey: string(text)}
	metadata[checksumKey], err = checksum(arrays, metadata)
	return arrays, metadata, err
}

// checksum is the hash of what Encode writes, which depends on nothing but the arrays and the metadata.
func checksum(arrays []formats.Array, metadata map[string]string) (string, error) {
	h := sha256.New()
	if err := safetensors.Encode(h, arrays, metadata); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readCheckpoint reads a file that write wrote, and finds any bit of it that has changed since.
func readCheckpoint(path string) (*Checkpoint, error) {
	data, err := file.Read(path)
	if err != nil {
		return nil, err
	}
	c, err := decodeCheckpoint(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func decodeCheckpoint(data []byte) (*Checkpoint, error) {
	arrays, metadata, err := safetensors.Decode(data)
	if err != nil {
		return nil, err
	}
	if err := verify(arrays, metadata); err != nil {
		return nil, err
	}
	return parseCheckpoint(arrays, metadata)
}

func verify(arrays []formats.Array, metadata map[string]string) error {
	want := metadata[checksumKey]
	unsigned := maps.Clone(metadata)
	delete(unsigned, checksumKey)
	if got, err := checksum(arrays, unsigned); err != nil || got != want {
		return fmt.Errorf("damaged: its checksum is %q, its contents have %q", want, got)
	}
	return nil
}

func parseCheckpoint(arrays []formats.Array, metadata map[string]string) (*Checkpoint, error) {
	var r record
	if err := json.Unmarshal([]byte(metadata[recordKey]), &r); err != nil {
		return nil, fmt.Errorf("metadata %q: %w", recordKey, err)
	}
	c := &Checkpoint{
		Settings: r.Settings, Flags: r.Flags, Epochs: r.Epochs, Finished: r.Finished, Step: r.Step, Epoch: r.Epoch, LossSum: r.LossSum, Skipped: r.Skipped, History: r.History, Seconds: r.Seconds,
		solver: solver.State{Optimizer: r.Solver, Steps: r.SolverSteps}, callbacks: r.Callbacks,
	}
	for _, a := range arrays {
		if name, ok := strings.CutPrefix(a.Name, paramPrefix); ok {
			c.params = append(c.params, formats.Array{Name: name, Value: a.Value})
		} else if name, ok := strings.CutPrefix(a.Name, slotPrefix); ok {
			c.solver.Slots = append(c.solver.Slots, solver.Slot{Name: name, Value: a.Value})
		} else if name, ok := strings.CutPrefix(a.Name, arrayPrefix); ok {
			c.arrays = append(c.arrays, formats.Array{Name: name, Value: a.Value})
		}
	}
	return c, nil
}

// ErrNoCheckpoint says that a folder has none.
var ErrNoCheckpoint = errors.New("there is no checkpoint")

// LatestCheckpoint reads the newest checkpoint of a folder. A damaged one is passed over for the one before it; the damage is told to warn,
// which may be nil.
func LatestCheckpoint(dir string, warn func(error)) (*Checkpoint, error) {
	paths, err := checkpointPaths(dir)
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Backward(paths) {
		c, err := readCheckpoint(path)
		if err == nil {
			return c, nil
		}
		if warn != nil {
			warn(err)
		}
	}
	if len(paths) > 0 {
		return nil, fmt.Errorf("%s: every checkpoint is damaged", dir)
	}
	return nil, fmt.Errorf("%s: %w", dir, ErrNoCheckpoint)
}

// checkpointPaths are a folder's checkpoints, the newest last: the steps in their names are padded with zeros.
func checkpointPaths(dir string) ([]string, error) { return pathsIn(dir, filePattern) }

// Differences says in which settings a checkpoint's run was another; empty if in none.
func (c *Checkpoint) Differences(settings []Setting) []string {
	var differences []string
	for _, now := range settings {
		switch then, known := find(c.Settings, now.Name); {
		case !known:
			differences = append(differences, fmt.Sprintf("%s: now %s, not known then", now.Name, now.Value))
		case then.Value != now.Value:
			differences = append(differences, fmt.Sprintf("%s: %s then, %s now", now.Name, then.Value, now.Value))
		}
	}
	for _, then := range c.Settings {
		if _, known := find(settings, then.Name); !known {
			differences = append(differences, fmt.Sprintf("%s: %s then, not given now", then.Name, then.Value))
		}
	}
	return differences
}

func find(settings []Setting, name string) (Setting, bool) {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		return Setting{}, false
	}
	return settings[i], true
}

// restore puts a training where the checkpoint was written.
func (r *run) restore(c *Checkpoint) error {
	perEpoch, epochs := r.state.StepsPerEpoch, len(c.History)
	if within := c.Step - epochs*perEpoch; c.Step < 0 || within < 0 || within > perEpoch {
		return fmt.Errorf("it is at step %d after %d epochs: this training has %d steps an epoch, go on with the data and batch it is of",
			c.Step, epochs, perEpoch)
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

// Checkpoints is the callback that writes checkpoints into Dir: after every epoch, after every so many steps if Every isn't 0, after the step
// at which the newest one is older than Interval if that isn't 0, and when the training is interrupted. The last two are kept. It comes after the [Stateful] callbacks, so that it holds what they remember of the
// same event.
type Checkpoints struct {
	Base
	Dir      string
	Every    int
	Interval time.Duration
	Settings []Setting
	Flags    []Setting
}

const keptCheckpoints = 2

// StepEnd writes a checkpoint if it is time.
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
	return c.removeOld(s.Step)
}

// removeOld removes all checkpoints but the one just written and the one before it. What names a later step is of a training that went on
// from here before, or the damaged one that this one was resumed without: it would be taken for the newest.
func (c Checkpoints) removeOld(step int) error {
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

// RemoveCheckpoints removes a folder's checkpoints: those of an earlier run, before a new one begins.
func RemoveCheckpoints(dir string) error { return removeAll(dir, filePattern) }

package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/internal/file"
	"convgraph/train/solver"
)

// A checkpoint's file is a safetensors file. Its metadata holds a record and a checksum.
const (
	recordKey   = "convgraph.checkpoint"
	checksumKey = "sha256" // of the file without this key
	paramPrefix = "parameter/"
	slotPrefix  = "solver/"
	arrayPrefix = "callback/"
	filePattern = "checkpoint-*.safetensors"
)

// record is the JSON form of everything in a checkpoint but its arrays.
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

// ErrNoCheckpoint is the error of a folder without checkpoints.
var ErrNoCheckpoint = errors.New("there is no checkpoint")

// LatestCheckpoint reads the newest checkpoint in a folder. If that is corrupt, it calls warn,
// which may be nil, and reads the one before it.
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
		return nil, fmt.Errorf("%s: every checkpoint is corrupt", dir)
	}
	return nil, fmt.Errorf("%s: %w", dir, ErrNoCheckpoint)
}

// RemoveCheckpoints removes a folder's checkpoints, before another run begins there.
func RemoveCheckpoints(dir string) error { return removeAll(dir, filePattern) }

// MarkFinished marks the newest checkpoint in a folder as that of a run that has written its
// results.
func MarkFinished(dir string) error {
	c, err := LatestCheckpoint(dir, nil)
	if err != nil || c.Finished {
		return err
	}
	c.Finished = true
	return c.write(dir)
}

func checkpointPath(dir string, step int) string {
	return filepath.Join(dir, fmt.Sprintf("checkpoint-%09d.safetensors", step))
}

// checkpointPaths returns a folder's checkpoints, the newest last: the steps in their names are
// padded with zeros.
func checkpointPaths(dir string) ([]string, error) { return pathsIn(dir, filePattern) }

// write writes the file into a folder, whole or not at all.
func (c *Checkpoint) write(dir string) error {
	arrays, metadata, err := c.contents()
	if err != nil {
		return err
	}
	return safetensors.Write(checkpointPath(dir, c.Step), arrays, metadata)
}

// readCheckpoint reads a file that write wrote. Any changed bit is an error.
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

// MarshalBinary returns the contents of the checkpoint's file.
func (c *Checkpoint) MarshalBinary() ([]byte, error) {
	arrays, metadata, err := c.contents()
	if err != nil {
		return nil, err
	}
	return safetensors.Marshal(arrays, metadata)
}

// UnmarshalBinary reads the contents of a checkpoint's file.
func (c *Checkpoint) UnmarshalBinary(data []byte) error {
	read, err := decodeCheckpoint(data)
	if err != nil {
		return err
	}
	*c = *read
	return nil
}

// contents returns the arrays and the metadata of the checkpoint's file.
func (c *Checkpoint) contents() (arrays []formats.Array, metadata map[string]string, err error) {
	text, err := json.Marshal(record{
		Settings: c.Settings, Flags: c.Flags, Epochs: c.Epochs, Finished: c.Finished, Step: c.Step, Epoch: c.Epoch,
		LossSum: c.LossSum, Skipped: c.Skipped, History: c.History, Seconds: c.Seconds,
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

// checksum hashes what Encode writes, which depends on the arrays and the metadata alone.
func checksum(arrays []formats.Array, metadata map[string]string) (string, error) {
	h := sha256.New()
	if err := safetensors.Encode(h, arrays, metadata); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
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
		return fmt.Errorf("corrupt: got contents with checksum %q, want %q", got, want)
	}
	return nil
}

func parseCheckpoint(arrays []formats.Array, metadata map[string]string) (*Checkpoint, error) {
	var r record
	if err := json.Unmarshal([]byte(metadata[recordKey]), &r); err != nil {
		return nil, fmt.Errorf("metadata %q: %w", recordKey, err)
	}
	c := &Checkpoint{
		Settings: r.Settings, Flags: r.Flags, Epochs: r.Epochs, Finished: r.Finished, Step: r.Step, Epoch: r.Epoch,
		LossSum: r.LossSum, Skipped: r.Skipped, History: r.History, Seconds: r.Seconds,
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

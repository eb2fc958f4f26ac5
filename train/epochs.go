package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"convgraph/internal/file"
)

const epochPattern = "epoch-*.safetensors"

// KeepEpochs is the callback that keeps the parameters of every epoch in the folder Dir: epoch-000.safetensors before learning,
// epoch-001.safetensors after the first epoch and so on, each written whole or not at all. It comes before [Checkpoints], so that whoever goes
// on from an epoch's checkpoint has the epoch's file.
type KeepEpochs struct {
	Base
	Dir string
}

// TrainBegin keeps the parameters if nothing has been learned yet.
func (k KeepEpochs) TrainBegin(s *State) error {
	if err := file.MkdirAll(k.Dir); err != nil {
		return err
	}
	if s.Step > 0 {
		return nil
	}
	return k.keep(s, 0)
}

// EpochEnd keeps the epoch's parameters.
func (k KeepEpochs) EpochEnd(s *State) error { return k.keep(s, s.Epoch) }

func (k KeepEpochs) keep(s *State, epoch int) error {
	return s.Model.Save(filepath.Join(k.Dir, fmt.Sprintf("epoch-%03d.safetensors", epoch)))
}

// RemoveEpochs removes what [KeepEpochs] kept in a folder: the epochs of an earlier run, before a new one begins.
func RemoveEpochs(dir string) error { return removeAll(dir, epochPattern) }

// removeAll removes a folder's files of a pattern.
func removeAll(dir, pattern string) error {
	paths, err := pathsIn(dir, pattern)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// pathsIn are a folder's files of a pattern, in the order of their names; none if there is no folder. Unlike filepath.Glob it doesn't take a
// bracket in the folder's own name for a pattern.
func pathsIn(dir, pattern string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		match, err := filepath.Match(pattern, e.Name())
		if err != nil {
			return nil, err
		}
		if match && !e.IsDir() {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

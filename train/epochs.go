package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"convgraph/internal/file"
)

const epochPattern = "epoch-*.safetensors"

// KeepEpochs keeps the parameters of every epoch in a folder: epoch-000.safetensors before
// training, epoch-001.safetensors after the first epoch, and so on. Each file is written whole or
// not at all. It must come before [Checkpoints], so that an epoch's checkpoint implies the epoch's
// file.
type KeepEpochs struct {
	Base
	Dir string
}

// TrainBegin keeps the initial parameters.
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

// RemoveEpochs removes the files of [KeepEpochs] in a folder, before another run begins there.
func RemoveEpochs(dir string) error { return removeAll(dir, epochPattern) }

// removeAll removes a folder's files that match a pattern.
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

// pathsIn returns a folder's files that match a pattern, sorted by name; none if there is no
// folder. Unlike filepath.Glob it doesn't interpret brackets in the folder's own name.
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

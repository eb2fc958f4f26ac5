package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"

	"convgraph/graph"
	"convgraph/train"
	"convgraph/viz"
)

// output is the folder that a training leaves its results in. It belongs to one program at a time.
type output struct {
	dir  string
	lock *flock.Flock
}

// newOutput makes the folder, takes it, and sees that it can be written, before an hour of training rather than after.
func newOutput(dir string) (*output, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("-out: %w", err)
	}
	o := &output{dir: dir, lock: flock.New(filepath.Join(dir, ".lock"))}
	switch free, err := o.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("-out: %w", err)
	case !free:
		return nil, fmt.Errorf("-out: another program is training into %s: wait for it, or name another folder", dir)
	}
	if err := errors.Join(o.removeLeftovers(), o.probe()); err != nil {
		return nil, fmt.Errorf("-out: %w", errors.Join(err, o.close()))
	}
	return o, nil
}

// files are what a training writes into the folder, by their patterns.
var files = []string{
	"checkpoint-*.safetensors", "params.safetensors", "params-best.safetensors", "history.csv",
	"accuracy.png", "accuracy.svg", "augmentation.png", "filters-before.png", "filters-after.png",
	epochsFolder + "/epoch-*.safetensors",
}

// epochsFolder is where -keep-epochs leaves parameters.
const epochsFolder = "epochs"

// probes are the names of the files that probe writes.
const probes = ".probe-*"

// removeLeftovers removes what a program left that was killed as it wrote: its probe, and temporary files, which are hidden and named after
// the one to be.
func (o *output) removeLeftovers() error {
	for _, folder := range []string{"", epochsFolder} {
		entries, err := os.ReadDir(o.path(folder)) // filepath.Glob would take a [ in the folder's name for its own
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			name := path.Join(folder, e.Name())
			if !isLeftover(name) {
				continue
			}
			if err := os.Remove(o.path(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func isLeftover(name string) bool {
	return matches(probes, name) || slices.ContainsFunc(files, func(pattern string) bool {
		folder, file := path.Split(pattern)
		return matches(folder+"."+file+"?*", name)
	})
}

func matches(pattern, name string) bool {
	match, err := path.Match(pattern, name)
	return err == nil && match
}

// probe writes a file and removes it.
func (o *output) probe() error {
	probe, err := os.CreateTemp(o.dir, probes)
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// close lets the folder go. The lock's file stays: to remove it could take it from under the next program.
func (o *output) close() error { return o.lock.Close() }

func (o *output) path(name string) string { return filepath.Join(o.dir, filepath.FromSlash(name)) }

// before leaves what the model looks like untrained, and what the training images do if they vary.
func (o *output) before(m *graph.Model, s *source) error {
	if sheet, ok := s.sheet(); ok {
		if err := viz.WritePNG(o.path("augmentation.png"), sheet); err != nil {
			return err
		}
	}
	return o.filters(m, "filters-before.png", "before learning")
}

func (o *output) history() train.Callback { return train.HistoryFile{Path: o.path("history.csv")} }

// after leaves the parameters and the pictures of a finished training.
func (o *output) after(m *graph.Model, r *train.Result) error {
	if err := m.Save(o.path("params.safetensors")); err != nil {
		return err
	}
	if err := o.filters(m, "filters-after.png", "after learning"); err != nil {
		return err
	}
	curve := viz.AccuracyCurve{Title: m.Spec().Name}
	for _, row := range r.History {
		curve.Train = append(curve.Train, row.TrainAccuracy)
		curve.Test = append(curve.Test, row.TestAccuracy)
	}
	if err := viz.WritePNG(o.path("accuracy.png"), curve); err != nil {
		return err
	}
	return viz.WriteSVG(o.path("accuracy.svg"), curve)
}

// filters draws the first layer's filters. A model without a convolution has none to show.
func (o *output) filters(m *graph.Model, name, when string) error {
	for _, p := range m.Params() {
		if s := p.Value.Shape(); s.Dims() == 4 {
			return viz.WritePNG(o.path(name), viz.FilterGrid{
				Title:   fmt.Sprintf("%s %s, %s", m.Spec().Name, p.Name, when),
				Filters: viz.Filters{Out: s[0], In: s[1], Height: s[2], Width: s[3], Data: p.Value.Float32s()},
			})
		}
	}
	return nil
}

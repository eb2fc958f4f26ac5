package training

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/gofrs/flock"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/internal/file"
	"convgraph/train"
	"convgraph/viz"
)

// output is the folder that a training leaves its results in. It belongs to one program at a time.
//
// Two locks say so. The file .lock in it works on every file system, but whoever deletes it opens
// the folder to a second program. The lock of the folder itself can't be deleted; Windows and NFS
// have none.
type output struct {
	dir    string
	lock   *flock.Flock // nil in a rank that writes nothing
	folder *flock.Flock // nil where the system can't lock folders
	made   []string     // the folders that weren't there and the lock's file if it wasn't, the deepest first
	begun  bool         // the training has something to leave
}

// newOutput makes the folder, takes it, and sees that the results can be written, before an hour of training rather than after.
func newOutput(dir string) (*output, error) {
	o := &output{dir: dir, lock: flock.New(filepath.Join(dir, ".lock"))}
	o.made = missing(o.lock.Path())
	if err := file.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("-out: %w", errors.Join(err, o.close()))
	}
	free, err := o.take()
	if free && err == nil {
		free = o.takeFolder()
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("-out: %w", err)
	case !free:
		return nil, errors.Join(cli.Exit{Code: cli.Taken, Err: fmt.Errorf("-out: another program is training into %s: wait for it, or name another folder", dir)},
			o.lock.Close())
	}
	for _, step := range []func() error{o.findObstacles, o.removeLeftovers, o.probe} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("-out: %w", errors.Join(err, o.close()))
		}
	}
	return o, nil
}

// missing are the path and the folders above it that aren't there, the deepest first.
func missing(path string) (paths []string) {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return paths
		}
		paths = append(paths, path)
	}
}

// take takes the lock, of the file that has its name: one that was opened just before another program removed it locks nothing.
func (o *output) take() (free bool, err error) {
	for {
		if free, err := o.lock.TryLock(); !free || err != nil {
			return false, err
		}
		held, err := o.lock.Stat()
		if err != nil {
			return false, errors.Join(err, o.lock.Close())
		}
		if named, err := os.Stat(o.lock.Path()); err == nil && os.SameFile(held, named) {
			return true, nil
		}
		if err := o.lock.Close(); err != nil {
			return false, err
		}
	}
}

// takeFolder takes the folder's own lock. free is false only if another program has it.
func (o *output) takeFolder() (free bool) {
	if runtime.GOOS == "windows" {
		return true
	}
	lock := flock.New(o.dir, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryLock()
	if err != nil {
		return true // the file's lock must do
	}
	if free {
		o.folder = lock
	}
	return free
}

// stillOurs is an error if another program may have taken the folder: the folder was replaced, or
// .lock was deleted where nothing else keeps others out.
func (o *output) stillOurs() error {
	held, path := o.folder, o.dir
	if held == nil {
		held, path = o.lock, o.lock.Path()
	}
	was, err := held.Stat()
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	if is, err := os.Stat(path); err == nil && os.SameFile(was, is) {
		return nil
	}
	return cli.Exit{Code: cli.Taken, Err: fmt.Errorf("-out: %s was deleted or replaced while this program held it: another may be training there; stopped without writing", path)}
}

// guard ends a training before it writes into a folder that isn't its own any more.
type guard struct {
	train.Base
	out *output
}

func (g guard) StepEnd(*train.State) error     { return g.out.stillOurs() }
func (g guard) EpochEnd(*train.State) error    { return g.out.stillOurs() }
func (g guard) TrainEnd(*train.State) error    { return g.out.stillOurs() }
func (g guard) Interrupted(*train.State) error { return g.out.stillOurs() }

// resultFiles are what a training writes into the folder, by their patterns; files are these and its checkpoints.
var (
	resultFiles = []string{
		"params.safetensors", "params-best.safetensors", "history.csv",
		"accuracy.png", "accuracy.svg", "augmentation.png", "filters-before.png", "filters-after.png", samplesFile,
		epochsFolder + "/epoch-*.safetensors",
	}
	files = append([]string{"checkpoint-*.safetensors"}, resultFiles...)
)

// epochsFolder is where -keep-epochs leaves parameters.
const epochsFolder = "epochs"

// probes are the names of the files that probe writes.
const probes = ".probe-*"

// findObstacles finds what no result could replace. Of checkpoints it isn't known which there will be.
func (o *output) findObstacles() error {
	return o.each(func(name string, _ os.DirEntry) error {
		if !slices.ContainsFunc(resultFiles, func(pattern string) bool { return matches(pattern, name) }) {
			return nil
		}
		info, err := os.Stat(o.path(name)) // a link's file is what is written
		switch {
		case err != nil:
			return nil // a link to a file that isn't there yet
		case info.IsDir():
			return fmt.Errorf("%s is a folder: want a file there, or nothing", o.path(name))
		case info.Mode().IsRegular():
			return replaceable(o.path(name))
		}
		return nil
	})
}

// replaceable says whether another file may take a file's name. What forbids it is no permission bit of the file but its being immutable, with
// which it can't be opened for writing either.
func replaceable(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%s can't be replaced: %w", path, syscall.EPERM)
	}
	if err != nil {
		return nil
	}
	return f.Close()
}

// removeLeftovers removes what a program left that was killed as it wrote: its probe, and temporary files, which are hidden and named after
// the one to be.
func (o *output) removeLeftovers() error {
	return o.each(func(name string, _ os.DirEntry) error {
		if !isLeftover(name) {
			return nil
		}
		return os.Remove(o.path(name))
	})
}

// each gives what stands in the folder and in that of the epochs, by names from the folder on, until there is an error.
func (o *output) each(do func(name string, e os.DirEntry) error) error {
	for _, folder := range []string{"", epochsFolder} {
		entries, err := os.ReadDir(o.path(folder)) // filepath.Glob would take a [ in the folder's name for its own
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if err := do(path.Join(folder, e.Name()), e); err != nil {
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

// close lets the folder go. After a training the lock's file stays: it is how the next program finds the folder taken or free. Before one,
// what newOutput made goes, the lock's file while it is still held.
func (o *output) close() error {
	if o.lock == nil {
		return nil
	}
	if !o.begun {
		o.unmake()
	}
	err := o.lock.Close()
	if o.folder != nil {
		err = errors.Join(err, o.folder.Close())
	}
	if !o.begun {
		o.unmake() // Windows removes no file that is open
	}
	return err
}

// unmake removes what newOutput made and is still there, folders only if they are empty.
func (o *output) unmake() {
	o.made = slices.DeleteFunc(o.made, func(path string) bool { return os.Remove(path) == nil })
}

func (o *output) path(name string) string { return filepath.Join(o.dir, filepath.FromSlash(name)) }

// before leaves the model's filters before training, sample pictures, and what augmentation does to the training images.
func (o *output) before(m *graph.Model, s *source) error {
	if sheet, ok := s.sheet(); ok {
		if err := viz.WritePNG(o.path("augmentation.png"), sheet); err != nil {
			return err
		}
	}
	if err := o.writeSamples(s); err != nil {
		return err
	}
	return o.filters(m, "filters-before.png", "before learning")
}

func (o *output) history() train.Callback { return train.HistoryFile{Path: o.path("history.csv")} }

// after leaves the parameters and the pictures of a finished training, of which it keeps an epoch.
func (o *output) after(m *graph.Model, r *train.Result, kept int) error {
	if err := o.stillOurs(); err != nil {
		return err
	}
	if err := m.Save(o.path("params.safetensors")); err != nil {
		return err
	}
	if err := o.filters(m, "filters-after.png", "after learning"); err != nil {
		return err
	}
	curve := viz.AccuracyCurve{Title: m.Spec().Name, Kept: kept}
	for _, row := range r.History {
		var heldOut float64
		curve.TestName, heldOut = row.HeldOut()
		curve.TrainImages, curve.TestImages = row.TrainImages, row.HeldOutImages
		curve.Train, curve.Test = append(curve.Train, row.TrainAccuracy), append(curve.Test, heldOut)
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

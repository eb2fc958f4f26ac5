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

// output is a training's folder of results. One program at a time may use it.
//
// Two locks hold it. The file .lock works on every file system, but deleting it lets a second
// program in. The lock of the folder itself can't be deleted, but Windows and NFS have none.
type output struct {
	dir    string
	lock   *flock.Flock // nil in a rank that writes nothing
	folder *flock.Flock // nil where the system can't lock folders
	made   []string     // what newOutput created, the deepest first
	begun  bool         // the training has begun to write
}

// newOutput creates the folder, locks it, and checks that the results can be written, before an
// hour of training rather than after.
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
		taken := fmt.Errorf("-out: another program is training into %s: wait for it, or name another folder", dir)
		return nil, errors.Join(cli.Exit{Code: cli.Taken, Err: taken}, o.lock.Close())
	}
	for _, step := range []func() error{o.findObstacles, o.removeLeftovers, o.probe} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("-out: %w", errors.Join(err, o.close()))
		}
	}
	return o, nil
}

// missing returns a path and the folders above it that don't exist, the deepest first.
func missing(path string) (paths []string) {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return paths
		}
		paths = append(paths, path)
	}
}

// take locks the file that has the lock's name now: a lock on a file that another program has just
// removed is worth nothing.
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

// takeFolder locks the folder itself. free is false only if another program has the lock.
func (o *output) takeFolder() (free bool) {
	if runtime.GOOS == "windows" {
		return true
	}
	lock := flock.New(o.dir, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryLock()
	if err != nil {
		return true // the lock of the file must suffice
	}
	if free {
		o.folder = lock
	}
	return free
}

// stillOurs returns an error if another program may use the folder: it was replaced, or .lock was
// deleted where there is no other lock.
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
	return cli.Exit{Code: cli.Taken, Err: fmt.Errorf(
		"-out: %s was deleted or replaced while this program held it: another may be training there; "+
			"stopped without writing", path)}
}

// guard stops a training before it writes into a folder that it has lost.
type guard struct {
	train.Base
	out *output
}

func (g guard) StepEnd(*train.State) error     { return g.out.stillOurs() }
func (g guard) EpochEnd(*train.State) error    { return g.out.stillOurs() }
func (g guard) TrainEnd(*train.State) error    { return g.out.stillOurs() }
func (g guard) Interrupted(*train.State) error { return g.out.stillOurs() }

// resultFiles are patterns of the files that a training writes into the folder; files includes its
// checkpoints.
var (
	resultFiles = []string{
		"params.safetensors", "params-best.safetensors", "history.csv",
		"accuracy.png", "accuracy.svg", "augmentation.png", "filters-before.png", "filters-after.png", samplesFile,
		epochsFolder + "/epoch-*.safetensors",
	}
	files = append([]string{"checkpoint-*.safetensors"}, resultFiles...)
)

// epochsFolder is -keep-epochs' folder of parameters.
const epochsFolder = "epochs"

// probes matches the files that probe writes.
const probes = ".probe-*"

// findObstacles finds files that a result can't replace. The names of checkpoints aren't known yet.
func (o *output) findObstacles() error {
	return o.each(func(name string, _ os.DirEntry) error {
		if !slices.ContainsFunc(resultFiles, func(pattern string) bool { return matches(pattern, name) }) {
			return nil
		}
		info, err := os.Stat(o.path(name)) // follows a link, as writing does
		switch {
		case err != nil:
			return nil // a link to a file that doesn't exist yet
		case info.IsDir():
			return fmt.Errorf("%s is a folder: want a file there, or nothing", o.path(name))
		case info.Mode().IsRegular():
			return replaceable(o.path(name))
		}
		return nil
	})
}

// replaceable rejects an immutable file, which can't be replaced. It can't be opened for writing
// either; permission bits don't matter.
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

// removeLeftovers removes what a program left that was killed while it wrote: its probe, and
// temporary files, which are hidden and named after the final one.
func (o *output) removeLeftovers() error {
	return o.each(func(name string, _ os.DirEntry) error {
		if !isLeftover(name) {
			return nil
		}
		return os.Remove(o.path(name))
	})
}

// each calls do with everything in the folder and in that of the epochs, by its name relative to
// the folder, until an error.
func (o *output) each(do func(name string, e os.DirEntry) error) error {
	for _, folder := range []string{"", epochsFolder} {
		entries, err := os.ReadDir(o.path(folder)) // filepath.Glob would interpret a [ in the folder's name
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

// close unlocks the folder. The lock's file stays after a training, for the next program. Before
// one, close removes what newOutput created, the lock's file while it is still locked.
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
		o.unmake() // Windows can't remove an open file
	}
	return err
}

// unmake removes what newOutput created; folders only if they are empty.
func (o *output) unmake() {
	o.made = slices.DeleteFunc(o.made, func(path string) bool { return os.Remove(path) == nil })
}

func (o *output) path(name string) string { return filepath.Join(o.dir, filepath.FromSlash(name)) }

// before draws the untrained network's filters, sample pictures, and augmented training images.
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

// after writes the parameters and the pictures of a finished training.
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

// filters draws the filters of the first convolution, if there is one.
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

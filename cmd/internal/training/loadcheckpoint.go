package training

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train"
)

// resumption is the value of -resume: no, yes, or yes if there is something to resume.
type resumption string

const (
	noResume   resumption = ""
	mustResume resumption = "true"
	mayResume  resumption = "auto"
)

// Decode reads -resume, -resume auto and -resume=auto.
func (r *resumption) Decode(line *kong.DecodeContext) error {
	*r = mustResume
	next := line.Scan.Peek()
	if next.Type != kong.FlagValueToken && next.Value != string(mayResume) {
		return nil
	}
	line.Scan.Pop()
	switch next.Value {
	case "auto":
		*r = mayResume
	case "true", "false":
		*r = map[any]resumption{"true": mustResume, "false": noResume}[next.Value]
	default:
		return fmt.Errorf("got %q, want nothing or auto", next.Value)
	}
	return nil
}

// IsBool tells kong that the flag needs no value.
func (resumption) IsBool() bool { return true }

// folder is the folder of results, with the run in it.
type folder struct {
	*output                      // nil before a new run's flags are checked
	checkpoint *train.Checkpoint // to resume, or nil
	given      []train.Setting   // flags on this command line
	flags      []train.Setting   // for the next checkpoint
}

// loadCheckpoint finds the run to resume, if there is one, and gives flags that aren't on the
// command line that run's values.
func (c *Command) loadCheckpoint(line *kong.Context) (*folder, error) {
	f := &folder{given: storedFlags(line)}
	f.flags = slices.Clone(f.given)
	if c.Resume == noResume {
		return f, nil
	}
	if c.LRFind {
		return nil, cli.Usagef("-lr-find suggests a rate for a new run: want no -resume")
	}
	if c.Overwrite {
		return nil, cli.Usagef("-resume continues a run, -overwrite deletes it: want one of them")
	}
	if err := f.open(c); err != nil {
		return nil, err
	}
	if err := f.find(c, line); err != nil {
		return nil, errors.Join(fmt.Errorf("-resume: %w", err), f.close())
	}
	return f, nil
}

// open creates the folder and locks it.
func (f *folder) open(c *Command) (err error) {
	if !c.first() {
		f.output = &output{dir: c.out()}
		return nil
	}
	f.output, err = newOutput(c.out())
	return err
}

// find reads the newest checkpoint, which must exist unless -resume is auto.
func (f *folder) find(c *Command, line *kong.Context) (err error) {
	f.checkpoint, err = c.newest(f.dir)
	switch {
	case errors.Is(err, train.ErrNoCheckpoint) && c.Resume == mayResume:
		return nil
	case errors.Is(err, train.ErrNoCheckpoint):
		return refuse("%w; start without -resume, or with -resume auto", err)
	case err != nil:
		return cli.Exit{Code: cli.Refused, Err: err}
	}
	if err := c.checkNetwork(f); err != nil {
		return err
	}
	if err := f.restoreFlags(line); err != nil {
		return err
	}
	if err := c.resumeFineTuning(f.checkpoint); err != nil {
		return err
	}
	c.Out = f.dir // the default depends on -model, which may come from the checkpoint now
	if c.Epochs != nil && *c.Epochs < f.checkpoint.Epochs {
		return refuse("-epochs is %d: the run in %s has %d, want at least as many",
			*c.Epochs, f.dir, f.checkpoint.Epochs)
	}
	return nil
}

// checkNetwork refuses another network than the run's by its name, before it reads anything for it.
func (c *Command) checkNetwork(f *folder) error {
	spec, err := graph.ParseSpec([]byte(setting(f.checkpoint, "model")))
	switch {
	case err != nil:
		return fmt.Errorf("the checkpoint's network: %w", err)
	case slices.Contains(models.Names(), c.Model) && c.Model != spec.Name:
		return refuse("-model is %s: the run in %s trains %s", c.Model, f.dir, spec.Name)
	case c.InitFrom != "" && setting(f.checkpoint, initFrom) == "":
		return refuse("-init-from is %s: the run in %s began without it", c.InitFrom, f.dir)
	}
	return nil
}

// ready opens the folder of a new run. It refuses a folder with an unfinished run, unless
// -overwrite is given.
func (f *folder) ready(c *Command) error {
	if f.output == nil {
		if err := f.open(c); err != nil {
			return err
		}
	}
	if f.checkpoint != nil || c.Overwrite || !c.first() {
		return nil
	}
	checkpoint, err := train.LatestCheckpoint(f.dir, nil)
	switch {
	case errors.Is(err, train.ErrNoCheckpoint), err == nil && checkpoint.Finished:
		return nil
	case err != nil:
		return refuse("-out: %w; -overwrite deletes them and starts over", err)
	}
	return refuse("-out: %s has an unfinished run with %d of %d epochs done: -resume continues it, "+
		"-overwrite deletes it and starts over",
		f.dir, len(checkpoint.History), checkpoint.Epochs)
}

// resumeFineTuning takes the network of a fine-tuning from the checkpoint, which has its
// parameters, too: the file of -init-from isn't needed again.
func (c *Command) resumeFineTuning(from *train.Checkpoint) error {
	if c.Model != "" || c.InitFrom != "" || setting(from, initFrom) == "" {
		return nil
	}
	spec, err := graph.ParseSpec([]byte(setting(from, "model")))
	if err != nil {
		return fmt.Errorf("the checkpoint's network: %w", err)
	}
	c.resumed = spec
	return nil
}

// setting returns the value of a checkpoint's setting, or "".
func setting(from *train.Checkpoint, name string) string {
	for _, s := range from.Settings {
		if s.Name == name {
			return s.Value
		}
	}
	return ""
}

func (f *folder) close() error {
	if f.output == nil {
		return nil
	}
	return f.output.close()
}

// passing lists the flags that checkpoints don't store: they say where and how a program runs.
var passing = []string{
	"help", "resume", "overwrite", "out", "quiet", "workers", "mpi", "micro-batch", "fusion", "serve", "serve-token",
	"cpuprofile", "init-from",
}

// storedFlags returns the flags on the command line that checkpoints store. It makes paths
// absolute: the run may be resumed from another folder.
func storedFlags(line *kong.Context) (flags []train.Setting) {
	for _, part := range line.Path {
		if part.Flag == nil || part.Resolved || slices.Contains(passing, part.Flag.Name) {
			continue
		}
		value := text(part.Flag.Target)
		if isPath(part.Flag.Name, value) {
			if absolute, err := filepath.Abs(value); err == nil {
				value = absolute
			}
		}
		setting := train.Setting{Name: "-" + part.Flag.Name, Value: value}
		if !slices.Contains(flags, setting) {
			flags = append(flags, setting)
		}
	}
	return flags
}

// text formats a flag's value as on a command line.
func text(value reflect.Value) string {
	value = reflect.Indirect(value)
	if list, ok := value.Interface().([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(value)
}

func isPath(flag, value string) bool {
	return flag == "data" || flag == "tensorboard" || flag == "model" && !slices.Contains(models.Names(), value)
}

// restoreFlags gives flags that aren't on the command line the values of the checkpoint's run.
func (f *folder) restoreFlags(line *kong.Context) error {
	for _, then := range f.checkpoint.Flags {
		if slices.ContainsFunc(f.given, func(now train.Setting) bool { return now.Name == then.Name }) {
			continue
		}
		i := slices.IndexFunc(line.Flags(), func(flag *kong.Flag) bool { return "-"+flag.Name == then.Name })
		if i < 0 {
			return refuse("the run in %s has the unknown flag %s %s", f.dir, then.Name, then.Value)
		}
		flag := line.Flags()[i]
		if err := flag.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: then.Value}),
			flag.Target); err != nil {
			return err
		}
		f.flags = append(f.flags, then)
	}
	return nil
}

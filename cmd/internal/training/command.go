package training

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/ops"
	"convgraph/train"
	"convgraph/train/solver"
	"convgraph/train/tensorboard"
)

// runAlone trains in one process, or as one rank.
func (c *Command) runAlone(stdout io.Writer, line *kong.Context) error {
	folder, err := c.loadCheckpoint(line)
	if err != nil {
		return err
	}
	defer folder.close()
	if err := c.joinRanks(); err != nil {
		return err
	}
	recipe, err := c.recipe()
	if err != nil {
		return err
	}
	if !c.Quiet {
		fmt.Fprintf(os.Stderr, "recipe %s: -model %s %s\n", c.Recipe, c.Model, flags(recipe))
	}
	ops.SetWorkers(c.Workers)
	source, err := c.open(recipe)
	if err != nil {
		return err
	}
	if !c.Quiet {
		source.reportLeftOut(os.Stderr) // now, before hours of training, and again at the end
	}
	if err := c.vary(source, recipe.Augment); err != nil {
		return err
	}
	trainer, err := c.trainer(recipe, source)
	if err != nil {
		return err
	}
	if c.LRFind {
		if c.world != nil {
			return cli.Usagef("-lr-find searches in one process: want no -mpi")
		}
		return c.findRate(stdout, trainer)
	}
	if err := c.handshake(recipe, trainer, folder); err != nil {
		return err
	}
	if err := folder.ready(c); err != nil {
		return err
	}
	out := folder.output
	page, err := c.servePage(recipe, trainer)
	if err != nil {
		return err
	}
	defer page.close()
	profile, err := newProfile(c.CPUProfile)
	if err != nil {
		return err
	}
	settings, err := c.prepare(trainer, recipe, source, folder, page)
	if err != nil {
		return errors.Join(err, profile.abandon())
	}
	if err := profile.start(); err != nil {
		return err
	}
	result, err := c.train(trainer, out, page, settings)
	if err := errors.Join(err, profile.stop()); err != nil {
		return err
	}
	if !c.first() {
		return nil
	}
	source.reportCorrupt(os.Stderr)
	if err := out.after(trainer.Model, result, keptEpoch(trainer, result)); err != nil {
		return err
	}
	if err := train.MarkFinished(out.dir); err != nil {
		return err
	}
	if !c.Quiet {
		if err := c.conclude(stdout, trainer, result, out); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(stdout, "final: test accuracy %v, train accuracy %v, %d epochs, %.1f s\n",
		result.Test, result.Train, len(result.History), result.Elapsed.Seconds())
	return err
}

// prepare checks that the checkpoint to resume is of this training, or starts the results, and sets
// up the callbacks. It returns the settings for checkpoints.
func (c *Command) prepare(t *train.Trainer, r models.Recipe, s *source, f *folder,
	page *livePage) ([]train.Setting, error) {
	settings, err := c.settings(r, t, f.checkpoint)
	if err != nil {
		return nil, err
	}
	if f.checkpoint != nil {
		if err := check(f.checkpoint, f.dir, settings, f.given...); err != nil {
			return nil, fmt.Errorf("-resume: %w", err)
		}
		t.Resume = f.checkpoint
	}
	if !c.first() {
		f.begun = true
		t.Callbacks = append(t.Callbacks, c.watchers(r, f.output)...)
		return settings, nil
	}
	boards, err := c.boards()
	if err != nil {
		return nil, err
	}
	f.begun = true
	t.Callbacks = slices.Concat(
		[]train.Callback{guard{out: f.output}}, c.progress(), t.Callbacks, c.watchers(r, f.output), boards,
		c.keepers(f.output),
		[]train.Callback{&train.Warnings{W: cli.BestEffort(os.Stderr)}, f.history(), c.checkpoints(f, settings)},
		page.callbacks())
	if f.checkpoint != nil {
		return settings, nil
	}
	return settings, begin(t, s, f.output)
}

func (c *Command) checkpoints(f *folder, settings []train.Setting) train.Checkpoints {
	return train.Checkpoints{
		Dir: f.dir, Every: c.CheckpointEvery, Interval: time.Duration(c.CheckpointMinutes * float64(time.Minute)),
		Settings: settings, Flags: f.flags,
	}
}

// train trains to the end or until a signal. After a signal it finishes the step and writes a
// checkpoint. A second signal ends the program at once.
func (c *Command) train(t *train.Trainer, out *output, page *livePage,
	settings []train.Setting) (*train.Result, error) {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	context.AfterFunc(ctx, stop)
	result, err := c.runTogether(ctx, t, page, func() (*train.Checkpoint, error) { return c.latest(out, settings) })
	if err != nil && c.first() {
		if lost := out.stillOurs(); lost != nil { // the cause of any write error
			return nil, lost
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("%w; -resume continues from here", cli.ErrInterrupted)
	case errors.Is(err, train.ErrDiverged):
		return nil, cli.Exit{Code: cli.Diverged, Err: err}
	}
	return result, err
}

// endings returns the signals that interrupt a training. It leaves out a hangup that was ignored
// from the beginning, as nohup does.
func endings() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
}

func (c *Command) rule(r models.Recipe) (solver.Solver, error) {
	config := solver.Config{LR: r.LR, WeightDecay: r.WeightDecay, ClipNorm: c.ClipNorm}
	if r.WeightDecay == 0 {
		config.WeightDecay = solver.None // 0 would be the optimizer's own
	}
	return solver.New(r.Optimizer, config)
}

func (c *Command) out() string {
	if c.Out != "" {
		return c.Out
	}
	model := cmp.Or(c.Model, models.ModelFor(c.Recipe))
	if c.fineTunes || c.Model == "" && c.InitFrom != "" {
		model = "finetuned"
	}
	name := strings.TrimSuffix(filepath.Base(model), ".json")
	if c.Fold != "" { // the trainings of all parts keep their results
		name += "-fold-" + strings.Replace(c.Fold, "/", "-of-", 1)
	}
	return filepath.Join("runs", name)
}

func (c *Command) trainer(r models.Recipe, s *source) (*train.Trainer, error) {
	model, err := graph.New(s.spec, c.modelOptions()...)
	if err != nil {
		return nil, err
	}
	if err := c.loadMatching(model, os.Stderr); err != nil {
		return nil, err
	}
	if err := c.freeze(model, os.Stderr); err != nil {
		return nil, err
	}
	optimizer, err := c.rule(r)
	if err != nil {
		return nil, err
	}
	t := train.NewTrainer(model, optimizer, s.train, s.test)
	t.Validation = s.validation
	t.Epochs, t.Batch, t.Sampling, t.Seed, t.EvalSamples = r.Epochs, r.Batch, train.Sampling(c.Sampling), c.Seed,
		c.EvalSamples
	t.EvalTrain = c.EvalTrain
	t.EvalFirst = c.Data == "" // as in the book; other data may be sorted by class
	t.MicroBatch, t.Hardest = c.MicroBatch, r.Hardest
	t.OnNaN, t.LabelSmoothing, t.Mixup, t.CutMix = train.OnNaN(c.OnNaN), r.LabelSmoothing, c.Mixup, c.CutMix
	if c.Weights != "" {
		if t.ClassWeights, err = train.BalancedWeights(s.train, model.Classes()); err != nil {
			return nil, fmt.Errorf("-class-weights: %w", err)
		}
	}
	c.schedule(t, r)
	return t, t.Check()
}

func (c *Command) modelOptions() []graph.Option {
	options := []graph.Option{graph.WithSeed(c.Seed)}
	if !c.Fusion {
		options = append(options, graph.WithoutFusion())
	}
	options = append(options, graph.WithRecompute(c.Recompute...))
	return options
}

func (c *Command) keepers(out *output) []train.Callback {
	if !c.KeepEpochs {
		return nil
	}
	return []train.Callback{train.KeepEpochs{Dir: out.path(epochsFolder)}}
}

// boards creates TensorBoard's folder. If that fails, an earlier training's results are still
// untouched.
func (c *Command) boards() ([]train.Callback, error) {
	if c.Tensorboard == "" {
		return nil, nil
	}
	if err := os.MkdirAll(c.Tensorboard, 0o755); err != nil {
		return nil, fmt.Errorf("-tensorboard: %w", err)
	}
	return []train.Callback{tensorboard.New(c.Tensorboard)}, nil
}

func (c *Command) progress() []train.Callback {
	switch {
	case c.Quiet:
		return nil
	case cli.IsTerminal(os.Stderr):
		return []train.Callback{&train.ProgressBar{W: cli.BestEffort(os.Stderr)}}
	}
	return []train.Callback{&train.ProgressLines{W: cli.BestEffort(os.Stderr)}}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/ops"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
	"convgraph/train/solver"
)

// command is trainmnist's flags.
type command struct {
	Model     string  `default:"simpleconvnet" help:"Network: ${models}, or the path of a JSON spec."`
	Epochs    int     `default:"20" help:"Times through the training set."`
	Batch     int     `default:"100" help:"Images a step."`
	Optimizer string  `default:"adam" help:"Update rule: ${optimizers}."`
	LR        float64 `name:"lr" default:"0.001" help:"Learning rate."`
	Sampling  string  `default:"shuffle" enum:"shuffle,replace" help:"How batches are drawn: shuffle visits each image once an epoch; replace draws from all of them, as the book does."`
	Seed      uint64  `default:"1" help:"Seed of the initial parameters, the order of the images and dropout."`
	Workers   int     `default:"0" help:"Threads that compute; 0 is all there are (GOMAXPROCS). The result doesn't depend on it."`

	TrainSamples int `default:"0" help:"Train on the first so many images; 0 is all."`
	TestSamples  int `default:"0" help:"Test on the first so many images; 0 is all."`
	EvalSamples  int `default:"1000" help:"After each epoch measure the accuracy on the first so many images of each set; 0 is all."`

	Data  string `help:"Folder of IDX files as MNIST has them, gz or not; without it the embedded MNIST." placeholder:"DIR"`
	Out   string `help:"Folder for the results; default runs/MODEL." placeholder:"DIR"`
	Quiet bool   `help:"No progress."`

	Resume          bool `help:"Go on from the newest checkpoint in -out."`
	CheckpointEvery int  `default:"0" help:"Write a checkpoint after every so many steps, too, not only after each epoch."`
}

// Run trains.
func (c *command) Run(stdout io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	ops.SetWorkers(c.Workers)
	trainer, err := c.trainer()
	if err != nil {
		return err
	}
	out, err := newOutput(c.out())
	if err != nil {
		return err
	}
	settings, err := c.settings(trainer)
	if err != nil {
		return err
	}
	if err := c.begin(trainer, out, settings); err != nil {
		return err
	}
	trainer.Callbacks = append(c.progress(), out.history(),
		train.Checkpoints{Dir: out.dir, Every: c.CheckpointEvery, Settings: settings})

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	result, err := trainer.Run(ctx)
	if errors.Is(err, context.Canceled) {
		return cli.ErrInterrupted
	}
	if err != nil {
		return err
	}
	if err := out.after(trainer.Model, result); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "final: test accuracy %v, train accuracy %v, %d epochs, %.1f s\n",
		result.Test, result.Train, len(result.History), result.Elapsed.Seconds())
	return err
}

// check finds what no default can mend before anything is read or written.
func (c *command) check() error {
	for name, n := range map[string]int{"epochs": c.Epochs, "batch": c.Batch} {
		if n < 1 {
			return cli.Usagef("-%s is %d: want at least 1", name, n)
		}
	}
	counts := map[string]int{
		"workers": c.Workers, "train-samples": c.TrainSamples, "test-samples": c.TestSamples, "eval-samples": c.EvalSamples,
		"checkpoint-every": c.CheckpointEvery,
	}
	for name, n := range counts {
		if n < 0 {
			return cli.Usagef("-%s is %d: want at least 0", name, n)
		}
	}
	if !(c.LR > 0) {
		return cli.Usagef("-lr is %g: want more than 0", c.LR)
	}
	return nil
}

func (c *command) out() string {
	if c.Out != "" {
		return c.Out
	}
	return filepath.Join("runs", strings.TrimSuffix(filepath.Base(c.Model), ".json"))
}

func (c *command) trainer() (*train.Trainer, error) {
	rule, err := solver.New(c.Optimizer, solver.Config{LR: c.LR})
	if err != nil {
		return nil, cli.Usage{Err: err}
	}
	spec, err := models.Find(c.Model)
	if err != nil {
		return nil, err
	}
	model, err := graph.New(spec, graph.WithSeed(c.Seed))
	if err != nil {
		return nil, err
	}
	trainSet, testSet, err := c.data()
	if err != nil {
		return nil, err
	}
	t := train.NewTrainer(model, rule, trainSet, testSet)
	t.Epochs, t.Batch, t.Sampling, t.Seed, t.EvalSamples = c.Epochs, c.Batch, train.Sampling(c.Sampling), c.Seed, c.EvalSamples
	return t, nil
}

func (c *command) data() (trainSet, testSet dataset.Dataset, err error) {
	if c.Data == "" {
		trainSet, testSet, err = mnist.Load()
	} else {
		trainSet, testSet, err = dataset.OpenIDX(c.Data)
	}
	if err != nil {
		return nil, nil, err
	}
	return first(trainSet, c.TrainSamples), first(testSet, c.TestSamples), nil
}

// first is the first n samples, all of them if n is 0.
func first(ds dataset.Dataset, n int) dataset.Dataset {
	if n == 0 {
		return ds
	}
	return dataset.Take(ds, n)
}

func (c *command) progress() []train.Callback {
	switch {
	case c.Quiet:
		return nil
	case cli.IsTerminal(os.Stderr):
		return []train.Callback{&train.ProgressBar{W: os.Stderr}}
	}
	return []train.Callback{&train.ProgressLines{W: os.Stderr}}
}

// settings are what the result depends on; a resumed run must agree in them. The number of epochs is not among them: a finished training
// may be resumed for more.
func (c *command) settings(t *train.Trainer) ([]train.Setting, error) {
	spec, err := json.Marshal(t.Model.Spec())
	if err != nil {
		return nil, err
	}
	trainPrint, err := train.Fingerprint(t.Train)
	if err != nil {
		return nil, err
	}
	testPrint, err := train.Fingerprint(t.Test)
	if err != nil {
		return nil, err
	}
	return []train.Setting{
		{Name: "model", Value: string(spec)},
		{Name: "training images", Value: trainPrint},
		{Name: "test images", Value: testPrint},
		{Name: "-batch", Value: fmt.Sprint(c.Batch)},
		{Name: "-optimizer", Value: c.Optimizer},
		{Name: "-lr", Value: fmt.Sprint(c.LR)},
		{Name: "-sampling", Value: c.Sampling},
		{Name: "-seed", Value: fmt.Sprint(c.Seed)},
		{Name: "-eval-samples", Value: fmt.Sprint(c.EvalSamples)},
	}, nil
}

// begin starts anew, or takes up the newest checkpoint.
func (c *command) begin(t *train.Trainer, out *output, settings []train.Setting) error {
	if !c.Resume {
		if err := train.RemoveCheckpoints(out.dir); err != nil {
			return err
		}
		return out.before(t.Model)
	}
	checkpoint, err := train.LatestCheckpoint(out.dir, func(damage error) {
		fmt.Fprintf(os.Stderr, "trainmnist: %v; trying the checkpoint before it\n", damage)
	})
	if errors.Is(err, train.ErrNoCheckpoint) {
		return fmt.Errorf("-resume: %w; start without -resume", err)
	}
	if err != nil {
		return fmt.Errorf("-resume: %w", err)
	}
	if d := checkpoint.Differences(settings); len(d) > 0 {
		return fmt.Errorf("-resume: the checkpoint in %s is of another training: %s", out.dir, strings.Join(d, "; "))
	}
	t.Resume = checkpoint
	return nil
}

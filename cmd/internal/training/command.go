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
	"convgraph/internal/mpi"
	"convgraph/models"
	"convgraph/ops"
	"convgraph/train"
	"convgraph/train/solver"
	"convgraph/train/tensorboard"
)

// Command trains a network; its fields are the flags. Flags that are nil or empty have the recipe's
// value.
type Command struct {
	Model       string   `type:"given" want:"the name of a network or the path of a JSON spec" help:"Network: ${models}, or the path of a JSON spec (default simpleconvnet; -recipe best has its own)."`
	Recipe      string   `default:"book" enum:"${recipes}" help:"Where the settings come from that no flag gives: book, as in the book, or the network's own; fast, to the book's accuracy in the least time; best, to the highest."`
	Epochs      *int     `help:"Times through the training set (default 20; alexnet 90)."`
	Batch       *int     `help:"Images a step (default 100; alexnet 128)."`
	Optimizer   string   `help:"Update rule: ${optimizers} (default adam; alexnet momentum)."`
	LR          *float64 `name:"lr" help:"Learning rate (default 0.001; alexnet and lenet have their own)."`
	LRFind      bool     `name:"lr-find" help:"Don't train: try learning rates from 1e-7 to 10 in 120 steps, suggest one, and draw the losses in lr-find.png."`
	Schedule    string   `help:"How the learning rate goes on: constant, cosine down to 0, one-cycle up to -lr and down, step, or plateau (default: the model's)."`
	DecayEvery  int      `default:"5" help:"Epochs after each of which -schedule step lowers the learning rate; epochs without a better validation accuracy after which plateau does."`
	DecayFactor float64  `default:"0.1" help:"What step and plateau multiply the learning rate by."`
	Warmup      *int     `help:"Steps in which the learning rate first goes up to where its schedule begins (default 0)."`
	ClipNorm    float64  `default:"0" help:"Scale the gradients down together when their norm is above this; 0 is never."`
	OnNaN       string   `name:"on-nan" default:"stop" enum:"stop,skip" help:"What to do when the loss or a gradient is NaN or infinite: stop, or skip the step."`
	WeightDecay *float64 `help:"L2 penalty's factor (default 0; alexnet 0.0005)."`
	Init        string   `help:"How weights start: a standard deviation, he, xavier or lecun-uniform (default: the model's)."`
	InitFrom    string   `help:"A params.safetensors to start from, or squeezenet, which comes with the program and knows ImageNet, for fine-tuning: layers of the same name and shapes begin with its parameters. Without -model its network is trained." placeholder:"PARAMS"`
	Head        bool     `help:"Give the network of -init-from a new last layer, with an output for each class of the data."`
	Freeze      []string `help:"Layers or parameters that training leaves as they are, separated by commas: features, layer1, conv*, *.bias. BatchNorm layers frozen as a whole use their running statistics." placeholder:"PATTERN,…"`
	Loss        string   `enum:",cross_entropy,binary_cross_entropy,mean_squared_error" default:"" help:"Loss: cross_entropy, binary_cross_entropy or mean_squared_error (default: the model's)."`
	Augment     *string  `help:"What happens to training images at random, separated by commas: ${augmentations}. Each but mirror and edge may have an amount: crop=2, shift=2 (pixels), rotate=10 (degrees), scale=0.1, elastic=34, resized-crop=0.25 (least share of the image), colour=0.2 (brightness, contrast, saturation). edge fills what comes from outside with the image's edge instead of zero." placeholder:"LIST"`
	Smoothing   *float64 `name:"label-smoothing" help:"Share of each target that is spread over all classes (default 0)."`
	Weights     string   `name:"class-weights" enum:",balanced" default:"" help:"Weights of the classes in the loss: balanced makes each class count the same, however many training images it has." placeholder:"balanced"`
	Mixup       float64  `default:"0" help:"Mix training images in pairs, and their targets: shares from Beta(A, A), such as 0.2; 0 is never." placeholder:"A"`
	CutMix      float64  `name:"cutmix" default:"0" help:"Exchange a rectangle between training images in pairs, and mix their targets by its area: shares from Beta(A, A), such as 1; 0 is never. With -mixup each pair has one of them." placeholder:"A"`
	Cutout      int      `default:"0" help:"Cover a square of so many pixels at a random place of each training image; 0 covers nothing." placeholder:"PIXELS"`
	Average     *float64 `help:"End with a moving average of the parameters, of which a step leaves this share; 0 ends with the last ones (default 0)."`
	Sampling    string   `default:"shuffle" enum:"shuffle,replace" help:"How batches are drawn: shuffle visits each image once an epoch; replace draws from all of them, as the book does."`
	Seed        uint64   `default:"1" help:"Seed of the initial parameters, the order of the images, augmentation and dropout."`
	Workers     int      `default:"0" help:"Threads that compute; 0 is all there are (GOMAXPROCS). The result doesn't depend on it."`
	MPI         bool     `name:"mpi" help:"Train together with the other processes that an MPI launcher (mpirun, srun) has started, each on a part of every batch. The result doesn't depend on their number."`
	MicroBatch  int      `default:"0" help:"Compute at most so many images of a batch at once, for a batch that doesn't fit into memory; 0 is all. The result doesn't depend on it."`
	Fusion      bool     `default:"true" negatable:"" help:"Make one op of neighbouring layers where that is faster. The result doesn't depend on it."`

	Recompute []string `help:"Layers or blocks whose results a step computes again in its backward half instead of keeping them, separated by commas: layer*.*, conv1. It takes less memory and more time (convgraph summary -recompute says how much), and the result doesn't depend on it." placeholder:"PATTERN,…"`

	EarlyStop int    `default:"0" help:"Stop after so many epochs without a better validation accuracy; 0 is never."`
	Keep      string `default:"last" enum:"last,best" help:"Parameters to end with: those of the last epoch, or of the one with the best validation accuracy."`

	Validation *float64 `help:"Share of the training images of each class, chosen by -seed, that isn't trained on: the accuracy after each epoch is measured on these, and the test images are left alone until the end (default 0; 0.1 with -keep best, -early-stop or -schedule plateau, which go by them)."`

	Fold string `help:"Part K of N equal parts of the training images of each class, chosen by -seed, is the validation images: 1/5 to 5/5 are five trainings of which each leaves out another fifth." placeholder:"K/N"`

	TrainSamples int `default:"0" help:"Train on the first so many images; 0 is all."`
	TestSamples  int `default:"0" help:"Test on the first so many images; 0 is all."`
	EvalSamples  int `default:"1000" help:"Images of each set that the accuracy after each epoch is measured on: the first of the embedded MNIST, drawn by -seed from other data; 0 is all."`

	Data string `type:"given" want:"a folder or files" help:"Folder of IDX files as MNIST, Fashion-MNIST and EMNIST have them, gz or not (of several sets one by its prefix: raw/emnist-letters); folder of class folders of pictures; folder, file or pattern of Parquet files or of tar files; CSV or JSON Lines file of paths and labels. Without it the embedded MNIST." placeholder:"PATH"`

	LabelColumn string `help:"Column of the labels in Parquet files and lists (default: the one that they declare, or label)." placeholder:"NAME"`
	AnyPath     bool   `help:"Let a list of pictures name files anywhere. Otherwise they lie in its folder."`

	Size   int     `default:"0" help:"Height and width of the images, for networks that take any (default 224; alexnet 227, at least 67; resnet20 28)."`
	Width  float64 `default:"0" help:"Share of alexnet's filters and units (default 1)."`
	Mirror bool    `default:"true" negatable:"" help:"Mirror half of alexnet's training images; not what letters and digits want."`
	PCA    bool    `name:"pca" help:"Shift the colours of alexnet's training images along their principal components, too."`
	Strict bool    `help:"Fail on a damaged or vanished image instead of skipping it, and refuse class folders that hold anything that would be left out."`

	Out   string `type:"given" want:"a folder" help:"Folder for the results; default runs/MODEL." placeholder:"DIR"`
	Quiet bool   `help:"No progress."`

	Tensorboard string `help:"Folder for TensorBoard's event files: losses, accuracies, the learning rate, weights and filters." placeholder:"DIR"`

	KeepEpochs bool `help:"Keep the parameters of every epoch, and those before learning, in -out's folder epochs: convgraph serve shows what changed."`

	Resume            resumption `help:"Go on from the newest checkpoint in -out with the settings of the run that wrote it; flags need not be repeated, and -epochs may be more. -resume auto begins a new run if there is no checkpoint."`
	Overwrite         bool       `help:"Start over in an -out folder that holds an unfinished run, whose checkpoints are deleted."`
	CheckpointEvery   int        `default:"0" help:"Write a checkpoint after every so many steps, too, not only after each epoch."`
	CheckpointMinutes float64    `default:"10" help:"Write a checkpoint, too, when the newest is so many minutes old; 0 is never."`

	Serve string `help:"Show the training on a page, with buttons that stop it and go on: HOST:PORT, or :PORT for this machine only; port 0 is any free one." placeholder:"ADDR"`

	ServeToken string `type:"given" want:"a token of at least 16 characters" env:"CONVGRAPH_TOKEN" help:"What requests to the page of -serve must carry: a browser asks for it as password. Other users of this machine can see flags; they can't see the variable." placeholder:"TOKEN"`

	base      *graph.Model // of -init-from's file
	resumed   *graph.Spec  // the checkpoint's network, if the run that is resumed trains that of such a file
	fineTunes bool         // the file's network is the one to train

	program string     // the name that messages begin with
	world   *mpi.World // the ranks, with -mpi
	settled bool       // all ranks end together

	CPUProfile string `name:"cpuprofile" help:"File to write a CPU profile of the training to, for go tool pprof." placeholder:"FILE"`
}

// runAlone trains, or does one rank's part.
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
		source.reportLeftOut(os.Stderr) // before hours of training; at its end again
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
	source.reportDamage(os.Stderr)
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

// prepare begins the results, or finds that the checkpoint to go on from is of this training, and sets up the callbacks. It gives the settings
// that checkpoints hold.
func (c *Command) prepare(t *train.Trainer, r models.Recipe, s *source, f *folder, page *livePage) ([]train.Setting, error) {
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
	t.Callbacks = slices.Concat([]train.Callback{guard{out: f.output}}, c.progress(), t.Callbacks, c.watchers(r, f.output), boards, c.keepers(f.output), []train.Callback{
		&train.Warnings{W: cli.BestEffort(os.Stderr)}, f.history(), c.checkpoints(f, settings),
	}, page.callbacks())
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

// train trains until the end or a signal: the step under way is finished and a checkpoint written. A second signal ends the program as it
// would any other.
func (c *Command) train(t *train.Trainer, out *output, page *livePage, settings []train.Setting) (*train.Result, error) {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	context.AfterFunc(ctx, stop)
	result, err := c.runTogether(ctx, t, page, func() (*train.Checkpoint, error) { return c.latest(out, settings) })
	if err != nil && c.first() {
		if lost := out.stillOurs(); lost != nil { // which explains any error of writing
			return nil, lost
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("%w; -resume goes on from here", cli.ErrInterrupted)
	case errors.Is(err, train.ErrDiverged):
		return nil, cli.Exit{Code: cli.Diverged, Err: err}
	}
	return result, err
}

// endings are the signals that end a training well. A hangup is none where it was ignored from the beginning, as nohup does.
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
	t.Epochs, t.Batch, t.Sampling, t.Seed, t.EvalSamples = r.Epochs, r.Batch, train.Sampling(c.Sampling), c.Seed, c.EvalSamples
	t.EvalFirst = c.Data == "" // the book's images; other data may be sorted by class
	t.MicroBatch = c.MicroBatch
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

// boards makes TensorBoard's folder already now: where that fails, what an earlier training left stays as it is.
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

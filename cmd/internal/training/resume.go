package training

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train"
)

// settings returns what the result depends on; a resumed run must agree. The number of epochs is a
// setting only if the schedule depends on it, so that a training at a constant rate may be resumed
// for more.
func (c *Command) settings(r models.Recipe, t *train.Trainer, resumed *train.Checkpoint) ([]train.Setting, error) {
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
	share, err := c.validation(r)
	if err != nil {
		return nil, err
	}
	settings := []train.Setting{
		{Name: "model", Value: string(spec)},
		{Name: "training images", Value: trainPrint},
		{Name: "test images", Value: testPrint},
		{Name: "-batch", Value: fmt.Sprint(r.Batch)},
		{Name: "-optimizer", Value: r.Optimizer},
		{Name: "-lr", Value: fmt.Sprint(r.LR)},
		{Name: "-weight-decay", Value: fmt.Sprint(r.WeightDecay)},
		{Name: "-clip-norm", Value: fmt.Sprint(c.ClipNorm)},
		{Name: "-schedule", Value: r.Schedule},
		{Name: "-decay-every", Value: fmt.Sprint(c.DecayEvery)},
		{Name: "-decay-factor", Value: fmt.Sprint(c.DecayFactor)},
		{Name: "-warmup", Value: fmt.Sprint(r.Warmup)},
		{Name: "-label-smoothing", Value: fmt.Sprint(r.LabelSmoothing)},
		{Name: "-average", Value: fmt.Sprint(r.Average)},
		{Name: "-keep", Value: c.Keep},
		{Name: "-sampling", Value: c.Sampling},
		{Name: "-validation", Value: fmt.Sprint(share)},
		{Name: "-seed", Value: fmt.Sprint(c.Seed)},
		{Name: "-eval-samples", Value: fmt.Sprint(c.EvalSamples)},
		{Name: "-mirror", Value: fmt.Sprint(c.Mirror)},
		{Name: "-augment", Value: r.Augment},
		{Name: "-pca", Value: fmt.Sprint(c.PCA)},
	}
	if len(c.Freeze) > 0 {
		settings = append(settings, train.Setting{Name: "-freeze", Value: strings.Join(c.Freeze, ",")})
	}
	if t.Validation != nil {
		validationPrint, err := train.Fingerprint(t.Validation)
		if err != nil {
			return nil, err
		}
		settings = append(settings, train.Setting{Name: "validation images", Value: validationPrint})
	}
	settings = append(settings, c.aids(r)...)
	if r.Schedule == "cosine" || r.Schedule == oneCycle {
		settings = append(settings, train.Setting{Name: "-epochs", Value: fmt.Sprint(r.Epochs)})
	}
	from, ok, err := c.start(t, resumed)
	if err != nil {
		return nil, err
	}
	if ok {
		settings = append(settings, from)
	}
	return settings, nil
}

// aids returns the settings of optional features that are used. Older checkpoints don't have them.
func (c *Command) aids(r models.Recipe) (settings []train.Setting) {
	for _, s := range []train.Setting{
		{Name: "-fold", Value: c.Fold},
		{Name: "-hardest", Value: unlessZero(r.Hardest)},
		{Name: "-eval-train-samples", Value: unlessZero(float64(c.EvalTrain))},
		{Name: "-class-weights", Value: c.Weights},
		{Name: "-mixup", Value: unlessZero(c.Mixup)},
		{Name: "-cutmix", Value: unlessZero(c.CutMix)},
		{Name: "-cutout", Value: unlessZero(float64(c.Cutout))},
	} {
		if s.Value != "" {
			settings = append(settings, s)
		}
	}
	return settings
}

func unlessZero(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprint(v)
}

// start returns the setting of -init-from's parameters. A run that is resumed without the flag
// takes it from its checkpoint.
func (c *Command) start(t *train.Trainer, resumed *train.Checkpoint) (from train.Setting, ok bool, err error) {
	if c.InitFrom != "" {
		from, err = start(t.Model)
		return from, true, err
	}
	if resumed == nil || setting(resumed, initFrom) == "" {
		return train.Setting{}, false, nil
	}
	return train.Setting{Name: initFrom, Value: setting(resumed, initFrom)}, true, nil
}

// begin removes an earlier training's checkpoints and draws the untrained network.
func begin(t *train.Trainer, s *source, out *output) error {
	if err := errors.Join(train.RemoveCheckpoints(out.dir), train.RemoveEpochs(out.path(epochsFolder))); err != nil {
		return err
	}
	return out.before(t.Model, s)
}

// latest returns the newest checkpoint of this training.
func (c *Command) latest(out *output, settings []train.Setting) (*train.Checkpoint, error) {
	checkpoint, err := c.newestCheckpoint(out.dir)
	if err != nil {
		return nil, err
	}
	return checkpoint, check(checkpoint, out.dir, settings)
}

func (c *Command) newestCheckpoint(dir string) (*train.Checkpoint, error) {
	return train.LatestCheckpoint(dir, func(corrupt error) {
		fmt.Fprintf(os.Stderr, "%s: %v; trying the checkpoint before it\n", c.program, corrupt)
	})
}

// check compares a checkpoint's settings. If flags on the command line differ, the error names
// these alone: other settings may follow from them.
func check(c *train.Checkpoint, dir string, settings []train.Setting, given ...train.Setting) error {
	was := c.Settings
	if differ(was, settings, given) {
		was, settings = called(was, given), called(settings, given)
	}
	if d := (&train.Checkpoint{Settings: was}).Differences(settings); len(d) > 0 {
		return refuse("the checkpoint in %s is of another training: %s", dir, strings.Join(d, "; "))
	}
	return nil
}

// differ reports whether any of the given flags has two values.
func differ(was, now, given []train.Setting) bool {
	return slices.ContainsFunc(called(was, given), func(then train.Setting) bool {
		return slices.ContainsFunc(now,
			func(s train.Setting) bool { return s.Name == then.Name && s.Value != then.Value })
	})
}

// called returns the settings that have the names of others.
func called(settings, names []train.Setting) (some []train.Setting) {
	for _, s := range settings {
		if slices.ContainsFunc(names, func(n train.Setting) bool { return n.Name == s.Name }) {
			some = append(some, s)
		}
	}
	return some
}

// refuse returns the error of a folder in another state than the flags ask for. The same command
// line is refused again.
func refuse(format string, args ...any) error {
	return cli.Exit{Code: cli.Refused, Err: fmt.Errorf(format, args...)}
}

package training

import (
	"cmp"
	"fmt"

	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train"
)

// recipe returns the recipe of -recipe, changed by other flags. It finds invalid flags before
// anything is read or written.
func (c *Command) recipe() (models.Recipe, error) {
	if err := c.findNetwork(); err != nil {
		return models.Recipe{}, err
	}
	c.Model = cmp.Or(c.Model, models.ModelFor(c.Recipe))
	r, err := models.RecipeFor(c.Recipe, c.Model)
	if err != nil {
		return r, cli.Usage{Err: fmt.Errorf("-recipe: %w", err)}
	}
	r.Epochs, r.Batch = or(c.Epochs, r.Epochs), or(c.Batch, r.Batch)
	r.LR, r.WeightDecay = or(c.LR, r.LR), or(c.WeightDecay, r.WeightDecay)
	r.Optimizer, r.Schedule, r.Init = cmp.Or(c.Optimizer, r.Optimizer), cmp.Or(c.Schedule, r.Schedule),
		cmp.Or(c.Init, r.Init)
	c.Init = r.Init // which declares the network
	if c.Schedule == oneCycle {
		r.Warmup = 0 // it belongs to the recipe's schedule
	}
	r.Warmup, r.Augment = or(c.Warmup, r.Warmup), or(c.Augment, r.Augment)
	r.LabelSmoothing, r.Average = or(c.Smoothing, r.LabelSmoothing), or(c.Average, r.Average)
	r.Hardest = or(c.Hardest, r.Hardest)
	if err := c.checkRecipe(r); err != nil {
		return r, err
	}
	return r, c.checkFlags()
}

// findNetwork finds the network of a fine-tuning without -model: the one in -init-from's file.
func (c *Command) findNetwork() error {
	switch {
	case c.resumed != nil:
		c.fineTunes, c.Model = true, c.resumed.Name
		return nil
	case c.Head && (c.InitFrom == "" || c.Model != ""):
		return cli.Usagef("-head is for the network of -init-from's file: want -init-from, and no -model")
	case c.Model != "" || c.InitFrom == "":
		return nil
	}
	err := c.loadBase()
	if err == nil {
		c.fineTunes, c.Model = true, c.base.Spec().Name
	}
	return err
}

func or[T any](given *T, fallback T) T {
	if given == nil {
		return fallback
	}
	return *given
}

// checkRecipe rejects invalid settings of the recipe, and combinations.
func (c *Command) checkRecipe(r models.Recipe) error {
	switch {
	case r.Epochs < 1:
		return cli.Usagef("-epochs: got %d, want at least 1", r.Epochs)
	case r.Batch < 1:
		return cli.Usagef("-batch: got %d, want at least 1", r.Batch)
	case !(r.LR > 0):
		return cli.Usagef("-lr: got %g, want more than 0", r.LR)
	case !(r.WeightDecay >= 0):
		return cli.Usagef("-weight-decay: got %g, want at least 0", r.WeightDecay)
	case !(c.ClipNorm >= 0):
		return cli.Usagef("-clip-norm: got %g, want at least 0", c.ClipNorm)
	case r.Warmup < 0:
		return cli.Usagef("-warmup: got %d, want at least 0", r.Warmup)
	case !(r.LabelSmoothing >= 0 && r.LabelSmoothing < 1):
		return cli.Usagef("-label-smoothing: got %g, want at least 0 and less than 1", r.LabelSmoothing)
	case !(r.Hardest >= 0 && r.Hardest <= 1):
		return cli.Usagef("-hardest: got %g, want more than 0 and at most 1, or 0 for all images", r.Hardest)
	case r.Hardest > 0 && (c.Mixup != 0 || c.CutMix != 0):
		return cli.Usagef("-hardest ranks images by their own loss: want no -mixup and no -cutmix, or -hardest 0")
	case r.Hardest > 0 && c.Sampling == string(train.Replace):
		return cli.Usagef("-hardest chooses the images of an epoch: want -sampling %s, or -hardest 0", train.Shuffle)
	case !(r.Average >= 0 && r.Average < 1):
		return cli.Usagef("-average: got %g, want at least 0 and less than 1", r.Average)
	case r.Average > 0 && c.Keep == "best":
		return cli.Usagef("-average and -keep best both say which parameters to end with: want one of them")
	case c.crops() && r.Augment != "":
		return cli.Usagef("-augment is not for -model %s, which has its own random crops: see -mirror and -pca",
			c.Model)
	}
	if err := c.checkSchedule(r); err != nil {
		return err
	}
	if _, err := c.validation(r); err != nil {
		return err
	}
	if _, err := parseFold(c.Fold); err != nil {
		return err
	}
	if _, err := parseAugment(r.Augment); err != nil {
		return err
	}
	if _, err := c.rule(r); err != nil {
		return cli.Usage{Err: err}
	}
	return nil
}

// checkFlags rejects invalid flags that aren't part of a recipe.
func (c *Command) checkFlags() error {
	for _, f := range []struct {
		name  string
		value int
	}{
		{"workers", c.Workers}, {"train-samples", c.TrainSamples}, {"test-samples", c.TestSamples},
		{"eval-samples", c.EvalSamples}, {"eval-train-samples", c.EvalTrain}, {"checkpoint-every", c.CheckpointEvery},
		{"size", c.Size}, {"early-stop", c.EarlyStop}, {"cutout", c.Cutout},
	} {
		if f.value < 0 {
			return cli.Usagef("-%s: got %d, want at least 0", f.name, f.value)
		}
	}
	for _, f := range []struct {
		name  string
		value float64
	}{{"mixup", c.Mixup}, {"cutmix", c.CutMix}} {
		if f.value != 0 && !(f.value >= 0.05 && f.value <= 1000) {
			return cli.Usagef("-%s: got %g, want 0, or 0.05 to 1000", f.name, f.value)
		}
	}
	if !(c.CheckpointMinutes >= 0 && c.CheckpointMinutes <= 1e6) {
		return cli.Usagef("-checkpoint-minutes: got %g, want 0 to 1e6", c.CheckpointMinutes)
	}
	switch {
	case c.Size != 0 && (c.fineTunes || !models.Takes(c.Model, "size")):
		return cli.Usagef("-size is %d: -model %s has a fixed size", c.Size, c.Model)
	case c.Width != 0 && (c.fineTunes || !models.Takes(c.Model, "width")):
		return cli.Usagef("-width is %g: -model %s has a fixed width", c.Width, c.Model)
	case c.PCA && !c.crops():
		return cli.Usagef("-pca is for -model alexnet")
	}
	if !(c.Width >= 0 && c.Width <= 1) {
		return cli.Usagef("-width: got %g, want more than 0 and at most 1", c.Width)
	}
	return nil
}

// flags formats a recipe as flags.
func flags(r models.Recipe) string {
	text := fmt.Sprintf("-epochs %d -batch %d -optimizer %s -lr %g -schedule %s -warmup %d",
		r.Epochs, r.Batch, r.Optimizer, r.LR, r.Schedule, r.Warmup) +
		fmt.Sprintf(" -weight-decay %g -label-smoothing %g -average %g", r.WeightDecay, r.LabelSmoothing, r.Average)
	if r.Hardest != 0 {
		text += fmt.Sprintf(" -hardest %g", r.Hardest)
	}
	if r.Init != "" {
		text += " -init " + r.Init
	}
	if r.Augment != "" {
		text += " -augment " + r.Augment
	}
	return text
}

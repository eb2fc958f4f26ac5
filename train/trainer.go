package train

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/ops"
	"convgraph/train/dataset"
	"convgraph/train/solver"
)

// A Trainer trains a model: the book's Trainer (common/trainer.py). [NewTrainer] sets its defaults.
type Trainer struct {
	Model       *graph.Model
	Solver      solver.Solver
	Schedule    solver.Schedule // of the learning rate; nil leaves the solver's
	Train, Test dataset.Dataset
	Validation  dataset.Dataset // if not nil, epochs are evaluated on it instead of Test

	Epochs         int
	Batch          int
	Sampling       Sampling
	Hardest        float64   // share of the samples, with the largest losses, that epochs after the first visit; 0: all
	LabelSmoothing float64   // ε of the targets (1-ε)·t + ε/classes (Szegedy et al. 2016)
	ClassWeights   []float64 // weights of the model's classes in the loss; nil: all 1
	Mixup, CutMix  float64   // α of Beta(α, α), which mixes images in pairs; 0: off
	Seed           uint64    // of the order of the samples
	OnNaN          OnNaN
	EvalSamples    int  // images of each set for the accuracy after an epoch, drawn by Seed; 0: all
	EvalTrain      int  // those of the training set, if not as many; 0: as many
	EvalFirst      bool // the first ones instead, as in the book, for sets that aren't sorted by class

	// Peers are the other processes that train the same network with the same settings, or nil.
	// Each computes a part of every batch; the result has the bits of one process. Every process
	// needs the callbacks that decide something, such as EarlyStop; only the first needs those that
	// write files. Processes with memory in common hold the large parameters there once, from the
	// first step to the last epoch's end: callbacks must not change them.
	Peers      ops.Peers
	MicroBatch int // largest number of images computed at once, to save memory; 0: the whole batch

	Callbacks []Callback
	Resume    *Checkpoint // to continue from, or nil
}

// NewTrainer returns a trainer with the book's settings: 20 epochs, batches of 100, accuracy on
// 1000 images.
func NewTrainer(m *graph.Model, s solver.Solver, train, test dataset.Dataset) *Trainer {
	return &Trainer{
		Model: m, Solver: s, Train: train, Test: test,
		Epochs: 20, Batch: 100, Sampling: Shuffle, Seed: 1, EvalSamples: 1000,
	}
}

// A Result is the outcome of a training.
type Result struct {
	History     []Row
	Train, Test Score // on the whole sets, with the final parameters
	Elapsed     time.Duration
}

// A Row is an epoch of a training's history. Accuracies are shares.
type Row struct {
	Epoch         int
	Step          int // steps done, over all epochs
	TrainLoss     float64
	TrainAccuracy float64
	TestAccuracy  float64 // 0 with a validation set: the test set isn't used before the end
	Seconds       float64 // since the training began

	Validated          bool // the training has a validation set
	ValidationAccuracy float64

	TrainImages, HeldOutImages int // that the accuracies were measured on
}

// HeldOut returns the accuracy on images that aren't trained on, and the name of their set:
// validation, or test in a training without a validation set.
func (r Row) HeldOut() (set string, accuracy float64) {
	if r.Validated {
		return "validation", r.ValidationAccuracy
	}
	return "test", r.TestAccuracy
}

// Steps returns the number of steps in all epochs.
func (t *Trainer) Steps() int { return t.stepsBefore(t.Epochs + 1) }

// StepsOf returns the number of steps of an epoch, from 1: the whole batches in the training set,
// or in the share of it that the epoch visits, but at least one.
func (t *Trainer) StepsOf(epoch int) int {
	samples, batch := t.Train.Len(), max(1, t.batch())
	if epoch > 1 && t.Hardest > 0 {
		samples = max(batch, int(t.Hardest*float64(samples)))
	}
	return samples / batch
}

// stepsBefore returns the number of steps before an epoch.
func (t *Trainer) stepsBefore(epoch int) int {
	if epoch < 2 {
		return 0
	}
	return t.StepsOf(1) + (epoch-2)*t.StepsOf(2)
}

// batch returns the batch size, at most the training set's size.
func (t *Trainer) batch() int { return min(t.Batch, t.Train.Len()) }

// Check returns the error that Run would begin with: invalid settings, a model that can't be
// trained, or data that don't fit the model.
func (t *Trainer) Check() error {
	switch {
	case t.Epochs < 1:
		return fmt.Errorf("epochs: got %d, want at least 1", t.Epochs)
	case t.MicroBatch < 0:
		return fmt.Errorf("micro-batch: got %d, want at least 1, or 0 for the whole batch", t.MicroBatch)
	case (t.Peers != nil || t.MicroBatch > 0) && (t.Mixup > 0 || t.CutMix > 0):
		return errors.New("mixup and cutmix mix images of the whole batch: want no micro-batches, and one process")
	case t.Batch < 1:
		return fmt.Errorf("batch: got %d, want at least 1", t.Batch)
	case t.EvalSamples < 0 || t.EvalTrain < 0:
		return fmt.Errorf("images to evaluate: got %d, and %d of the training set, want at least 0",
			t.EvalSamples, t.EvalTrain)
	case !(t.LabelSmoothing >= 0 && t.LabelSmoothing < 1):
		return fmt.Errorf("label smoothing: got %g, want at least 0 and less than 1", t.LabelSmoothing)
	case !isAlpha(t.Mixup), !isAlpha(t.CutMix):
		return fmt.Errorf("mixup and CutMix: got %g and %g, want 0, or %g to %d", t.Mixup, t.CutMix, minAlpha, maxAlpha)
	case t.CutMix > 0 && len(t.Model.Spec().Input) != 3:
		return fmt.Errorf("model %q takes %v: CutMix wants images (channels, height, width)",
			t.Model.Spec().Name, t.Model.Spec().Input)
	case t.Model.Dtype() != tensor.Float32:
		return fmt.Errorf("model %q is %v: training takes float32", t.Model.Spec().Name, t.Model.Dtype())
	case !slices.ContainsFunc(t.Model.Params(), (*graph.Parameter).Trained):
		return fmt.Errorf("model %q has only frozen parameters: there is nothing to train", t.Model.Spec().Name)
	}
	if err := t.checkHardest(); err != nil {
		return err
	}
	if err := t.checkWeights(); err != nil {
		return err
	}
	if err := t.checkSet("training", t.Train); err != nil {
		return err
	}
	if t.Validation != nil {
		if err := t.checkSet("validation", t.Validation); err != nil {
			return err
		}
	}
	return t.checkSet("test", t.Test)
}

func (t *Trainer) checkSet(name string, ds dataset.Dataset) error {
	spec := t.Model.Spec()
	switch {
	case ds.Len() == 0:
		return fmt.Errorf("the %s set is empty", name)
	case !ds.Shape().Eq(spec.Input):
		return fmt.Errorf("model %q takes images of %v, the %s set has %v", spec.Name, spec.Input, name, ds.Shape())
	case ds.Classes() > t.Model.Classes():
		return fmt.Errorf("model %q has %d classes, the %s set %d: want as many outputs (units or filters) of layer %q",
			spec.Name, t.Model.Classes(), name, ds.Classes(), t.Model.LogitsNode().Name)
	}
	return nil
}

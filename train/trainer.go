package train

import (
	"context"
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

// A Trainer teaches a model: the book's Trainer (common/trainer.py) with its defaults in [NewTrainer].
type Trainer struct {
	Model       *graph.Model
	Solver      solver.Solver
	Schedule    solver.Schedule // of the learning rate; nil leaves the solver's
	Train, Test dataset.Dataset
	Validation  dataset.Dataset // nil, or what epochs are measured on, and judged by, in place of Test

	Epochs         int
	Batch          int
	Sampling       Sampling
	LabelSmoothing float64   // share ε of each target that is spread over all classes: (1-ε)·t + ε/classes (Szegedy et al. 2016)
	ClassWeights   []float64 // what each class counts in the loss, one for each class of the model; nil is 1 for all
	Mixup, CutMix  float64   // α of Beta(α, α), from which pairs of images are mixed; 0 mixes none
	Seed           uint64    // of the order of the samples
	OnNaN          OnNaN
	EvalSamples    int  // accuracy after each epoch is measured on this many of each set, drawn by Seed; 0 is all
	EvalFirst      bool // on the first EvalSamples instead, as the book does: only for sets that aren't sorted by class

	// Peers are the other processes that train the same network with the same settings, or nil. Each
	// computes a part of every batch; the result has the bits of one process. Callbacks that decide
	// something, such as EarlyStop, belong in all of them, those that write in the first one.
	Peers      ops.Peers
	MicroBatch int // most images that are computed at once, so that a batch takes less memory; 0 is all

	Callbacks []Callback
	Resume    *Checkpoint // where to go on; nil is the beginning
}

// NewTrainer is a trainer with the book's settings: 20 epochs, batches of 100, accuracy on 1000 images.
func NewTrainer(m *graph.Model, s solver.Solver, train, test dataset.Dataset) *Trainer {
	return &Trainer{Model: m, Solver: s, Train: train, Test: test, Epochs: 20, Batch: 100, Sampling: Shuffle, Seed: 1, EvalSamples: 1000}
}

// A Result is what a training ends with.
type Result struct {
	History     []Row
	Train, Test Score // on the whole sets
	Elapsed     time.Duration
}

// A Row is one epoch of a training's history. Accuracies are shares.
type Row struct {
	Epoch         int
	Step          int // done so far, over all epochs
	TrainLoss     float64
	TrainAccuracy float64
	TestAccuracy  float64 // 0 in a training with a validation set, which leaves the test set alone until its end
	Seconds       float64 // since the training began

	Validated          bool // the training has a validation set
	ValidationAccuracy float64

	TrainImages, HeldOutImages int // that the accuracies count
}

// HeldOut is the accuracy on images that aren't trained on, and the name of their set: validation, or test in a training without one.
func (r Row) HeldOut() (set string, accuracy float64) {
	if r.Validated {
		return "validation", r.ValidationAccuracy
	}
	return "test", r.TestAccuracy
}

// Run trains from the beginning to the last epoch, or until a callback stops it or the context is done; then the error is the context's, unless
// a callback fails to make the best of it.
func (t *Trainer) Run(ctx context.Context) (*Result, error) {
	r, err := t.start()
	if err != nil {
		return nil, err
	}
	defer r.step.Close()
	err = r.epochs(ctx)
	switch {
	case errors.Is(err, ErrStop):
		return r.result()
	case err != nil && errors.Is(err, ctx.Err()), r.Peers != nil && errors.Is(err, context.Canceled):
		return nil, r.interrupted(err)
	case err != nil:
		return nil, err
	}
	return r.result()
}

// interrupted is the context's error, or that of the callback that couldn't write its checkpoint: there is nothing to go on from.
func (r *run) interrupted(err error) error {
	if failed := r.notify(Callback.Interrupted); failed != nil {
		return fmt.Errorf("interrupted: %w", failed)
	}
	return err
}

// Steps is how many steps all epochs have.
func (t *Trainer) Steps() int { return t.Epochs * t.StepsPerEpoch() }

// StepsPerEpoch is how many whole batches the training set has.
func (t *Trainer) StepsPerEpoch() int { return t.Train.Len() / max(1, t.batch()) }

// batch is the batch's size, or all samples if they are fewer.
func (t *Trainer) batch() int { return min(t.Batch, t.Train.Len()) }

// run is a training under way.
type run struct {
	*Trainer
	state  State
	step   *graph.Step
	part   *ops.Part // of each batch that this process computes; nil is all of it
	peers  *timedPeers
	speed  speedometer
	loader *dataset.Loader
	mixer  mixer
	began  time.Time

	loss    float64 // sum over this epoch's steps
	skipped int     // of this epoch's steps, for their NaN
	watch   watch
}

func (t *Trainer) start() (*run, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	batch := t.batch()
	peers := &timedPeers{Peers: t.Peers}
	part, err := t.newPart(peers)
	if err != nil {
		return nil, err
	}
	images, options := batch, []graph.StepOption(nil)
	if part != nil {
		_, images = part.Images()
		options = append(options, graph.WithPart(part))
	}
	if t.ClassWeights != nil {
		options = append(options, graph.WithWeightedTargets())
	}
	step, err := t.Model.NewStep(batch, options...)
	if err != nil {
		return nil, err
	}
	loader, err := dataset.NewLoader(dataset.LoaderOptions{Batch: images, Damage: dataset.ReplaceDamaged})
	if err != nil {
		return nil, err
	}
	r := &run{Trainer: t, step: step, part: part, peers: peers, loader: loader, began: time.Now()}
	r.mixer = mixer{mixup: t.Mixup, cutmix: t.CutMix, seed: t.Seed}
	r.state = State{Trainer: t, Model: t.Model, Batch: batch, StepsPerEpoch: t.StepsPerEpoch(), snapshot: r.snapshot}
	if t.Resume != nil {
		if err := r.restore(t.Resume); err != nil {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		r.state.saved = time.Duration(t.Resume.Seconds * float64(time.Second))
		r.began = r.began.Add(-r.state.saved)
	}
	r.watch = newWatch(r.state.History)
	return r, nil
}

// Check is the error that Run would begin with: settings that make no sense, a model that can't be trained, data that it doesn't take.
// Whoever has to make room for a training's results sees it before.
func (t *Trainer) Check() error {
	switch {
	case t.Epochs < 1:
		return fmt.Errorf("epochs is %d: want at least 1", t.Epochs)
	case t.MicroBatch < 0:
		return fmt.Errorf("micro-batch is %d: want at least 1, or 0 for the whole batch", t.MicroBatch)
	case (t.Peers != nil || t.MicroBatch > 0) && (t.Mixup > 0 || t.CutMix > 0):
		return fmt.Errorf("mixup and cutmix mix images of the whole batch: want all of it at once, in one process")
	case t.Batch < 1:
		return fmt.Errorf("batch is %d: want at least 1", t.Batch)
	case !(t.LabelSmoothing >= 0 && t.LabelSmoothing < 1):
		return fmt.Errorf("label smoothing is %g: want at least 0 and less than 1", t.LabelSmoothing)
	case !isAlpha(t.Mixup), !isAlpha(t.CutMix):
		return fmt.Errorf("mixup is %g and CutMix %g: want 0, or %g to %d", t.Mixup, t.CutMix, minAlpha, maxAlpha)
	case t.CutMix > 0 && len(t.Model.Spec().Input) != 3:
		return fmt.Errorf("model %q takes %v: CutMix wants images (channels, height, width)", t.Model.Spec().Name, t.Model.Spec().Input)
	case t.Model.Dtype() != tensor.Float32:
		return fmt.Errorf("model %q is %v: training takes float32", t.Model.Spec().Name, t.Model.Dtype())
	case !slices.ContainsFunc(t.Model.Params(), (*graph.Parameter).Trained):
		return fmt.Errorf("model %q has no parameters that aren't frozen: there is nothing to learn", t.Model.Spec().Name)
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

func (r *run) epochs(ctx context.Context) error {
	if err := r.notify(Callback.TrainBegin); err != nil {
		return err
	}
	for len(r.state.History) < r.Epochs {
		if err := r.epoch(ctx, len(r.state.History)+1); err != nil {
			return err
		}
	}
	return nil
}

// epoch runs what is left of an epoch: all of it, unless the training was resumed within.
func (r *run) epoch(ctx context.Context, epoch int) error {
	order, err := r.Sampling.order(r.Train, r.Seed, epoch, r.state.StepsPerEpoch*r.state.Batch)
	if err != nil {
		return err
	}
	done := r.state.Step - (epoch-1)*r.state.StepsPerEpoch
	if done == 0 {
		r.loss, r.skipped = 0, 0
	}
	r.state.Epoch = epoch
	if err := r.notify(Callback.EpochBegin); err != nil {
		return err
	}
	i, turn := done, 0
	r.speed.begin(time.Now(), r.peers.spent)
	for batch, err := range r.loader.Epoch(dataset.ForEpoch(r.Train, epoch), r.ownImages(order[done*r.state.Batch:])) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil && turn == 0 && r.Peers == nil {
			return err
		}
		loss, err := r.compute(batch, turn)
		if err != nil {
			return err
		}
		if turn++; turn < r.turns() {
			continue
		}
		i, turn = i+1, 0
		r.speed.step(r.turns()*len(batch.Labels), time.Now(), r.peers.spent)
		if err := r.together(ctx, r.learn(loss, i)); err != nil {
			return err
		}
	}
	return r.endEpoch(ctx)
}

// compute is a turn of a step: the loss and the gradients, which the last turn has.
func (r *run) compute(batch *dataset.Minibatch, turn int) (loss float64, err error) {
	r.mixer.mix(batch, r.Model.Spec().Input, r.state.Step)
	if err := r.step.SetImages(batch.Images()); err != nil {
		return 0, err
	}
	r.setTargets(batch.T, len(batch.Labels))
	if r.part != nil {
		r.part.Take(turn)
	}
	return r.step.Run(uint64(r.state.Step))
}

// learn ends a step: the solver's update, unless the loss or the gradients are bad.
func (r *run) learn(loss float64, i int) error {
	bad, err := r.nonFinite(loss)
	switch {
	case err != nil:
		return err
	case bad != "" && r.OnNaN != SkipNaN:
		return r.stopOnNaN(bad)
	case bad != "":
		r.skipped++
	default:
		if err := r.update(); err != nil {
			return err
		}
		r.loss += loss
		r.watch.step(loss)
	}
	r.state.Step++
	r.state.Loss, r.state.MeanLoss, r.state.Skipped = loss, r.meanLoss(i), r.skipped
	return r.notify(Callback.StepEnd)
}

// setTargets gives the step a batch's one-hot targets, smoothed. The set may have fewer classes than
// the model: nothing belongs to the others.
func (r *run) setTargets(oneHot []float32, n int) {
	targets, e := r.step.Targets().Float32s(), float32(r.LabelSmoothing)
	classes, known := r.Model.Classes(), len(oneHot)/n
	each := e / float32(classes)
	for i := range n {
		row := targets[i*classes:][:classes]
		for c, t := range oneHot[i*known:][:known] {
			row[c] = (1-e)*t + each
		}
		for c := known; c < classes; c++ {
			row[c] = each
		}
		for c, w := range r.ClassWeights {
			row[c] *= float32(w)
		}
	}
}

// meanLoss is over the steps of this epoch that weren't skipped.
func (r *run) meanLoss(steps int) float64 { return r.loss / float64(max(1, steps-r.skipped)) }

func (r *run) update() error {
	if r.Schedule != nil {
		if err := r.Solver.SetLR(r.Schedule.At(r.state.Step)); err != nil {
			return err
		}
	}
	return r.Solver.Step(r.step.Gradients())
}

func (r *run) endEpoch(ctx context.Context) error {
	if err := r.checkParams(); err != nil {
		return err
	}
	if err := r.checkSkipped(); err != nil {
		return err
	}
	train, answers, err := r.evaluateTraining()
	if err != nil {
		return err
	}
	r.state.Diverging = r.watch.epoch(r.meanLoss(r.state.StepsPerEpoch), answers)
	row := Row{
		Epoch: r.state.Epoch, Step: r.state.Step, TrainLoss: r.meanLoss(r.state.StepsPerEpoch), TrainAccuracy: train.Accuracy(),
		TrainImages: train.Total,
	}
	if err := r.measureHeldOut(&row); err != nil {
		return err
	}
	row.Seconds = time.Since(r.began).Seconds()
	r.state.History = append(r.state.History, row)
	if err := r.sameParameters(); err != nil {
		return err
	}
	return r.together(ctx, r.notify(Callback.EpochEnd))
}

func (r *run) measureHeldOut(row *Row) error {
	set, accuracy := r.Test, &row.TestAccuracy
	if r.Validation != nil {
		set, accuracy, row.Validated = r.Validation, &row.ValidationAccuracy, true
	}
	score, err := r.evaluate(r.sample(set))
	*accuracy, row.HeldOutImages = score.Accuracy(), score.Total
	return err
}

func (r *run) sample(ds dataset.Dataset) dataset.Dataset {
	switch {
	case r.EvalSamples == 0:
		return ds
	case r.EvalFirst:
		return dataset.Take(ds, r.EvalSamples)
	}
	return dataset.Draw(ds, r.EvalSamples, r.Seed)
}

func (r *run) notify(event func(Callback, *State) error) error {
	r.state.Elapsed = time.Since(r.began)
	var stop error
	for _, c := range r.Callbacks {
		err := event(c, &r.state)
		if errors.Is(err, ErrStop) {
			stop = err
			continue
		}
		if err != nil {
			return err
		}
	}
	return stop
}

func (r *run) result() (*Result, error) {
	if err := r.notify(Callback.TrainEnd); err != nil && !errors.Is(err, ErrStop) {
		return nil, err
	}
	train, err := r.evaluate(r.Train)
	if err != nil {
		return nil, err
	}
	test, err := r.evaluate(r.Test)
	return &Result{History: r.state.History, Train: train, Test: test, Elapsed: time.Since(r.began)}, err
}

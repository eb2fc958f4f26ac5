package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"convgraph/graph"
	"convgraph/ops"
	"convgraph/train/dataset"
	"convgraph/train/ranks"
)

// Run trains to the last epoch, or until a callback stops it. When the context is done, it notifies
// the callbacks and returns the context's error, or theirs if they fail to save their work.
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

// interrupted notifies the callbacks. A failed one, such as a checkpoint that couldn't be written,
// takes precedence over the context's error: there is nothing to resume.
func (r *run) interrupted(err error) error {
	if failed := r.notify(Callback.Interrupted); failed != nil {
		return fmt.Errorf("interrupted: %w", failed)
	}
	return err
}

// run is a training in progress.
type run struct {
	*Trainer
	state  State
	step   *graph.Step
	part   *ops.Part // this process's part of each batch; nil: all of it
	peers  *ranks.Timed
	speed  speedometer
	loader *dataset.Loader
	mixer  mixer
	began  time.Time

	hardest *hardest // nil: epochs visit all samples

	loss    float64 // sum over this epoch's steps
	skipped int     // this epoch's steps with a NaN
	watch   watch
}

func (t *Trainer) start() (*run, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	batch := t.batch()
	peers := &ranks.Timed{Peers: t.Peers}
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
	loader, err := dataset.NewLoader(dataset.LoaderOptions{Batch: images, OnCorrupt: dataset.ReplaceCorrupt})
	if err != nil {
		return nil, err
	}
	r := &run{Trainer: t, step: step, part: part, peers: peers, loader: loader, began: time.Now()}
	r.mixer = mixer{mixup: t.Mixup, cutmix: t.CutMix, seed: t.Seed}
	r.state = State{Trainer: t, Model: t.Model, Batch: batch, snapshot: r.snapshot}
	if t.Hardest > 0 {
		r.hardest = newHardest(t.Train.Len())
	}
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

func (r *run) epochs(ctx context.Context) error {
	if err := r.notify(Callback.TrainBegin); err != nil {
		return err
	}
	r.share()
	defer r.unshare()
	for len(r.state.History) < r.Epochs {
		if err := r.epoch(ctx, len(r.state.History)+1); err != nil {
			return err
		}
	}
	return nil
}

// epoch runs an epoch, or the rest of it if the training was resumed within.
func (r *run) epoch(ctx context.Context, epoch int) error {
	began, steps := r.stepsBefore(epoch), r.StepsOf(epoch)
	r.state.Epoch, r.state.EpochBegan, r.state.EpochSteps = epoch, began, steps
	done := r.state.Step - began
	if done == 0 {
		r.beginEpoch()
	}
	order, err := r.order(epoch, steps*r.state.Batch)
	if err != nil {
		return err
	}
	if err := r.notify(Callback.EpochBegin); err != nil {
		return err
	}
	i, turn := done, 0
	r.speed.begin(time.Now(), r.peers.Spent)
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
		turn++
		if err := r.recordLosses(order[i*r.state.Batch:][:r.state.Batch], len(batch.Labels), turn); err != nil {
			return err
		}
		if turn < r.turns() {
			continue
		}
		i, turn = i+1, 0
		r.speed.step(r.turns()*len(batch.Labels), time.Now(), r.peers.Spent)
		if err := r.together(ctx, r.learn(loss, i)); err != nil {
			return err
		}
	}
	return r.endEpoch(ctx)
}

// beginEpoch resets what counts an epoch's steps.
func (r *run) beginEpoch() {
	r.loss, r.skipped = 0, 0
	if r.hardest != nil {
		r.hardest.begin()
	}
}

// order returns the samples of an epoch.
func (r *run) order(epoch, count int) ([]int, error) {
	if r.hardest == nil || epoch == 1 {
		return r.Sampling.order(r.Train, r.Seed, epoch, count)
	}
	order, err := r.Sampling.order(r.Train, r.Seed, epoch, r.Train.Len())
	if err != nil {
		return nil, err
	}
	return r.hardest.of(order, count), nil
}

// recordLosses records the losses of a turn's n images, and after the last turn those of the step's
// samples, if they are wanted.
func (r *run) recordLosses(samples []int, n, turn int) error {
	if r.hardest == nil {
		return nil
	}
	if err := r.hardest.add(r.step, n); err != nil || turn < r.turns() {
		return err
	}
	return r.hardest.visit(samples, r.Peers)
}

// compute runs a turn of a step. The last turn returns the loss of the whole batch and has its
// gradients.
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

// learn updates the parameters, unless the loss or the gradients aren't finite.
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

// setTargets gives the step a batch's one-hot targets, smoothed and weighted. The set may have
// fewer classes than the model: the targets of the others are 0 before smoothing.
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

// meanLoss averages over this epoch's steps that weren't skipped.
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
	r.state.Diverging = r.watch.epoch(r.meanLoss(r.state.EpochSteps), answers)
	row := Row{
		Epoch: r.state.Epoch, Step: r.state.Step, TrainLoss: r.meanLoss(r.state.EpochSteps),
		TrainAccuracy: train.Accuracy(), TrainImages: train.Total,
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
	score, err := r.evaluate(r.sample(set, r.EvalSamples))
	*accuracy, row.HeldOutImages = score.Accuracy(), score.Total
	return err
}

// sample returns n samples of a set to evaluate, or all of them if n is 0.
func (r *run) sample(ds dataset.Dataset, n int) dataset.Dataset {
	switch {
	case n == 0:
		return ds
	case r.EvalFirst:
		return dataset.Take(ds, n)
	}
	return dataset.Draw(ds, n, r.Seed)
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

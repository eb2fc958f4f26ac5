package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"convgraph/train/dataset"
)

// A RateTest is the result of [FindRate].
type RateTest struct {
	Rates  []float64 // of each step, rising by a constant factor
	Losses []float64 // of each step, smoothed over the steps before
	// Suggested is the rate at which the loss has fallen half way. Lowest is the rate with the
	// lowest loss; it is too high to train with.
	Suggested, Lowest float64
}

const (
	// The first and the last rate of a test.
	leastRate, mostRate = 1e-7, 10
	// rateSteps is the largest number of steps in a test.
	rateSteps = 120
	// rateMemory is the decay of the smoothed loss.
	rateMemory = 0.85
	// tooHigh is the rise of the smoothed loss over its lowest value that ends a test.
	tooHigh = 4
	// stillSteps is the number of first steps, whose rates up to 1e-5 change nothing.
	stillSteps = 30
	// halfReach is the number of steps whose mean must be half way down.
	halfReach = 5
	// leastFall is the smallest relative fall of the loss.
	leastFall = 0.05
)

// FindRate trains for up to 120 steps with a learning rate that rises from 1e-7 to 10, until the
// loss is four times its lowest value (Smith 2017, Cyclical learning rates), and suggests a rate.
// It ignores the trainer's callbacks and checkpoint. The model's parameters and the solver's state
// are useless afterwards.
func FindRate(ctx context.Context, t *Trainer) (*RateTest, error) {
	tr := *t
	tr.Callbacks, tr.Resume, tr.Schedule, tr.OnNaN = nil, nil, rising{}, StopOnNaN
	r, err := tr.start()
	if err != nil {
		return nil, err
	}
	defer r.step.Close()
	test, best := &RateTest{}, math.Inf(1)
	smoothed := 0.0
	err = r.steps(ctx, rateSteps, func(loss float64) bool {
		k := len(test.Rates)
		smoothed = rateMemory*smoothed + (1-rateMemory)*loss
		loss = smoothed / (1 - math.Pow(rateMemory, float64(k+1)))
		test.Rates, test.Losses = append(test.Rates, rising{}.At(k)), append(test.Losses, loss)
		best = min(best, loss)
		return loss <= tooHigh*best
	})
	if err != nil && !errors.Is(err, ErrDiverged) {
		return nil, err
	}
	return test, test.judge()
}

// rising is a test's schedule.
type rising struct{}

// At rises by a constant factor.
func (rising) At(step int) float64 {
	return leastRate * math.Pow(mostRate/leastRate, float64(step)/(rateSteps-1))
}

// steps trains for n steps, over several epochs if necessary, or until more returns false.
func (r *run) steps(ctx context.Context, n int, more func(loss float64) bool) error {
	for epoch := 1; ; epoch++ {
		r.state.Epoch = epoch
		order, err := r.Sampling.order(r.Train, r.Seed, epoch, r.StepsOf(1)*r.state.Batch)
		if err != nil {
			return err
		}
		turn := 0
		for batch, err := range r.loader.Epoch(dataset.ForEpoch(r.Train, epoch), r.ownImages(order)) {
			if err == nil {
				err = ctx.Err()
			}
			var loss float64
			if err == nil {
				loss, err = r.compute(batch, turn)
			}
			if turn++; err == nil && turn < r.turns() {
				continue
			}
			turn = 0
			if err == nil {
				err = r.learn(loss, r.state.Step+1)
			}
			if err != nil {
				return err
			}
			if !more(r.state.Loss) || r.state.Step == n {
				return nil
			}
		}
	}
}

// judge finds the rates to suggest. The loss of single small batches is noisy, so it searches where
// the mean over some steps is half way between the level at the lowest rates, which change nothing,
// and the lowest loss.
func (r *RateTest) judge() error {
	lowest := 0
	for i, loss := range r.Losses {
		if loss < r.Losses[lowest] {
			lowest = i
		}
	}
	level := median(r.Losses[:min(stillSteps, len(r.Losses))])
	half := (level + r.Losses[lowest]) / 2
	if !(r.Losses[lowest] < level-leastFall*math.Abs(level)) {
		return fmt.Errorf("the loss is %.3g at first and falls no lower than %.3g at any learning rate from %g to %g",
			level, r.Losses[lowest], leastRate, r.Rates[len(r.Rates)-1])
	}
	k := min(stillSteps, lowest)
	for k < lowest && mean(r.Losses[k:min(k+halfReach, lowest+1)]) > half {
		k++
	}
	r.Suggested, r.Lowest = r.Rates[k], r.Rates[lowest]
	return nil
}

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

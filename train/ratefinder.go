package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"convgraph/train/dataset"
)

// A RateTest is what [FindRate] finds.
type RateTest struct {
	Rates  []float64 // of each step, rising by the same factor
	Losses []float64 // of each step's batch, smoothed over the steps before
	// Suggested is the rate at which the loss has fallen half way, and Lowest the one with the lowest
	// loss, which is too high for a training of any length.
	Suggested, Lowest float64
}

const (
	// The rates of a test.
	leastRate, mostRate = 1e-7, 10
	// rateSteps is how many steps a test has at most.
	rateSteps = 120
	// rateMemory is the share of the steps before in the smoothed loss.
	rateMemory = 0.85
	// tooHigh ends a test: the smoothed loss is so many times the lowest.
	tooHigh = 4
	// stillSteps are the first steps, whose rates up to 1e-5 change nothing.
	stillSteps = 30
	// halfReach is how many steps must be half way down on the average.
	halfReach = 5
	// leastFall is the share of the loss that it has to fall by.
	leastFall = 0.05
)

// FindRate trains for some steps with a learning rate that rises from 1e-7 to 10, or until the loss is four
// times its lowest, and looks at where it fell (Smith 2017, Cyclical learning rates). It changes the
// parameters of the trainer's model and its solver's state, so both are of no use afterwards; its
// callbacks and its checkpoint play no part.
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

// rising is the schedule of a test.
type rising struct{}

// At rises by the same factor each step.
func (rising) At(step int) float64 {
	return leastRate * math.Pow(mostRate/leastRate, float64(step)/(rateSteps-1))
}

// steps trains for so many steps, over several epochs if need be, while goOn wants to.
func (r *run) steps(ctx context.Context, n int, goOn func(loss float64) bool) error {
	for epoch := 1; ; epoch++ {
		r.state.Epoch = epoch
		order, err := r.Sampling.order(r.Train, r.Seed, epoch, r.state.StepsPerEpoch*r.state.Batch)
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
			if !goOn(r.state.Loss) || r.state.Step == n {
				return nil
			}
		}
	}
}

// judge finds the rates to suggest. Single batches of few images go up and down by chance, so it looks where the
// loss, on the average of some steps, is half way between its level at the lowest rates, which change
// nothing, and its lowest.
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

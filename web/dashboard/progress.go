package dashboard

import (
	"math"
	"time"

	"convgraph/internal/xmath"
	"convgraph/train"
)

// progress is the known state of a training.
type progress struct {
	epoch, epochs  int
	step, steps    int
	batch          int
	loss           float64 // mean over this epoch's steps so far
	rate           float64 // learning rate; 0 if the solver sets its own
	elapsed        time.Duration
	curve          curve
	history        []train.Row
	start, filters *filters // at the first step of the page, and now
	pace           pace
	ranks          []train.RankSpeed
	shown          time.Duration // time of the last update of the figures
}

// TrainBegin shows the state at the start of the training.
func (p *Page) TrainBegin(s *train.State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress.begin(s)
	p.show(s)
	return nil
}

// StepEnd adds the step's loss to the curve, and updates everything else a few times a second.
func (p *Page) StepEnd(s *train.State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress.curve.add(s.Loss)
	if s.Elapsed-p.progress.shown >= snapshotEvery {
		p.show(s)
	}
	return nil
}

// EpochEnd shows the epoch's accuracies.
func (p *Page) EpochEnd(s *train.State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(s)
	return nil
}

// TrainEnd shows the last state before the final measurement.
func (p *Page) TrainEnd(s *train.State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase = Measuring
	p.show(s)
	return nil
}

// Interrupted shows the last state of the training.
func (p *Page) Interrupted(s *train.State) error { return p.EpochEnd(s) }

// show updates the figures.
func (p *Page) show(s *train.State) {
	p.progress.update(s)
	p.version++
}

func (g *progress) begin(s *train.State) {
	g.epochs, g.steps, g.batch = s.Trainer.Epochs, s.Steps(), s.Batch
	g.pace = pace{}
	if g.curve.end() != s.Step {
		g.curve = curve{first: s.Step, every: 1}
	}
	if g.start == nil {
		g.start = filtersOf(s.Model, s.Step)
	}
}

func (g *progress) update(s *train.State) {
	g.epoch, g.step, g.loss, g.elapsed, g.shown = s.Epoch, s.Step, s.MeanLoss, s.Elapsed, s.Elapsed
	g.history = s.History // its rows don't change any more
	g.filters = filtersOf(s.Model, s.Step)
	g.pace.add(s.Step, s.Elapsed)
	g.ranks = s.Ranks
	if schedule := s.Trainer.Schedule; schedule != nil {
		g.rate = schedule.At(s.Step)
	}
}

// maxPoints is the most points of the loss's curve: enough for a wide screen.
const maxPoints = 600

// curve is the mean loss over runs of steps. When it has too many points, it merges pairs of them.
type curve struct {
	first  int       // steps before the first point
	every  int       // steps in a point
	points []float64 // means; the last may have fewer steps
	steps  int       // steps in the last point
	finite int       // of those, the steps with a finite loss
}

// end is the last step of the curve; -1 if it hasn't begun.
func (c *curve) end() int {
	if c.every == 0 {
		return -1
	}
	return c.first + max(0, len(c.points)-1)*c.every + c.steps
}

func (c *curve) add(loss float64) {
	if c.steps == c.every || len(c.points) == 0 {
		if len(c.points) == maxPoints {
			c.halve()
		}
		c.points, c.steps, c.finite = append(c.points, math.NaN()), 0, 0
	}
	c.steps++
	if !xmath.IsFinite(loss) {
		return
	}
	c.finite++
	last := &c.points[len(c.points)-1]
	if c.finite == 1 {
		*last = loss
		return
	}
	*last += (loss - *last) / float64(c.finite)
}

// halve merges pairs of points. All points must be complete.
func (c *curve) halve() {
	for i := range len(c.points) / 2 {
		c.points[i] = meanOf(c.points[2*i], c.points[2*i+1])
	}
	c.points = c.points[:len(c.points)/2]
	c.every *= 2
	c.steps = c.every
}

// meanOf is the mean of those of two values that aren't NaN.
func meanOf(a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	}
	return (a + b) / 2
}

// pace measures the speed of a training from its most recent moments.
type pace struct {
	moments [20]moment
	count   int
	began   moment
}

type moment struct {
	step    int
	elapsed time.Duration
}

func (p *pace) add(step int, elapsed time.Duration) {
	if p.count == 0 {
		p.began = moment{step, elapsed}
	}
	p.moments[p.count%len(p.moments)] = moment{step, elapsed}
	p.count++
}

// lately returns the steps per second over the most recent moments, 0 if there are too few.
func (p *pace) lately() float64 {
	if p.count < 2 {
		return 0
	}
	return between(p.moments[max(0, p.count-len(p.moments))%len(p.moments)], p.newest())
}

// overall returns the steps per second since the run began, including pauses to measure the
// accuracy.
func (p *pace) overall() float64 {
	if p.count < 2 {
		return 0
	}
	return between(p.began, p.newest())
}

func (p *pace) newest() moment { return p.moments[(p.count-1)%len(p.moments)] }

func between(a, b moment) float64 {
	if b.elapsed <= a.elapsed {
		return 0
	}
	return float64(b.step-a.step) / (b.elapsed - a.elapsed).Seconds()
}

package live

import (
	"math"
	"time"

	"convgraph/train"
)

// progress is what is known of a training.
type progress struct {
	epoch, epochs  int
	step, steps    int
	stepsPerEpoch  int
	batch          int
	loss           float64 // mean over this epoch's steps so far
	rate           float64 // the learning rate, 0 if the solver has its own
	elapsed        time.Duration
	curve          curve
	history        []train.Row
	start, filters *filters // at the first step that the page saw, and now
	pace           pace
	shown          time.Duration // when the figures were last brought up to date
}

// TrainBegin takes up where the training begins.
func (p *Page) TrainBegin(s *train.State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress.begin(s)
	p.show(s)
	return nil
}

// StepEnd adds the step's loss to the curve, and a few times a second brings everything else up to date.
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

// TrainEnd shows the last state: what is left is to measure.
func (p *Page) TrainEnd(s *train.State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase = Measuring
	p.show(s)
	return nil
}

// Interrupted shows where the training got to.
func (p *Page) Interrupted(s *train.State) error { return p.EpochEnd(s) }

// show brings the figures up to date.
func (p *Page) show(s *train.State) {
	p.progress.update(s)
	p.version++
}

func (g *progress) begin(s *train.State) {
	g.epochs, g.steps, g.stepsPerEpoch, g.batch = s.Trainer.Epochs, s.Steps(), s.StepsPerEpoch, s.Batch
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
	g.history = s.History // whose rows don't change any more
	g.filters = filtersOf(s.Model, s.Step)
	g.pace.add(s.Step, s.Elapsed)
	if schedule := s.Trainer.Schedule; schedule != nil {
		g.rate = schedule.At(s.Step)
	}
}

// maxPoints is how many points the loss's curve has at most: as many as a wide screen shows.
const maxPoints = 600

// curve is the mean loss over each few steps. When it has too many points, each two become one.
type curve struct {
	first  int       // steps before the first point
	every  int       // steps a point stands for
	points []float64 // means; the last may stand for fewer steps
	steps  int       // of the last point
	finite int       // of those, the steps whose loss is a number
}

// end is the step that the curve goes up to; -1 if it hasn't begun.
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
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
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

// halve makes one point of each two. All of them are whole when it is called.
func (c *curve) halve() {
	for i := range len(c.points) / 2 {
		c.points[i] = meanOf(c.points[2*i], c.points[2*i+1])
	}
	c.points = c.points[:len(c.points)/2]
	c.every *= 2
	c.steps = c.every
}

// meanOf is that of the numbers among two.
func meanOf(a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	}
	return (a + b) / 2
}

// pace is how fast a training has gone lately: it remembers the last moments it was told of.
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

// lately is the steps a second over the last moments, 0 if there are too few.
func (p *pace) lately() float64 {
	if p.count < 2 {
		return 0
	}
	return between(p.moments[max(0, p.count-len(p.moments))%len(p.moments)], p.newest())
}

// overall is the steps a second since the run began, with the pauses to measure the accuracy.
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

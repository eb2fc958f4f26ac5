package solver

import (
	"fmt"
	"math"
)

// Schedule gives the learning rate of each step, counted from 0.
type Schedule interface {
	At(step int) float64
}

// Rate is the constant schedule.
type Rate float64

// At returns the rate.
func (r Rate) At(int) float64 { return float64(r) }

// StepDecay multiplies the rate by a factor after every Every steps.
type StepDecay struct {
	LR     float64
	Every  int     // steps; below 1 means never
	Factor float64 // 0.1: a tenth
}

// At returns LR·Factor^⌊step/Every⌋.
func (s StepDecay) At(step int) float64 {
	if s.Every < 1 {
		return s.LR
	}
	return s.LR * math.Pow(s.Factor, float64(step/s.Every))
}

// Cosine decays from LR to Final along half a cosine wave (Loshchilov, Hutter 2017, SGDR without
// restarts), and then stays at Final.
type Cosine struct {
	LR, Final float64
	Steps     int // until Final
}

// At returns Final + (LR-Final)·(1+cos(π·step/Steps))/2.
func (c Cosine) At(step int) float64 {
	if step >= c.Steps {
		return c.Final
	}
	return c.Final + (c.LR-c.Final)*(1+math.Cos(math.Pi*float64(step)/float64(c.Steps)))/2
}

// OneCycle rises from LR/25 to LR in the first Rise of the steps and then falls to LR/250,000, both
// along half a cosine wave (Smith, Topin 2018, Super-convergence). Its numbers are those of
// PyTorch's OneCycleLR, which changes the momentum, too; this doesn't.
type OneCycle struct {
	LR    float64 // the highest
	Steps int     // of the whole training
	Rise  float64 // share of the steps, 0.3 if it is 0
}

// At returns the rate of a step; after the last step it stays.
func (c OneCycle) At(step int) float64 {
	low, rise := c.LR/25, c.Rise
	if rise == 0 {
		rise = 0.3
	}
	last := float64(max(c.Steps-1, 0))
	top := max(rise*float64(c.Steps)-1, 0)
	switch at := float64(step); {
	case at <= top && top > 0:
		return between(low, c.LR, at/top)
	case at < last:
		return between(c.LR, low/1e4, (at-top)/(last-top))
	}
	return low / 1e4
}

// between goes from a to b along half a cosine wave, as share goes from 0 to 1.
func between(a, b, share float64) float64 { return b + (a-b)*(1+math.Cos(math.Pi*share))/2 }

// Warmup rises linearly to the first rate of another schedule, and then follows that from its start
// (Goyal et al. 2017, section 2.2).
type Warmup struct {
	Steps int // before the other schedule
	Then  Schedule
}

// At returns Then.At(0)·(step+1)/(Steps+1) during the warmup, then Then.At(step-Steps).
func (w Warmup) At(step int) float64 {
	if step < w.Steps {
		return w.Then.At(0) * float64(step+1) / float64(w.Steps+1)
	}
	return w.Then.At(step - w.Steps)
}

// Plateau multiplies the rate by a factor each time a measure, such as the test loss, hasn't
// improved for a while. Its fields are its whole state: a Plateau saved as JSON and loaded
// continues unchanged.
type Plateau struct {
	LR       float64 `json:"lr"`       // current rate
	Factor   float64 `json:"factor"`   // 0.1: a tenth
	Patience int     `json:"patience"` // measures without improvement that are tolerated
	Margin   float64 `json:"margin"`   // fraction of the best by which a better measure must be smaller
	Floor    float64 `json:"floor"`    // smallest rate

	Best  float64 `json:"best"`  // smallest measure so far
	Seen  bool    `json:"seen"`  // whether there was one
	Waits int     `json:"waits"` // measures since the best
}

// NewPlateau returns the schedule with PyTorch's other settings: a tenth of the rate after more
// than 10 measures, none of them 0.01% better than the best before.
func NewPlateau(lr float64) *Plateau {
	return &Plateau{LR: lr, Factor: 0.1, Patience: 10, Margin: 1e-4}
}

// At returns the current rate.
func (p *Plateau) At(int) float64 { return p.LR }

// Observe takes one measure, the smaller the better (for an accuracy: 1 minus it). NaN is an error,
// because it compares as neither better nor worse.
func (p *Plateau) Observe(measure float64) error {
	if math.IsNaN(measure) {
		return fmt.Errorf("solver: plateau: measure is NaN: want a number")
	}
	if !p.Seen || measure < p.Best-p.Margin*math.Abs(p.Best) {
		p.Best, p.Seen, p.Waits = measure, true, 0
		return nil
	}
	p.Waits++
	if p.Waits > p.Patience {
		p.LR, p.Waits = max(p.LR*p.Factor, p.Floor), 0
	}
	return nil
}

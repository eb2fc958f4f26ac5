package training

import (
	"slices"
	"strings"

	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train"
	"convgraph/train/solver"
)

// scheduleNames are the values of -schedule.
var scheduleNames = []string{"constant", "cosine", "one-cycle", "step", "plateau"}

// oneCycle is the schedule that, like cosine, depends on the training's length.
const oneCycle = "one-cycle"

// checkSchedule rejects invalid flags.
func (c *Command) checkSchedule(r models.Recipe) error {
	switch {
	case !slices.Contains(scheduleNames, r.Schedule):
		return cli.Usagef("-schedule: got %q, want %s", r.Schedule, strings.Join(scheduleNames, ", "))
	case r.Schedule == oneCycle && r.Warmup > 0:
		return cli.Usagef("-warmup: got %d, want 0: -schedule %s has a rise of its own", r.Warmup, oneCycle)
	case r.Schedule == "step" && r.Hardest > 0:
		return cli.Usagef("-schedule step counts epochs of equal length: want -hardest 0, or another schedule")
	case c.DecayEvery < 1:
		return cli.Usagef("-decay-every: got %d, want at least 1", c.DecayEvery)
	case !(c.DecayFactor > 0 && c.DecayFactor <= 1):
		return cli.Usagef("-decay-factor: got %g, want more than 0 and at most 1", c.DecayFactor)
	}
	return nil
}

// schedule sets the trainer's schedule, and adds the callback that a plateau needs.
func (c *Command) schedule(t *train.Trainer, r models.Recipe) {
	switch r.Schedule {
	case "constant":
		t.Schedule = solver.Rate(r.LR)
	case "cosine":
		t.Schedule = solver.Cosine{LR: r.LR, Steps: max(1, t.Steps()-r.Warmup)}
	case oneCycle:
		t.Schedule = solver.OneCycle{LR: r.LR, Steps: t.Steps()}
	case "step":
		t.Schedule = solver.StepDecay{LR: r.LR, Every: c.DecayEvery * t.StepsOf(1), Factor: c.DecayFactor}
	case "plateau":
		plateau := solver.NewPlateau(r.LR)
		plateau.Patience, plateau.Factor = c.DecayEvery-1, c.DecayFactor
		t.Schedule = plateau
		t.Callbacks = append(t.Callbacks, train.ReduceOnPlateau{Schedule: plateau})
	}
	if r.Warmup > 0 {
		t.Schedule = solver.Warmup{Steps: r.Warmup, Then: t.Schedule}
	}
}

// watchers returns the callbacks that decide when to end and with which parameters.
func (c *Command) watchers(r models.Recipe, out *output) (callbacks []train.Callback) {
	if c.EarlyStop > 0 {
		callbacks = append(callbacks, &train.EarlyStop{Patience: c.EarlyStop})
	}
	if c.Keep == "best" {
		callbacks = append(callbacks, &train.KeepBest{Path: out.path("params-best.safetensors")})
	}
	if r.Average > 0 {
		callbacks = append(callbacks, &train.Average{Decay: r.Average})
	}
	return callbacks
}

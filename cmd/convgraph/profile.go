package main

import (
	"io"
	"time"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/internal/kernel"
	"convgraph/ops"
)

// profile is convgraph profile.
type profile struct {
	Model   string  `arg:"" help:"A built-in model, a JSON spec or a params.safetensors. Built in: ${models}."`
	Batch   int     `default:"0" help:"Images of a step (0: 100, or fewer if the images are large)."`
	Workers int     `default:"0" help:"Threads that compute (0: GOMAXPROCS)."`
	Seconds float64 `default:"2" help:"Time to measure, at least; never fewer than three steps."`
	Top     int     `default:"0" help:"Print only the slowest layers, this many (0: all)."`
	Fusion  bool    `default:"true" negatable:"" help:"Fuse neighboring layers into one op, as training does."`
	JSON    bool    `name:"json" help:"Print the figures as JSON."`
}

// Run measures the machine and the model, and prints both.
func (c *profile) Run(stdout io.Writer) error {
	switch {
	case c.Batch < 0:
		return cli.Usagef("-batch: got %d, want at least 0", c.Batch)
	case c.Workers < 0:
		return cli.Usagef("-workers: got %d, want at least 0", c.Workers)
	case !(c.Seconds >= 0 && c.Seconds <= 3600):
		return cli.Usagef("-seconds: got %g, want 0 to 3600", c.Seconds)
	case c.Top < 0:
		return cli.Usagef("-top: got %d, want at least 0", c.Top)
	}
	var options []graph.Option
	if !c.Fusion {
		options = append(options, graph.WithoutFusion())
	}
	m, err := openModel(c.Model, options...)
	if err != nil {
		return err
	}
	if c.Batch == 0 {
		c.Batch = sensibleBatch(m.Spec())
	}
	ops.SetWorkers(c.Workers)
	machine := measureMachine()
	p, err := m.Profile(c.Batch, time.Duration(c.Seconds*float64(time.Second)))
	if err != nil {
		return err
	}
	r := newRoofline(p, machine)
	if c.JSON {
		return writeJSON(stdout, r)
	}
	return r.print(stdout, c.Top)
}

// sensibleBatch is 100 images, but at most 5 million values, and at least 1 image.
func sensibleBatch(spec *graph.Spec) int {
	return max(1, min(100, 5_000_000/spec.Input.TotalSize()))
}

// machine holds the peak rates of all workers together.
type machine struct {
	Workers int        `json:"workers"`
	Peak    float64    `json:"multiply_adds_per_second"`
	Copies  []copyRate `json:"copies"`
}

// copyRate is the rate of copying arrays of a size.
type copyRate struct {
	Bytes     int64   `json:"bytes"` // of the array and its copy
	PerSecond float64 `json:"bytes_per_second"`
}

func measureMachine() machine {
	m := machine{Workers: kernel.Workers(), Peak: kernel.PeakRate[float32]()}
	for bytes := 64 << 10; bytes <= 256<<20; bytes *= 4 {
		m.Copies = append(m.Copies, copyRate{int64(bytes), kernel.CopyRate(bytes)})
	}
	return m
}

// limit returns the least time for the work: its multiply-adds at the peak rate, and its bytes at
// the rate of copies of that size.
func (m machine) limit(w graph.Work) (compute, memory float64) {
	rate := m.Copies[len(m.Copies)-1].PerSecond
	for i := len(m.Copies) - 1; i >= 0 && m.Copies[i].Bytes >= w.Bytes; i-- {
		rate = max(rate, m.Copies[i].PerSecond)
	}
	return float64(w.MultiplyAdds) / m.Peak, float64(w.Bytes) / rate
}

// roofline compares a profile with the machine's peak rates (Williams, Waterman and Patterson 2009,
// "Roofline").
type roofline struct {
	*graph.Profile
	Layers  []layerRoof `json:"layers"`
	Machine machine     `json:"machine"`
}

// layerRoof is a layer with its limit. Work without multiply-adds and bytes has no limit.
type layerRoof struct {
	graph.LayerProfile
	Limit        string  `json:"limit,omitempty"` // "compute" or "memory"
	LimitSeconds float64 `json:"limit_seconds"`   // the least time at these rates
	OfPeak       float64 `json:"of_peak"`         // its rate of multiply-adds relative to the peak
}

func newRoofline(p *graph.Profile, m machine) roofline {
	r := roofline{Profile: p, Machine: m}
	for _, l := range p.Layers {
		r.Layers = append(r.Layers, m.roof(l))
	}
	return r
}

func (m machine) roof(l graph.LayerProfile) layerRoof {
	r := layerRoof{LayerProfile: l}
	var byCompute, byMemory float64
	for _, w := range []graph.Work{l.Forward, l.Data, l.Weights} {
		compute, memory := m.limit(w)
		if compute >= memory {
			byCompute += compute
		} else {
			byMemory += memory
		}
	}
	r.LimitSeconds = byCompute + byMemory
	switch {
	case r.LimitSeconds == 0:
	case byCompute >= byMemory:
		r.Limit = "compute"
	default:
		r.Limit = "memory"
	}
	if total := l.Total(); total.Seconds > 0 {
		r.OfPeak = float64(total.MultiplyAdds) / total.Seconds / m.Peak
	}
	return r
}

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
	Model   string  `arg:"" help:"A built-in's name, the path of a JSON spec, or a params.safetensors. The built-ins: ${models}."`
	Batch   int     `default:"0" help:"Images of a step; 0 is 100, or fewer if the images are large."`
	Workers int     `default:"0" help:"Threads that compute; 0 is all there are (GOMAXPROCS)."`
	Seconds float64 `default:"2" help:"How long to measure, at least. There are never fewer than three steps."`
	Top     int     `default:"0" help:"Print only the so many layers that take most time; 0 is all."`
	Fusion  bool    `default:"true" negatable:"" help:"Make one op of neighbouring layers where a pass fits, as training does."`
	JSON    bool    `name:"json" help:"The figures as JSON."`
}

// Run measures the machine and the model, and prints both.
func (c *profile) Run(stdout io.Writer) error {
	switch {
	case c.Batch < 0:
		return cli.Usagef("-batch is %d: want at least 0", c.Batch)
	case c.Workers < 0:
		return cli.Usagef("-workers is %d: want at least 0", c.Workers)
	case !(c.Seconds >= 0 && c.Seconds <= 3600):
		return cli.Usagef("-seconds is %g: want 0 to 3600", c.Seconds)
	case c.Top < 0:
		return cli.Usagef("-top is %d: want at least 0", c.Top)
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

// sensibleBatch is 100 images, or as many as have 5 million values, and at least 1.
func sensibleBatch(spec *graph.Spec) int {
	return max(1, min(100, 5_000_000/spec.Input.TotalSize()))
}

// machine is what the workers of this machine can do together, at most.
type machine struct {
	Workers int        `json:"workers"`
	Peak    float64    `json:"multiply_adds_per_second"`
	Copies  []copyRate `json:"copies"`
}

// copyRate is how fast arrays of a size are copied.
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

// limit is the time that work takes at least: its multiply-adds at the peak rate, or its bytes at the
// rate of copies of as many.
func (m machine) limit(w graph.Work) (compute, memory float64) {
	rate := m.Copies[len(m.Copies)-1].PerSecond
	for i := len(m.Copies) - 1; i >= 0 && m.Copies[i].Bytes >= w.Bytes; i-- {
		rate = max(rate, m.Copies[i].PerSecond)
	}
	return float64(w.MultiplyAdds) / m.Peak, float64(w.Bytes) / rate
}

// roofline sets a profile against what the machine can do (Williams, Waterman and Patterson 2009,
// "Roofline").
type roofline struct {
	*graph.Profile
	Layers  []layerRoof `json:"layers"`
	Machine machine     `json:"machine"`
}

// layerRoof is a layer with what limits it. Work that neither calculates nor moves anything has no
// limit.
type layerRoof struct {
	graph.LayerProfile
	Limit        string  `json:"limit,omitempty"` // "compute" or "memory"
	LimitSeconds float64 `json:"limit_seconds"`   // what the layer would take at its limits
	OfPeak       float64 `json:"of_peak"`         // its multiply-adds a second as a share of the machine's
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

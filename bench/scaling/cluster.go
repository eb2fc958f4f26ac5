package main

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"text/tabwriter"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// coresEach is the number of cores of a machine in the model.
const coresEach = 16

// clusterWorkloads have the batch of one machine: with more machines the batch grows.
var clusterWorkloads = []workload{
	{"alexnet", 32, "momentum", 3},
	{"resnet50", 16, "momentum", 2},
}

var (
	machines = []int{1, 2, 4, 8, 16, 32, 64}
	networks = []network{
		{"10 Gbit/s", 30 * time.Microsecond, 10e9 / 8},
		{"100 Gbit/s", 10 * time.Microsecond, 100e9 / 8},
	}
)

// curve is the speed on each number of machines, as a multiple of one machine's.
type curve struct {
	name     string
	speedups []float64
}

// estimateCluster prints the model's steps. A machine's computation is that of one machine alone,
// whatever their number: its part of the batch stays the same.
func estimateCluster(picture string) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "model\tnetwork\tmachines\tMB a step\tcompute, ms\texchanges, ms\t"+
		"speed, times one machine's\twithout overlap\n")
	var curves []curve
	for _, w := range clusterWorkloads {
		fmt.Fprintln(os.Stderr, w.model)
		compute, err := machineTime(w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.model, err)
		}
		of := make([]curve, len(networks))
		for i, n := range networks {
			of[i].name = fmt.Sprintf("%s, %s", w.model, n.name)
		}
		for _, p := range machines {
			whole := w
			whole.batch *= p
			t, err := exchangesAmong(whole, p)
			if err != nil {
				return fmt.Errorf("%s on %d machines: %w", w.model, p, err)
			}
			for i, n := range networks {
				spent := n.all(t, p)
				speedup := float64(p) * float64(compute) / float64(n.step(t, compute, p))
				apart := float64(p) * float64(compute) / float64(compute+spent)
				fmt.Fprintf(out, "%s, %d images a machine\t%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n",
					w.model, w.batch, n.name, p,
					float64(t.bytes())/1e6, milliseconds(compute), milliseconds(spent), speedup, apart)
				of[i].speedups = append(of[i].speedups, speedup)
			}
		}
		curves = append(curves, of...)
	}
	if err := out.Flush(); err != nil || picture == "" {
		return err
	}
	return drawCurves(curves, picture)
}

// machineTime returns the time of one machine's step, computed from the shards that this machine
// measures on one worker.
func machineTime(w workload) (time.Duration, error) {
	step, err := newStep(w, nil)
	if err != nil {
		return 0, err
	}
	t, err := traced(step, w.steps)
	return t.on(coresEach), err
}

// exchangesAmong is exchanges; one machine has none.
func exchangesAmong(w workload, p int) (timeline, error) {
	if p == 1 {
		return timeline{}, nil
	}
	return exchanges(w, p)
}

// drawCurves draws the speeds beside the ideal line.
func drawCurves(curves []curve, path string) error {
	p := plot.New()
	p.Title.Text = "A model: machines of 16 cores, exchanges beside the computation"
	p.X.Label.Text, p.Y.Label.Text = "machines", "speed, times one machine's"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	var ticks plot.ConstantTicks
	for _, m := range machines {
		ticks = append(ticks, plot.Tick{Value: float64(m), Label: fmt.Sprint(m)})
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks, ticks
	most := float64(machines[len(machines)-1])
	p.X.Max, p.Y.Min, p.Y.Max = 1.1*most, 0.5, most
	ideal := curve{name: "ideal"}
	for _, m := range machines {
		ideal.speedups = append(ideal.speedups, float64(m))
	}
	colors := []color.Color{color.Gray{160}, color.RGBA{31, 119, 180, 255}, color.RGBA{23, 90, 140, 255},
		color.RGBA{214, 118, 12, 255}, color.RGBA{160, 80, 0, 255}}
	for i, c := range append([]curve{ideal}, curves...) {
		line, err := plotter.NewLine(points(c))
		if err != nil {
			return err
		}
		line.Width, line.Color = vg.Points(1.6), colors[i%len(colors)]
		if i%2 == 1 {
			line.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
		}
		p.Add(line)
		p.Legend.Add(c.name, line)
	}
	p.Legend.Top, p.Legend.Left = true, true
	return p.Save(16*vg.Centimeter, 10*vg.Centimeter, path)
}

func points(c curve) (xys plotter.XYs) {
	for i, s := range c.speedups {
		xys = append(xys, plotter.XY{X: float64(machines[i]), Y: math.Max(s, 0.5)})
	}
	return xys
}

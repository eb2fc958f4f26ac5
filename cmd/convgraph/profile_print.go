package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"convgraph/graph"
)

// print writes the table and its legend. If top isn't 0 it prints only the slowest layers.
func (r roofline) print(stdout io.Writer, top int) error {
	what, rounds := "a training step", "steps"
	if !r.Training {
		what, rounds = "a prediction", "predictions"
	}
	smallest, largest := r.Machine.Copies[0], r.Machine.Copies[len(r.Machine.Copies)-1]
	fmt.Fprintf(stdout, "%s: %s of %s on %s, fastest of %d %s\n", r.Model, what, count(r.Images, "image"),
		count(r.Machine.Workers, "worker"), r.Rounds, rounds)
	fmt.Fprintf(stdout, "this machine, measured before it: %.0f GFLOP/s; "+
		"copies in the cache %.0f GB/s, in memory %.0f GB/s\n\n",
		gflops(r.Machine.Peak), smallest.PerSecond/1e9, largest.PerSecond/1e9)

	layers := slices.Clone(r.Layers)
	if top > 0 && top < len(layers) {
		slices.SortStableFunc(layers, func(a, b layerRoof) int {
			return cmp.Compare(b.Total().Seconds, a.Total().Seconds)
		})
		layers = layers[:top]
	}
	names := len("layer")
	for _, l := range layers {
		names = max(names, utf8.RuneCountInString(l.Name))
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, cells ...string) {
		name += strings.Repeat(" ", names-utf8.RuneCountInString(name))
		fmt.Fprintln(w, name+"\t"+strings.Join(cells, "\t")+"\t")
	}
	line("layer", "ms", "share", "forward", "GFLOP/s", "data", "GFLOP/s", "weights", "GFLOP/s", "MB", "of peak",
		"limit", "of limit")
	for _, l := range layers {
		line(l.Name, r.cells(l)...)
	}
	line("all", r.cells(r.all())...)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprint(stdout, legend)
	return err
}

const legend = `
forward, data and weights: ms for the result, for the gradient of the input, and for the gradients of the parameters.
MB: what the layer's ops read and write. limit: what bounds the layer on this machine, its multiply-adds at the rate
above (compute) or its MB at the rate of copies of that size (memory). of limit: the time at that bound as a share of
the measured time.
`

// all sums the layers.
func (r roofline) all() layerRoof {
	var all layerRoof
	for _, l := range r.Layers {
		all.Forward = all.Forward.Add(l.Forward)
		all.Data = all.Data.Add(l.Data)
		all.Weights = all.Weights.Add(l.Weights)
		all.LimitSeconds += l.LimitSeconds
	}
	if r.Seconds > 0 {
		all.OfPeak = float64(all.Total().MultiplyAdds) / r.Seconds / r.Machine.Peak
	}
	return all
}

func (r roofline) cells(l layerRoof) []string {
	total := l.Total()
	cells := []string{milliseconds(total), percent(total.Seconds, r.Seconds)}
	for _, w := range []graph.Work{l.Forward, l.Data, l.Weights} {
		cells = append(cells, milliseconds(w), rate(w))
	}
	return append(cells, fmt.Sprintf("%.1f", float64(total.Bytes)/1e6), percent(l.OfPeak, 1), l.Limit,
		percent(l.LimitSeconds, total.Seconds))
}

// milliseconds formats a time with about four digits; it is empty for no work.
func milliseconds(w graph.Work) string {
	ms := 1e3 * w.Seconds
	switch {
	case w == graph.Work{}:
		return ""
	case ms < 10:
		return fmt.Sprintf("%.3f", ms)
	case ms < 100:
		return fmt.Sprintf("%.2f", ms)
	}
	return fmt.Sprintf("%.1f", ms)
}

func rate(w graph.Work) string {
	if w.MultiplyAdds == 0 || w.Seconds == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", gflops(float64(w.MultiplyAdds)/w.Seconds))
}

// gflops counts a multiply-add as two operations, as is customary.
func gflops(multiplyAddsPerSecond float64) float64 { return 2 * multiplyAddsPerSecond / 1e9 }

func percent(part, whole float64) string {
	if part == 0 || whole == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f%%", 100*part/whole)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

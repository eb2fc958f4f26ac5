package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// A report is everything that is printed.
type report struct {
	Body   string  `json:"body"`
	Before figures `json:"before"` // after a warm-up
	Runs   []row   `json:"runs"`
}

// A row is a run.
type row struct {
	Connections int     `json:"connections"`
	Requests    int     `json:"requests"`
	PerSecond   float64 `json:"requests_per_second"`
	P50MS       float64 `json:"p50_ms"`
	P99MS       float64 `json:"p99_ms"`
	LongestMS   float64 `json:"longest_ms"`
	Errors      int     `json:"errors"`
	Batch       float64 `json:"images_per_batch"`
	After       figures `json:"after"`

	ResidentMB []float64 `json:"resident_mb"` // memory of the process during the run, four times a second; empty where the system doesn't tell
}

// grown is by how much the memory may grow between the first and the last quarter of a run: Go's
// heap breathes.
const grownShare, grownMB = 1.15, 8

// growth compares the median memory of a run's second quarter with that of its last one: in the
// first the heap finds its size. ok is false if there are too few figures to say.
func (s row) growth() (early, late float64, ok bool) {
	n := len(s.ResidentMB) / 4
	if n < 2 {
		return 0, 0, false
	}
	return median(s.ResidentMB[n : 2*n]), median(s.ResidentMB[len(s.ResidentMB)-n:]), true
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// check is an error if a run of that many requests had an error, or the server's memory grew.
func (r report) check(requests int) error {
	for _, s := range r.Runs {
		if s.Errors > 0 || s.Requests != requests {
			return fmt.Errorf("%d connections: %d of %d requests were answered, %d with another status than 200",
				s.Connections, s.Requests+s.Errors, requests, s.Errors)
		}
		if early, late, ok := s.growth(); ok && late > grownShare*early+grownMB {
			return fmt.Errorf("%d connections: the server's memory grew from %.0f MB to %.0f MB", s.Connections,
				early, late)
		}
	}
	return nil
}

func summarize(connections int, r result, before, after figures) row {
	slices.Sort(r.waits)
	s := row{
		Connections: connections, Requests: len(r.waits), PerSecond: float64(len(r.waits)) / r.took.Seconds(),
		Errors: r.errors, After: after,
		P50MS: quantile(r.waits, 0.5), P99MS: quantile(r.waits, 0.99), LongestMS: quantile(r.waits, 1),
	}
	if batches := after.batches - before.batches; batches > 0 {
		s.Batch = (after.images - before.images) / batches
	}
	return s
}

// quantile is the least of sorted waits that a share of them don't exceed, in milliseconds; 0 of
// none.
func quantile(sorted []time.Duration, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := int(share*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)].Seconds() * 1000
}

func (r report) print(out io.Writer) error {
	fmt.Fprintf(out, "%d CPUs for server and client, %s, requests of one image as %s\n", runtime.NumCPU(),
		runtime.Version(), r.Body)
	fmt.Fprintf(out, "before: %.0f MB resident, %.1f MB of heap, %.0f goroutines\n\n", r.Before.ResidentMB,
		r.Before.HeapMB, r.Before.Goroutines)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t,
		"connections\trequests/s\tp50 ms\tp99 ms\tlongest ms\terrors\timages a batch\tresident MB\theap "+
			"MB\tgoroutines\t")
	for _, s := range r.Runs {
		fmt.Fprintf(t, "%d\t%.0f\t%.2f\t%.2f\t%.1f\t%d\t%.1f\t%.0f\t%.1f\t%.0f\t\n",
			s.Connections, s.PerSecond, s.P50MS, s.P99MS, s.LongestMS, s.Errors, s.Batch, s.After.ResidentMB,
			s.After.HeapMB, s.After.Goroutines)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Runs {
		if early, late, ok := s.growth(); ok {
			fmt.Fprintf(out,
				"%d connections, %d requests, %d errors: resident memory %.0f MB before, "+
					"%.0f MB in the second quarter, %.0f MB in the last\n",
				s.Connections, s.Requests, s.Errors, r.Before.ResidentMB, early, late)
		}
	}
	return nil
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// report is the whole output.
type report struct {
	CPU     string            `json:"cpu"`
	Go      string            `json:"go"`
	Peers   map[string]string `json:"peers"` // name to version, or to the reason why it didn't run
	Threads int               `json:"threads"`
	Rounds  int               `json:"rounds"`
	Load    float64           `json:"load"` // load average of the machine before the start
	Results []result          `json:"results"`
}

// result is a row: ours against one peer, or ours alone. Times and memory are medians over the
// rounds; 0 means not measured.
type result struct {
	Work     string  `json:"work"`
	Threads  int     `json:"threads"`
	OursMS   float64 `json:"ours_ms"`
	OursMB   float64 `json:"ours_peak_mb,omitempty"`
	Peer     string  `json:"peer,omitempty"`
	PeerMS   float64 `json:"peer_ms,omitempty"`
	PeerMB   float64 `json:"peer_peak_mb,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"` // median of the rounds' ratios, our time over the peer's
	RatioMin float64 `json:"ratio_min,omitempty"`
	RatioMax float64 `json:"ratio_max,omitempty"`
	AtMost   float64 `json:"at_most,omitempty"` // target for the ratio
}

// compare returns the rows of a case. rounds holds a sample for each competitor, ours first.
func compare(c benchCase, threads int, all []competitor, rounds [][]sample) []result {
	ours := column(rounds, 0)
	row := result{Work: c.Name, Threads: threads, OursMS: medianOf(ours, ms), OursMB: medianOf(ours, peak)}
	if len(all) == 1 {
		return []result{row}
	}
	var rows []result
	for i, peer := range all[1:] {
		theirs := column(rounds, i+1)
		ratios := make([]float64, len(rounds))
		for r := range rounds {
			ratios[r] = ours[r].ms / theirs[r].ms
		}
		row.Peer, row.AtMost = peer.name, peer.atMost
		row.PeerMS, row.PeerMB = medianOf(theirs, ms), medianOf(theirs, peak)
		row.Ratio, row.RatioMin, row.RatioMax = median(ratios), slices.Min(ratios), slices.Max(ratios)
		rows = append(rows, row)
	}
	return rows
}

func ms(s sample) float64   { return s.ms }
func peak(s sample) float64 { return s.peakMB }

func column(rounds [][]sample, i int) []sample {
	var out []sample
	for _, r := range rounds {
		out = append(out, r[i])
	}
	return out
}

func medianOf(samples []sample, figure func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, figure(s))
	}
	return median(values)
}

// median returns the median of at least one value; of an even number, the mean of the two in the
// middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// print writes the table. Memory is the peak of the whole process, for a Python peer without its
// imports.
func (r report) print(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s, %d rounds in turn\n", cmp.Or(r.CPU, "unknown CPU"), r.Go, r.Rounds)
	if r.Load > busyLoad {
		fmt.Fprintf(out, "the machine was busy (load %.2g before the start): the ratios favour us, "+
			"because PyTorch's threads wait for each other\n", r.Load)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Peers)) {
		fmt.Fprintf(out, "%s: %s\n", name, r.Peers[name])
	}
	fmt.Fprintln(out)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "work\tthreads\tours ms\tpeer ms\tpeer\tours/peer\t(rounds)\tat most\tours MB\tpeer MB")
	for _, row := range r.Results {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			row.Work, row.Threads, figure(row.OursMS), figure(row.PeerMS), cmp.Or(row.Peer, "-"), figure(row.Ratio),
			row.spread(), figure(row.AtMost), figure(row.OursMB), figure(row.PeerMB))
	}
	return t.Flush()
}

func (r result) spread() string {
	if r.Ratio == 0 {
		return "-"
	}
	return figure(r.RatioMin) + " to " + figure(r.RatioMax)
}

// figure formats three significant digits, whole numbers from 1000 on, and "-" for 0, which means
// not measured.
func figure(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

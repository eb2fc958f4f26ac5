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

// result is a row: ours against one peer, against the fastest of several, or ours alone. Times and
// memory are medians over the rounds; 0 means not measured.
type result struct {
	Work     string   `json:"work"`
	Threads  int      `json:"threads"`
	OursMS   float64  `json:"ours_ms"`
	OursMB   float64  `json:"ours_peak_mb,omitempty"`
	Peer     string   `json:"peer,omitempty"`
	Of       []string `json:"of,omitempty"`      // the peers of which this is the fastest in each round
	Failure  string   `json:"failure,omitempty"` // why the peer was left out
	PeerMS   float64  `json:"peer_ms,omitempty"`
	PeerMB   float64  `json:"peer_peak_mb,omitempty"`
	Ratio    float64  `json:"ratio,omitempty"` // median of the rounds' ratios, our time over the peer's
	RatioMin float64  `json:"ratio_min,omitempty"`
	RatioMax float64  `json:"ratio_max,omitempty"`
	AtMost   float64  `json:"at_most,omitempty"` // target for the ratio
}

// fastestName is the peer of a row against several.
const fastestName = "fastest"

// compare returns the rows of a case: one for each peer, and one for each target that is about
// several. The first runs are ours.
func compare(c benchCase, threads int, all []runs) []result {
	ours := all[0].samples
	alone := result{Work: c.Name, Threads: threads, OursMS: medianOf(ours, ms), OursMB: medianOf(ours, peak)}
	if len(all) == 1 {
		return []result{alone}
	}
	var rows []result
	for _, peer := range all[1:] {
		row := alone.against(peer.name, ours, peer.samples)
		row.Failure = peer.failure
		for _, t := range c.targets {
			if len(t.of) == 1 && t.of[0] == peer.key {
				row.AtMost = t.atMost
			}
		}
		rows = append(rows, row)
	}
	for _, t := range c.targets {
		names, samples := fastest(all[1:], t.of)
		if len(t.of) == 1 || len(names) == 0 {
			continue
		}
		row := alone.against(fastestName, ours, samples)
		row.Of, row.AtMost = names, t.atMost
		rows = append(rows, row)
	}
	return rows
}

// against returns the row with a peer's figures, if it has samples.
func (r result) against(peer string, ours, theirs []sample) result {
	r.Peer = peer
	if len(theirs) == 0 {
		return r
	}
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i].ms / theirs[i].ms
	}
	r.PeerMS, r.PeerMB = medianOf(theirs, ms), medianOf(theirs, peak)
	r.Ratio, r.RatioMin, r.RatioMax = median(ratios), slices.Min(ratios), slices.Max(ratios)
	return r
}

// fastest returns the fastest sample of each round, and the names of those with these keys that
// have samples.
func fastest(all []runs, keys []string) (names []string, samples []sample) {
	for _, peer := range all {
		if len(peer.samples) == 0 || !slices.Contains(keys, peer.key) {
			continue
		}
		names = append(names, peer.name)
		if samples == nil {
			samples = slices.Clone(peer.samples)
		}
		for round, s := range peer.samples {
			if s.ms < samples[round].ms {
				samples[round] = s
			}
		}
	}
	return names, samples
}

func ms(s sample) float64   { return s.ms }
func peak(s sample) float64 { return s.peakMB }

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

// print writes the table, and below it who was left out. Memory is the peak of the whole process,
// for a Python peer without its imports.
func (r report) print(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s, %d rounds in turn\n", cmp.Or(r.CPU, "unknown CPU"), r.Go, r.Rounds)
	if r.Load > busyLoad {
		fmt.Fprintf(out, "the machine was busy (load %.2g before the start): the ratios favor us, "+
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
			row.Work, row.Threads, figure(row.OursMS), figure(row.PeerMS), row.peer(), figure(row.Ratio),
			row.spread(), figure(row.AtMost), figure(row.OursMB), figure(row.PeerMB))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, row := range r.Results {
		if row.Failure != "" {
			fmt.Fprintf(out, "%s without %s: %s\n", row.Work, row.Peer, row.Failure)
		}
	}
	return nil
}

func (r result) peer() string {
	if len(r.Of) > 0 {
		return fmt.Sprintf("%s of %d", r.Peer, len(r.Of))
	}
	return cmp.Or(r.Peer, "-")
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

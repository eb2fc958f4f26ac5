// Command bench times convgraph and its competitors, in turn on the same machine with the same
// number of threads, and prints the ratios:
//
//	go run ./bench
//
// Training steps are compared with PyTorch in eager mode, with its channels last, and compiled;
// predictions with OpenVINO, ONNX Runtime and PyTorch; the matrix product with the OpenBLAS in
// PyPI's NumPy; and SimpleConvNet's step with a network of gorgonia's stock ops. OpenVINO and ONNX
// Runtime fold BatchNorm into the layer before it, and so do our predictions. -against chooses
// among the competitors.
//
// Every round runs each competitor once, in its own process. A ratio is the median of the rounds'
// ratios, so a drift of the machine's clock affects both sides. A target for several competitors is
// for the ratio to the fastest of them in the round. A competitor that is missing, fails or takes
// longer than -limit for a run is reported with the reason and left out.
//
//	go run ./bench -until 0.9896
//
// times whole trainings of both sides by the same recipe, from the start of the process to that
// accuracy on all test images.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

type options struct {
	rounds, threads int
	only            *regexp.Regexp
	against         []string // keys of competitors
	limit           time.Duration
	python          string
	json            bool

	until   float64 // test accuracy to train to; 0: time the cases
	recipes string  // of the trainings, separated by commas
	seeds   int     // trainings for each recipe and side, from seed 1
}

func main() {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := run
	if o.until > 0 {
		do = runUntil
	}
	if err := do(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "runs of each competitor")
	flags.IntVar(&o.threads, "threads", runtime.NumCPU(), "threads of each competitor")
	flags.StringVar(&o.python, "python", "python3", "Python with the competitors")
	flags.DurationVar(&o.limit, "limit", 3*time.Minute, "time for one run of a competitor; a longer one is left out")
	against := flags.String("against", strings.Join(peerKeys(), ","), "competitors, separated by commas")
	flags.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	flags.Float64Var(&o.until, "until", 0, "time trainings to this test accuracy, such as 0.9896, instead of steps")
	flags.StringVar(&o.recipes, "recipes", "book,fast", "trainmnist's recipes to time with -until")
	flags.IntVar(&o.seeds, "seeds", 5, "trainings for each recipe and side with -until")
	only := flags.String("only", "", "regular expression for the cases to run")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.threads < 1 || o.seeds < 1 {
		return o, errors.New("want no arguments, and rounds, threads and seeds of at least 1")
	}
	if o.limit <= 0 {
		return o, fmt.Errorf("-limit: got %v, want a time, such as 3m", o.limit)
	}
	for key := range strings.SplitSeq(*against, ",") {
		if !slices.Contains(peerKeys(), key) {
			return o, fmt.Errorf("-against: got %q, want some of %s", key, strings.Join(peerKeys(), ", "))
		}
		o.against = append(o.against, key)
	}
	if !(o.until >= 0 && o.until <= 1) {
		return o, fmt.Errorf("-until: got %g, want a fraction of the test images, such as 0.9896", o.until)
	}
	re, err := regexp.Compile(*only)
	if err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if !slices.ContainsFunc(cases, func(c benchCase) bool { return re.MatchString(c.Name) }) {
		return o, fmt.Errorf("-only: got %q, want an expression that matches a case", *only)
	}
	o.only = re
	return o, nil
}

func run(ctx context.Context, o options, stdout, progress io.Writer) error {
	load := loadAverage() // before building adds to it
	h, err := newHarness(o)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.build(ctx); err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(cases), func(c benchCase) bool { return !o.only.MatchString(c.Name) })
	h.findPeers(ctx, chosen)
	r := report{Go: runtime.Version(), Peers: h.versions, Threads: o.threads, Rounds: o.rounds, Load: load}
	for _, c := range chosen {
		say := func(s string) { fmt.Fprintf(progress, "%s: %s\n", c.Name, s) }
		runs, err := measure(ctx, h.competitors(c), o.rounds, say)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		r.CPU = runs[0].samples[0].cpu
		r.Results = append(r.Results, compare(c, h.threadsOf(c), runs)...)
	}
	if !o.json {
		return r.print(stdout)
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// runs are a competitor's in a case.
type runs struct {
	competitor
	samples []sample // one for each round; none if a run failed
	failure string   // why a run failed
}

// measure runs each competitor once in each round, in reverse order in every other round. After a
// run that fails, a competitor doesn't run again; if it is ours, which is the first, measure fails.
func measure(ctx context.Context, all []competitor, rounds int, progress func(string)) ([]runs, error) {
	out := make([]runs, len(all))
	for i := range all {
		out[i].competitor = all[i]
	}
	for r := range rounds {
		for i := range out {
			if r%2 == 1 {
				i = len(out) - 1 - i
			}
			c := &out[i]
			if c.failure != "" {
				continue
			}
			s, err := c.run(ctx)
			if err != nil && (i == 0 || ctx.Err() != nil) {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if err != nil {
				c.samples, c.failure = nil, err.Error()
				progress("without " + c.name + ", " + c.failure)
				continue
			}
			progress(fmt.Sprintf("round %d of %d: %s %s ms", r+1, rounds, c.name, figure(s.ms)))
			c.samples = append(c.samples, s)
		}
	}
	return out, nil
}

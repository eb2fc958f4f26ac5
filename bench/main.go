// Command bench times convgraph and its peers, in turn on the same machine with the same number of
// threads, and prints the ratios:
//
//	go run ./bench
//
// Peers are PyTorch (for every case), the OpenBLAS in PyPI's NumPy (matrix product) and a network
// of gorgonia's stock ops. Every round runs each competitor once, in its own process. A ratio is
// the median of the rounds' ratios, so a drift of the machine's clock affects both sides. Without
// PyTorch, bench says so and measures the rest.
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
)

type options struct {
	rounds, threads int
	only            *regexp.Regexp
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
	flags.StringVar(&o.python, "python", "python3", "Python with PyTorch and NumPy")
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
	h, err := newHarness(ctx, o)
	if err != nil {
		return err
	}
	defer h.close()
	r := report{Go: runtime.Version(), Peers: h.peers, Threads: o.threads, Rounds: o.rounds, Load: load}
	if !h.hasTorch {
		fmt.Fprintf(
			progress,
			"without PyTorch, only our side: pip install torch numpy, and pass that Python with -python (%s)\n",
			h.peers[torchName],
		)
	}
	for _, c := range cases {
		if !o.only.MatchString(c.Name) {
			continue
		}
		all := h.competitors(c)
		rounds, err := measure(ctx, all, o.rounds, func(s string) { fmt.Fprintf(progress, "%s: %s\n", c.Name, s) })
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		r.CPU = rounds[0][0].cpu
		r.Results = append(r.Results, compare(c, h.threadsOf(c), all, rounds)...)
	}
	if !o.json {
		return r.print(stdout)
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// measure runs each competitor once in each round, in reverse order in every other round. The
// samples of a round are in the order of the competitors.
func measure(ctx context.Context, all []competitor, rounds int, progress func(string)) ([][]sample, error) {
	out := make([][]sample, rounds)
	for r := range out {
		out[r] = make([]sample, len(all))
		for i := range all {
			if r%2 == 1 {
				i = len(all) - 1 - i
			}
			s, err := all[i].run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[i].name, err)
			}
			progress(fmt.Sprintf("round %d of %d: %s %s ms", r+1, rounds, all[i].name, figure(s.ms)))
			out[r][i] = s
		}
	}
	return out, nil
}

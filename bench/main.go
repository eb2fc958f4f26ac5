// Command bench times convgraph beside its peers, in turn on the same machine and threads, and prints the ratios:
//
//	go run ./bench
//
// Peers are PyTorch (for every work), the OpenBLAS in PyPI's NumPy (matrix product) and a network of gorgonia's stock ops. Every round runs
// each side once, as a process of its own; a ratio is the median of the rounds' ratios, so a drift of the machine's clock falls on both. Without
// PyTorch it says so and measures what is left.
//
//	go run ./bench -until 0.9896
//
// times whole trainings instead, from the start of the process to that accuracy on all test images, of both sides by the same recipe.
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

	until   float64 // test accuracy that trainings are timed to; 0: time the works
	recipes string  // of the trainings, separated by commas
	seeds   int     // trainings a recipe and side, from seed 1
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
	flags.IntVar(&o.rounds, "rounds", 5, "how often each side runs")
	flags.IntVar(&o.threads, "threads", runtime.NumCPU(), "threads of each side")
	flags.StringVar(&o.python, "python", "python3", "a Python that has PyTorch and NumPy")
	flags.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	flags.Float64Var(&o.until, "until", 0, "time trainings to this test accuracy, such as 0.9896, instead of single steps")
	flags.StringVar(&o.recipes, "recipes", "book,fast", "trainmnist's recipes to time with -until")
	flags.IntVar(&o.seeds, "seeds", 5, "trainings of each recipe and side with -until")
	only := flags.String("only", "", "regular expression for the works to run")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.threads < 1 || o.seeds < 1 {
		return o, errors.New("want no arguments, and rounds, threads and seeds of at least 1")
	}
	if !(o.until >= 0 && o.until <= 1) {
		return o, fmt.Errorf("-until is %g: want a share of the test images, such as 0.9896", o.until)
	}
	re, err := regexp.Compile(*only)
	if err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if !slices.ContainsFunc(works, func(w work) bool { return re.MatchString(w.Name) }) {
		return o, fmt.Errorf("-only %q matches no work", *only)
	}
	o.only = re
	return o, nil
}

func run(ctx context.Context, o options, stdout, progress io.Writer) error {
	load := loadAverage() // before building adds to it
	f, err := newField(ctx, o)
	if err != nil {
		return err
	}
	defer f.close()
	r := report{Go: runtime.Version(), Peers: f.peers, Threads: o.threads, Rounds: o.rounds, Load: load}
	if !f.hasTorch {
		fmt.Fprintf(progress, "without PyTorch, our side only: pip install torch numpy, and name that Python with -python (%s)\n", f.peers[torchName])
	}
	for _, w := range works {
		if !o.only.MatchString(w.Name) {
			continue
		}
		all := f.contenders(w)
		rounds, err := measure(ctx, all, o.rounds, func(s string) { fmt.Fprintf(progress, "%s: %s\n", w.Name, s) })
		if err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
		r.CPU = rounds[0][0].cpu
		r.Results = append(r.Results, compare(w, f.threadsOf(w), all, rounds)...)
	}
	if !o.json {
		return r.print(stdout)
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// measure runs each contender once a round, every other round in reverse order. A round's samples are in the contenders' order.
func measure(ctx context.Context, all []contender, rounds int, progress func(string)) ([][]sample, error) {
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

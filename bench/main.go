// Command bench times convgraph beside its peers, in turn on the same machine and threads, and prints the ratios:
//
//	go run ./bench
//
// Peers are PyTorch (for every work), the OpenBLAS in PyPI's NumPy (matrix product) and a network of gorgonia's stock ops. Every round runs
// each side once, as a process of its own; a ratio is the median of the rounds' ratios, so a drift of the machine's clock falls on both. Without
// PyTorch it says so and measures what is left.
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
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
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
	only := flags.String("only", "", "regular expression for the works to run")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.threads < 1 {
		return o, errors.New("want no arguments, and rounds and threads of at least 1")
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

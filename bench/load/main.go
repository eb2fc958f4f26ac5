// Command load asks convgraph serve for predictions over as many connections as it is told, as fast
// as it answers, and prints requests a second, how long they took and what memory the server has:
//
//	go run ./bench/load
//
// It builds and starts the real program on a free port of this machine's loopback. Server and
// client share the machine's cores.
//
//	go run ./bench/load -connections 64 -requests 100000
//
// asks that often instead of for a time, looks at the server's memory meanwhile, and exits with
// code 1 if a request isn't answered with 200 or the memory grows.
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
	"strconv"
	"strings"
	"time"
)

type options struct {
	connections []int
	each        time.Duration // for each number of connections
	requests    int           // of each run, in place of the time; 0 is the time
	body        string        // json or png
	params      string        // "" is the network that comes with the program
	json        bool
}

// longest is how long all runs may take together.
const longest = time.Minute

// longestRun is how long a run of a number of requests may take.
const longestRun = 10 * time.Minute

func main() {
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	list := flags.String("connections", "1,8,64", "how many connections ask at once, one run after the other")
	flags.DurationVar(&o.each, "duration", 4*time.Second, "how long each run takes")
	flags.IntVar(&o.requests, "requests", 0,
		"how many requests each run sends, in place of -duration; fails unless all are answered in steady memory")
	flags.StringVar(&o.body, "body", "json", "what is sent: json (28 rows of 28 numbers) or png")
	flags.StringVar(&o.params, "params", "",
		"params.safetensors to serve; without it the network that comes with the program")
	flags.BoolVar(&o.json, "json", false, "print JSON instead of a table")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, text := range strings.Split(*list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1024 {
			return o, fmt.Errorf("-connections: got %q, want numbers from 1 to 1024, separated by commas", *list)
		}
		o.connections = append(o.connections, n)
	}
	switch total := o.each * time.Duration(len(o.connections)); {
	case flags.NArg() > 0:
		return o, fmt.Errorf("want no arguments: %q", flags.Args())
	case o.body != "json" && o.body != "png":
		return o, fmt.Errorf("-body: got %q, want json or png", o.body)
	case o.requests < 0 || o.requests > 10_000_000:
		return o, fmt.Errorf("-requests: got %d, want 0 to 10000000", o.requests)
	case o.each <= 0 || total > longest:
		return o, fmt.Errorf("-duration: got %v for each of %d runs, want more than 0 and at most %v together", o.each,
			len(o.connections), longest)
	}
	return o, nil
}

func run(ctx context.Context, o options, stdout io.Writer) error {
	requests, err := requestsOf(o.body)
	if err != nil {
		return err
	}
	s, err := startServer(ctx, o.params)
	if err != nil {
		return err
	}
	defer s.stop()
	most := o.connections[len(o.connections)-1]
	// whatever happens once only
	if _, err := load(ctx, s.addr, most, quota{during: o.each / 8}, requests); err != nil {
		return err
	}
	r := report{Body: o.body}
	if r.Before, err = s.figures(); err != nil {
		return err
	}
	before := r.Before
	for _, n := range o.connections {
		memory := s.watchMemory()
		result, err := load(ctx, s.addr, n, o.quota(), requests)
		residents := memory()
		if err != nil {
			return err
		}
		after, err := s.figures()
		if err != nil {
			return err
		}
		row := summarize(n, result, before, after)
		row.ResidentMB = residents
		r.Runs = append(r.Runs, row)
		before = after
	}
	if err := s.stop(); err != nil {
		return err
	}
	if err := r.write(stdout, o.json); err != nil || o.requests == 0 {
		return err
	}
	return r.check(o.requests)
}

func (o options) quota() quota {
	if o.requests > 0 {
		return quota{during: longestRun, requests: o.requests}
	}
	return quota{during: o.each}
}

func (r report) write(stdout io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(stdout)
}

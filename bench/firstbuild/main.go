// Command firstbuild measures what the first build of a program takes, with nothing compiled
// before, not even the standard library:
//
//	go run ./bench/firstbuild [PACKAGE]
//
// It prints the time, the processor time, and the packages that take most of it. Modules must have
// been downloaded. Processor time depends less than time on what else the machine does.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	top := flag.Int("top", 15, "packages to print")
	flag.Parse()
	program := cmp.Or(flag.Arg(0), "./cmd/trainmnist")
	if err := run(program, *top); err != nil {
		fmt.Fprintln(os.Stderr, "firstbuild:", err)
		os.Exit(1)
	}
}

// action is a step of a build, as go build -debug-actiongraph writes it.
type action struct {
	Mode, Package   string
	CmdUser, CmdSys time.Duration
}

func (a action) processor() time.Duration { return a.CmdUser + a.CmdSys }

func run(program string, top int) error {
	folder, err := os.MkdirTemp("", "firstbuild")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	graph := filepath.Join(folder, "actions.json")
	build := exec.Command("go", "build", "-debug-actiongraph", graph, "-o", filepath.Join(folder, "program"), program)
	build.Env = append(os.Environ(), "GOCACHE="+filepath.Join(folder, "cache"))
	build.Stderr = os.Stderr
	began := time.Now()
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	took := time.Since(began)
	actions, err := read(graph)
	if err != nil {
		return err
	}
	s := build.ProcessState
	fmt.Printf("%s: %.0f s, %.0f s of processor time\n", program, took.Seconds(),
		(s.UserTime() + s.SystemTime()).Seconds())
	slices.SortFunc(actions, func(a, b action) int { return cmp.Compare(b.processor(), a.processor()) })
	for _, a := range actions[:min(top, len(actions))] {
		fmt.Printf("%6.2f s  %s %s\n", a.processor().Seconds(), a.Mode, a.Package)
	}
	return nil
}

func read(graph string) (actions []action, err error) {
	data, err := os.ReadFile(graph)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &actions); err != nil {
		return nil, fmt.Errorf("%s: %w", graph, err)
	}
	return actions, nil
}

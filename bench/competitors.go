package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// competitor is one program that runs a benchmark case.
type competitor struct {
	name   string
	atMost float64 // target for our time over this one's; 0: no target
	run    func(context.Context) (sample, error)
}

// sample is the result of one run of a competitor.
type sample struct {
	ms     float64 // median of its measurements
	peakMB float64 // peak memory of the process, for Python without its imports; 0: unknown
	cpu    string  // as go test prints it; empty from Python
}

const (
	torchName = "PyTorch"
	blasName  = "OpenBLAS"
	stockName = "stock gorgonia"
)

//go:embed torch_step.py
var torchScript string

//go:embed openblas.py
var blasScript string

// harness holds what is needed to run every competitor.
type harness struct {
	options
	directory         string            // holds the test binaries
	peers             map[string]string // name to version, or to the reason why it can't run
	hasTorch, hasBLAS bool
}

// newHarness builds the Go competitors and looks for the Python ones.
func newHarness(ctx context.Context, o options) (*harness, error) {
	directory, err := os.MkdirTemp("", "convgraph-bench-")
	if err != nil {
		return nil, err
	}
	h := &harness{options: o, directory: directory, peers: map[string]string{}}
	for _, pkg := range []string{"models", "bench"} {
		out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", h.binary(pkg), "convgraph/"+pkg).CombinedOutput()
		if err != nil {
			h.close()
			return nil, fmt.Errorf("building the benchmarks of %s: %w\n%s", pkg, err, out)
		}
	}
	h.peers[torchName], h.hasTorch = h.version(ctx, torchScript)
	h.peers[blasName], h.hasBLAS = h.version(ctx, blasScript)
	return h, nil
}

func (h *harness) close() { os.RemoveAll(h.directory) }

func (h *harness) binary(pkg string) string { return filepath.Join(h.directory, pkg+".test.exe") }

// version returns a Python competitor's version, or the reason why it can't run.
func (h *harness) version(ctx context.Context, script string) (version string, present bool) {
	var out struct{ Version string }
	err := h.python(ctx, script, &out, "version")
	if err != nil {
		return "missing, " + err.Error(), false
	}
	return out.Version, true
}

// competitors returns ours and its peers for a case, ours first.
func (h *harness) competitors(c benchCase) []competitor {
	threads := h.threadsOf(c)
	all := []competitor{{"convgraph", 0, func(ctx context.Context) (sample, error) {
		return h.goBenchmark(ctx, c.pkg, c.Name, c, threads)
	}}}
	if c.torch != "" && h.hasTorch {
		all = append(all, competitor{torchName, c.atMost, func(ctx context.Context) (sample, error) {
			return h.torch(ctx, c, threads)
		}})
	}
	if c.blas && h.hasBLAS {
		all = append(all, competitor{blasName, c.atMost, func(ctx context.Context) (sample, error) {
			return h.measured(ctx, blasScript, c)
		}})
	}
	if c.stock != "" {
		all = append(all, competitor{stockName, stockAtMost, func(ctx context.Context) (sample, error) {
			return h.goBenchmark(ctx, "bench", c.stock, c, threads)
		}})
	}
	return all
}

func (h *harness) threadsOf(c benchCase) int {
	if c.single {
		return 1
	}
	return h.threads
}

// goBenchmark runs one benchmark of a test binary.
func (h *harness) goBenchmark(ctx context.Context, pkg, name string, c benchCase, threads int) (sample, error) {
	cmd := exec.CommandContext(ctx, h.binary(pkg), "-test.run=^$",
		"-test.bench=^Benchmark"+strings.ReplaceAll(name, "/", "$/^")+"$",
		fmt.Sprintf("-test.benchtime=%gs", c.seconds), fmt.Sprintf("-test.count=%d", c.count))
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", threads))
	out, err := cmd.Output()
	if err != nil {
		return sample{}, fmt.Errorf("%w\n%s%s", err, out, stderrOf(err))
	}
	ms, cpu, err := parseBenchmark(string(out))
	if err != nil {
		return sample{}, fmt.Errorf("benchmark %s of package %s: %w", name, pkg, err)
	}
	return sample{ms: median(ms), peakMB: peakMB(cmd.ProcessState), cpu: cpu}, nil
}

var nsPerOp = regexp.MustCompile(`(?m)^Benchmark\S+\s+\d+\s+([\d.]+) ns/op`)
var cpuLine = regexp.MustCompile(`(?m)^cpu: (.*)$`)

// parseBenchmark reads go test's output.
func parseBenchmark(out string) (ms []float64, cpu string, err error) {
	for _, m := range nsPerOp.FindAllStringSubmatch(out, -1) {
		ns, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return nil, "", err
		}
		ms = append(ms, ns/1e6)
	}
	if len(ms) == 0 {
		return nil, "", fmt.Errorf("got no ns/op, want a benchmark of that name\n%s", out)
	}
	if m := cpuLine.FindStringSubmatch(out); m != nil {
		cpu = m[1]
	}
	return ms, cpu, nil
}

func (h *harness) torch(ctx context.Context, c benchCase, threads int) (sample, error) {
	kind, _, _ := strings.Cut(c.Name, "/")
	return h.measured(
		ctx, torchScript, c, kind, c.torch, fmt.Sprintf("--batch=%d", c.batch), fmt.Sprintf("--threads=%d", threads),
	)
}

// measured runs a Python competitor.
func (h *harness) measured(ctx context.Context, script string, c benchCase, args ...string) (sample, error) {
	var out struct {
		MS     []float64 `json:"ms"`
		PeakMB float64   `json:"peak_mb"`
	}
	args = append(args, fmt.Sprintf("--seconds=%g", c.seconds), fmt.Sprintf("--count=%d", c.count))
	if err := h.python(ctx, script, &out, args...); err != nil {
		return sample{}, err
	}
	if len(out.MS) == 0 {
		return sample{}, errors.New("got no measurements, want some in its output")
	}
	return sample{ms: median(out.MS), peakMB: out.PeakMB}, nil
}

// python runs a script and reads the JSON that it prints.
func (h *harness) python(ctx context.Context, script string, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, h.options.python, append([]string{"-"}, args...)...)
	cmd.Stdin = strings.NewReader(script)
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w%s", h.options.python, err, lastLine(stderrOf(err)))
	}
	return json.Unmarshal(text, out)
}

func stderrOf(err error) []byte {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.Stderr
	}
	return nil
}

// lastLine returns the last line of text: Python's error message.
func lastLine(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if last := lines[len(lines)-1]; len(last) > 0 {
		return ": " + string(last)
	}
	return ""
}

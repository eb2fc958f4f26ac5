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

// A contender is one side of a work.
type contender struct {
	name   string
	atMost float64 // what our time over this one's should be at most; 0: nothing is aimed at
	run    func(context.Context) (sample, error)
}

// A sample is what one run of a contender says.
type sample struct {
	ms     float64 // the median of its measurements
	peakMB float64 // the process's peak memory, Python's without what importing the library takes; 0: unknown
	cpu    string  // as go test names it; Python says nothing
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

// A field holds what is needed to run every contender.
type field struct {
	options
	directory         string            // of the test binaries
	peers             map[string]string // name to version, or to why it can't run
	hasTorch, hasBLAS bool
}

// newField builds the Go contenders and looks for the Python ones.
func newField(ctx context.Context, o options) (*field, error) {
	directory, err := os.MkdirTemp("", "convgraph-bench-")
	if err != nil {
		return nil, err
	}
	f := &field{options: o, directory: directory, peers: map[string]string{}}
	for _, pkg := range []string{"models", "bench"} {
		out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", f.binary(pkg), "convgraph/"+pkg).CombinedOutput()
		if err != nil {
			f.close()
			return nil, fmt.Errorf("building the benchmarks of %s: %w\n%s", pkg, err, out)
		}
	}
	f.peers[torchName], f.hasTorch = f.version(ctx, torchScript)
	f.peers[blasName], f.hasBLAS = f.version(ctx, blasScript)
	return f, nil
}

func (f *field) close() { os.RemoveAll(f.directory) }

func (f *field) binary(pkg string) string { return filepath.Join(f.directory, pkg+".test.exe") }

// version is a Python contender's, or why it can't run.
func (f *field) version(ctx context.Context, script string) (version string, present bool) {
	var out struct{ Version string }
	err := f.python(ctx, script, &out, "version")
	if err != nil {
		return "missing, " + err.Error(), false
	}
	return out.Version, true
}

// contenders are ours and its peers at the given work, ours first.
func (f *field) contenders(w work) []contender {
	threads := f.threadsOf(w)
	all := []contender{{"convgraph", 0, func(ctx context.Context) (sample, error) { return f.goBenchmark(ctx, w.pkg, w.Name, w, threads) }}}
	if w.torch != "" && f.hasTorch {
		all = append(all, contender{torchName, w.atMost, func(ctx context.Context) (sample, error) { return f.torch(ctx, w, threads) }})
	}
	if w.blas && f.hasBLAS {
		all = append(all, contender{blasName, w.atMost, func(ctx context.Context) (sample, error) { return f.measured(ctx, blasScript, w) }})
	}
	if w.stock != "" {
		all = append(all, contender{stockName, stockAtMost, func(ctx context.Context) (sample, error) { return f.goBenchmark(ctx, "bench", w.stock, w, threads) }})
	}
	return all
}

func (f *field) threadsOf(w work) int {
	if w.single {
		return 1
	}
	return f.threads
}

// goBenchmark runs one benchmark of a test binary.
func (f *field) goBenchmark(ctx context.Context, pkg, name string, w work, threads int) (sample, error) {
	cmd := exec.CommandContext(ctx, f.binary(pkg), "-test.run=^$", "-test.bench=^Benchmark"+strings.ReplaceAll(name, "/", "$/^")+"$",
		fmt.Sprintf("-test.benchtime=%gs", w.seconds), fmt.Sprintf("-test.count=%d", w.count))
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
		return nil, "", fmt.Errorf("no ns/op in its output: want a benchmark of that name\n%s", out)
	}
	if m := cpuLine.FindStringSubmatch(out); m != nil {
		cpu = m[1]
	}
	return ms, cpu, nil
}

func (f *field) torch(ctx context.Context, w work, threads int) (sample, error) {
	kind, _, _ := strings.Cut(w.Name, "/")
	return f.measured(ctx, torchScript, w, kind, w.torch, fmt.Sprintf("--batch=%d", w.batch), fmt.Sprintf("--threads=%d", threads))
}

// measured runs a Python contender.
func (f *field) measured(ctx context.Context, script string, w work, args ...string) (sample, error) {
	var out struct {
		MS     []float64 `json:"ms"`
		PeakMB float64   `json:"peak_mb"`
	}
	args = append(args, fmt.Sprintf("--seconds=%g", w.seconds), fmt.Sprintf("--count=%d", w.count))
	if err := f.python(ctx, script, &out, args...); err != nil {
		return sample{}, err
	}
	if len(out.MS) == 0 {
		return sample{}, errors.New("no measurements in its output")
	}
	return sample{ms: median(out.MS), peakMB: out.PeakMB}, nil
}

// python runs a script and reads the JSON that it prints.
func (f *field) python(ctx context.Context, script string, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, f.options.python, append([]string{"-"}, args...)...)
	cmd.Stdin = strings.NewReader(script)
	text, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w%s", f.options.python, err, lastLine(stderrOf(err)))
	}
	return json.Unmarshal(text, out)
}

func stderrOf(err error) []byte {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.Stderr
	}
	return nil
}

// lastLine is where Python says what is wrong.
func lastLine(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if last := lines[len(lines)-1]; len(last) > 0 {
		return ": " + string(last)
	}
	return ""
}

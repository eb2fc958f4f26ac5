package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// scripts are what the Python competitors run, and what the scripts share.
//
//go:embed measure.py torch_models.py torch_step.py openvino_predict.py onnxruntime_predict.py openblas.py
//go:embed torch_train.py
var scripts embed.FS

// harness holds what is needed to run every competitor.
type harness struct {
	options
	directory string            // holds the test binaries and the scripts
	versions  map[string]string // name to version, or to the reason why it can't run
	present   map[string]bool   // keys of the peers that can run
}

// newHarness makes a directory with the scripts.
func newHarness(o options) (*harness, error) {
	directory, err := os.MkdirTemp("", "convgraph-bench-")
	if err != nil {
		return nil, err
	}
	h := &harness{options: o, directory: directory, versions: map[string]string{}, present: map[string]bool{}}
	if err := os.CopyFS(directory, scripts); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *harness) close() { os.RemoveAll(h.directory) }

// build builds the Go benchmarks.
func (h *harness) build(ctx context.Context) error {
	for _, pkg := range []string{"models", "bench"} {
		out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", h.binary(pkg), "convgraph/"+pkg).CombinedOutput()
		if err != nil {
			return fmt.Errorf("building the benchmarks of %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

func (h *harness) binary(pkg string) string { return filepath.Join(h.directory, pkg+".test.exe") }

// version returns the version of a script's library, or the reason why it can't run.
func (h *harness) version(ctx context.Context, script string) (version string, present bool) {
	var out struct{ Version string }
	if err := h.python(ctx, script, &out, "version"); err != nil {
		return "missing, " + err.Error(), false
	}
	return out.Version, true
}

func (h *harness) threadsOf(c benchCase) int {
	if c.single {
		return 1
	}
	return h.threads
}

// goBenchmark runs one benchmark of a test binary.
func (h *harness) goBenchmark(ctx context.Context, pkg, name string, c benchCase) (sample, error) {
	cmd := exec.CommandContext(ctx, h.binary(pkg), "-test.run=^$",
		"-test.bench=^Benchmark"+strings.ReplaceAll(name, "/", "$/^")+"$",
		fmt.Sprintf("-test.benchtime=%gs", c.seconds), fmt.Sprintf("-test.count=%d", c.count))
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", h.threadsOf(c)))
	out, err := cmd.Output()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return sample{}, cause
	}
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

// pythonBenchmark runs a case in a Python competitor.
func (h *harness) pythonBenchmark(ctx context.Context, p peer, c benchCase) (sample, error) {
	work, _, _ := strings.Cut(c.Name, "/")
	args := []string{work}
	if c.model != "" {
		args = append(args, c.model)
	}
	args = append(args, fmt.Sprintf("--batch=%d", c.batch), fmt.Sprintf("--threads=%d", h.threadsOf(c)),
		fmt.Sprintf("--seconds=%g", c.seconds), fmt.Sprintf("--count=%d", c.count))
	var out struct {
		MS     []float64 `json:"ms"`
		PeakMB float64   `json:"peak_mb"`
	}
	if err := h.python(ctx, p.script, &out, append(args, p.arguments...)...); err != nil {
		return sample{}, err
	}
	if len(out.MS) == 0 {
		return sample{}, errors.New("got no measurements, want some in its output")
	}
	return sample{ms: median(out.MS), peakMB: out.PeakMB}, nil
}

// python runs a script and reads the JSON that it prints last. Libraries may print lines before it.
func (h *harness) python(ctx context.Context, script string, out any, args ...string) error {
	cmd := exec.CommandContext(ctx, h.options.python, append([]string{h.script(script)}, args...)...)
	cmd.WaitDelay = time.Second // torch.compile's workers may keep its output open for longer
	text, err := cmd.Output()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("%s: %w%s", h.options.python, err, lastLine(stderrOf(err)))
	}
	return json.Unmarshal(final(text), out)
}

func (h *harness) script(name string) string { return filepath.Join(h.directory, name) }

// tooLong is the cause that stops a competitor after -limit.
type tooLong time.Duration

func (t tooLong) Error() string { return fmt.Sprintf("took longer than %v", time.Duration(t)) }

func stderrOf(err error) []byte {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.Stderr
	}
	return nil
}

// lastLine returns the last line of text, Python's error message, as the end of a message.
func lastLine(text []byte) string {
	if last := final(text); len(last) > 0 {
		return ": " + string(last)
	}
	return ""
}

// final returns the last line of text that isn't blank.
func final(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[bytes.LastIndexByte(text, '\n')+1:]
}

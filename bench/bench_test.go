package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseBenchmark(t *testing.T) {
	ms, cpu, err := parseBenchmark(`goos: linux
cpu: Some CPU @ 2.00GHz
BenchmarkTrainStep/LeNet-2         	     100	  12500000 ns/op	     120 B/op	       3 allocs/op
BenchmarkTrainStep/LeNet-2         	 1000000	       990.5 ns/op
PASS
`)
	require.NoError(t, err)
	assert.Equal(t, []float64{12.5, 0.0009905}, ms)
	assert.Equal(t, "Some CPU @ 2.00GHz", cpu)

	_, _, err = parseBenchmark("PASS\n")
	assert.ErrorContains(t, err, "got no ns/op")
}

func TestMedian(t *testing.T) {
	assert.Equal(t, 3., median([]float64{9, 1, 3}))
	assert.Equal(t, 2.5, median([]float64{9, 1, 3, 2}))
}

// played are the runs of a competitor that takes so long in each round.
func played(key string, times ...float64) runs {
	r := runs{competitor: competitor{key: key, name: key}}
	for _, ms := range times {
		r.samples = append(r.samples, sample{ms: ms})
	}
	return r
}

// The ratio is the median of the ratios, not the ratio of the medians.
func TestCompare(t *testing.T) {
	ours, peer := played("", 1, 3, 4), played("peer", 2, 10, 5)
	ours.samples[0].peakMB, ours.samples[1].peakMB, ours.samples[2].peakMB = 5, 0, 9
	c := benchCase{Name: "case", targets: []target{{[]string{"peer"}, 0.5}}}
	rows := compare(c, 2, []runs{ours, peer, played("other", 100, 100, 100)})
	require.Len(t, rows, 2)
	assert.Equal(t, result{
		Work: "case", Threads: 2, OursMS: 3, OursMB: 5, Peer: "peer", PeerMS: 5, Ratio: 0.5, RatioMin: 0.3,
		RatioMax: 0.8, AtMost: 0.5,
	}, rows[0])
	assert.Equal(t, 0.03, rows[1].Ratio)
	assert.Zero(t, rows[1].AtMost)

	alone := compare(c, 2, []runs{ours})
	assert.Equal(t, []result{{Work: "case", Threads: 2, OursMS: 3, OursMB: 5}}, alone)
}

// A target of several is for the ratio to the fastest of each round, which needn't be the same one.
func TestCompareWithFastest(t *testing.T) {
	c := benchCase{Name: "case", targets: []target{{[]string{"A", "B", "C"}, 0.5}, {[]string{"stock"}, 0.1}}}
	failed := runs{competitor: competitor{key: "C", name: "C"}, failure: "no compiler"}
	all := []runs{played("", 1, 2, 3), played("A", 2, 10, 5), played("B", 8, 4, 4), failed, played("stock", 1, 1, 1)}
	rows := compare(c, 1, all)
	require.Len(t, rows, 5)
	assert.Equal(t, result{
		Work: "case", Threads: 1, OursMS: 2, Peer: fastestName, Of: []string{"A", "B"}, PeerMS: 4, Ratio: 0.5,
		RatioMin: 0.5, RatioMax: 0.75, AtMost: 0.5,
	}, rows[4])
	assert.Equal(t, result{Work: "case", Threads: 1, OursMS: 2, Peer: "C", Failure: "no compiler"}, rows[2])
	for i, atMost := range []float64{0, 0, 0, 0.1} {
		assert.Equal(t, atMost, rows[i].AtMost, rows[i].Peer)
	}
	assert.Equal(t, []sample{{ms: 2}, {ms: 10}, {ms: 5}}, all[1].samples, "the fastest has samples of its own")

	rows = compare(c, 1, []runs{all[0], failed})
	assert.Len(t, rows, 1, "no row of the fastest of none")
}

func TestMeasureAlternates(t *testing.T) {
	var order []string
	say := func(name string, ms float64) competitor {
		return competitor{name: name, run: func(context.Context) (sample, error) {
			order = append(order, name)
			return sample{ms: ms}, nil
		}}
	}
	all, err := measure(t.Context(), []competitor{say("A", 1), say("B", 2)}, 3, func(string) {})
	require.NoError(t, err)
	assert.Equal(t, []string{"A", "B", "B", "A", "A", "B"}, order)
	assert.Equal(t, []sample{{ms: 1}, {ms: 1}, {ms: 1}}, all[0].samples)
	assert.Equal(t, []sample{{ms: 2}, {ms: 2}, {ms: 2}}, all[1].samples)
}

func TestMeasureGoesOnWithoutACompetitor(t *testing.T) {
	calls := 0
	failing := func(from int) competitor {
		return competitor{name: "failing", run: func(context.Context) (sample, error) {
			if calls++; calls >= from {
				return sample{}, errors.New("no compiler")
			}
			return sample{ms: 1}, nil
		}}
	}
	fine := competitor{name: "fine", run: func(context.Context) (sample, error) { return sample{ms: 1}, nil }}

	all, err := measure(t.Context(), []competitor{fine, failing(2), fine}, 4, func(string) {})
	require.NoError(t, err)
	assert.Equal(t, 2, calls, "it doesn't run again")
	assert.Equal(t, "no compiler", all[1].failure)
	assert.Empty(t, all[1].samples)
	assert.Len(t, all[2].samples, 4)

	_, err = measure(t.Context(), []competitor{failing(0), fine}, 1, func(string) {})
	assert.ErrorContains(t, err, "no compiler", "without our side there is nothing to compare")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = measure(ctx, []competitor{fine, failing(0)}, 1, func(string) {})
	assert.Error(t, err, "an interrupt isn't a competitor's failure")
}

func TestPrint(t *testing.T) {
	r := report{
		CPU: "Some CPU", Go: "go1.26", Threads: 2, Rounds: 3, Load: 8.1, Peers: map[string]string{
			"PyTorch": "2.0", "OpenBLAS": "python3: no such file",
		},
		Results: []result{
			{
				Work: "TrainStep/LeNet", Threads: 2, OursMS: 2.514, OursMB: 21.4, Peer: "PyTorch", PeerMS: 6.02,
				PeerMB: 1234.5, Ratio: 0.4176, RatioMin: 0.4, RatioMax: 0.433,
			},
			{Work: "TrainStep/LeNet", Threads: 2, OursMS: 2.514, Peer: "torch.compile", Failure: "no compiler"},
			{
				Work: "TrainStep/LeNet", Threads: 2, OursMS: 2.514, Peer: fastestName, Of: []string{"PyTorch"},
				PeerMS: 6.02, Ratio: 0.4176, RatioMin: 0.4, RatioMax: 0.433, AtMost: 0.45,
			},
			{Work: "SGEMM1024", Threads: 1, OursMS: 1013.2},
		},
	}
	var out strings.Builder
	require.NoError(t, r.print(&out))
	assert.Equal(t, `Some CPU, go1.26, 3 rounds in turn
the machine was busy (load 8.1 before the start): the ratios favor us, because PyTorch's threads wait for each other
OpenBLAS: python3: no such file
PyTorch: 2.0

work             threads  ours ms  peer ms  peer           ours/peer  (rounds)      at most  ours MB  peer MB
TrainStep/LeNet  2        2.51     6.02     PyTorch        0.418      0.4 to 0.433  -        21.4     1234
TrainStep/LeNet  2        2.51     -        torch.compile  -          -             -        -        -
TrainStep/LeNet  2        2.51     6.02     fastest of 1   0.418      0.4 to 0.433  0.45     -        -
SGEMM1024        1        1013     -        -              -          -             -        -        -
TrainStep/LeNet without torch.compile: no compiler
`, out.String())
}

func TestMissingPeers(t *testing.T) {
	o, err := parseOptions([]string{"-python", "no-such-python"})
	require.NoError(t, err)
	h, err := newHarness(o)
	require.NoError(t, err)
	defer h.close()
	h.findPeers(t.Context(), cases)
	for _, name := range []string{torchName, "torch.compile", "OpenVINO", "ONNX Runtime", "OpenBLAS"} {
		assert.Contains(t, h.versions[name], "no-such-python", name)
	}
	for _, w := range cases {
		for _, c := range h.competitors(w)[1:] {
			assert.Equal(t, "stock", c.key)
		}
	}
}

// fakePython returns a program that runs lines of a shell instead of a script.
func fakePython(t *testing.T, lines string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	path := filepath.Join(t.TempDir(), "python")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+lines), 0o700))
	return path
}

func TestOnlyWantedCompetitors(t *testing.T) {
	python := fakePython(t, `echo '{"version": "1.0"}'`)
	o, err := parseOptions([]string{"-python", python, "-against", "compile,onnxruntime"})
	require.NoError(t, err)
	h := &harness{options: o, versions: map[string]string{}, present: map[string]bool{}}
	h.findPeers(t.Context(), cases)
	assert.Equal(t, map[string]string{"torch.compile": "1.0", "ONNX Runtime": "1.0"}, h.versions)
	for _, w := range cases {
		for _, c := range h.competitors(w)[1:] {
			assert.Contains(t, o.against, c.key)
		}
	}
}

func TestPythonBenchmark(t *testing.T) {
	python := fakePython(t, `echo "$@" >&2
echo a library says something
echo '{"ms": [3, 9, 1], "peak_mb": 20}'`)
	h := &harness{
		options: options{python: python, threads: 2, limit: time.Minute}, present: map[string]bool{"compile": true},
	}
	c := h.competitors(trainStep("LeNet", 100, 0.5, short))[1]
	s, err := c.run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, sample{ms: 3, peakMB: 20}, s)

	h.options.python = fakePython(t, `echo "$@" >&2; exit 1`)
	_, err = c.run(t.Context())
	assert.ErrorContains(t, err,
		"torch_step.py TrainStep LeNet --batch=100 --threads=2 --seconds=0.4 --count=5 --compile")

	h.options.python, h.limit = fakePython(t, "sleep 60"), time.Millisecond
	_, err = h.competitors(trainStep("LeNet", 100, 0.5, short))[1].run(t.Context())
	assert.EqualError(t, err, "took longer than 1ms")
}

// Every competitor of a case and of its targets exists.
func TestCasesNameCompetitors(t *testing.T) {
	for _, c := range cases {
		assert.Subset(t, peerKeys(), c.peers, c.Name)
		for _, target := range c.targets {
			assert.Subset(t, c.peers, target.of, c.Name)
		}
	}
}

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-rounds", "3", "-only", "LeNet"})
	require.NoError(t, err)
	assert.Equal(t, 3, o.rounds)
	assert.True(t, o.only.MatchString("TrainStep/LeNet"))
	for _, args := range [][]string{
		{"-rounds", "0"}, {"-only", "("}, {"-only", "Nope"}, {"LeNet"}, {"-until", "98.96"}, {"-seeds", "0"},
		{"-against", "tensorflow"}, {"-against", ""}, {"-limit", "0s"},
	} {
		_, err := parseOptions(args)
		assert.Error(t, err, args)
	}
}

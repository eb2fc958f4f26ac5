package main

import (
	"context"
	"strings"
	"testing"

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

// The ratio is the median of the ratios, not the ratio of the medians.
func TestCompare(t *testing.T) {
	all := []competitor{{name: "ours"}, {name: "peer", atMost: 0.5}, {name: "other"}}
	rounds := [][]sample{
		{{ms: 1, peakMB: 5}, {ms: 2, peakMB: 7}, {ms: 100}},
		{{ms: 3}, {ms: 10}, {ms: 100}},
		{{ms: 4, peakMB: 9}, {ms: 5}, {ms: 100}},
	}
	rows := compare(benchCase{Name: "case"}, 2, all, rounds)
	require.Len(t, rows, 2)
	assert.Equal(t, result{
		Work: "case", Threads: 2, OursMS: 3, OursMB: 5, Peer: "peer", PeerMS: 5, Ratio: 0.5, RatioMin: 0.3,
		RatioMax: 0.8, AtMost: 0.5,
	}, rows[0])
	assert.Equal(t, 0.03, rows[1].Ratio)

	alone := compare(benchCase{Name: "case"}, 2, all[:1], rounds)
	assert.Equal(t, []result{{Work: "case", Threads: 2, OursMS: 3, OursMB: 5}}, alone)
}

func TestMeasureAlternates(t *testing.T) {
	var order []string
	say := func(name string, ms float64) competitor {
		return competitor{name: name, run: func(context.Context) (sample, error) {
			order = append(order, name)
			return sample{ms: ms}, nil
		}}
	}
	rounds, err := measure(t.Context(), []competitor{say("A", 1), say("B", 2)}, 3, func(string) {})
	require.NoError(t, err)
	assert.Equal(t, []string{"A", "B", "B", "A", "A", "B"}, order)
	for _, r := range rounds {
		assert.Equal(t, []sample{{ms: 1}, {ms: 2}}, r)
	}
}

func TestPrint(t *testing.T) {
	r := report{
		CPU: "Some CPU", Go: "go1.26", Threads: 2, Rounds: 3, Load: 8.1, Peers: map[string]string{
			"PyTorch": "2.0", "OpenBLAS": "python3: no such file",
		},
		Results: []result{
			{
				Work: "TrainStep/LeNet", Threads: 2, OursMS: 2.514, OursMB: 21.4, Peer: "PyTorch", PeerMS: 6.02,
				PeerMB: 1234.5, Ratio: 0.4176, RatioMin: 0.4, RatioMax: 0.433, AtMost: 0.45,
			},
			{Work: "SGEMM1024", Threads: 1, OursMS: 1013.2},
		},
	}
	var out strings.Builder
	require.NoError(t, r.print(&out))
	assert.Equal(t, `Some CPU, go1.26, 3 rounds in turn
the machine was busy (load 8.1 before the start): the ratios favour us, because PyTorch's threads wait for each other
OpenBLAS: python3: no such file
PyTorch: 2.0

work             threads  ours ms  peer ms  peer     ours/peer  (rounds)      at most  ours MB  peer MB
TrainStep/LeNet  2        2.51     6.02     PyTorch  0.418      0.4 to 0.433  0.45     21.4     1234
SGEMM1024        1        1013     -        -        -          -             -        -        -
`, out.String())
}

func TestMissingPeer(t *testing.T) {
	h := harness{options: options{python: "no-such-python"}}
	why, present := h.version(t.Context(), torchScript)
	assert.False(t, present)
	assert.Contains(t, why, "no-such-python")
	for _, w := range cases {
		for _, c := range h.competitors(w) {
			assert.NotContains(t, []string{torchName, blasName}, c.name)
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
	} {
		_, err := parseOptions(args)
		assert.Error(t, err, args)
	}
}

package main

import (
	"context"
	"slices"
)

// peer is a program that convgraph is compared with: a Python script, or our benchmark of
// gorgonia's stock ops.
type peer struct {
	key       string // in -against
	name      string // in the report
	script    string // empty: a Go benchmark
	arguments []string
}

const (
	oursName  = "convgraph"
	torchName = "PyTorch"

	torchScript = "torch_step.py"
)

// peers are the programs that cases and -against name by their keys.
var peers = []peer{
	{key: "torch", name: torchName, script: torchScript},
	{key: "channels_last", name: "PyTorch channels_last", script: torchScript, arguments: []string{"--channels-last"}},
	{key: "compile", name: "torch.compile", script: torchScript, arguments: []string{"--compile"}},
	{key: "openvino", name: "OpenVINO", script: "openvino_predict.py"},
	{key: "onnxruntime", name: "ONNX Runtime", script: "onnxruntime_predict.py"},
	{key: "openblas", name: "OpenBLAS", script: "openblas.py"},
	{key: "stock", name: "stock gorgonia"},
}

// peerKeys are the words of -against.
func peerKeys() []string {
	var keys []string
	for _, p := range peers {
		keys = append(keys, p.key)
	}
	return keys
}

// competitor runs a case in one program, ours or a peer.
type competitor struct {
	key, name string
	run       func(context.Context) (sample, error)
}

// sample is the result of one run of a competitor.
type sample struct {
	ms     float64 // median of its measurements
	peakMB float64 // peak memory of the process, for Python without its imports; 0: unknown
	cpu    string  // as go test prints it; empty from Python
}

// competitors returns ours and the peers of a case that are wanted and present, ours first.
func (h *harness) competitors(c benchCase) []competitor {
	all := []competitor{{name: oursName, run: func(ctx context.Context) (sample, error) {
		return h.goBenchmark(ctx, c.pkg, c.Name, c)
	}}}
	for _, key := range c.peers {
		if !h.present[key] {
			continue
		}
		p := peers[slices.IndexFunc(peers, func(p peer) bool { return p.key == key })]
		all = append(all, competitor{key: key, name: p.name, run: func(ctx context.Context) (sample, error) {
			ctx, cancel := context.WithTimeoutCause(ctx, h.limit, tooLong(h.limit))
			defer cancel()
			if p.script == "" {
				return h.goBenchmark(ctx, "bench", "Stock"+c.Name, c)
			}
			return h.pythonBenchmark(ctx, p, c)
		}})
	}
	return all
}

// findPeers notes which wanted peers of the cases can run, and the version of each or the reason why
// it can't. Those of one script have the same answer.
func (h *harness) findPeers(ctx context.Context, cases []benchCase) {
	asked := map[string]peer{}
	for _, p := range peers {
		wanted := slices.Contains(h.against, p.key) &&
			slices.ContainsFunc(cases, func(c benchCase) bool { return slices.Contains(c.peers, p.key) })
		same, again := asked[p.script]
		switch {
		case !wanted:
		case p.script == "":
			h.present[p.key] = true
		case again:
			h.versions[p.name], h.present[p.key] = h.versions[same.name], h.present[same.key]
		default:
			h.versions[p.name], h.present[p.key] = h.version(ctx, p.script)
			asked[p.script] = p
		}
	}
}

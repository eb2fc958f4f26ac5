package main

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/peers"
	"convgraph/ops"
)

func TestNetworkTime(t *testing.T) {
	n := network{latency: time.Millisecond, bandwidth: 1e6}
	assert.Equal(t, 3*time.Millisecond+2*time.Second, n.one(2e6, 8))
	assert.Equal(t, time.Millisecond+time.Second, n.one(1e6, 2))
	assert.Equal(t, 3*time.Millisecond, n.one(0, 5), "5 ranks take as many rounds as 8")

	const compute = 10 * time.Second
	assert.Equal(t, compute, n.step(timeline{}, compute, 2))
	begin := func(call, bytes int, before float64) event { return event{call: call, bytes: bytes, before: before} }
	end := func(call int, before float64) event { return event{call: call, ends: true, before: before} }
	at := func(ends ...float64) timeline {
		return timeline{[]event{begin(0, 1e6, 0.5), begin(1, 2e6, 0.5), end(1, ends[0]), end(0, ends[1])}}
	}
	const both = 3*time.Second + 2*time.Millisecond
	assert.Equal(t, both, n.all(at(0.5, 0.5), 2))
	assert.Equal(t, compute+both, n.step(at(0.5, 0.5), compute, 2), "it waits at once")
	assert.Equal(t, compute+both-time.Second, n.step(at(0.6, 0.6), compute, 2), "a second of them overlaps")
	assert.Equal(t, compute, n.step(at(0.9, 1), compute, 2), "all overlap")
	again := timeline{append(at(0.6, 0.6).events, begin(2, 1e6, 0.6), end(2, 0.6))}
	assert.Equal(t, compute+both+time.Millisecond, n.step(again, compute, 2),
		"the network is free when a rank has waited")
}

// countingPeers notes the exchanges of a rank with real peers.
type countingPeers struct {
	ops.Peers
	noted absentPeers
}

func (p *countingPeers) BeginGather(data []byte, at []int) (call int, err error) {
	_, _ = p.noted.BeginGather(data, at)
	return p.Peers.BeginGather(data, at)
}

func (p *countingPeers) BeginExchange(
	send []byte, sendAt []int, receive []byte, receiveAt []int,
) (call int, err error) {
	_, _ = p.noted.BeginExchange(send, sendAt, receive, receiveAt)
	return p.Peers.BeginExchange(send, sendAt, receive, receiveAt)
}

func (p *countingPeers) Finish(call int) error {
	_ = p.noted.Finish(call)
	return p.Peers.Finish(call)
}

// TestExchanges: a step without the other ranks makes the exchanges of a step with them.
func TestExchanges(t *testing.T) {
	const ranks = 3
	w := workload{model: "simpleconvnet", batch: 24, optimizer: "adam"}
	got, err := exchanges(w, ranks)
	require.NoError(t, err)
	var running sync.WaitGroup
	for rank, peer := range peers.New(ranks) {
		running.Go(func() {
			defer peer.Stop()
			counting := &countingPeers{Peers: peer, noted: absentPeers{ranks: ranks}}
			gradients, _, err := newHalves(w, counting)
			if assert.NoError(t, err) && assert.NoError(t, gradients()) && rank == 0 {
				assert.NotEmpty(t, got.events)
				for i := range got.events {
					got.events[i].before = 0
				}
				assert.Equal(t, counting.noted.events, got.events)
			}
		})
	}
	running.Wait()
}

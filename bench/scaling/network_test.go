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
	assert.Zero(t, n.time(nil, 8))
	assert.Equal(t, 3*time.Millisecond+2*time.Second, n.time([]int{2e6}, 8))
	assert.Equal(t, 2*time.Millisecond+3*time.Second, n.time([]int{1e6, 2e6}, 2))
	assert.Equal(t, 3*time.Millisecond, n.time([]int{0}, 5), "5 ranks take as many rounds as 8")
}

// countingPeers counts the bytes of a rank's exchanges with real peers.
type countingPeers struct {
	ops.Peers
	absentPeers
}

func (p *countingPeers) Rank() (rank, ranks int) { return p.Peers.Rank() }

func (p *countingPeers) Gather(data []byte, at []int) error {
	_ = p.absentPeers.Gather(data, at)
	return p.Peers.Gather(data, at)
}

func (p *countingPeers) Exchange(send []byte, sendAt []int, receive []byte, receiveAt []int) error {
	_ = p.absentPeers.Exchange(send, sendAt, receive, receiveAt)
	return p.Peers.Exchange(send, sendAt, receive, receiveAt)
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
			counting := &countingPeers{Peers: peer, absentPeers: absentPeers{ranks: ranks}}
			gradients, _, err := newHalves(w, counting)
			if assert.NoError(t, err) && assert.NoError(t, gradients()) && rank == 0 {
				assert.NotEmpty(t, got)
				assert.Equal(t, counting.calls, got)
			}
		})
	}
	running.Wait()
}

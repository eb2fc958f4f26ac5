package main

import (
	"math/bits"
	"time"

	"convgraph/ops"
)

// network is a model of what connects the ranks. An exchange among p ranks takes
//
//	latency · ⌈log2 p⌉ + bytes / bandwidth
//
// where bytes is the larger of what a rank sends and what it receives. Exchanges don't overlap with
// computation or with each other, and ranks don't wait for slower ones.
type network struct {
	name      string
	latency   time.Duration
	bandwidth float64 // bytes per second
}

func (n network) time(calls []int, ranks int) time.Duration {
	rounds := time.Duration(bits.Len(uint(ranks - 1)))
	var all time.Duration
	for _, bytes := range calls {
		all += rounds*n.latency + time.Duration(float64(bytes)/n.bandwidth*float64(time.Second))
	}
	return all
}

// absentPeers takes the place of the other ranks in an estimate: it counts the bytes of each
// exchange, and brings nothing.
type absentPeers struct {
	ranks int
	calls []int
}

// Rank returns 0 and the number of ranks.
func (p *absentPeers) Rank() (rank, ranks int) { return 0, p.ranks }

// Gather counts the bytes that rank 0 receives.
func (p *absentPeers) Gather(_ []byte, at []int) error {
	p.calls = append(p.calls, at[p.ranks]-at[1])
	return nil
}

// Exchange counts the bytes that rank 0 sends or receives.
func (p *absentPeers) Exchange(_ []byte, sendAt []int, _ []byte, receiveAt []int) error {
	p.calls = append(p.calls, max(sendAt[p.ranks]-sendAt[1], receiveAt[p.ranks]-receiveAt[1]))
	return nil
}

// exchanges returns the bytes of each exchange of a step among so many ranks.
func exchanges(w workload, ranks int) ([]int, error) {
	peers := &absentPeers{ranks: ranks}
	gradients, _, err := newHalves(w, peers)
	if err != nil {
		return nil, err
	}
	err = gradients()
	return peers.calls, err
}

var _ ops.Peers = (*absentPeers)(nil)

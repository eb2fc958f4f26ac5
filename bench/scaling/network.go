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
// where bytes is the larger of what a rank sends and what it receives. Exchanges follow one another
// in the order in which they begin. They overlap with the computation between their beginning and
// their end as the program does. Ranks don't wait for slower ones.
type network struct {
	name      string
	latency   time.Duration
	bandwidth float64 // bytes per second
}

// one returns the time of an exchange.
func (n network) one(bytes, ranks int) time.Duration {
	rounds := time.Duration(bits.Len(uint(ranks - 1)))
	return rounds*n.latency + time.Duration(float64(bytes)/n.bandwidth*float64(time.Second))
}

// all returns the time of all exchanges of a step, one after another.
func (n network) all(t timeline, ranks int) (sum time.Duration) {
	for _, e := range t.events {
		if !e.ends {
			sum += n.one(e.bytes, ranks)
		}
	}
	return sum
}

// step returns the time of a step whose computation alone takes so long.
func (n network) step(t timeline, compute time.Duration, ranks int) time.Duration {
	var waited, free time.Duration // waited so far, and when the network is free
	ends := map[int]time.Duration{}
	for _, e := range t.events {
		now := waited + time.Duration(e.before*float64(compute))
		if e.ends {
			waited += max(0, ends[e.call]-now)
			continue
		}
		free = max(free, now) + n.one(e.bytes, ranks)
		ends[e.call] = free
	}
	return waited + compute
}

// timeline is the exchanges of a step.
type timeline struct{ events []event }

// event is the beginning or the end of an exchange, in the rank's own order.
type event struct {
	call   int
	ends   bool
	bytes  int     // of one that begins
	before float64 // the share of the step's computation that is done before
}

func (t timeline) bytes() (sum int) {
	for _, e := range t.events {
		sum += e.bytes
	}
	return sum
}

// absentPeers takes the place of the other ranks in an estimate: it notes the exchanges, and brings
// nothing.
type absentPeers struct {
	ranks int
	began time.Time
	timeline
	times []time.Duration // of the events
	calls int
}

// Rank returns 0 and the number of ranks.
func (p *absentPeers) Rank() (rank, ranks int) { return 0, p.ranks }

// BeginGather notes the bytes that rank 0 receives.
func (p *absentPeers) BeginGather(_ []byte, at []int) (call int, err error) {
	return p.begin(at[p.ranks] - at[1]), nil
}

// BeginExchange notes the bytes that rank 0 sends or receives.
func (p *absentPeers) BeginExchange(_ []byte, sendAt []int, _ []byte, receiveAt []int) (call int, err error) {
	return p.begin(max(sendAt[p.ranks]-sendAt[1], receiveAt[p.ranks]-receiveAt[1])), nil
}

// Finish notes the end of a call.
func (p *absentPeers) Finish(call int) error {
	p.note(event{call: call, ends: true})
	return nil
}

func (p *absentPeers) begin(bytes int) (call int) {
	call = p.calls
	p.calls++
	p.note(event{call: call, bytes: bytes})
	return call
}

func (p *absentPeers) note(e event) {
	p.events, p.times = append(p.events, e), append(p.times, time.Since(p.began))
}

// exchanges returns the exchanges of a step among the ranks. It measures when they are in the
// computation of this machine.
func exchanges(w workload, ranks int) (timeline, error) {
	peers := &absentPeers{ranks: ranks}
	step, err := newStep(w, peers) // which runs it once
	if err != nil {
		return timeline{}, err
	}
	*peers = absentPeers{ranks: ranks, began: time.Now()}
	if err := step(); err != nil {
		return timeline{}, err
	}
	whole := time.Since(peers.began)
	for i, t := range peers.times {
		peers.events[i].before = float64(t) / float64(whole)
	}
	return peers.timeline, nil
}

var _ ops.Peers = (*absentPeers)(nil)

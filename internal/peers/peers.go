// Package peers connects goroutines of one process as [convgraph/ops.Peers], so that tests need no
// network.
package peers

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"
)

// ErrStopped is the error of calls after one of the peers has stopped.
var ErrStopped = errors.New("a peer has stopped")

// A Peer is one of a group of goroutines. It is used by one goroutine.
type Peer struct {
	group   *group
	rank    int
	commons int // calls of Common
}

type group struct {
	mu      sync.Mutex
	changed *sync.Cond
	begun   []int         // the number of calls that each peer has begun
	calls   map[int]*call // those that some peer hasn't finished
	stopped bool

	common bool // they have memory in common
	memory [][]byte
}

// call is a call of all peers.
type call struct {
	of              []half
	begun           int // peers that have begun it
	finished, taken int // peers that have called Finish, and that have what the call brings
}

// half holds what a peer sends and receives, and the offset of each part of it.
type half struct {
	send, receive     []byte
	sendAt, receiveAt []int
	common            bool // all peers see what they receive
}

// New returns a group of n peers.
func New(n int) []*Peer {
	g := &group{begun: make([]int, n), calls: map[int]*call{}}
	g.changed = sync.NewCond(&g.mu)
	peers := make([]*Peer, n)
	for rank := range peers {
		peers[rank] = &Peer{group: g, rank: rank}
	}
	return peers
}

// WithMemory returns a group of n peers that have memory in common.
func WithMemory(n int) []*Peer {
	peers := New(n)
	peers[0].group.common = n > 1
	return peers
}

// Common returns n bytes that all peers see, or nil if they have no memory in common.
func (p *Peer) Common(n int) ([]byte, error) {
	g := p.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.common {
		return nil, nil
	}
	if p.commons == len(g.memory) {
		g.memory = append(g.memory, make([]byte, n))
	}
	memory := g.memory[p.commons]
	if len(memory) != n {
		return nil, fmt.Errorf("call %d of Common: got %d bytes, want %d like the others", p.commons, n, len(memory))
	}
	p.commons++
	return memory, nil
}

// sees reports whether data is memory that all peers see.
func (g *group) sees(data []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.memory, func(m []byte) bool {
		return len(data) > 0 && unsafe.SliceData(m) == unsafe.SliceData(data)
	})
}

// Rank returns the peer's number, from 0, and the number of peers.
func (p *Peer) Rank() (rank, ranks int) { return p.rank, len(p.group.begun) }

// BeginGather begins to complete data, of which peer r has filled in data[at[r]:at[r+1]].
func (p *Peer) BeginGather(data []byte, at []int) (int, error) {
	if p.group.sees(data) {
		return p.begin(half{common: true})
	}
	at = slices.Clone(at)
	spoil(data[at[0]:at[p.rank]])
	spoil(data[at[p.rank+1]:at[len(at)-1]])
	return p.begin(half{send: data[at[p.rank]:at[p.rank+1]], receive: data, receiveAt: at})
}

// BeginExchange begins to send send[sendAt[r]:sendAt[r+1]] to peer r, and to receive from it
// receive[receiveAt[r]:receiveAt[r+1]].
func (p *Peer) BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (int, error) {
	spoil(receive)
	return p.begin(half{send: send, receive: receive, sendAt: slices.Clone(sendAt), receiveAt: slices.Clone(receiveAt)})
}

// spoil makes float32s and float64s NaN: what a call receives can't be read before it is finished.
func spoil(data []byte) {
	for i := range data {
		data[i] = 0xff
	}
}

func (p *Peer) begin(h half) (int, error) {
	g := p.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return 0, ErrStopped
	}
	number := g.begun[p.rank]
	g.begun[p.rank]++
	c := g.calls[number]
	if c == nil {
		c = &call{of: make([]half, len(g.begun))}
		g.calls[number] = c
	}
	c.of[p.rank] = h
	c.begun++
	g.changed.Broadcast()
	return number, nil
}

// Finish waits until all peers finish the call, and takes what they send only then: a peer that has
// overwritten it too early sends something else.
func (p *Peer) Finish(number int) error {
	g := p.group
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.calls[number]
	if c.of[p.rank].common {
		return g.meet(c, number)
	}
	c.finished++
	g.changed.Broadcast()
	for !g.stopped && c.finished < len(c.of) {
		g.changed.Wait()
	}
	if c.finished < len(c.of) {
		return ErrStopped
	}
	own := c.of[p.rank]
	for from, h := range c.of {
		part := h.send
		if h.sendAt != nil {
			part = part[h.sendAt[p.rank]:h.sendAt[p.rank+1]]
		}
		copy(own.receive[own.receiveAt[from]:own.receiveAt[from+1]], part)
	}
	return g.leave(c, number)
}

// meet waits until all peers have begun a call that copies nothing. They needn't finish it
// together.
func (g *group) meet(c *call, number int) error {
	for !g.stopped && c.begun < len(c.of) {
		g.changed.Wait()
	}
	if c.begun < len(c.of) {
		return ErrStopped
	}
	if c.taken++; c.taken == len(c.of) {
		delete(g.calls, number)
	}
	return nil
}

// leave waits until all peers have taken what a call brings them: then they may overwrite it.
func (g *group) leave(c *call, number int) error {
	c.taken++
	g.changed.Broadcast()
	for !g.stopped && c.taken < len(c.of) {
		g.changed.Wait()
	}
	delete(g.calls, number)
	if c.taken < len(c.of) {
		return ErrStopped
	}
	return nil
}

// Stop makes the calls of all peers fail: those that wait and all later ones.
func (p *Peer) Stop() {
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	p.group.stopped = true
	p.group.changed.Broadcast()
}

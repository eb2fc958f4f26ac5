// Package peers connects goroutines of one process as [convgraph/ops.Peers], so that tests need no
// network.
package peers

import (
	"errors"
	"slices"
	"sync"
)

// ErrStopped is the error of calls after one of the peers has stopped.
var ErrStopped = errors.New("a peer has stopped")

// A Peer is one of a group of goroutines. It is used by one goroutine.
type Peer struct {
	group *group
	rank  int
}

type group struct {
	mu      sync.Mutex
	changed *sync.Cond
	begun   []int         // the number of calls that each peer has begun
	calls   map[int]*call // those that some peer hasn't finished
	stopped bool
}

// call is a call of all peers.
type call struct {
	of              []half
	finished, taken int // peers that have called Finish, and that have what the call brings
}

// half holds what a peer sends and receives, and the offset of each part of it.
type half struct {
	send, receive     []byte
	sendAt, receiveAt []int
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

// Rank returns the peer's number, from 0, and the number of peers.
func (p *Peer) Rank() (rank, ranks int) { return p.rank, len(p.group.begun) }

// BeginGather begins to complete data, of which peer r has filled in data[at[r]:at[r+1]].
func (p *Peer) BeginGather(data []byte, at []int) (int, error) {
	at = slices.Clone(at)
	spoil(data[at[0]:at[p.rank]])
	spoil(data[at[p.rank+1]:at[len(at)-1]])
	return p.begin(half{send: data[at[p.rank]:at[p.rank+1]], receive: data, receiveAt: at})
}

// BeginExchange begins to send send[sendAt[r]:sendAt[r+1]] to peer r, and to receive from it
// receive[receiveAt[r]:receiveAt[r+1]].
func (p *Peer) BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (int, error) {
	spoil(receive)
	return p.begin(half{send, receive, slices.Clone(sendAt), slices.Clone(receiveAt)})
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

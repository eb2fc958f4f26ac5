// Package peers connects goroutines of one process as [convgraph/ops.Peers], so that tests need no
// network.
package peers

import (
	"errors"
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
	turned  *sync.Cond
	calls   []call
	waiting int
	turn    int
	stopped bool
}

// call holds what a peer sends, and the offset of each part of it.
type call struct {
	data []byte
	at   []int
}

// New returns a group of n peers.
func New(n int) []*Peer {
	g := &group{calls: make([]call, n)}
	g.turned = sync.NewCond(&g.mu)
	peers := make([]*Peer, n)
	for rank := range peers {
		peers[rank] = &Peer{group: g, rank: rank}
	}
	return peers
}

// Rank returns the peer's number, from 0, and the number of peers.
func (p *Peer) Rank() (rank, ranks int) { return p.rank, len(p.group.calls) }

// Gather completes data, of which peer r has filled in data[at[r]:at[r+1]].
func (p *Peer) Gather(data []byte, at []int) error {
	return p.together(call{data, at}, func(from int, c call) {
		if from != p.rank {
			copy(data[at[from]:at[from+1]], c.data[c.at[from]:c.at[from+1]])
		}
	})
}

// Exchange sends send[sendAt[r]:sendAt[r+1]] to peer r and receives from it
// receive[receiveAt[r]:receiveAt[r+1]].
func (p *Peer) Exchange(send []byte, sendAt []int, receive []byte, receiveAt []int) error {
	return p.together(call{send, sendAt}, func(from int, c call) {
		copy(receive[receiveAt[from]:receiveAt[from+1]], c.data[c.at[p.rank]:c.at[p.rank+1]])
	})
}

// Stop makes the calls of all peers fail: those that wait and all later ones.
func (p *Peer) Stop() {
	p.group.mu.Lock()
	defer p.group.mu.Unlock()
	p.group.stopped = true
	p.group.turned.Broadcast()
}

// together waits until all peers have made their calls, takes from each, and waits until all have
// taken.
func (p *Peer) together(c call, take func(from int, c call)) error {
	p.group.calls[p.rank] = c
	if err := p.group.wait(); err != nil {
		return err
	}
	for from, c := range p.group.calls {
		take(from, c)
	}
	return p.group.wait()
}

// wait returns when all peers wait.
func (g *group) wait() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return ErrStopped
	}
	turn := g.turn
	if g.waiting++; g.waiting == len(g.calls) {
		g.waiting, g.turn = 0, g.turn+1
		g.turned.Broadcast()
	}
	for turn == g.turn && !g.stopped {
		g.turned.Wait()
	}
	if turn == g.turn {
		return ErrStopped
	}
	return nil
}

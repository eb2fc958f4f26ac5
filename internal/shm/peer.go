package shm

import (
	"runtime"
	"time"
	"unsafe"
)

// A Peer is a process of the group. It is used by one goroutine.
type Peer struct {
	rank     int
	to, from []ring // by rank
	calls    []*call
	free     []int   // calls that are finished
	active   []*call // those on their way, in their order

	common [][]byte // memory that all processes see
	token  [1]byte  // what a gather in it sends
	tokens []byte   // what it receives, by rank
}

// A call is a call of all processes on its way.
type call struct{ parts []part } // by rank

// part is what of a call remains to be copied.
type part struct{ send, receive []byte }

// Rank returns the process's number, from 0, and the number of processes.
func (p *Peer) Rank() (rank, ranks int) { return p.rank, len(p.to) }

// Share makes gathers of memory that all processes see copy nothing. All of them share it between
// the same two calls.
func (p *Peer) Share(memory []byte) { p.common = append(p.common, memory) }

// BeginGather begins to complete data, of which process r has filled in data[at[r]:at[r+1]].
func (p *Peer) BeginGather(data []byte, at []int) (int, error) {
	if p.sees(data) {
		if p.tokens == nil {
			p.tokens = make([]byte, len(p.to))
		}
		return p.begin(func(r int) part { return part{p.token[:], p.tokens[r : r+1]} })
	}
	own := data[at[p.rank]:at[p.rank+1]]
	return p.begin(func(r int) part { return part{own, data[at[r]:at[r+1]]} })
}

// BeginExchange begins to send send[sendAt[r]:sendAt[r+1]] to process r, and to receive from it
// receive[receiveAt[r]:receiveAt[r+1]].
func (p *Peer) BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (int, error) {
	copy(receive[receiveAt[p.rank]:receiveAt[p.rank+1]], send[sendAt[p.rank]:sendAt[p.rank+1]])
	return p.begin(func(r int) part {
		return part{send[sendAt[r]:sendAt[r+1]], receive[receiveAt[r]:receiveAt[r+1]]}
	})
}

// sees reports whether data lies in memory that all processes see. Then a byte of each process, in
// place of its part, says that the part is there.
func (p *Peer) sees(data []byte) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	for _, m := range p.common {
		if from := uintptr(unsafe.Pointer(unsafe.SliceData(m))); start >= from && start < from+uintptr(len(m)) {
			return true
		}
	}
	return false
}

func (p *Peer) begin(partOf func(r int) part) (int, error) {
	number := p.take()
	c := p.calls[number]
	for r := range c.parts {
		if r != p.rank {
			c.parts[r] = partOf(r)
		}
	}
	p.active = append(p.active, c)
	_, err := p.move()
	return number, err
}

// take returns the number of a call that isn't on its way.
func (p *Peer) take() int {
	if n := len(p.free); n > 0 {
		number := p.free[n-1]
		p.free = p.free[:n-1]
		return number
	}
	p.calls = append(p.calls, &call{parts: make([]part, len(p.to))})
	return len(p.calls) - 1
}

// Finish waits until a call is complete. Several calls may be on their way at once.
func (p *Peer) Finish(number int) error {
	c := p.calls[number]
	for wait := (waiting{}); !c.complete(); {
		moved, err := p.move()
		if err != nil {
			return err
		}
		if moved {
			wait = waiting{}
		} else {
			wait.pause()
		}
	}
	p.remove(c)
	p.free = append(p.free, number)
	return nil
}

func (c *call) complete() bool {
	for _, part := range c.parts {
		if len(part.send)+len(part.receive) > 0 {
			return false
		}
	}
	return true
}

func (p *Peer) remove(c *call) {
	for i, other := range p.active {
		if other == c {
			p.active = append(p.active[:i], p.active[i+1:]...)
			break
		}
	}
	clear(c.parts)
}

// move copies what it can of all calls, and reports whether that was anything. All calls take part,
// because the one that waits may be behind others in the rings.
func (p *Peer) move() (moved bool, err error) {
	for r := range p.to {
		if r == p.rank {
			continue
		}
		sent, err := p.pass(p.to[r].write, func(c *call) *[]byte { return &c.parts[r].send })
		if err != nil {
			return false, err
		}
		received, err := p.pass(p.from[r].take, func(c *call) *[]byte { return &c.parts[r].receive })
		if err != nil {
			return false, err
		}
		moved = moved || sent || received
	}
	return moved, nil
}

// pass copies what it can through one end of a ring: of each call what remains, in their order.
func (p *Peer) pass(through func([]byte) (int, error), restOf func(*call) *[]byte) (moved bool, err error) {
	for _, c := range p.active {
		rest := restOf(c)
		n, err := through(*rest)
		if err != nil {
			return false, err
		}
		moved = moved || n > 0
		if *rest = (*rest)[n:]; len(*rest) > 0 {
			break
		}
	}
	return moved, nil
}

// A process that waits asks without a pause for spinFor, but leaves its processor to others that
// want to run, and then every pollEvery.
const (
	spinFor   = 2 * time.Millisecond
	pollEvery = 50 * time.Microsecond

	// Of so many pauses one lets other goroutines run. More would wake threads of this process for
	// them, which have nothing to do and disturb a process that computes.
	goroutinesEvery = 64
)

// waiting is one wait for the others.
type waiting struct {
	began  time.Time
	pauses int
}

func (w *waiting) pause() {
	if w.began.IsZero() {
		w.began = time.Now()
	}
	switch w.pauses++; {
	case time.Since(w.began) >= spinFor:
		time.Sleep(pollEvery)
	case w.pauses%goroutinesEvery == 0:
		runtime.Gosched()
	default:
		yield()
	}
}

package shm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
)

// MaxRanks is the largest number of processes: each pair of them needs two rings.
const MaxRanks = 16

// The rings have at most maxSize bytes, and one at most maxRing: the messages of most layers fit
// into it, and it stays in the cache.
const (
	maxSize = 32 << 20
	maxRing = 4 << 20
)

// ErrUnsupported is the error of systems without such memory.
var ErrUnsupported = errors.New("shared memory: want Linux with " + folder)

// The files of folder are memory. Ours begin with prefix.
const (
	folder = "/dev/shm"
	prefix = "convgraph-"
)

// A Segment is memory that processes share, after a page with a token.
type Segment struct {
	memory []byte
	offer  Offer
}

// An Offer tells other processes how to open a segment.
type Offer struct {
	Name  [64]byte // of its file, filled up with zeros
	Token [16]byte // with which it begins
}

func (o Offer) name() string { return string(bytes.TrimRight(o.Name[:], "\x00")) }

// Create makes a segment of n bytes, zeros at first.
func Create(n int) (*Segment, error) {
	name, memory, err := create(page + n)
	if err != nil {
		return nil, err
	}
	s := &Segment{memory: memory}
	copy(s.offer.Name[:], name)
	_, _ = rand.Read(s.offer.Token[:]) // it doesn't fail
	copy(memory, s.offer.Token[:])
	return s, nil
}

// Open opens the segment that another process has created. On another machine, or in a container
// with memory of its own, it fails.
func Open(o Offer, n int) (*Segment, error) {
	memory, err := open(o.name(), page+n)
	if err != nil {
		return nil, err
	}
	s := &Segment{memory: memory, offer: o}
	if !bytes.HasPrefix(memory, o.Token[:]) {
		return nil, errors.Join(fmt.Errorf("shared memory %s: it is another segment", o.name()), s.Close())
	}
	return s, nil
}

// Offer returns what the other processes need.
func (s *Segment) Offer() Offer { return s.offer }

// Bytes returns the memory, from the start of a page.
func (s *Segment) Bytes() []byte { return s.memory[page:] }

// Peer returns one of the processes, whose rings are in the segment: it must have [RingsSize]
// bytes.
func (s *Segment) Peer(rank, ranks int) *Peer {
	p := &Peer{rank: rank, to: make([]ring, ranks), from: make([]ring, ranks)}
	for r := range ranks {
		if r != rank {
			p.to[r], p.from[r] = s.ring(rank, r, ranks), s.ring(r, rank, ranks)
		}
	}
	return p
}

// ring returns the ring from one process to another.
func (s *Segment) ring(from, to, ranks int) ring {
	if to > from {
		to-- // there is none to itself
	}
	size := page + ringSize(ranks)
	at := (from*(ranks-1) + to) * size
	return newRing(s.Bytes()[at : at+size : at+size])
}

// RingsSize returns the number of bytes of the rings of 2 to [MaxRanks] processes.
func RingsSize(ranks int) int { return ranks * (ranks - 1) * (page + ringSize(ranks)) }

func ringSize(ranks int) int {
	size := maxRing
	for size*ranks*(ranks-1) > maxSize {
		size /= 2
	}
	return size
}

package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"

	"gorgonia.org/tensor"
)

// OnCorrupt is what a [Loader] does with a sample whose error is a [CorruptError].
type OnCorrupt int

const (
	// FailOnCorrupt ends the epoch with the error.
	FailOnCorrupt OnCorrupt = iota
	// SkipCorrupt skips the sample, for evaluation: its batch is smaller.
	SkipCorrupt
	// ReplaceCorrupt takes the next whole sample of the set, cyclically, for training: batches stay
	// full.
	ReplaceCorrupt
)

// LoaderOptions configure a [Loader].
type LoaderOptions struct {
	Batch     int // samples a batch, at least 1
	Workers   int // goroutines that assemble batches; 0 means GOMAXPROCS
	Ahead     int // batches assembled ahead of the one in use, each with its own memory; 0 means Workers
	OnCorrupt OnCorrupt
}

// Minibatch is a batch of N samples.
type Minibatch struct {
	X       []float32 // (N,C,H,W)
	T       []float32 // (N,classes), one-hot
	Labels  []int     // (N)
	Indices []int     // (N), the samples' indices in the set

	err    error
	sample tensor.Shape
	images *tensor.Dense // over X
}

// Images returns X as a tensor over the same memory. A reused batch keeps its tensor, so that this
// doesn't allocate in the steady state.
func (m *Minibatch) Images() *tensor.Dense {
	if old := m.images; old == nil || old.Shape()[0] != len(m.Labels) || &old.Float32s()[0] != &m.X[0] {
		m.images = tensor.New(tensor.WithShape(append(tensor.Shape{len(m.Labels)}, m.sample...)...),
			tensor.WithBacking(m.X))
	}
	return m.images
}

// Loader assembles batches in the background, ahead of the training step. It reuses its memory.
// Only one epoch may be in progress.
type Loader struct {
	options LoaderOptions
	buffers []*Minibatch
	busy    atomic.Bool
}

// NewLoader returns a loader. It starts no goroutine and needs no closing.
func NewLoader(options LoaderOptions) (*Loader, error) {
	options.Workers = cmp.Or(options.Workers, runtime.GOMAXPROCS(0))
	options.Ahead = cmp.Or(options.Ahead, options.Workers)
	switch {
	case options.Batch < 1:
		return nil, fmt.Errorf("loader: batch of %d samples: want at least 1", options.Batch)
	case options.Workers < 1:
		return nil, fmt.Errorf("loader: %d workers: want at least 1, or 0 for as many as processors", options.Workers)
	case options.Ahead < 1:
		return nil, fmt.Errorf("loader: %d batches ahead: want at least 1, or 0 for as many as workers", options.Ahead)
	case options.OnCorrupt < FailOnCorrupt || options.OnCorrupt > ReplaceCorrupt:
		return nil, fmt.Errorf("loader: got OnCorrupt %d, want 0 to 2", options.OnCorrupt)
	}
	l := &Loader{options: options, buffers: make([]*Minibatch, options.Ahead+1)}
	for i := range l.buffers {
		l.buffers[i] = new(Minibatch)
	}
	return l, nil
}

// Epoch iterates over batches of the samples at the indices, in order; the last batch has the rest.
// The batches are the same for any number of workers. A batch is valid until the next one; order
// must not change meanwhile. The first error, by the order of the batches, ends the iteration.
//
// Every goroutine has ended when the iteration ends, early or not.
func (l *Loader) Epoch(ds Dataset, order []int) iter.Seq2[*Minibatch, error] {
	return func(yield func(*Minibatch, error) bool) {
		if !l.busy.CompareAndSwap(false, true) {
			yield(nil, errors.New("loader: an epoch is in progress already: want one at a time"))
			return
		}
		defer l.busy.Store(false)
		for _, i := range order {
			if err := checkIndex(i, ds.Len()); err != nil {
				yield(nil, fmt.Errorf("loader: %w", err))
				return
			}
		}
		a := l.assemble(ds, order)
		defer a.stop()
		for b := range a.batches {
			m := <-a.ready[b%len(a.ready)]
			if m.err != nil {
				yield(nil, m.err)
				return
			}
			if len(m.Indices) > 0 && !yield(m, nil) {
				return
			}
			a.free <- m
		}
	}
}

// assembly is an epoch in progress.
//
// A worker takes a free buffer and the next batch's number together. Buffers are returned in the
// order of the batches, so the numbers in flight are consecutive and no two share a slot in ready.
type assembly struct {
	ds            Dataset
	order         []int
	sample        tensor.Shape
	size, classes int
	options       LoaderOptions

	batches int
	turn    sync.Mutex // held while a worker waits for a buffer
	next    int        // the next batch's number
	free    chan *Minibatch
	ready   []chan *Minibatch // batch b arrives in ready[b mod len]
	quit    chan struct{}
	workers sync.WaitGroup
}

func (l *Loader) assemble(ds Dataset, order []int) *assembly {
	a := &assembly{
		ds: ds, order: order, sample: ds.Shape(), size: ds.Shape().TotalSize(), classes: ds.Classes(),
		options: l.options,
		batches: (len(order) + l.options.Batch - 1) / l.options.Batch,
		free:    make(chan *Minibatch, len(l.buffers)),
		ready:   make([]chan *Minibatch, len(l.buffers)),
		quit:    make(chan struct{}),
	}
	for i, m := range l.buffers {
		a.free <- m
		a.ready[i] = make(chan *Minibatch, 1)
	}
	for range min(l.options.Workers, a.batches) {
		a.workers.Go(a.work)
	}
	return a
}

func (a *assembly) stop() {
	close(a.quit)
	a.workers.Wait()
}

func (a *assembly) work() {
	for {
		m, b := a.take()
		if m == nil {
			return
		}
		m.err = a.fill(m, b)
		a.ready[b%len(a.ready)] <- m
	}
}

// take returns a free buffer and the number of its batch, or nil when nothing is left to do.
func (a *assembly) take() (*Minibatch, int) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.next == a.batches {
		return nil, 0
	}
	select {
	case <-a.quit:
		return nil, 0
	case m := <-a.free:
		a.next++
		return m, a.next - 1
	}
}

func (a *assembly) fill(m *Minibatch, b int) error {
	start := b * a.options.Batch
	indices := a.order[start:min(start+a.options.Batch, len(a.order))]
	m.sample = a.sample
	m.reserve(len(indices), a.size, a.classes)
	for _, i := range indices {
		select {
		case <-a.quit:
			return nil // nobody will look at this batch
		default:
		}
		if err := a.add(m, i); err != nil {
			return err
		}
	}
	m.X, m.T = m.X[:len(m.Labels)*a.size], m.T[:len(m.Labels)*a.classes]
	return nil
}

// reserve empties the batch and makes space for n samples.
func (m *Minibatch) reserve(n, size, classes int) {
	m.X, m.T = resized(&m.X, n*size), resized(&m.T, n*classes)
	if cap(m.Labels) < n {
		m.Labels, m.Indices = make([]int, n), make([]int, n)
	}
	m.Labels, m.Indices = m.Labels[:0], m.Indices[:0]
}

// add appends sample i, or handles its corruption.
func (a *assembly) add(m *Minibatch, i int) error {
	row := len(m.Labels)
	x, t := m.X[row*a.size:(row+1)*a.size], m.T[row*a.classes:(row+1)*a.classes]
	for range a.ds.Len() {
		label, err := a.ds.Sample(i, x)
		if err == nil {
			err = oneHot(t, label)
		}
		if err == nil {
			m.Labels, m.Indices = append(m.Labels, label), append(m.Indices, i)
			return nil
		}
		var corrupt *CorruptError
		if a.options.OnCorrupt == FailOnCorrupt || !errors.As(err, &corrupt) {
			return fmt.Errorf("sample %d: %w", i, err)
		}
		if a.options.OnCorrupt == SkipCorrupt {
			return nil
		}
		i = (i + 1) % a.ds.Len()
	}
	return fmt.Errorf("all %d images are corrupt", a.ds.Len())
}

// InOrder iterates over a set in batches of the given size; the last batch has the rest. It skips
// corrupt images. A batch is valid until the next one.
func InOrder(ds Dataset, batch int) iter.Seq2[*Minibatch, error] {
	return func(yield func(*Minibatch, error) bool) {
		l, err := NewLoader(LoaderOptions{Batch: batch, OnCorrupt: SkipCorrupt})
		if err != nil {
			yield(nil, err)
			return
		}
		order := make([]int, ds.Len())
		for i := range order {
			order[i] = i
		}
		l.Epoch(ds, order)(yield)
	}
}

// resized returns n values in buffer's memory, which it enlarges if necessary.
func resized(buffer *[]float32, n int) []float32 {
	if cap(*buffer) < n {
		*buffer = make([]float32, n)
	}
	return (*buffer)[:n]
}

package predict

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"convgraph/graph"
)

// Reasons for which a batcher refuses images.
var (
	ErrFull   = errors.New("too many images are waiting: try again in a moment")
	ErrClosed = errors.New("the server is ending")
)

// A Batcher computes outputs for many goroutines. Images that arrive during a batch form the next
// one. An image that arrives at an idle batcher is computed at once: the batcher never waits for a
// batch to fill.
type Batcher struct {
	model    *graph.Model
	limits   limits
	observe  func(batch int)
	finished chan struct{}

	mu      sync.Mutex
	changed sync.Cond // signals a change of waiting or closed
	waiting []*job
	images  int // in waiting
	closed  bool
}

// limits are numbers of images.
type limits struct {
	batch int // computed together
	queue int // waiting
}

// A job is one caller's images.
type job struct {
	images, probabilities []float32
	count                 int
	done                  chan error // buffered: one result
}

// newBatcher starts a batcher; [Batcher.Close] stops it. observe is called with each batch's size.
func newBatcher(m *graph.Model, l limits, observe func(batch int)) *Batcher {
	b := &Batcher{model: m, limits: l, observe: observe, finished: make(chan struct{})}
	b.changed.L = &b.mu
	go b.work()
	return b
}

// Predict writes the probabilities of count images into probabilities. It returns [ErrFull] at once
// if the queue is full, and the context's error if that ends while the images wait. It doesn't keep
// the slices.
func (b *Batcher) Predict(ctx context.Context, probabilities, images []float32, count int) error {
	return b.do(ctx, &job{images: images, probabilities: probabilities, count: count, done: make(chan error, 1)})
}

func (b *Batcher) do(ctx context.Context, j *job) error {
	if err := b.enqueue(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
	}
	if b.withdraw(j) {
		return ctx.Err()
	}
	return <-j.done // the batch is running and ends soon
}

func (b *Batcher) enqueue(j *job) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	if b.images > 0 && b.images+j.count > b.limits.queue {
		return ErrFull
	}
	b.waiting = append(b.waiting, j)
	b.images += j.count
	b.changed.Signal()
	return nil
}

// withdraw removes a job from the queue. It returns false if the job is being computed.
func (b *Batcher) withdraw(j *job) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, j)
	if i < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.images -= j.count
	return true
}

// Waiting returns the number of queued images.
func (b *Batcher) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.images
}

// Close refuses further images, computes the queued ones and stops the batcher.
func (b *Batcher) Close() {
	b.mu.Lock()
	b.closed = true
	b.changed.Signal()
	b.mu.Unlock()
	<-b.finished
}

func (b *Batcher) work() {
	defer close(b.finished)
	scratch := scratch{}
	var jobs []*job
	for {
		if jobs = b.take(jobs[:0]); len(jobs) == 0 {
			return
		}
		err := b.compute(&scratch, jobs)
		for i, j := range jobs {
			j.done <- err
			jobs[i] = nil
		}
	}
}

// take waits for jobs and returns as many as fit in a batch, oldest first, at least one. It returns
// none when the batcher is closed.
func (b *Batcher) take(jobs []*job) []*job {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) == 0 {
		if b.closed {
			return nil
		}
		b.changed.Wait()
	}
	images := 0
	for _, j := range b.waiting {
		if len(jobs) > 0 && images+j.count > b.limits.batch {
			break
		}
		jobs = append(jobs, j)
		images += j.count
	}
	b.waiting = slices.Delete(b.waiting, 0, len(jobs))
	b.images -= images
	return jobs
}

// scratch is the memory of one batch.
type scratch struct{ images, probabilities []float32 }

// compute fills in the jobs' probabilities. It turns a panic into an error, so that the server
// survives.
func (b *Batcher) compute(s *scratch, jobs []*job) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("computing a batch: %v", what)
		}
	}()
	if len(jobs) == 1 {
		b.observe(jobs[0].count)
		return b.model.OutputsInto(jobs[0].probabilities, jobs[0].images)
	}
	s.images = s.images[:0]
	count := 0
	for _, j := range jobs {
		s.images = append(s.images, j.images...)
		count += j.count
	}
	b.observe(count)
	s.probabilities = slices.Grow(s.probabilities[:0], count*b.model.Classes())[:count*b.model.Classes()]
	if err := b.model.OutputsInto(s.probabilities, s.images); err != nil {
		return err
	}
	rest := s.probabilities
	for _, j := range jobs {
		rest = rest[copy(j.probabilities, rest):]
	}
	return nil
}

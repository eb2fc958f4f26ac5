// Package dashboard shows a running training on a page: curves, filters, speed, and buttons to stop
// and resume it.
package dashboard

import (
	"context"
	"errors"
	"sync"
	"time"

	"convgraph/train"
)

// Phase is the state of a training.
type Phase string

const (
	Starting    Phase = "starting"
	Training    Phase = "training"
	Stopping    Phase = "stopping"    // after the current step
	Stopped     Phase = "stopped"     // until it is resumed
	Measuring   Phase = "measuring"   // accuracy on the whole sets, after the last epoch
	Finished    Phase = "finished"    // the program ends soon
	Interrupted Phase = "interrupted" // by a signal to the program
	Failed      Phase = "failed"
)

// snapshotEvery is the interval at which the page's figures are updated within an epoch.
const snapshotEvery = 250 * time.Millisecond

// Setting is one of the training's settings, as the page lists them.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Page is a training callback that shows the training and controls it. The callback only reads, so
// a training's result doesn't depend on it.
type Page struct {
	train.Base
	title    string
	settings []Setting
	ended    chan struct{} // closed by Close
	close    func()

	mu       sync.Mutex
	phase    Phase
	message  string
	cancel   context.CancelFunc // cancels the running training
	resume   chan struct{}      // receives when the training is resumed
	progress progress
	version  int // of the state that the page shows

	encoding       sync.Mutex
	encoded        []byte // the newest state that a reader requested
	encodedVersion int
}

// New returns the page of a training that hasn't begun.
func New(title string, settings []Setting) *Page {
	p := &Page{
		title: title, settings: settings, phase: Starting, ended: make(chan struct{}), resume: make(chan struct{}, 1),
		version: 1,
	}
	p.close = sync.OnceFunc(func() { close(p.ended) })
	return p
}

// Close sends every reader the last state and ends the streams.
func (p *Page) Close() { p.close() }

// Run trains until the training ends, through any number of stops. After a stop it resumes from the
// checkpoint that latest returns, which the interruption has written. When the context is done it
// returns the context's error, and the newest checkpoint has the state of the training.
func (p *Page) Run(
	ctx context.Context, t *train.Trainer, latest func() (*train.Checkpoint, error),
) (*train.Result, error) {
	for {
		result, err := p.runOnce(ctx, t)
		if !errors.Is(err, context.Canceled) || ctx.Err() != nil {
			p.end(result, err)
			return result, err
		}
		p.set(Stopped, "")
		select {
		case <-ctx.Done():
			p.end(nil, ctx.Err())
			return nil, ctx.Err()
		case <-p.resume:
		}
		if t.Resume, err = latest(); err != nil {
			p.end(nil, err)
			return nil, err
		}
	}
}

func (p *Page) runOnce(ctx context.Context, t *train.Trainer) (*train.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.mu.Lock()
	p.phase, p.cancel = Training, cancel
	p.version++
	p.mu.Unlock()
	return t.Run(ctx)
}

func (p *Page) end(r *train.Result, err error) {
	switch {
	case errors.Is(err, context.Canceled):
		p.set(Interrupted, "The program was interrupted. Its checkpoint resumes the training.")
	case err != nil:
		p.set(Failed, err.Error())
	default:
		p.set(Finished, "Test accuracy "+r.Test.String()+", train accuracy "+r.Train.String()+".")
	}
}

func (p *Page) set(phase Phase, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase, p.message = phase, message
	p.version++
}

// Phase returns the state of the training.
func (p *Page) Phase() Phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.phase
}

// Stop ends the training after the current step, with a checkpoint. It reports whether there was a
// training to stop.
func (p *Page) Stop() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == Stopping || p.phase == Stopped {
		return true
	}
	if p.phase != Training {
		return false
	}
	p.phase = Stopping
	p.version++
	p.cancel()
	return true
}

// Resume resumes a stopped training. It reports whether there was one.
func (p *Page) Resume() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase != Stopped {
		return false
	}
	p.phase = Starting
	p.version++
	p.resume <- struct{}{}
	return true
}

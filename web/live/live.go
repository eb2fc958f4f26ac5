// Package live shows a training as it runs, on a page: curves, filters, speed, and buttons that stop it and go on.
package live

import (
	"context"
	"errors"
	"sync"
	"time"

	"convgraph/train"
)

// A Phase is what a training is at.
type Phase string

const (
	Starting    Phase = "starting"
	Training    Phase = "training"
	Stopping    Phase = "stopping"    // after the step under way
	Stopped     Phase = "stopped"     // until it is resumed
	Measuring   Phase = "measuring"   // on the whole sets, after the last epoch
	Finished    Phase = "finished"    // and so is the program, soon
	Interrupted Phase = "interrupted" // by whoever ended the program
	Failed      Phase = "failed"
)

// snapshotEvery is how often the page's figures are brought up to date within an epoch.
const snapshotEvery = 250 * time.Millisecond

// A Setting is one of the training's settings that the page lists.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Page is a training's callback that shows it, and its switch. As a callback it reads and never writes, so that a training's result doesn't
// depend on it.
type Page struct {
	train.Base
	title    string
	settings []Setting
	ended    chan struct{} // closed by Close
	close    func()

	mu       sync.Mutex
	phase    Phase
	message  string
	cancel   context.CancelFunc // of the training under way
	resume   chan struct{}      // receives when the training is to go on
	progress progress
	version  int // of what the page shows

	encoding       sync.Mutex
	encoded        []byte // the newest state that a reader asked for
	encodedVersion int
}

// New is the page of a training that hasn't begun.
func New(title string, settings []Setting) *Page {
	p := &Page{title: title, settings: settings, phase: Starting, ended: make(chan struct{}), resume: make(chan struct{}, 1), version: 1}
	p.close = sync.OnceFunc(func() { close(p.ended) })
	return p
}

// Close sends every reader the last state and ends their streams.
func (p *Page) Close() { p.close() }

// Run trains until the training ends, through any number of stops. It goes on from the checkpoint that goOn finds, which an interruption has
// written. When the context is done it returns its error, and the newest checkpoint is where the training got to.
func (p *Page) Run(ctx context.Context, t *train.Trainer, goOn func() (*train.Checkpoint, error)) (*train.Result, error) {
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
		if t.Resume, err = goOn(); err != nil {
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
		p.set(Interrupted, "The program was interrupted; -resume goes on from its checkpoint.")
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

// Phase is what the training is at.
func (p *Page) Phase() Phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.phase
}

// Stop ends the training after the step under way, with a checkpoint, and says whether there was one to stop.
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

// Resume lets a stopped training go on, and says whether there was one.
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

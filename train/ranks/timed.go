package ranks

import (
	"time"

	"convgraph/ops"
)

// Timed is peers whose exchanges are timed. It serves one goroutine.
type Timed struct {
	ops.Peers
	Spent time.Duration // in beginning and finishing exchanges, most of it waiting for the others
}

// BeginGather adds its time to the time spent.
func (t *Timed) BeginGather(data []byte, at []int) (call int, err error) {
	defer t.add(time.Now())
	return t.Peers.BeginGather(data, at)
}

// BeginExchange adds its time to the time spent.
func (t *Timed) BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (call int, err error) {
	defer t.add(time.Now())
	return t.Peers.BeginExchange(send, sendAt, receive, receiveAt)
}

// Finish adds its time to the time spent.
func (t *Timed) Finish(call int) error {
	defer t.add(time.Now())
	return t.Peers.Finish(call)
}

// Common returns memory that the peers have in common.
func (t *Timed) Common(n int) ([]byte, error) {
	if c, ok := t.Peers.(ops.Commons); ok {
		return c.Common(n)
	}
	return nil, nil
}

func (t *Timed) add(began time.Time) { t.Spent += time.Since(began) }

package train

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"unsafe"

	"convgraph/ops"
	"convgraph/train/dataset"
	"convgraph/train/ranks"
)

// newPart returns the part of each batch that this process computes, or nil for all of it at once.
func (t *Trainer) newPart(peers *ranks.Timed) (*ops.Part, error) {
	ofPeers, turns := t.batch(), 1
	if t.Peers != nil {
		_, n := t.Peers.Rank()
		ofPeers = (ofPeers + n - 1) / n
	}
	for t.MicroBatch > 0 && (ofPeers+turns-1)/turns > t.MicroBatch {
		turns *= 2
	}
	if t.Peers == nil && turns == 1 {
		return nil, nil
	}
	if t.Peers == nil {
		return ops.NewPart(t.batch(), turns, nil)
	}
	return ops.NewPart(t.batch(), turns, peers)
}

// sharer is a solver that can share its work among peers; see [solver.Optimizer.Share].
type sharer interface {
	Share(p *ops.Part)
	Unshare()
}

// share lets each process update its share of the large parameters, if they have memory in common.
func (r *run) share() {
	if s, ok := r.Solver.(sharer); ok && r.Peers != nil {
		s.Share(r.part)
	}
}

// unshare gives this process its own parameters again.
func (r *run) unshare() {
	if s, ok := r.Solver.(sharer); ok {
		s.Unshare()
	}
}

// first reports whether this process is the only one, or the first of several.
func (s *State) first() bool {
	if s.Trainer.Peers == nil {
		return true
	}
	rank, _ := s.Trainer.Peers.Rank()
	return rank == 0
}

func (r *run) turns() int {
	if r.part == nil {
		return 1
	}
	return r.part.Turns()
}

// ownImages returns the images of an order of whole batches that this process computes, turn after
// turn.
func (r *run) ownImages(order []int) []int {
	if r.part == nil {
		return order
	}
	r.part.Take(0)
	first, n := r.part.Images()
	n *= r.part.Turns()
	own := make([]int, 0, len(order)/r.state.Batch*n)
	for at := 0; at < len(order); at += r.state.Batch {
		own = append(own, order[at+first:at+first+n]...)
	}
	return own
}

// Votes on whether to continue the training, the strongest last.
const (
	goOn byte = iota
	interrupt
	stop
)

// together returns err, unless another process ends the training: if the context is done or a
// callback stops the training in one of them, it ends in all after the same step.
func (r *run) together(ctx context.Context, err error) error {
	if r.Peers == nil || err != nil && !errors.Is(err, ErrStop) {
		return err
	}
	vote := goOn
	switch {
	case err != nil:
		vote = stop
	case ctx.Err() != nil:
		vote = interrupt
	}
	most, failed := r.vote(vote)
	switch {
	case failed != nil:
		return failed
	case most == stop:
		return ErrStop
	case most == interrupt:
		return context.Canceled
	}
	return nil
}

// vote returns the strongest vote of the processes. They exchange their speeds with it.
func (r *run) vote(vote byte) (most byte, err error) {
	all, err := ranks.Each(r.peers, r.speed.speed.append([]byte{vote}))
	if err != nil {
		return 0, err
	}
	speeds := make([]RankSpeed, len(all))
	for rank, of := range all {
		if of[0] > stop {
			return 0, fmt.Errorf("vote of rank %d: got %d, want at most %d", rank, of[0], stop)
		}
		most = max(most, of[0])
		speeds[rank] = decodeSpeed(of[1:])
	}
	r.state.Ranks = speeds
	return most, nil
}

// evaluate is [Evaluate], shared by the processes.
func (r *run) evaluate(ds dataset.Dataset) (Score, error) {
	return r.count(ds, make([]int, r.Model.Classes()))
}

// count also counts the predictions by class.
func (r *run) count(ds dataset.Dataset, answers []int) (score Score, err error) {
	if r.Peers != nil {
		rank, n := r.Peers.Rank()
		ds = dataset.Range(ds, rank*ds.Len()/n, (rank+1)*ds.Len()/n)
	}
	err = eachPrediction(r.Model, ds, func(a Prediction) error {
		score.Count(a.Label == a.Predicted)
		answers[a.Predicted]++
		return nil
	})
	if err != nil || r.Peers == nil {
		return score, err
	}
	counts := append([]int{score.Right, score.Total}, answers...)
	err = ranks.Sum(r.Peers, counts)
	copy(answers, counts[2:])
	return Score{Right: counts[0], Total: counts[1]}, err
}

// sameParameters returns an error if the parameters of a process have other bits than those of the
// first.
func (r *run) sameParameters() error {
	if r.Peers == nil {
		return nil
	}
	h := sha256.New()
	for _, p := range r.Model.Params() {
		values := p.Value.Float32s()
		h.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), 4*len(values)))
	}
	return ranks.Agree(r.Peers, []ranks.Fact{
		{Name: fmt.Sprintf("hash of the parameters after epoch %d", r.state.Epoch),
			Value: fmt.Sprintf("%x", h.Sum(nil)[:8])},
	})
}

// firstNonFinite is [graph.Step.FirstNonFinite] of the first process that finds something.
func (r *run) firstNonFinite() (string, error) {
	first, err := r.step.FirstNonFinite()
	if err != nil || r.Peers == nil {
		return first, err
	}
	all, err := ranks.All(r.Peers, []byte(first))
	if err != nil {
		return "", err
	}
	for _, found := range all {
		if len(found) > 0 {
			return string(found), nil
		}
	}
	return "", nil
}

package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/internal/peers"
)

// batchTrainer returns a trainer whose batches several processes can share.
func batchTrainer(t testing.TB, spec *graph.Spec, batch int) *Trainer {
	t.Helper()
	tr := trainer(t, spec)
	tr.Train = images(t, spec.Input, 2*batch+3, tr.Model.Classes(), 5)
	tr.Test = images(t, spec.Input, 9, tr.Model.Classes(), 6)
	tr.Batch = batch
	return tr
}

// finishTogether runs the trainers as processes of one training and returns what each ends with.
func finishTogether(t *testing.T, all []*Trainer, connected []*peers.Peer) []ending {
	t.Helper()
	endings := make([]ending, len(all))
	var running sync.WaitGroup
	for rank, peer := range connected {
		running.Go(func() {
			defer peer.Stop()
			all[rank].Peers = peer
			result, err := all[rank].Run(context.Background())
			if assert.NoError(t, err, "rank %d", rank) {
				endings[rank] = ending{paramBytes(t, all[rank].Model), timeless(result.History), result.Test}
			}
		})
	}
	running.Wait()
	return endings
}

// TestAnyNumberOfProcesses: a training by any number of processes ends with the bits of one
// process.
func TestAnyNumberOfProcesses(t *testing.T) {
	for name, spec := range map[string]func() *graph.Spec{
		"simpleconvnet": simpleConvNet, "lenet": leNet, "alexnet": alexNet, "resnet": resNet, "dropout": withDropout,
	} {
		t.Run(name, func(t *testing.T) {
			const batch = 20
			want := finish(t, batchTrainer(t, spec(), batch))
			for _, connected := range [][]*peers.Peer{
				peers.New(1), peers.New(2), peers.New(3), peers.New(4), peers.New(8),
				peers.WithMemory(2), peers.WithMemory(3),
			} {
				all := make([]*Trainer, len(connected))
				for rank := range all {
					all[rank] = batchTrainer(t, spec(), batch)
				}
				for rank, got := range finishTogether(t, all, connected) {
					require.True(t, want.equals(got), "rank %d of %d", rank, len(all))
				}
			}
		})
	}
}

func TestMicroBatches(t *testing.T) {
	for name, spec := range map[string]func() *graph.Spec{
		"simpleconvnet": simpleConvNet, "lenet": leNet, "alexnet": alexNet,
	} {
		t.Run(name, func(t *testing.T) {
			const batch = 16
			want := finish(t, batchTrainer(t, spec(), batch))
			for _, most := range []int{16, 8, 5, 2} {
				tr := batchTrainer(t, spec(), batch)
				tr.MicroBatch = most
				require.True(t, want.equals(finish(t, tr)), "at most %d images at once", most)
			}
			for _, connected := range [][]*peers.Peer{peers.New(2), peers.WithMemory(2)} {
				both := []*Trainer{batchTrainer(t, spec(), batch), batchTrainer(t, spec(), batch)}
				for _, tr := range both {
					tr.MicroBatch = 4
				}
				for rank, got := range finishTogether(t, both, connected) {
					require.True(t, want.equals(got), "rank %d of 2, in turns of 4 images", rank)
				}
			}
		})
	}
	tr := batchTrainer(t, resNet(), 16)
	tr.MicroBatch = 8
	_, err := tr.Run(context.Background())
	require.ErrorContains(t, err, "(BatchNorm) needs the mean of the whole batch before it can normalize an image")
	tr.MicroBatch = -1
	_, err = tr.Run(context.Background())
	require.EqualError(t, err, "micro-batch: got -1, want at least 1, or 0 for the whole batch")
}

// endAfter calls a function after a step, which may end the training.
type endAfter struct {
	Base
	step int
	end  func() error
}

func (s endAfter) StepEnd(state *State) error {
	if state.Step != s.step {
		return nil
	}
	return s.end()
}

// TestOneProcessEndsAll: when one process ends its training, all end after the same step.
func TestOneProcessEndsAll(t *testing.T) {
	for name, how := range map[string]func(cancel func()) error{
		"stopped":     func(func()) error { return ErrStop },
		"interrupted": func(cancel func()) error { cancel(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			all := peers.New(3)
			steps, errs := make([]int, len(all)), make([]error, len(all))
			var running sync.WaitGroup
			for rank, peer := range all {
				running.Go(func() {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					tr := batchTrainer(t, withDropout(), 16)
					tr.Peers = peer
					if rank == 1 {
						tr.Callbacks = append(tr.Callbacks, endAfter{step: 3, end: func() error { return how(cancel) }})
					}
					tr.Callbacks = append(tr.Callbacks, countSteps{steps: &steps[rank]})
					_, errs[rank] = tr.Run(ctx)
				})
			}
			running.Wait()
			assert.Equal(t, []int{3, 3, 3}, steps)
			for _, err := range errs {
				if name == "stopped" {
					assert.NoError(t, err)
				} else {
					assert.ErrorIs(t, err, context.Canceled)
				}
			}
		})
	}
}

// TestRankSpeeds: each process knows the speed of all, and how long each waits for the slowest.
func TestRankSpeeds(t *testing.T) {
	const slow = 20 * time.Millisecond
	all := peers.New(3)
	speeds := make([][]RankSpeed, len(all))
	var running sync.WaitGroup
	for rank, peer := range all {
		running.Go(func() {
			tr := batchTrainer(t, withDropout(), 16)
			tr.Peers = peer
			tr.Callbacks = append(tr.Callbacks, endAfter{step: 1, end: func() error {
				if rank == 1 {
					time.Sleep(slow)
				}
				return nil
			}}, watchSpeeds{speeds: &speeds[rank]})
			_, err := tr.Run(context.Background())
			assert.NoError(t, err)
		})
	}
	running.Wait()
	require.Len(t, speeds[0], 3)
	for rank, s := range speeds[0] {
		assert.Equal(t, speeds[0], speeds[rank])
		assert.Positive(t, s.ImagesPerSecond)
		assert.GreaterOrEqual(t, s.Waiting, 0.)
		assert.LessOrEqual(t, s.Waiting, 1.)
	}
	assert.Less(t, speeds[0][1].Waiting, speeds[0][0].Waiting, "the slowest waits least")
	assert.Less(t, speeds[0][1].Waiting, speeds[0][2].Waiting, "the slowest waits least")
}

// watchSpeeds keeps the speeds at the end of the first epoch.
type watchSpeeds struct {
	Base
	speeds *[]RankSpeed
}

func (w watchSpeeds) EpochEnd(s *State) error {
	if s.Epoch == 1 {
		*w.speeds = s.Ranks
	}
	return nil
}

type countSteps struct {
	Base
	steps *int
}

func (c countSteps) StepEnd(s *State) error { *c.steps = s.Step; return nil }

// TestAnyNumberOfProcessesResumes: one process, or two, resume a training of three, whether the
// three hold the parameters once or each has its own.
func TestAnyNumberOfProcessesResumes(t *testing.T) {
	want := finish(t, batchTrainer(t, simpleConvNet(), 16))
	checkResumes(t, want, peers.New(3))
	checkResumes(t, want, peers.WithMemory(3))
}

func checkResumes(t *testing.T, want ending, three []*peers.Peer) {
	dir := t.TempDir()
	broken := errors.New("out of order")
	var running sync.WaitGroup
	for rank, peer := range three {
		running.Go(func() {
			defer peer.Stop()
			tr := batchTrainer(t, simpleConvNet(), 16)
			tr.Peers = peer
			if rank == 0 {
				tr.Callbacks = append(tr.Callbacks, Checkpoints{Dir: dir, Every: 1})
			}
			tr.Callbacks = append(tr.Callbacks, endAfter{step: 3, end: func() error { return broken }})
			_, err := tr.Run(context.Background())
			assert.ErrorIs(t, err, broken)
		})
	}
	running.Wait()
	for _, connected := range [][]*peers.Peer{peers.New(1), peers.New(2), peers.WithMemory(2)} {
		n := len(connected)
		all := make([]*Trainer, n)
		for rank := range all {
			all[rank] = batchTrainer(t, simpleConvNet(), 16)
			checkpoint, err := LatestCheckpoint(dir, nil)
			require.NoError(t, err)
			require.Equal(t, 3, checkpoint.Step)
			all[rank].Resume = checkpoint
		}
		for rank, got := range finishTogether(t, all, connected) {
			require.True(t, want.equals(got), "rank %d of %d", rank, n)
		}
	}
}

// watchParameters notes the parameters after each step, which it takes a time to read, and where
// the first large one lies.
type watchParameters struct {
	Base
	t     *testing.T
	delay time.Duration
	seen  *[]string
	large **float32
}

func (w watchParameters) StepEnd(s *State) error {
	time.Sleep(w.delay)
	*w.seen = append(*w.seen, paramBytes(w.t, s.Model))
	*w.large = &s.Model.Params()[2].Value.Float32s()[0]
	return nil
}

// TestCommonParameters: while processes hold the parameters once, each reads those of its own step,
// even while the others go on. After the training each has its own.
func TestCommonParameters(t *testing.T) {
	var want []string
	var large [3]*float32
	alone := batchTrainer(t, simpleConvNet(), 16)
	alone.Callbacks = []Callback{watchParameters{t: t, seen: &want, large: &large[0]}}
	finish(t, alone)
	connected := peers.WithMemory(3)
	all, seen := make([]*Trainer, len(connected)), make([][]string, len(connected))
	for rank := range all {
		all[rank] = batchTrainer(t, simpleConvNet(), 16)
		delay := time.Duration(2*rank%3) * 5 * time.Millisecond
		all[rank].Callbacks = []Callback{watchParameters{t: t, delay: delay, seen: &seen[rank], large: &large[rank]}}
	}
	finishTogether(t, all, connected)
	for rank := range all {
		require.Same(t, large[0], large[rank], "the processes hold it once")
		require.Equal(t, len(want), len(seen[rank]))
		for i := range want {
			require.True(t, want[i] == seen[rank][i], "rank %d, step %d", rank, i+1)
		}
	}
	for _, p := range all[0].Model.Params() {
		clear(p.Value.Float32s())
	}
	for _, slot := range all[0].Solver.State().Slots {
		clear(slot.Value.Float32s())
	}
	for rank := range all[1:] {
		require.True(t, want[len(want)-1] == paramBytes(t, all[1+rank].Model))
	}
}

// TestNamesProcessWithOtherParameters: the error after the epoch names the process.
func TestNamesProcessWithOtherParameters(t *testing.T) {
	all := peers.New(3)
	errs := make([]error, len(all))
	var running sync.WaitGroup
	for rank, peer := range all {
		running.Go(func() {
			tr := batchTrainer(t, withDropout(), 16)
			tr.Peers = peer
			if rank == 2 {
				tr.Callbacks = append(tr.Callbacks, endAfter{step: 1, end: func() error {
					tr.Model.Params()[0].Value.Float32s()[0] += 1e-3
					return nil
				}})
			}
			_, errs[rank] = tr.Run(context.Background())
		})
	}
	running.Wait()
	for _, err := range errs {
		assert.Regexp(t, "^rank [12]: hash of the parameters after epoch 1: got [0-9a-f]{16}, rank 0 has [0-9a-f]{16}$",
			fmt.Sprint(err))
	}
}

func TestBatchTooSmallForTheProcesses(t *testing.T) {
	tr := batchTrainer(t, withDropout(), 4)
	tr.Peers = peers.New(5)[0]
	_, err := tr.Run(context.Background())
	require.EqualError(t, err, "batch of 4 images for 5 processes and 1 turns: want at least 8")
}

// votingPeers replace the vote of rank 1.
type votingPeers struct {
	*peers.Peer
	vote byte
}

func (p votingPeers) BeginGather(data []byte, at []int) (int, error) {
	if rank, ranks := p.Rank(); rank == 1 && len(data) == 17*ranks { // a vote and a speed
		data[at[rank]] = p.vote
	}
	return p.Peer.BeginGather(data, at)
}

// TestDamagedVote: an unknown vote ends the training in all processes.
func TestDamagedVote(t *testing.T) {
	var running sync.WaitGroup
	for _, peer := range peers.New(2) {
		running.Go(func() {
			defer peer.Stop()
			tr := batchTrainer(t, withDropout(), 16)
			tr.Peers = votingPeers{peer, 200}
			_, err := tr.Run(context.Background())
			assert.EqualError(t, err, "vote of rank 1: got 200, want at most 2")
		})
	}
	running.Wait()
}

func TestDamagedSpeed(t *testing.T) {
	sent := RankSpeed{ImagesPerSecond: math.NaN(), Waiting: math.Inf(1)}.append(nil)
	assert.Equal(t, RankSpeed{}, decodeSpeed(sent))
	assert.Equal(t, RankSpeed{3, 0.5}, decodeSpeed(RankSpeed{3, 0.5}.append(nil)))
}

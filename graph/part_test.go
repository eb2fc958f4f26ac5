package graph

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/internal/peers"
	"convgraph/ops"
)

// TestParts checks every kind of layer: any number of processes and any number of turns give the
// loss, the gradients and the running statistics of the whole batch, with the same bits.
func TestParts(t *testing.T) {
	for _, kind := range Kinds() {
		for i, l := range variants[kind] {
			t.Run(fmt.Sprintf("%s/%d", kind, i), func(t *testing.T) {
				checked := 0
				for _, input := range []tensor.Shape{{4, 6, 7}, {4, 1, 1}, {4}} {
					spec, fits := around(l, input)
					if !fits {
						continue
					}
					requireParts(t, spec, 16)
					checked++
				}
				require.NotZero(t, checked)
			})
		}
	}
}

// TestPartsOfLosses checks the same for the losses that TestParts doesn't use.
func TestPartsOfLosses(t *testing.T) {
	for _, loss := range []Loss{MeanSquaredError, BinaryCrossEntropy} {
		spec := Sequential("loss", tensor.Shape{3, 5, 5}, Gaussian(0.7), Conv2D{Filters: 4, Kernel: Square(3)},
			Affine{Units: 5})
		spec.Loss = loss
		requireParts(t, spec, 21)
	}
	spec := Sequential("weighted", tensor.Shape{3, 5, 5}, Gaussian(0.7), Conv2D{Filters: 4, Kernel: Square(3)},
		Affine{Units: 5}, Softmax{})
	requireParts(t, spec, 21, WithWeightedTargets())
}

// TestPartsRecompute checks the same with blocks that the backward pass computes again: with
// BatchNorm, whose sums are then exchanged twice, and in turns without.
func TestPartsRecompute(t *testing.T) {
	unnormed := Sequential("unnormed", tensor.Shape{3, 8, 8}, Gaussian(0.4),
		Block("block", Conv2D{Filters: 4, Kernel: Square(3), Pad: Square(1)}, ReLU{}, Dropout{Rate: 0.3},
			Conv2D{Filters: 5, Kernel: Square(3)}, Sigmoid{}, MaxPool{Kernel: Square(2), Stride: Square(2)}),
		Affine{Units: 7}, ReLU{}, Affine{Units: 3}, Softmax{})
	for spec, all := range map[*Spec][][]string{residualNet(): recomputed, unnormed: {{"block"}, {"*"}}} {
		for _, patterns := range all {
			requirePartsOf(t, spec, []Option{WithRecompute(patterns...)}, 16)
		}
	}
}

func requireParts(t *testing.T, spec *Spec, batch int, options ...StepOption) {
	t.Helper()
	requirePartsOf(t, spec, nil, batch, options...)
}

// requirePartsOf compares parts of a batch, computed by models with options, with the whole batch.
func requirePartsOf(t *testing.T, spec *Spec, model []Option, batch int, options ...StepOption) {
	t.Helper()
	want := wholeBatch(t, spec, batch, options)
	for _, ranks := range []int{1, 2, 3, 4, 5, 8} {
		for _, got := range inParts(t, spec, model, batch, ranks, options) {
			requireSameBits(t, want, got, "%d processes", ranks)
		}
	}
	for _, turns := range []int{2, 4, 8} {
		if got, refused := inTurns(t, spec, model, batch, turns, options); !refused {
			requireSameBits(t, want, got, "%d turns", turns)
		}
	}
}

// recordingPeers records the most calls that are on their way at once.
type recordingPeers struct {
	*peers.Peer
	underWay, most int
}

func (p *recordingPeers) BeginGather(data []byte, at []int) (int, error) {
	p.count(1)
	return p.Peer.BeginGather(data, at)
}

func (p *recordingPeers) BeginExchange(send []byte, sendAt []int, receive []byte, receiveAt []int) (int, error) {
	p.count(1)
	return p.Peer.BeginExchange(send, sendAt, receive, receiveAt)
}

func (p *recordingPeers) Finish(call int) error {
	p.count(-1)
	return p.Peer.Finish(call)
}

func (p *recordingPeers) count(n int) { p.underWay, p.most = p.underWay+n, max(p.most, p.underWay+n) }

// TestGradientsAreExchangedMeanwhile: the exchange of a gradient is on its way while those of
// earlier layers are computed, and ends with the step.
func TestGradientsAreExchangedMeanwhile(t *testing.T) {
	spec := Sequential("late", tensor.Shape{3, 8, 8}, Gaussian(0.4), Conv2D{Filters: 4, Kernel: Square(3)}, ReLU{},
		Conv2D{Filters: 5, Kernel: Square(3)}, ReLU{}, Affine{Units: 7}, ReLU{}, Affine{Units: 3}, Softmax{})
	for _, fused := range []bool{true, false} {
		var running sync.WaitGroup
		for _, peer := range peers.New(2) {
			running.Go(func() {
				defer peer.Stop()
				recording := &recordingPeers{Peer: peer}
				part, err := ops.NewPart(16, 1, recording)
				if !assert.NoError(t, err) {
					return
				}
				var options []Option
				if !fused {
					options = append(options, WithoutFusion())
				}
				m, err := New(spec, options...)
				if !assert.NoError(t, err) {
					return
				}
				s, err := m.NewStep(16, WithPart(part))
				if !assert.NoError(t, err) {
					return
				}
				for i := range 8 {
					setAt(s.Targets(), 3*i, 1)
				}
				for i := range 2 {
					_, err = s.Run(uint64(i))
					assert.NoError(t, err)
					assert.Zero(t, recording.underWay)
				}
				assert.GreaterOrEqual(t, recording.most, 4,
					"the results of three layers, and the exchange of the first")
			})
		}
		running.Wait()
	}
}

// TestGradientsInCommonMemory: where the peers have memory in common, the gradient of a large
// affine layer's weights lies there, and no exchange copies it.
func TestGradientsInCommonMemory(t *testing.T) {
	const batch, ranks, steps = 16, 3, 2
	spec := Sequential("common", tensor.Shape{3, 24, 24}, Gaussian(0.1), Affine{Units: 60}, ReLU{}, Affine{Units: 3},
		Softmax{})
	m, err := New(spec)
	require.NoError(t, err)
	var wholes []*Step
	var wants []outcome
	for i := range steps {
		s := filledStep(t, m, batch, stepConfig{})
		for j, v := range s.x.Float32s() {
			s.x.Float32s()[j] = v * float32(i+1)
		}
		loss, err := s.Run(7)
		require.NoError(t, err)
		wholes, wants = append(wholes, s), append(wants, outcomeOf(t, s, loss))
	}
	memory := make([]*float32, ranks) // of the gradient of the weights, by rank
	var running sync.WaitGroup
	for rank, peer := range peers.WithMemory(ranks) {
		running.Go(func() {
			defer peer.Stop()
			part, err := ops.NewPart(batch, 1, peer)
			if !assert.NoError(t, err) {
				return
			}
			m, err := New(spec)
			if !assert.NoError(t, err) {
				return
			}
			s, err := m.NewStep(batch, WithPart(part))
			if !assert.NoError(t, err) {
				return
			}
			for i := range steps {
				loss, err := runPart(s, wholes[i], part)
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, wants[i], outcomeOf(t, s, loss), "rank %d, step %d", rank, i)
			}
			gradient, err := s.Gradients()[0].Grad()
			assert.NoError(t, err)
			memory[rank] = unsafe.SliceData(gradient.(*tensor.Dense).Float32s())
		})
	}
	running.Wait()
	assert.Equal(t, slices.Repeat(memory[:1], ranks), memory)
}

func configOf(options []StepOption) (config stepConfig) {
	for _, option := range options {
		option(&config)
	}
	return config
}

// outcome returns the results of a step: the loss, then every gradient and every parameter.
type outcome [][]float32

func requireSameBits(t *testing.T, want, got outcome, format string, args ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), format, args)
	for i := range want {
		require.True(t, slices.Equal(want[i], got[i]), "%s: values %d: got %v, want %v", fmt.Sprintf(format, args...),
			i, got[i], want[i])
	}
}

func wholeBatch(t *testing.T, spec *Spec, batch int, options []StepOption) outcome {
	t.Helper()
	m, err := New(spec)
	require.NoError(t, err)
	s := filledStep(t, m, batch, configOf(options))
	loss, err := s.Run(7)
	require.NoError(t, err)
	return outcomeOf(t, s, loss)
}

func outcomeOf(t *testing.T, s *Step, loss float64) outcome {
	t.Helper()
	o := outcome{{float32(loss)}}
	for _, pair := range s.Gradients() {
		grad, err := pair.Grad()
		require.NoError(t, err)
		o = append(o, slices.Clone(grad.(*tensor.Dense).Float32s()))
	}
	for _, p := range s.model.params {
		o = append(o, slices.Clone(p.Value.Float32s()))
	}
	return o
}

// inParts returns the outcome of each of several processes.
func inParts(t *testing.T, spec *Spec, model []Option, batch, ranks int, options []StepOption) []outcome {
	t.Helper()
	outcomes, all := make([]outcome, ranks), peers.New(ranks)
	whole, err := New(spec)
	require.NoError(t, err)
	filled := filledStep(t, whole, batch, configOf(options))
	var running sync.WaitGroup
	for rank, peer := range all {
		running.Go(func() {
			defer func() {
				if outcomes[rank] == nil {
					peer.Stop()
				}
			}()
			part, err := ops.NewPart(batch, 1, peer)
			if !assert.NoError(t, err) {
				return
			}
			m, err := New(spec, model...)
			if !assert.NoError(t, err) {
				return
			}
			s, err := m.NewStep(batch, append(slices.Clone(options), WithPart(part))...)
			if !assert.NoError(t, err) {
				return
			}
			defer s.Close()
			loss, err := runPart(s, filled, part)
			if assert.NoError(t, err) {
				outcomes[rank] = outcomeOf(t, s, loss)
			}
		})
	}
	running.Wait()
	return outcomes
}

// inTurns returns the outcome of one process that computes the batch in turns, unless the network
// doesn't support it.
func inTurns(
	t *testing.T, spec *Spec, model []Option, batch, turns int, options []StepOption,
) (_ outcome, refused bool) {
	t.Helper()
	part, err := ops.NewPart(batch, turns, nil)
	if err != nil {
		require.ErrorContains(t, err, "turns have")
		return nil, true
	}
	m, err := New(spec, model...)
	require.NoError(t, err)
	whole := filledStep(t, m, batch, configOf(options))
	s, err := m.NewStep(batch, append(slices.Clone(options), WithPart(part))...)
	if err != nil {
		require.ErrorContains(t, err, "(BatchNorm) needs the mean of the whole batch")
		return nil, true
	}
	defer s.Close()
	var loss float64
	for turn := range turns {
		part.Take(turn)
		loss, err = runPart(s, whole, part)
		require.NoError(t, err)
	}
	return outcomeOf(t, s, loss), false
}

// runPart runs a step on its part of another step's batch.
func runPart(s, whole *Step, p *ops.Part) (float64, error) {
	first, n := p.Images()
	for _, v := range [][2]*tensor.Dense{{s.x, whole.x}, {s.t, whole.t}} {
		size := v[1].Shape().TotalSize() / p.Batch()
		copy(v[0].Float32s(), v[1].Float32s()[first*size:(first+n)*size])
	}
	return s.Run(7)
}

func TestPartErrors(t *testing.T) {
	all := peers.New(4)
	_, err := ops.NewPart(7, 1, all[0])
	require.NoError(t, err)
	_, err = ops.NewPart(3, 1, all[0])
	require.EqualError(t, err, "batch of 3 images for 4 processes and 1 turns: want at least 4")
	_, err = ops.NewPart(63, 16, nil)
	require.EqualError(t, err, "batch of 63 images for 1 processes and 16 turns: want at least 64")
	_, err = ops.NewPart(10, 4, nil)
	require.EqualError(t, err,
		"batch of 10 images for 1 processes and 4 turns: turns have 2 and 3 images: want as many in each")

	spec := Sequential("normed", tensor.Shape{2, 4, 4}, Gaussian(1), Conv2D{Filters: 2, Kernel: Square(3)},
		BatchNorm{Name: "bn7"}, Affine{Units: 2})
	m, err := New(spec)
	require.NoError(t, err)
	part, err := ops.NewPart(8, 2, nil)
	require.NoError(t, err)
	_, err = m.NewStep(8, WithPart(part))
	require.EqualError(t, err,
		`model "normed": layer "bn7" (BatchNorm) needs the mean of the whole batch before it can normalize an image, `+
			`so every turn would keep its activations until the last one: got 2 turns, want 1; `+
			`recomputed layers or more processes take less memory`)
	_, err = m.NewStep(9, WithPart(part))
	require.EqualError(t, err, `model "normed": batch: got 9, want 8, that of the part`)
}

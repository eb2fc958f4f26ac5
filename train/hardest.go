package train

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/graph"
	"convgraph/ops"
	"convgraph/train/ranks"
)

// hardest chooses the samples of every epoch after the first: those whose loss was the largest when
// they were last visited (after Loshchilov and Hutter 2015, "Online Batch Selection for Faster
// Training of Neural Networks", who draw samples by that rank). Most samples of an easy set are
// soon right, and teach little when they are visited again.
//
// An epoch's order depends on the losses before it, so that a training can be resumed within.
type hardest struct {
	before, losses []float32 // of each sample: before the epoch, and now; infinite if it wasn't visited

	turn  []float64 // of the images of the last turn
	batch []byte    // of this process's images in the step, as float32
}

func newHardest(samples int) *hardest {
	h := &hardest{before: make([]float32, samples), losses: make([]float32, samples)}
	for i := range h.losses {
		h.losses[i] = float32(math.Inf(1))
	}
	return h
}

// begin begins an epoch.
func (h *hardest) begin() { copy(h.before, h.losses) }

// of returns the samples of an epoch: the hardest count ones of order, in this order. Of equally
// hard ones the first of the set come first.
func (h *hardest) of(order []int, count int) []int {
	ranked := slices.Clone(order)
	slices.SortFunc(ranked, func(a, b int) int {
		return cmp.Or(cmp.Compare(h.before[b], h.before[a]), cmp.Compare(a, b))
	})
	chosen := make([]bool, len(h.before))
	for _, i := range ranked[:count] {
		chosen[i] = true
	}
	return slices.DeleteFunc(slices.Clone(order), func(i int) bool { return !chosen[i] })
}

// add adds the losses of the n images of a turn, which the step has run.
func (h *hardest) add(step *graph.Step, n int) error {
	h.turn = slices.Grow(h.turn[:0], n)[:n]
	if err := step.LossesInto(h.turn); err != nil {
		return err
	}
	for _, loss := range h.turn {
		if math.IsNaN(loss) { // of a step that is skipped
			loss = math.Inf(1)
		}
		h.batch = binary.LittleEndian.AppendUint32(h.batch, math.Float32bits(float32(loss)))
	}
	return nil
}

// visit records the losses of a step's samples, of which each process has added its own.
func (h *hardest) visit(samples []int, p ops.Peers) error {
	losses := h.batch
	if p != nil {
		all, err := ranks.All(p, h.batch)
		if err != nil {
			return err
		}
		losses = slices.Concat(all...)
	}
	h.batch = h.batch[:0]
	if len(losses) != 4*len(samples) {
		return fmt.Errorf("losses of a step: got %d bytes, want %d for %d images",
			len(losses), 4*len(samples), len(samples))
	}
	for i, sample := range samples {
		h.losses[sample] = math.Float32frombits(binary.LittleEndian.Uint32(losses[4*i:]))
	}
	return nil
}

// hardestArrays are the names of its arrays in a checkpoint.
var hardestArrays = [2]string{"hardest/before", "hardest/losses"}

func (h *hardest) arrays() (arrays []formats.Array) {
	for i, losses := range [][]float32{h.before, h.losses} {
		value := tensor.New(tensor.WithShape(len(losses)), tensor.WithBacking(losses))
		arrays = append(arrays, formats.Array{Name: hardestArrays[i], Value: value})
	}
	return arrays
}

func (h *hardest) restore(arrays []formats.Array) error {
	for i, losses := range [][]float32{h.before, h.losses} {
		at := slices.IndexFunc(arrays, func(a formats.Array) bool { return a.Name == hardestArrays[i] })
		if at < 0 {
			return fmt.Errorf("array %q is missing", hardestArrays[i])
		}
		saved, ok := arrays[at].Value.Data().([]float32)
		if !ok || len(saved) != len(losses) {
			return fmt.Errorf("array %q: got %v of %v, want %d of float32", hardestArrays[i], arrays[at].Value.Shape(),
				arrays[at].Value.Dtype(), len(losses))
		}
		copy(losses, saved)
	}
	return nil
}

// checkHardest returns the error of a training by hardest samples that can't be.
func (t *Trainer) checkHardest() error {
	switch {
	case t.Hardest == 0:
		return nil
	case !(t.Hardest > 0 && t.Hardest <= 1):
		return fmt.Errorf("hardest: got %g, want more than 0 and at most 1, or 0 for all samples", t.Hardest)
	case t.Mixup > 0 || t.CutMix > 0:
		return errors.New("hardest ranks samples by their own loss: want no mixup and no CutMix, or hardest 0")
	case t.Sampling == Replace:
		return fmt.Errorf("hardest chooses the samples of an epoch: want sampling %s, or hardest 0", Shuffle)
	}
	return nil
}

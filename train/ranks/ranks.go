// Package ranks exchanges settings, counts and decisions between the processes that train one
// network together, called ranks. All ranks call the same functions in the same order, and all get
// the same results.
package ranks

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"convgraph/ops"
)

// mostBytes is the most that all ranks send together: more doesn't fit into one message.
const mostBytes = math.MaxInt32

// All returns the data of each rank, in the order of the ranks.
func All(p ops.Peers, own []byte) ([][]byte, error) {
	rank, ranks := p.Rank()
	sizes, at := make([]byte, 8*ranks), make([]int, ranks+1)
	for r := range at {
		at[r] = 8 * r
	}
	binary.LittleEndian.PutUint64(sizes[at[rank]:], uint64(len(own)))
	if err := gather(p, sizes, at); err != nil {
		return nil, err
	}
	for r := range ranks {
		size := binary.LittleEndian.Uint64(sizes[8*r:])
		if size > uint64(mostBytes-at[r]) {
			return nil, fmt.Errorf("rank %d sends %d bytes after %d of the ranks before: want at most %d together",
				r, size, at[r], mostBytes)
		}
		at[r+1] = at[r] + int(size)
	}
	data := make([]byte, at[ranks])
	copy(data[at[rank]:], own)
	if err := gather(p, data, at); err != nil {
		return nil, err
	}
	all := make([][]byte, ranks)
	for r := range all {
		all[r] = data[at[r]:at[r+1]]
	}
	return all, nil
}

func gather(p ops.Peers, data []byte, at []int) error {
	call, err := p.BeginGather(data, at)
	if err != nil {
		return err
	}
	return p.Finish(call)
}

// FromFirst returns the data of rank 0. The argument of the others is ignored.
func FromFirst(p ops.Peers, data []byte) ([]byte, error) {
	if rank, _ := p.Rank(); rank > 0 {
		data = nil
	}
	all, err := All(p, data)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Sum adds each count over the ranks.
func Sum(p ops.Peers, counts []int) error {
	var own []byte
	for _, n := range counts {
		own = binary.LittleEndian.AppendUint64(own, uint64(n))
	}
	all, err := All(p, own)
	if err != nil {
		return err
	}
	clear(counts)
	for rank, of := range all {
		if len(of) != 8*len(counts) {
			return fmt.Errorf("rank %d sends %d bytes of counts, want %d", rank, len(of), 8*len(counts))
		}
		for i := range counts {
			counts[i] += int(binary.LittleEndian.Uint64(of[8*i:]))
		}
	}
	return nil
}

// Each returns the data of each rank, which has the same length in all of them. It takes one
// message, so it may be called after every step.
func Each(p ops.Peers, own []byte) ([][]byte, error) {
	rank, ranks := p.Rank()
	data, at := make([]byte, ranks*len(own)), make([]int, ranks+1)
	for r := range at {
		at[r] = r * len(own)
	}
	copy(data[at[rank]:], own)
	if err := gather(p, data, at); err != nil {
		return nil, err
	}
	all := make([][]byte, ranks)
	for r := range all {
		all[r] = data[at[r]:at[r+1]]
	}
	return all, nil
}

// Most returns the largest vote of the ranks.
func Most(p ops.Peers, vote byte) (byte, error) {
	all, err := Each(p, []byte{vote})
	if err != nil {
		return 0, err
	}
	return slices.MaxFunc(all, bytes.Compare)[0], nil
}

// A Fact must have the same value in all ranks.
type Fact struct{ Name, Value string }

// Agree returns an error if the facts of a rank differ from those of rank 0. It names the rank and
// the first difference.
func Agree(p ops.Peers, facts []Fact) error {
	own, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	all, err := All(p, own)
	if err != nil {
		return err
	}
	var want []Fact
	if err := json.Unmarshal(all[0], &want); err != nil {
		return fmt.Errorf("facts of rank 0: %w", err)
	}
	for rank, text := range all {
		var got []Fact
		if err := json.Unmarshal(text, &got); err != nil {
			return fmt.Errorf("facts of rank %d: %w", rank, err)
		}
		if err := compare(rank, got, want); err != nil {
			return err
		}
	}
	return nil
}

func compare(rank int, got, want []Fact) error {
	value := func(facts []Fact, name string) string {
		for _, f := range facts {
			if f.Name == name {
				return f.Value
			}
		}
		return "not given"
	}
	for _, f := range append(want, got...) {
		if g, w := value(got, f.Name), value(want, f.Name); g != w {
			g, w = excerpts(g, w)
			return fmt.Errorf("rank %d: %s: got %s, rank 0 has %s", rank, f.Name, g, w)
		}
	}
	return nil
}

// excerptLength is the most bytes of a value that an error shows.
const excerptLength = 80

// excerpts shortens two values, such as a network's JSON, to where they differ.
func excerpts(a, b string) (string, string) {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	from := max(0, same-excerptLength/4)
	cut := func(text string) string {
		switch {
		case len(text) <= excerptLength:
			return text
		case len(text) <= from+excerptLength:
			return "…" + text[from:]
		case from == 0:
			return text[:excerptLength] + "…"
		}
		return "…" + text[from:from+excerptLength] + "…"
	}
	return cut(a), cut(b)
}

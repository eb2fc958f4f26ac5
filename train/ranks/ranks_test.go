package ranks

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/internal/peers"
	"convgraph/ops"
)

// each runs f on every rank.
func each(n int, f func(p ops.Peers, rank int)) {
	var running sync.WaitGroup
	for rank, p := range peers.New(n) {
		running.Go(func() { f(p, rank) })
	}
	running.Wait()
}

func TestExchanges(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		each(n, func(p ops.Peers, rank int) {
			all, err := All(p, []byte(fmt.Sprint("rank ", rank))[:4+rank%2])
			assert.NoError(t, err)
			for r, got := range all {
				assert.Equal(t, []byte(fmt.Sprint("rank ", r))[:4+r%2], got)
			}
			first, err := FromFirst(p, []byte{byte(rank + 7)})
			assert.NoError(t, err)
			assert.Equal(t, []byte{7}, first)

			counts := []int{1, rank, 1 << 40}
			assert.NoError(t, Sum(p, counts))
			assert.Equal(t, []int{n, n * (n - 1) / 2, n << 40}, counts)

			each, err := Each(p, []byte{byte(rank), 9})
			assert.NoError(t, err)
			assert.Len(t, each, n)
			assert.Equal(t, []byte{byte(n - 1), 9}, each[n-1])

			most, err := Most(p, byte(rank))
			assert.NoError(t, err)
			assert.Equal(t, byte(n-1), most)
		})
	}
}

func TestAgree(t *testing.T) {
	each(3, func(p ops.Peers, rank int) {
		assert.NoError(t, Agree(p, []Fact{{"seed", "1"}}))
		seed := map[int]string{0: "1", 1: "1", 2: "5"}[rank]
		assert.EqualError(t, Agree(p, []Fact{{"version", "v1"}, {"seed", seed}}), "rank 2: seed: got 5, rank 0 has 1")
		facts := []Fact{{"version", "v1"}}
		if rank == 1 {
			facts = append(facts, Fact{"-lr", "0.1"})
		}
		assert.EqualError(t, Agree(p, facts), "rank 1: -lr: got 0.1, rank 0 has not given")
	})
}

// TestAgreeShortensValues: the error shows where two long values differ.
func TestAgreeShortensValues(t *testing.T) {
	each(2, func(p ops.Peers, rank int) {
		middle := strings.Repeat("a", 200) + fmt.Sprint(rank) + strings.Repeat("b", 200)
		assert.EqualError(t, Agree(p, []Fact{{"model", middle}}),
			fmt.Sprintf("rank 1: model: got …%s1%s…, rank 0 has …%s0%s…",
				strings.Repeat("a", 20), strings.Repeat("b", 59), strings.Repeat("a", 20), strings.Repeat("b", 59)))
		start := fmt.Sprint(rank) + strings.Repeat("b", 100)
		assert.EqualError(t, Agree(p, []Fact{{"model", start}}), fmt.Sprintf("rank 1: model: got 1%s…, rank 0 has 0%s…",
			strings.Repeat("b", 79), strings.Repeat("b", 79)))
		end := strings.Repeat("b", 100) + fmt.Sprint(rank)
		assert.EqualError(t, Agree(p, []Fact{{"model", end}}), fmt.Sprintf("rank 1: model: got …%s1, rank 0 has …%s0",
			strings.Repeat("b", 20), strings.Repeat("b", 20)))
	})
}

// strangePeers make rank 1 claim another size than it sends.
type strangePeers struct {
	ops.Peers
	size []byte
}

func (p strangePeers) BeginGather(data []byte, at []int) (int, error) {
	if rank, ranks := p.Rank(); rank == 1 && len(data) == 8*ranks {
		copy(data[8:], p.size)
	}
	return p.Peers.BeginGather(data, at)
}

// TestDamagedSizes: a size from another rank is checked before memory of that size is taken.
func TestDamagedSizes(t *testing.T) {
	for name, size := range map[string]uint64{
		"2147483648": 1 << 31, "9223372036854775808": 1 << 63,
		"18446744073709551615": math.MaxUint64, "2147483643": 1<<31 - 5,
	} {
		each(3, func(p ops.Peers, _ int) {
			_, err := All(strangePeers{p, binary.LittleEndian.AppendUint64(nil, size)}, []byte("12345"))
			assert.EqualError(t, err, "rank 1 sends "+name+" bytes after 5 of the ranks before: "+
				"want at most 2147483647 together")
		})
	}
}

func TestSumOfOtherCounts(t *testing.T) {
	each(2, func(p ops.Peers, rank int) {
		err := Sum(p, make([]int, 3-rank))
		assert.EqualError(t, err, map[int]string{
			0: "rank 1 sends 16 bytes of counts, want 24", 1: "rank 0 sends 24 bytes of counts, want 16",
		}[rank])
	})
}

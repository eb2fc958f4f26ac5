package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// small returns a ring of n bytes.
func small(n int) ring { return newRing(make([]byte, page+n)) }

// connected returns n peers with rings of size bytes.
func connected(n, size int) []*Peer {
	peers := make([]*Peer, n)
	for r := range peers {
		peers[r] = &Peer{rank: r, to: make([]ring, n), from: make([]ring, n)}
	}
	for from := range peers {
		for to := range peers {
			r := small(size)
			peers[from].to[to], peers[to].from[from] = r, r
		}
	}
	return peers
}

func TestRing(t *testing.T) {
	r := small(10)
	write := func(text string, want int) {
		t.Helper()
		n, err := r.write([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	take := func(n int, want string) {
		t.Helper()
		b := make([]byte, n)
		n, err := r.take(b)
		require.NoError(t, err)
		assert.Equal(t, want, string(b[:n]))
	}
	take(5, "")
	write("", 0)
	write("abcdefg", 7)
	take(3, "abc")
	write("hijklmnop", 6) // over the end; 6 of 9 fit
	write("x", 0)
	take(20, "defghijklm")
	take(1, "")
}

// TestBrokenRing: the counters come from another process.
func TestBrokenRing(t *testing.T) {
	for _, counters := range [][2]uint64{{11, 0}, {0, 1}, {1 << 63, 5}} {
		r := small(10)
		r.written.Store(counters[0])
		r.read.Store(counters[1])
		want := fmt.Sprintf("shared memory: got %d bytes written and %d read, want at most 10 on their way",
			counters[0], counters[1])
		_, err := r.write([]byte("a"))
		require.EqualError(t, err, want)
		_, err = r.take(make([]byte, 1))
		require.EqualError(t, err, want)
		p := connected(2, 10)[0]
		p.to[1], p.from[1] = r, r
		_, err = p.BeginGather(make([]byte, 2), []int{0, 1, 2})
		require.EqualError(t, err, want)
	}
}

// message is a call of all peers, with the bytes from each to each.
type message struct {
	gathers bool
	sizes   [][]int
	finish  int // how many later calls begin before it is finished
}

// TestPeersProperties: each byte arrives, whatever the sizes, the rings' size, and the order in
// which the calls are finished.
func TestPeersProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 4).Draw(t, "ranks")
		peers := connected(n, rapid.IntRange(1, 300).Draw(t, "ring"))
		sizes := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 400), n, n), n, n)
		var messages []message
		for range rapid.IntRange(1, 8).Draw(t, "calls") {
			m := message{
				gathers: rapid.Bool().Draw(t, "gathers"),
				sizes:   sizes.Draw(t, "sizes"),
				finish:  rapid.IntRange(0, 4).Draw(t, "finish"),
			}
			if m.gathers {
				for from := range n {
					m.sizes[from] = slices.Repeat(m.sizes[from][:1], n)
				}
			}
			messages = append(messages, m)
		}
		errs := make(chan error)
		for _, p := range peers {
			go func() { errs <- p.play(messages) }()
		}
		var all []error
		for range peers {
			all = append(all, <-errs)
		}
		require.NoError(t, errors.Join(all...))
		for _, p := range peers {
			require.Empty(t, p.active)
		}
	})
}

// content is the byte at a place of what one peer sends to another in a call.
func content(call, from, to, at int) byte { return byte(call*31 + from*7 + to*3 + at) }

// play makes the calls of one peer and checks what arrives.
func (p *Peer) play(messages []message) error {
	type open struct {
		number, call, until int
		receive             []byte
		at                  []int
	}
	var all []open
	finish := func(o open) error {
		if err := p.Finish(o.number); err != nil {
			return err
		}
		for from := range p.to {
			to := p.rank
			if messages[o.call].gathers {
				to = 0
			}
			for i, got := range o.receive[o.at[from]:o.at[from+1]] {
				if want := content(o.call, from, to, i); got != want {
					return fmt.Errorf("call %d, from %d to %d, byte %d: got %d, want %d",
						o.call, from, p.rank, i, got, want)
				}
			}
		}
		return nil
	}
	for i, m := range messages {
		var send []byte
		sendAt, at := []int{0}, []int{0}
		for r := range p.to {
			for j := range m.sizes[p.rank][r] {
				send = append(send, content(i, p.rank, r, j))
			}
			sendAt, at = append(sendAt, len(send)), append(at, at[r]+m.sizes[r][p.rank])
		}
		o := open{call: i, until: i + m.finish, at: at, receive: make([]byte, at[len(at)-1])}
		var err error
		if m.gathers {
			copy(o.receive[at[p.rank]:at[p.rank+1]], send[:sendAt[1]])
			o.number, err = p.BeginGather(o.receive, slices.Clone(at))
		} else {
			o.number, err = p.BeginExchange(send, slices.Clone(sendAt), o.receive, slices.Clone(at))
		}
		if err != nil {
			return err
		}
		all = append(all, o)
		var left []open
		for _, o := range slices.Backward(all) { // the later ones first
			if o.until > i && i < len(messages)-1 {
				left = append(left, o)
				continue
			}
			if err := finish(o); err != nil {
				return err
			}
		}
		slices.Reverse(left)
		all = left
	}
	return nil
}

// TestPeersAllocateNothing in the steady state.
func TestPeersAllocateNothing(t *testing.T) {
	peers := connected(2, 2000)
	data, at := make([]byte, 1000), []int{0, 500, 1000}
	gather := func() {
		var calls [2]int
		for r, p := range peers {
			calls[r], _ = p.BeginGather(data, at)
		}
		for r, p := range peers {
			_ = p.Finish(calls[r])
		}
	}
	assert.Zero(t, testing.AllocsPerRun(10, gather))
	for _, p := range peers {
		p.Share(data)
	}
	assert.Zero(t, testing.AllocsPerRun(10, gather))
}

// TestGathersOfCommonMemory wait for all peers, and copy nothing.
func TestGathersOfCommonMemory(t *testing.T) {
	peers, memory, at := connected(3, 16), make([]byte, 3000), []int{0, 1000, 2000, 3000}
	for _, p := range peers {
		p.Share(make([]byte, 8))
		p.Share(memory)
	}
	errs := make(chan error)
	for _, p := range peers {
		go func() {
			for step := range 200 {
				for i := range 1000 {
					memory[1000*p.rank+i] = byte(step + p.rank)
				}
				for _, check := range []bool{true, false} { // all have written, all have read
					call, err := p.BeginGather(memory, at)
					if err == nil {
						err = p.Finish(call)
					}
					for i := 0; check && err == nil && i < len(memory); i++ {
						if got, want := memory[i], byte(step+i/1000); got != want {
							err = fmt.Errorf("step %d, byte %d: got %d, want %d", step, i, got, want)
						}
					}
					if err != nil {
						errs <- err
						return
					}
				}
			}
			errs <- nil
		}()
	}
	for range peers {
		require.NoError(t, <-errs)
	}
	assert.Equal(t, uint64(400), peers[0].to[1].written.Load(), "a byte for each call")
	assert.False(t, peers[0].sees(make([]byte, 1)))
	assert.True(t, peers[0].sees(memory[2999:]))
	assert.False(t, peers[0].sees(nil))
}

func TestSegment(t *testing.T) {
	if runtime.GOOS != "linux" {
		_, err := Create(page)
		require.ErrorIs(t, err, ErrUnsupported)
		return
	}
	for _, ranks := range []int{2, 3, 7, MaxRanks} {
		first, err := Create(RingsSize(ranks))
		require.NoError(t, err)
		var others []*Segment
		for range ranks - 1 {
			s, err := Open(first.Offer(), RingsSize(ranks))
			require.NoError(t, err)
			others = append(others, s)
		}
		require.NoError(t, first.Remove())
		_, err = Open(first.Offer(), RingsSize(ranks))
		require.ErrorIs(t, err, fs.ErrNotExist, "the file is gone")

		size := ringSize(ranks)
		assert.LessOrEqual(t, size*ranks*(ranks-1), maxSize)
		done := make(chan error)
		for r, s := range append([]*Segment{first}, others...) {
			go func() {
				sizes := slices.Repeat([][]int{slices.Repeat([]int{size/2 + 1}, ranks)}, ranks)
				calls := []message{{sizes: sizes, finish: 1}, {sizes: sizes}, {gathers: true, sizes: sizes}}
				done <- s.Peer(r, ranks).play(calls)
			}()
		}
		for range ranks {
			require.NoError(t, <-done)
		}
		for _, s := range append(others, first) {
			require.NoError(t, s.Close())
		}
	}
}

func TestSegmentErrors(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	_, err := Create(1 << 60)
	require.ErrorContains(t, err, "fallocate /dev/shm/convgraph-")
	s, err := Create(100)
	require.NoError(t, err)
	defer s.Close()
	defer s.Remove()
	_, err = Open(s.Offer(), 101)
	require.ErrorContains(t, err, fmt.Sprintf("got %d bytes, want %d", page+100, page+101))

	other := s.Offer()
	other.Token[3]++
	_, err = Open(other, 100)
	require.ErrorContains(t, err, "it is another segment")

	for _, name := range []string{"", "other", "../etc/passwd", "convgraph-/../x"} {
		offer := Offer{}
		copy(offer.Name[:], name)
		_, err = Open(offer, 100)
		require.ErrorContains(t, err, fmt.Sprintf("got the name %q", name))
	}
}

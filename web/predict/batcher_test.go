package predict

import (
	"context"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/testutil"
)

// gate lets a test hold a batcher before each batch.
type gate struct {
	begun   chan int      // the size of the batch
	proceed chan struct{} // receives when it may be computed
}

func held(t *testing.T, m *graph.Model, l limits) (*Batcher, gate) {
	t.Helper()
	g := gate{begun: make(chan int), proceed: make(chan struct{})}
	b := newBatcher(m, l, func(batch int) {
		g.begun <- batch
		<-g.proceed
	})
	return b, g
}

// ask requests count images' probabilities in a goroutine.
func ask(ctx context.Context, b *Batcher, count int) <-chan error {
	done := make(chan error, 1)
	size := b.model.Spec().Input.TotalSize()
	go func() {
		done <- b.Predict(ctx, make([]float32, count*b.model.Classes()), make([]float32, count*size), count)
	}()
	return done
}

// waitFor waits until the queue has the given number of images.
func waitFor(b *Batcher, images int) {
	for b.Waiting() != images {
		time.Sleep(time.Millisecond)
	}
}

// TestBatches: images that arrive during a batch form the next ones, oldest first, up to the limit.
func TestBatches(t *testing.T) {
	b, g := held(t, model(t, colors()), limits{batch: 5, queue: 100})
	var answers []<-chan error
	waiting := 0
	for i, count := range []int{1, 2, 3, 1, 1, 7, 1} {
		answers = append(answers, ask(context.Background(), b, count))
		if i == 0 {
			assert.Equal(t, 1, <-g.begun, "nobody waits for company")
			continue
		}
		waiting += count
		waitFor(b, waiting)
	}
	for _, want := range []int{5, 2, 7, 1} { // 2+3, 1+1, 7 alone though above the limit, 1
		g.proceed <- struct{}{}
		assert.Equal(t, want, <-g.begun)
	}
	g.proceed <- struct{}{}
	for _, answer := range answers {
		assert.NoError(t, <-answer)
	}
	b.Close()
}

// TestFull: a full queue refuses an image at once; an empty one accepts even a request larger than
// itself.
func TestFull(t *testing.T) {
	b, g := held(t, model(t, colors()), limits{batch: 9, queue: 3})
	first := ask(context.Background(), b, 1)
	<-g.begun
	second := ask(context.Background(), b, 2)
	waitFor(b, 2)
	assert.ErrorIs(t, <-ask(context.Background(), b, 2), ErrFull)
	third := ask(context.Background(), b, 1)
	waitFor(b, 3)
	assert.ErrorIs(t, <-ask(context.Background(), b, 1), ErrFull)
	g.proceed <- struct{}{}
	assert.NoError(t, <-first)
	assert.Equal(t, 3, <-g.begun)
	large := ask(context.Background(), b, 4)
	waitFor(b, 4)
	g.proceed <- struct{}{}
	assert.NoError(t, <-second)
	assert.NoError(t, <-third)
	assert.Equal(t, 4, <-g.begun)
	g.proceed <- struct{}{}
	assert.NoError(t, <-large)
	b.Close()
}

// TestFullService: a full service answers 503 with Retry-After.
func TestFullService(t *testing.T) {
	s := service(t, colors(), Options{MaxQueue: 1})
	b, g := held(t, s.current.model, limits{batch: 1, queue: 1})
	s.current.batcher, b = b, s.current.batcher
	b.Close()
	first := ask(context.Background(), s.current.batcher, 1)
	<-g.begun
	second := ask(context.Background(), s.current.batcher, 1)
	waitFor(s.current.batcher, 1)
	w := postJSON(s, map[string]any{"image": values(12, 1)})
	refused(t, w, http.StatusServiceUnavailable, "too many images are waiting")
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	g.proceed <- struct{}{}
	<-g.begun
	g.proceed <- struct{}{}
	assert.NoError(t, <-first)
	assert.NoError(t, <-second)
}

// TestWithdrawn: a canceled request leaves the queue, unless it is being computed.
func TestWithdrawn(t *testing.T) {
	b, g := held(t, model(t, colors()), limits{batch: 9, queue: 9})
	computing, stop := context.WithCancel(context.Background())
	first := ask(computing, b, 1)
	<-g.begun
	waiting, leave := context.WithCancel(context.Background())
	second := ask(waiting, b, 2)
	third := ask(context.Background(), b, 3)
	waitFor(b, 5)
	leave()
	assert.ErrorIs(t, <-second, context.Canceled)
	waitFor(b, 3)
	stop()
	g.proceed <- struct{}{}
	assert.NoError(t, <-first, "its memory is in use, so it is waited for")
	assert.Equal(t, 3, <-g.begun)
	g.proceed <- struct{}{}
	assert.NoError(t, <-third)
	b.Close()
}

// TestCloseDrains: queued images are computed, later ones refused.
func TestCloseDrains(t *testing.T) {
	b, g := held(t, model(t, colors()), limits{batch: 1, queue: 9})
	first := ask(context.Background(), b, 1)
	<-g.begun
	second := ask(context.Background(), b, 1)
	waitFor(b, 1)
	closed := make(chan struct{})
	go func() { b.Close(); close(closed) }()
	g.proceed <- struct{}{}
	<-g.begun
	g.proceed <- struct{}{}
	<-closed
	assert.NoError(t, <-first)
	assert.NoError(t, <-second)
	assert.ErrorIs(t, <-ask(context.Background(), b, 1), ErrClosed)
}

// TestPanicIsAnError: a panic in a batch becomes its callers' error, and the next batch is
// computed.
func TestPanicIsAnError(t *testing.T) {
	panics := true
	b := newBatcher(model(t, colors()), limits{batch: 1, queue: 9}, func(int) {
		if panics {
			panics = false
			panic("out of order")
		}
	})
	assert.EqualError(t, <-ask(context.Background(), b, 1), "computing a batch: out of order")
	assert.NoError(t, <-ask(context.Background(), b, 1))
	b.Close()
}

// TestSameAloneAndTogether: batched images get the same outputs as single ones.
func TestSameAloneAndTogether(t *testing.T) {
	m := model(t, digits())
	sizes := map[int]int{}
	b := newBatcher(m, limits{batch: 32, queue: 1000}, func(batch int) { sizes[batch]++ })
	const askers, rounds = 64, 10
	var all sync.WaitGroup
	for asker := range askers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(asker), 1))
			for range rounds {
				n := 1 + r.IntN(3)
				images := make([]float32, n*784)
				for i := range images {
					images[i] = r.Float32()
				}
				together := make([]float32, n*10)
				if !assert.NoError(t, b.Predict(context.Background(), together, images, n)) {
					return
				}
				for i := range n {
					alone := make([]float32, 10)
					assert.NoError(t, m.ProbabilitiesInto(alone, images[i*784:(i+1)*784]))
					assert.InDeltaSlice(t, alone, together[i*10:(i+1)*10], 1e-5)
					assert.Equal(t, classify.Top(m.Spec(), alone, 1)[0].Class,
						classify.Top(m.Spec(), together[i*10:(i+1)*10], 1)[0].Class)
				}
			}
		})
	}
	all.Wait()
	b.Close()
	images := 0
	for size, count := range sizes {
		images += size * count
		assert.LessOrEqual(t, size, 32)
	}
	assert.GreaterOrEqual(t, images, askers*rounds)
}

// TestNoGoroutineLeaks: a thousand requests leave no goroutines.
func TestNoGoroutineLeaks(t *testing.T) {
	s, err := New(model(t, colors()), Options{})
	require.NoError(t, err)
	ask := func() { assert.Equal(t, 200, postJSON(s, map[string]any{"image": values(12, 1)}).Code) }
	ask()
	before := runtime.NumGoroutine()
	for range 1000 {
		ask()
	}
	assert.LessOrEqual(t, testutil.WaitGoroutines(before), before)
	s.Close()
	assert.Equal(t, http.StatusServiceUnavailable, postJSON(s, map[string]any{"image": values(12, 1)}).Code)
}

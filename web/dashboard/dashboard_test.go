package dashboard

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/formats"
	"convgraph/formats/safetensors"
	"convgraph/graph"
	"convgraph/models"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/train/solver"
	"convgraph/web"
)

// small is a network with three filters.
func small() *graph.Spec {
	return graph.Sequential("small", tensor.Shape{1, 6, 6}, graph.He(),
		graph.Conv2D{Filters: 3, Kernel: graph.Square(3)}, graph.ReLU{}, graph.Dropout{Rate: 0.2},
		graph.Affine{Units: 2}, graph.Softmax{})
}

// trainer trains a new small network for 3 epochs of 8 steps.
func trainer(t testing.TB) *train.Trainer {
	t.Helper()
	m, err := graph.New(small(), graph.WithSeed(3))
	require.NoError(t, err)
	adam, err := solver.New("adam", solver.Config{LR: 0.01})
	require.NoError(t, err)
	pixels, labels := make([]uint8, 32*36), make([]uint8, 32)
	for i := range pixels {
		labels[i/36] = uint8(i / 36 % 2)
		pixels[i] = uint8(i*31%97) + 120*labels[i/36]*uint8(i%2)
	}
	set, err := dataset.NewImages(tensor.Shape{1, 6, 6}, pixels, labels, 2)
	require.NoError(t, err)
	tr := train.NewTrainer(m, adam, set, set)
	tr.Epochs, tr.Batch, tr.Schedule = 3, 4, solver.Cosine{LR: 0.01, Steps: 24}
	return tr
}

func parameters(t testing.TB, m *graph.Model) string {
	t.Helper()
	var arrays []formats.Array
	for _, p := range m.Params() {
		arrays = append(arrays, formats.Array{Name: p.Name, Value: p.Value})
	}
	data, err := safetensors.Marshal(arrays, nil)
	require.NoError(t, err)
	return string(data)
}

// after calls what after the given number of steps.
type after struct {
	train.Base
	what func(step int)
}

func (a after) StepEnd(s *train.State) error {
	a.what(s.Step)
	return nil
}

func noResume() (*train.Checkpoint, error) { return nil, errors.New("no checkpoint to resume from") }

// TestStopAndResume stops a training within an epoch, at an epoch's end and in its first step, and
// resumes it each time. The result must have the bytes of a training without a page.
func TestStopAndResume(t *testing.T) {
	plain := trainer(t)
	want, err := plain.Run(context.Background())
	require.NoError(t, err)

	dir := t.TempDir()
	p := New("small", nil)
	tr := trainer(t)
	stops := map[int]bool{1: true, 8: true, 13: true}
	tr.Callbacks = []train.Callback{train.Checkpoints{Dir: dir}, p, after{what: func(step int) {
		if stops[step] {
			delete(stops, step)
			assert.True(t, p.Stop())
			assert.True(t, p.Stop(), "a second stop is allowed")
			assert.Equal(t, Stopping, p.Phase())
			assert.False(t, p.Resume(), "what hasn't stopped yet can't be resumed")
		}
	}}}
	resumed := 0
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for p.Phase() != Finished {
			if p.Phase() == Stopped {
				assert.True(t, p.Resume())
				resumed++
			}
			time.Sleep(time.Millisecond)
		}
	}()
	got, err := p.Run(context.Background(), tr, func() (*train.Checkpoint, error) {
		c, err := train.LatestCheckpoint(dir, func(err error) { t.Error(err) })
		assert.Contains(t, []int{1, 8, 13}, c.Step)
		return c, err
	})
	<-watched
	require.NoError(t, err)
	assert.Equal(t, 3, resumed)
	assert.Equal(t, parameters(t, plain.Model), parameters(t, tr.Model))
	assert.Equal(t, want.Test, got.Test)
	require.Len(t, got.History, 3)
	assert.Equal(t, want.History[2].TrainLoss, got.History[2].TrainLoss)

	assert.False(t, p.Stop(), "what is over can't be stopped")
	assert.False(t, p.Resume())
	e, _ := p.event()
	assert.Equal(t, Finished, e.Phase)
	assert.Contains(t, e.Message, "Test accuracy ")
	assert.Equal(t, 24, e.Step)
	assert.Len(t, e.Curve.Losses, 24, "the curve continues after the stops")
	assert.Len(t, e.History, 3)
}

// TestInterrupted: a done context ends a running training and a stopped one.
func TestInterrupted(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		p := New("small", nil)
		ctx, interrupt := context.WithCancel(context.Background())
		tr := trainer(t)
		tr.Callbacks = []train.Callback{p, after{what: func(step int) {
			switch {
			case step == 3 && stopped:
				assert.True(t, p.Stop())
			case step == 3:
				interrupt()
			}
		}}}
		if stopped {
			go func() {
				for p.Phase() != Stopped {
					time.Sleep(time.Millisecond)
				}
				interrupt()
			}()
		}
		_, err := p.Run(ctx, tr, noResume)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, Interrupted, p.Phase())
		e, _ := p.event()
		assert.Equal(t, 3, e.Step)
	}
}

// TestFailures: the page shows the error that ends a training, also when its checkpoint is gone.
func TestFailures(t *testing.T) {
	p := New("small", nil)
	tr := trainer(t)
	tr.Batch = 0
	_, err := p.Run(context.Background(), tr, noResume)
	assert.ErrorContains(t, err, "batch: got 0")
	e, _ := p.event()
	assert.Equal(t, Failed, e.Phase)
	assert.Equal(t, err.Error(), e.Message)

	p, tr = New("small", nil), trainer(t)
	tr.Callbacks = []train.Callback{p, after{what: func(int) { p.Stop() }}}
	go func() {
		for !p.Resume() {
			time.Sleep(time.Millisecond)
		}
	}()
	_, err = p.Run(context.Background(), tr, noResume)
	assert.EqualError(t, err, "no checkpoint to resume from")
	assert.Equal(t, Failed, p.Phase())
}

// served is a page on its own port.
func served(t testing.TB, p *Page) (url string, end func()) {
	t.Helper()
	l, err := web.Listen("127.0.0.1:0")
	require.NoError(t, err)
	mux := http.NewServeMux()
	p.Register(mux)
	s := web.NewServer(mux, web.Options{})
	s.OnShutdown(p.Close)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	end = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(end)
	return l.URL(), end
}

// received is an event of a stream.
type received struct{ name, data string }

// read returns the next event.
func read(t *testing.T, r *bufio.Reader) (e received) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			e.name = name
		} else if data, ok := strings.CutPrefix(line, "data: "); ok {
			e.data = data
		} else if line == "" && e.name != "" {
			return e
		}
	}
}

// TestStream follows a whole training: the settings, the initial filters, the states, and at the
// end the last state and the end event.
func TestStream(t *testing.T) {
	p := New("small", []Setting{{"Seed", "3"}})
	url, end := served(t, p)
	answer, err := http.Get(url + "dashboard/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	stream := bufio.NewReader(answer.Body)
	assert.Equal(t, received{"settings", `{"title":"small","settings":[{"name":"Seed","value":"3"}]}`}, read(t, stream))

	tr := trainer(t)
	tr.Callbacks = []train.Callback{p}
	_, err = p.Run(context.Background(), tr, noResume)
	require.NoError(t, err)
	closed := make(chan struct{})
	go func() { end(); close(closed) }()

	var last event
	var start filters
	for e := read(t, stream); e.name != "end"; e = read(t, stream) {
		switch e.name {
		case "start":
			require.NoError(t, json.Unmarshal([]byte(e.data), &start))
		case "state":
			last = event{}
			require.NoError(t, json.Unmarshal([]byte(e.data), &last))
		default:
			t.Error(e.name)
		}
	}
	<-closed
	assert.Equal(t, Finished, last.Phase)
	assert.Equal(t, []int{3, 3, 24, 24}, []int{last.Epoch, last.Epochs, last.Step, last.Steps})
	assert.Len(t, last.History, 3)
	assert.Equal(t, 8, last.History[0].Step)
	assert.Len(t, last.Curve.Losses, 24)
	assert.Equal(t, 0, start.Step)
	assert.Equal(t, 24, last.Filters.Step)
	assert.Equal(t, []int{3, 1, 3, 3}, []int{start.Tiles, start.Channels, start.Height, start.Width})
	assert.Len(t, start.Grays, 27)
	assert.False(t, bytes.Equal(start.Grays, last.Filters.Grays), "learning changes filters")
}

// TestButtons: the buttons work by POST from the page's own site, and a refusal says why.
func TestButtons(t *testing.T) {
	p := New("small", nil)
	url, _ := served(t, p)
	press := func(what string, headers ...string) (int, string) {
		r, err := http.NewRequest(http.MethodPost, url+"dashboard/"+what, nil)
		require.NoError(t, err)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer.StatusCode, string(body)
	}
	status, body := press("stop")
	assert.Equal(t, 409, status)
	assert.Equal(t, `{"error":"no training is running: it is starting"}`+"\n", body)
	status, body = press("resume")
	assert.Equal(t, 409, status)
	assert.Equal(t, `{"error":"the training isn't stopped: it is starting"}`+"\n", body)

	stopped := make(chan struct{})
	dir := t.TempDir()
	tr := trainer(t)
	tr.Callbacks = []train.Callback{train.Checkpoints{Dir: dir}, p, after{what: func(step int) {
		if step != 5 {
			return
		}
		for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://evil.example"}} {
			status, _ := press("stop", headers...)
			assert.Equal(t, 403, status, "a stranger's page can't stop a training")
		}
		assert.Equal(t, Training, p.Phase())
		status, body := press("stop", "Sec-Fetch-Site", "same-origin")
		assert.Equal(t, 200, status)
		assert.Equal(t, `{"phase":"stopping"}`+"\n", body)
		close(stopped)
	}}}
	done := make(chan error, 1)
	go func() {
		_, err := p.Run(
			context.Background(), tr, func() (*train.Checkpoint, error) { return train.LatestCheckpoint(dir, nil) },
		)
		done <- err
	}()
	<-stopped
	for p.Phase() != Stopped {
		time.Sleep(time.Millisecond)
	}
	status, _ = press("resume")
	assert.Equal(t, 200, status)
	assert.NoError(t, <-done)

	answer, err := http.Get(url + "dashboard/stop")
	require.NoError(t, err)
	answer.Body.Close()
	assert.NotEqual(t, 200, answer.StatusCode, "a link can't stop a training")
}

// TestReadersAreBounded: a page beyond the limit is refused.
func TestReadersAreBounded(t *testing.T) {
	url, _ := served(t, New("small", nil))
	for range maxReaders {
		answer, err := http.Get(url + "dashboard/events")
		require.NoError(t, err)
		defer answer.Body.Close()
		require.Equal(t, 200, answer.StatusCode)
	}
	answer, err := http.Get(url + "dashboard/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Equal(t, 503, answer.StatusCode)
}

func TestAssets(t *testing.T) {
	url, _ := served(t, New("small", nil))
	for _, path := range []string{
		"", "dashboard/dashboard.js", "dashboard/dashboard.css", "dashboard/chart.js", "dashboard/filters.js",
		"dashboard/icon.svg",
		"ui/ui.css", "ui/number.js", "ui/gray.js",
	} {
		answer, err := http.Get(url + path)
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, 200, answer.StatusCode, path)
		assert.Contains(t, answer.Header.Get("Content-Security-Policy"), "script-src 'self'", path)
	}
}

// TestCurve: each point is the mean of its steps, however often points have been merged, and values
// that aren't finite don't count.
func TestCurve(t *testing.T) {
	c := curve{first: 7, every: 1}
	for step := range 3000 {
		loss := float64(step)
		if step == 5 {
			loss = math.NaN()
		}
		c.add(loss)
		assert.LessOrEqual(t, len(c.points), maxPoints)
	}
	assert.Equal(t, 3007, c.end())
	assert.Equal(t, 8, c.every)
	require.Len(t, c.points, 375)
	assert.InDelta(t, 3.375, c.points[0], 1, "the mean of 0 to 7 without 5, as the mean of means")
	for i, v := range c.points[1:] {
		assert.InDelta(t, float64(8*(i+1))+3.5, v, 1e-9)
	}
	c.add(math.Inf(1))
	text, err := json.Marshal(numbers(c.points[374:]))
	require.NoError(t, err)
	assert.Equal(t, "[2995.5,null]", string(text))
	c.add(4)
	assert.Equal(t, 4., c.points[375])
	assert.Equal(t, -1, (&curve{}).end())
}

// TestFilters: grays range over plus and minus the largest weight; three channels are a color.
func TestFilters(t *testing.T) {
	f := newFilters("w", tensor.Shape{2, 1, 1, 2}, []float32{0, -2, 1, float32(math.NaN())})
	assert.Equal(
		t,
		filters{Name: "w", Tiles: 2, All: 2, Channels: 1, Height: 1, Width: 2, Scale: 2, Grays: []byte{128, 0, 191, 0}},
		*f,
	)
	assert.Equal(t, 3, newFilters("w", tensor.Shape{2, 3, 1, 1}, make([]float32, 6)).Channels)
	assert.Equal(t, 2, newFilters("w", tensor.Shape{2, 3, 1, 1}, make([]float32, 6)).Tiles)
	f = newFilters("w", tensor.Shape{40, 4, 1, 1}, make([]float32, 160))
	assert.Equal(t, []int{128, 160, 1}, []int{f.Tiles, f.All, f.Channels})
	assert.Equal(t, byte(128), f.Grays[0], "all weights 0 are mid gray")
}

// TestManyEpochs: of too many epochs the page shows every second one, and the last.
func TestManyEpochs(t *testing.T) {
	p := New("small", nil)
	for epoch := 1; epoch <= maxRows+2; epoch++ {
		p.progress.history = append(p.progress.history, train.Row{Epoch: epoch})
	}
	e, _ := p.event()
	require.Len(t, e.History, maxRows/2+1)
	assert.Equal(t, []int{2, 4, maxRows + 2}, []int{e.History[0].Epoch, e.History[1].Epoch, e.History[maxRows/2].Epoch})
}

// TestRanks: the page shows the speed of each process, and nothing if there is only one.
func TestRanks(t *testing.T) {
	tr := trainer(t)
	s := &train.State{Trainer: tr, Model: tr.Model, EpochSteps: 10, Batch: 10}
	p := New("small", nil)
	require.NoError(t, p.TrainBegin(s))
	text, _, err := p.latest()
	require.NoError(t, err)
	assert.NotContains(t, string(text), "ranks")
	s.Ranks = []train.RankSpeed{{ImagesPerSecond: 400, Waiting: 0.25}, {ImagesPerSecond: 300, Waiting: 0}}
	require.NoError(t, p.EpochEnd(s))
	text, _, err = p.latest()
	require.NoError(t, err)
	assert.Contains(t, string(text),
		`"ranks":[{"imagesPerSecond":400,"waiting":0.25},{"imagesPerSecond":300,"waiting":0}]`)
}

func TestPace(t *testing.T) {
	var p pace
	assert.Zero(t, p.lately())
	for i := range 50 {
		p.add(100+10*i*i, time.Duration(i)*time.Second)
	}
	assert.InDelta(t, float64(10*(49*49-30*30))/19, p.lately(), 1e-9)
	assert.InDelta(t, 10*49., p.overall(), 1e-9)
}

// BenchmarkStepEnd is the cost of SimpleConvNet's page for a training step of 4 ms, with a reader's
// state four times a second.
func BenchmarkStepEnd(b *testing.B) {
	tr := trainer(b)
	var err error
	tr.Model, err = graph.New(models.DefaultSimpleConvNet().Spec())
	require.NoError(b, err)
	p := New("simpleconvnet", nil)
	s := &train.State{Trainer: tr, Model: tr.Model, EpochSteps: 600, Batch: 100}
	require.NoError(b, p.TrainBegin(s))
	b.ReportAllocs()
	for b.Loop() {
		s.Step++
		s.Loss = 1 / float64(s.Step)
		s.Elapsed += 4 * time.Millisecond
		if err := p.StepEnd(s); err != nil {
			b.Fatal(err)
		}
		if s.Step%64 == 0 {
			if _, _, err := p.latest(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

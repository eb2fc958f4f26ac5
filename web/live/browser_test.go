//go:build browser

package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/train"
)

// TestInBrowser watches a training in a real browser: points come, filters change, Stop stops it, Resume goes on, the end is told, and nothing is
// wrong on the console. With SCREENSHOTS set to a folder it leaves pictures of the page there.
func TestInBrowser(t *testing.T) {
	dir := t.TempDir()
	tr := trainer(t)
	tr.Epochs = 1_000_000 // until the test lets it end
	tr.Schedule = nil
	p := New("small", []Setting{{"Seed", "3"}, {"Images a step", "4"}})
	enough := make(chan struct{})
	tr.Callbacks = []train.Callback{train.Checkpoints{Dir: dir}, p, after{what: func(int) { time.Sleep(2 * time.Millisecond) }}, untilClosed{over: enough}}
	url, end := served(t, p)
	trained := make(chan error, 1)
	go func() {
		_, err := p.Run(context.Background(), tr, func() (*train.Checkpoint, error) { return train.LatestCheckpoint(dir, nil) })
		trained <- err
	}()

	b := open(t, url)
	b.until(`document.querySelectorAll("#loss-chart path.one").length === 1`)
	b.until(`document.getElementById("title").textContent === "Training small"`)
	points := `document.querySelector("#loss-chart path.one").getAttribute("d").length`
	before := evaluate[int](b, points)
	b.until(fmt.Sprintf(`%s > %d`, points, before))
	b.until(`document.querySelectorAll("#accuracy-chart circle").length > 2 || document.querySelectorAll("#accuracy-chart path.one").length === 1`)
	b.until(`document.getElementById("accuracy").textContent.endsWith("%")`)
	b.until(`document.getElementById("now").toDataURL() !== document.getElementById("start").toDataURL()`)
	b.until(`Number(document.getElementById("pace").textContent.replaceAll(",", "")) > 0`)
	b.until(`document.getElementById("spoken").textContent.includes("test accuracy")`)
	b.screenshots("training")

	b.click("#stop")
	b.until(`document.getElementById("phase").dataset.phase === "stopped"`)
	assert.Equal(t, Stopped, p.Phase())
	checkpoints, err := filepath.Glob(filepath.Join(dir, "checkpoint-*"))
	require.NoError(t, err)
	assert.NotEmpty(t, checkpoints)
	assert.True(t, evaluate[bool](b, `document.getElementById("stop").disabled && !document.getElementById("resume").disabled`))
	b.screenshots("stopped")
	step := `Number(document.getElementById("step").firstChild.textContent.replaceAll(",", ""))`
	at := evaluate[int](b, step)
	e, _ := p.event()
	assert.Equal(t, e.Step, at, "the page shows where the training stopped")

	b.click("#resume")
	b.until(fmt.Sprintf(`%s > %d && document.getElementById("phase").dataset.phase === "training"`, step, at))
	close(enough)
	require.NoError(t, <-trained)
	b.until(`document.getElementById("phase").dataset.phase === "finished"`)
	end()
	b.until(`document.getElementById("stop").disabled && document.getElementById("resume").disabled`)
	assert.True(t, evaluate[bool](b, `document.getElementById("trouble").hidden && document.getElementById("message").textContent.startsWith("Test accuracy")`))
	b.screenshots("finished")
	b.quiet()
}

// untilClosed ends a training after an epoch, well, when its channel is closed.
type untilClosed struct {
	train.Base
	over chan struct{}
}

func (u untilClosed) EpochEnd(*train.State) error {
	select {
	case <-u.over:
		return train.ErrStop
	default:
		return nil
	}
}

// browser is a page in a headless Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	messages []string
}

// patience is for a machine that is busy with other things.
const patience = 4 * time.Minute

func open(t *testing.T, url string) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(chromedp.NoSandbox, chromedp.DisableGPU))
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	console := chromedp.Console(ctx)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.messages = append(b.messages, fmt.Sprint(m.Type, ": ", m.Text))
			b.mu.Unlock()
		}
	}()
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(1200, 900), chromedp.Navigate(url)))
	return b
}

func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return v
}

// until waits until an expression is true.
func (b *browser) until(expression string) {
	b.t.Helper()
	for !evaluate[bool](b, expression) {
		time.Sleep(20 * time.Millisecond)
	}
}

func (b *browser) click(selector string) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.Click(selector)))
}

// quiet wants nothing on the console.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(b.t, b.messages)
}

// screenshots leaves pictures of the page, light, dark and on a telephone, if a folder for them is named.
func (b *browser) screenshots(name string) {
	b.t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	for _, look := range []struct {
		name, scheme string
		width        int64
	}{{"light", "light", 1200}, {"dark", "dark", 1200}, {"phone", "light", 390}} {
		_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}},
		})
		require.NoError(b.t, err)
		require.NoError(b.t, chromedp.Do(b.ctx, chromedp.EmulateViewport(look.width, 900), chromedp.Sleep(500*time.Millisecond)))
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		require.NoError(b.t, err)
		require.NoError(b.t, os.WriteFile(filepath.Join(folder, "live-"+name+"-"+look.name+".png"), picture, 0o644))
	}
	require.NoError(b.t, chromedp.Do(b.ctx, chromedp.EmulateViewport(1200, 900)))
}

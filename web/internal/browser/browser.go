//go:build browser

// Package browser drives a headless Chromium in tests of pages, which have the build tag browser
// and need Chromium or Chrome. A page that logs an error or requests anything from another host
// fails its test.
package browser

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for an event. Tests wait for events, never for a fixed time.
const patience = 2 * time.Minute

// A Tab shows one page.
type Tab struct {
	t    testing.TB
	ctx  context.Context
	host string

	mu       sync.Mutex
	problems []string
	expected []string // texts of harmless problems
}

// Open starts a browser and shows a page, in a window of 1440×900.
func Open(t testing.TB, address string) *Tab {
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("headless", "new"),
		chromedp.Flag("hide-scrollbars", true)))
	t.Cleanup(stop)
	u, err := url.Parse(address)
	require.NoError(t, err)
	b := &Tab{t: t, ctx: ctx, host: u.Host}
	b.watch()
	b.Window(1440, 900, false)
	b.do(chromedp.Navigate(address))
	return b
}

// watch collects problems, and fails the test with them at its end.
func (b *Tab) watch() {
	require.NoError(b.t, chromedp.Listen(b.ctx, func(event any) {
		if sent, ok := event.(*network.EventRequestWillBeSent); ok {
			b.checkRequest(sent.Request.URL)
		}
	}))
	messages := chromedp.Console(b.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.report(fmt.Sprintf("console: %v %s", m, m.URL))
		}
	}()
	b.t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		assert.Empty(b.t, b.problems)
	})
}

func (b *Tab) checkRequest(address string) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Host != b.host {
		b.report("request to another host: " + address)
	}
}

// Expect allows console messages that contain a text.
func (b *Tab) Expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, text)
}

func (b *Tab) report(problem string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	expected := slices.ContainsFunc(b.expected, func(text string) bool { return strings.Contains(problem, text) })
	if expected || slices.Contains(b.problems, problem) {
		return
	}
	b.problems = append(b.problems, problem)
}

func (b *Tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// Eval returns the value of a JavaScript expression; a promise is awaited.
func Eval[T any](b *Tab, expression string) T {
	b.t.Helper()
	v, err := evaluate[T](b, expression)
	require.NoError(b.t, err, expression)
	return v
}

func evaluate[T any](b *Tab, expression string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// ProcessorTime returns the time that the page's processes have computed for, on all threads
// together. Unlike a clock's time it hardly depends on what else the machine does.
func (b *Tab) ProcessorTime() (sum time.Duration) {
	b.t.Helper()
	info, err := chromedp.CallBrowser(b.ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	require.NoError(b.t, err)
	for _, p := range info.ProcessInfo {
		if p.Type == "renderer" {
			sum += time.Duration(p.CPUTime * float64(time.Second))
		}
	}
	return sum
}

// leaves is in the error of an evaluation that the page's next navigation ends.
const leaves = "Inspected target navigated or closed"

// Wait waits until a JavaScript expression is true. The page may load again meanwhile.
func (b *Tab) Wait(expression string) {
	b.t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		is, err := evaluate[bool](b, "Boolean("+expression+")")
		if err == nil && is {
			return
		}
		if err != nil && !strings.Contains(err.Error(), leaves) {
			require.NoError(b.t, err, expression)
		}
		if time.Since(began) > patience {
			require.Fail(b.t, "the page didn't come to this", "%s\nits text: %.2000s", expression,
				Eval[string](b, "document.body.innerText"))
		}
	}
}

// Window sets the size of the page in CSS pixels and its color scheme, and asks for reduced
// motion, so that scrolling is immediate.
func (b *Tab) Window(width, height int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(chromedp.EmulateViewport(width, height))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	require.NoError(b.t, err)
}

// At scrolls an element into view and returns the position of a point in it, given as fractions of
// its width and height. It waits until the element hasn't moved for a frame and nothing covers the
// point.
func (b *Tab) At(selector string, x, y float64) (left, top float64) {
	b.t.Helper()
	find := fmt.Sprintf(`(async () => {
		const e = document.querySelector(%q);
		const frame = () => new Promise(requestAnimationFrame);
		const inside = (r) => r.top >= 0 && r.bottom <= innerHeight;
		if (!inside(e.getBoundingClientRect())) e.scrollIntoView({ block: "center", behavior: "instant" });
		await frame();
		const before = e.getBoundingClientRect();
		await frame();
		const r = e.getBoundingClientRect();
		const place = [r.left + %g * r.width, r.top + %g * r.height];
		const still = ["left", "top", "width", "height"].every((side) => before[side] === r[side]);
		return still && e.contains(document.elementFromPoint(...place)) ? place : [];
	})()`, selector, x, y)
	for began := time.Now(); time.Since(began) < patience; {
		place, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]float64](find, chromedp.EvalAwaitPromise))
		require.NoError(b.t, err, selector)
		if len(place) == 2 {
			return place[0], place[1]
		}
	}
	require.Fail(b.t, "the mouse can't get there", "%s, at %g of its width and %g of its height, moves or is covered",
		selector, x, y)
	return 0, 0
}

// Point moves the mouse to a point of an element.
func (b *Tab) Point(selector string, x, y float64) {
	b.t.Helper()
	left, top := b.At(selector, x, y)
	b.do(chromedp.MouseEvent("mouseMoved", left, top))
}

// Click clicks on a point of an element. If the page changes at that moment and the click misses,
// it clicks again.
func (b *Tab) Click(selector string, x, y float64) {
	b.t.Helper()
	for began := time.Now(); time.Since(began) < patience; {
		left, top := b.At(selector, x, y)
		Eval[bool](b, fmt.Sprintf(`window.clicked = false, document.querySelector(%q).addEventListener("click",
			() => { window.clicked = true; }, { capture: true, once: true }), true`, selector))
		b.do(chromedp.MouseClickXY(left, top))
		if Eval[bool](b, "window.clicked") {
			return
		}
	}
	require.Fail(b.t, "no click arrives", selector)
}

// Drag draws a line through points of an element, with the mouse button down.
func (b *Tab) Drag(selector string, places ...[2]float64) {
	b.t.Helper()
	for i, p := range places {
		left, top := b.At(selector, p[0], p[1])
		if i == 0 {
			b.do(chromedp.MouseEvent("mousePressed", left, top, chromedp.ButtonLeft, chromedp.ClickCount(1)))
		}
		b.do(chromedp.MouseEvent("mouseMoved", left, top, chromedp.ButtonLeft))
		if i == len(places)-1 {
			b.do(chromedp.MouseEvent("mouseReleased", left, top, chromedp.ButtonLeft, chromedp.ClickCount(1)))
		}
	}
}

// Keys types keys, such as those of package kb, into the focused element.
func (b *Tab) Keys(keys ...string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(strings.Join(keys, "")))
}

// Focus focuses an element, as the Tab key would.
func (b *Tab) Focus(selector string) {
	b.t.Helper()
	b.do(chromedp.Focus(chromedp.CSS(selector)))
}

// DropFile drops a file on the center of an element, as from the desktop.
func (b *Tab) DropFile(selector, path string) {
	b.t.Helper()
	left, top := b.At(selector, 0.5, 0.5)
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: []string{path}, DragOperationsMask: 1} // 1: to copy
	for _, step := range []input.DispatchDragEventType{
		input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop,
	} {
		_, err := chromedp.Call(b.ctx, input.DispatchDragEvent,
			input.DispatchDragEventParams{Type: step, X: left, Y: top, Data: data})
		require.NoError(b.t, err)
	}
}

// Upload chooses a file in a file input.
func (b *Tab) Upload(selector, path string) {
	b.t.Helper()
	b.do(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}

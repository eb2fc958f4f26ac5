//go:build browser

package dashboard

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/train"
	"convgraph/web/internal/browser"
)

// TestInBrowser watches a training in a real browser: points appear, filters change, Stop stops it,
// Resume resumes it, and the page shows the end.
func TestInBrowser(t *testing.T) {
	dir := t.TempDir()
	tr := trainer(t)
	tr.Epochs = 1_000_000 // until the test ends it
	tr.Schedule = nil
	p := New("small", []Setting{{"Seed", "3"}, {"Images a step", "4"}})
	over := make(chan struct{})
	slow := after{what: func(int) { time.Sleep(2 * time.Millisecond) }}
	tr.Callbacks = []train.Callback{train.Checkpoints{Dir: dir}, p, slow, untilClosed{over: over}}
	url, end := served(t, p)
	trained := make(chan error, 1)
	go func() {
		_, err := p.Run(
			context.Background(), tr, func() (*train.Checkpoint, error) { return train.LatestCheckpoint(dir, nil) },
		)
		trained <- err
	}()

	tab := browser.Open(t, url)
	phaseIs := func(phase string) string {
		return fmt.Sprintf(`document.getElementById("phase").dataset.phase === %q`, phase)
	}
	tab.Wait(`document.getElementById("title").textContent === "Training small"`)
	tab.Wait(`document.querySelector("#loss-chart path.one")`)
	points := `document.querySelector("#loss-chart path.one").getAttribute("d").length`
	before := browser.Eval[int](tab, points)
	tab.Wait(fmt.Sprintf(`%s > %d`, points, before))
	tab.Wait(`document.querySelector("#accuracy-chart path.one") && document.querySelector("#accuracy-chart path.two")`)
	tab.Wait(`document.getElementById("accuracy").textContent.endsWith("%")`)
	tab.Wait(`document.getElementById("now").toDataURL() !== document.getElementById("start").toDataURL()`)
	tab.Wait(`Number(document.getElementById("pace").textContent.replaceAll(",", "")) > 0`)
	tab.Wait(`document.getElementById("spoken").textContent.includes("test accuracy")`)
	tab.Wait(`document.querySelectorAll("#rows tr").length >= 3`)
	assert.Greater(t, browser.Eval[float64](tab, lastAccuracy), 0.6,
		"the accuracy's axis ends at the present epoch, not at the millionth")
	for _, dark := range []bool{true, false} {
		tab.Window(360, 740, dark)
		tab.Wait(`document.documentElement.scrollWidth <= innerWidth`)
	}

	tab.Click("#stop", 0.5, 0.5)
	tab.Wait(phaseIs("stopped"))
	assert.Equal(t, Stopped, p.Phase())
	checkpoints, err := filepath.Glob(filepath.Join(dir, "checkpoint-*"))
	require.NoError(t, err)
	assert.NotEmpty(t, checkpoints)
	assert.True(t, browser.Eval[bool](
		tab, `document.getElementById("stop").disabled && !document.getElementById("resume").disabled`,
	))
	step := `Number(document.getElementById("step").firstChild.textContent.replaceAll(",", ""))`
	at := browser.Eval[int](tab, step)
	e, _ := p.event()
	assert.Equal(t, e.Step, at, "the page shows where the training stopped")

	tab.Click("#resume", 0.5, 0.5)
	tab.Wait(fmt.Sprintf(`%s > %d && %s`, step, at, phaseIs("training")))
	close(over)
	require.NoError(t, <-trained)
	tab.Wait(phaseIs("finished"))
	end()
	tab.Wait(`document.getElementById("stop").disabled && document.getElementById("resume").disabled`)
	assert.True(t, browser.Eval[bool](tab, `document.getElementById("trouble").hidden`))
	assert.Contains(t, browser.Eval[string](tab, `document.getElementById("message").textContent`), "Test accuracy ")
}

// lastAccuracy is where the last point of the accuracy's curve is, from 0 at the left end of the
// axis to 1 at its right end.
const lastAccuracy = `(() => {
	const [left, right] = [46, document.getElementById("accuracy-chart").clientWidth - 56];
	const x = Number(document.querySelector("#accuracy-chart path.one").getAttribute("d").split("L").at(-1).split(" ")[0]);
	return (x - left) / (right - left);
})()`

// untilClosed ends a training without error after the epoch in which its channel is closed.
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

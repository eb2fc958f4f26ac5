package dashboard

import (
	"encoding/json"
	"slices"
	"strconv"

	"convgraph/internal/xmath"
)

// event is the state of the training in the form that the page receives.
type event struct {
	Phase           Phase    `json:"phase"`
	Message         string   `json:"message,omitempty"`
	Epoch           int      `json:"epoch"`
	Epochs          int      `json:"epochs"`
	Step            int      `json:"step"`
	Steps           int      `json:"steps"`
	Loss            *float64 `json:"loss"` // null: not a number
	Rate            float64  `json:"rate,omitempty"`
	ImagesPerSecond float64  `json:"imagesPerSecond"`
	SecondsLeft     *float64 `json:"secondsLeft"` // null: unknown
	Seconds         float64  `json:"seconds"`
	Curve           points   `json:"curve"`
	History         []row    `json:"history"`
	HeldOut         string   `json:"heldOut"` // the set of the rows' held-out accuracies: test or validation
	Filters         *filters `json:"filters,omitempty"`
	Ranks           []rank   `json:"ranks,omitempty"` // the processes, if there are several
}

// rank is one of the processes that train together.
type rank struct {
	ImagesPerSecond float64 `json:"imagesPerSecond"`
	Waiting         float64 `json:"waiting"` // share of its time
}

// points is a curve: point i is the mean over the steps from First + i·Every on.
type points struct {
	First  int     `json:"first"`
	Every  int     `json:"every"`
	Losses numbers `json:"losses"`
}

// numbers are values of a chart, written with five digits.
type numbers []float64

// MarshalJSON writes null for NaN and infinity, which JSON doesn't have.
func (n numbers) MarshalJSON() ([]byte, error) {
	text := []byte{'['}
	for i, v := range n {
		if i > 0 {
			text = append(text, ',')
		}
		if number(v) == nil {
			text = append(text, "null"...)
			continue
		}
		text = strconv.AppendFloat(text, v, 'g', 5, 64)
	}
	return append(text, ']'), nil
}

// maxRows is the most epochs that the page shows. Of more it shows every second, third and so on,
// and always the last.
const maxRows = 500

// row is one epoch.
type row struct {
	Epoch         int      `json:"epoch"`
	Step          int      `json:"step"`
	Loss          *float64 `json:"loss"`
	TrainAccuracy float64  `json:"trainAccuracy"`
	HeldOut       float64  `json:"heldOutAccuracy"`
	Seconds       float64  `json:"seconds"`
}

// latest returns the page's state as JSON, and its version. Readers share the work, and the
// training doesn't wait for it.
func (p *Page) latest() ([]byte, int, error) {
	p.encoding.Lock()
	defer p.encoding.Unlock()
	e, version := p.event()
	if version == p.encodedVersion {
		return p.encoded, version, nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, 0, err
	}
	p.encoded, p.encodedVersion = text, version
	return text, version, nil
}

// event copies the state that changes during the training.
func (p *Page) event() (event, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := &p.progress
	e := event{
		Phase: p.phase, Message: p.message, Epoch: g.epoch, Epochs: g.epochs, Step: g.step, Steps: g.steps,
		Loss: number(g.loss), Rate: g.rate, ImagesPerSecond: g.pace.lately() * float64(g.batch),
		Seconds: g.elapsed.Seconds(),
		Curve:   points{First: g.curve.first, Every: g.curve.every, Losses: slices.Clone(g.curve.points)},
		History: []row{}, HeldOut: "test", Filters: g.filters,
	}
	for _, r := range g.ranks {
		e.Ranks = append(e.Ranks, rank(r))
	}
	if pace := g.pace.overall(); pace > 0 {
		e.SecondsLeft = number(float64(g.steps-g.step) / pace)
	}
	every := (len(g.history) + maxRows - 1) / maxRows
	for i, r := range g.history {
		if (len(g.history)-1-i)%every == 0 {
			set, accuracy := r.HeldOut()
			e.HeldOut = set
			e.History = append(
				e.History, row{r.Epoch, r.Step, number(r.TrainLoss), r.TrainAccuracy, accuracy, r.Seconds},
			)
		}
	}
	return e, p.version
}

// number returns nil for NaN and infinity, which JSON doesn't have.
func number(v float64) *float64 {
	if !xmath.IsFinite(v) {
		return nil
	}
	return &v
}

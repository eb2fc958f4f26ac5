package train

import (
	"encoding/binary"
	"math"
	"time"

	"convgraph/internal/xmath"
)

// A RankSpeed is how fast one of the processes of a training computes.
type RankSpeed struct {
	ImagesPerSecond float64 // of its own part of each batch
	Waiting         float64 // share of its time in exchanges with the others, most of it waiting for them
}

// speedWindow is the time over which a speed is measured.
const speedWindow = time.Second

// speedometer measures a process's speed over the last window.
type speedometer struct {
	began  time.Time
	spent  time.Duration // in exchanges before the window
	images int
	speed  RankSpeed
}

// begin begins a window.
func (s *speedometer) begin(now time.Time, spent time.Duration) {
	s.began, s.spent, s.images = now, spent, 0
}

// step counts the images of a step.
func (s *speedometer) step(images int, now time.Time, spent time.Duration) {
	s.images += images
	window := now.Sub(s.began)
	if window <= 0 {
		return
	}
	s.speed = RankSpeed{
		ImagesPerSecond: float64(s.images) / window.Seconds(),
		Waiting:         float64(spent-s.spent) / float64(window),
	}
	if window >= speedWindow {
		s.begin(now, spent)
	}
}

func (s RankSpeed) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.ImagesPerSecond))
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(s.Waiting))
}

func decodeSpeed(b []byte) RankSpeed {
	number := func(b []byte) float64 {
		v := math.Float64frombits(binary.LittleEndian.Uint64(b))
		if !xmath.IsFinite(v) {
			return 0 // a page can't show it
		}
		return v
	}
	return RankSpeed{ImagesPerSecond: number(b), Waiting: number(b[8:])}
}

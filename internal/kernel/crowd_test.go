package kernel

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// imagined runs a crowd through windows on a machine where the workers together, and the caller
// alone, do as many processors' worth of work. It returns the share of the windows in which the
// caller was alone.
func imagined(c *crowd, windows int, now *time.Time, together, single float64) float64 {
	alone := 0
	for range windows {
		useful := together
		if c.alone {
			alone++
			useful = single
		}
		*now = now.Add(crowdWindow)
		c.judge(useful, *now)
	}
	return float64(alone) / float64(windows)
}

func TestCrowd(t *testing.T) {
	const minute = int(time.Minute / crowdWindow)
	for _, test := range []struct {
		machine          string
		together, single float64
		least, most      float64 // share of the time alone
	}{
		{"quiet", 1.9, 1, 0, 0},
		{"quiet, with calls so short that workers gain little", 1.1, 1, 0, 0.04},
		{"two busy processes", 0.73, 0.88, 0.95, 1},
		{"two busy processes, workers still gain", 0.95, 0.7, 0, 0.04},
		{"busy with more", 0.5, 0.5, 0, 1}, // either is right
	} {
		now := time.Now()
		alone := imagined(&crowd{}, minute, &now, test.together, test.single)
		assert.GreaterOrEqual(t, alone, test.least, test.machine)
		assert.LessOrEqual(t, alone, test.most, test.machine)
	}
}

// TestCrowdFollowsTheMachine: a machine that becomes busy, and then quiet, is noticed.
func TestCrowdFollowsTheMachine(t *testing.T) {
	var c crowd
	now := time.Now()
	second := int(time.Second / crowdWindow)
	assert.Zero(t, imagined(&c, 5*second, &now, 1.9, 1))
	assert.Greater(t, imagined(&c, 5*second, &now, 0.7, 0.9), 0.8)
	assert.Less(t, imagined(&c, 20*second, &now, 1.9, 1), 0.1)
	assert.Zero(t, imagined(&c, 5*second, &now, 1.9, 1))
}

// TestParallelAlone: a crowded pool runs all shards on its caller.
func TestParallelAlone(t *testing.T) {
	withWorkers(t, 3, func() {
		p := currentPool()
		p.crowd.alone, p.crowd.next = true, time.Now().Add(time.Hour)
		ran := 0
		Parallel(100, func(worker, shard int) {
			assert.Zero(t, worker)
			assert.Equal(t, ran, shard)
			ran++
		})
		assert.Equal(t, 100, ran)
	})
}

// TestCrowdMeasures: windows of real calls are judged where the system tells the processor time.
func TestCrowdMeasures(t *testing.T) {
	withWorkers(t, 2, func() {
		p := currentPool()
		deadline := time.Now().Add(5 * time.Second)
		for p.crowd.together == 0 && time.Now().Before(deadline) {
			Parallel(8, func(int, int) {
				for began := time.Now(); time.Since(began) < time.Millisecond; {
				}
			})
		}
		if _, known := p.crowd.meter.read(); !known {
			assert.Zero(t, p.crowd.together)
			return
		}
		assert.Positive(t, p.crowd.together)
		assert.Positive(t, spinCost())
	})
}

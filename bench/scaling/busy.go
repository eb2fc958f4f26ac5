package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"convgraph/internal/kernel"
)

// busyPhase is how long steps run on one number of workers before the other's turn: long enough for
// the workers to find out that the machine is busy.
const busyPhase = 3 * time.Second

// busy measures steps on one worker and on more while other processes use the processor.
func busy(processes, most, rounds int) error {
	stop, err := startBusy(processes)
	if err != nil {
		return err
	}
	defer stop()
	defer kernel.SetWorkers(0)
	for _, w := range workloads[:2] {
		step, err := newStep(w, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", w.model, err)
		}
		var one, more, ratios []float64
		for range rounds {
			a, err := meanStep(step, 1)
			if err != nil {
				return err
			}
			b, err := meanStep(step, most)
			if err != nil {
				return err
			}
			one, more, ratios = append(one, a), append(more, b), append(ratios, b/a)
		}
		fmt.Printf("%s with %d busy processes: a step takes %.2f ms on 1 worker, %.2f ms on %d; "+
			"ratio %.2f (%.2f to %.2f), medians of %d rounds\n",
			w.model, processes, median(one), median(more), most, median(ratios), slices.Min(ratios),
			slices.Max(ratios), rounds)
	}
	return nil
}

// meanStep runs steps on some workers for a phase and returns the mean time in milliseconds.
func meanStep(step func() error, workers int) (float64, error) {
	kernel.SetWorkers(workers)
	steps, began := 0, time.Now()
	for ; time.Since(began) < busyPhase; steps++ {
		if err := step(); err != nil {
			return 0, err
		}
	}
	return milliseconds(time.Since(began)) / float64(steps), nil
}

// startBusy starts n processes of this program that only count. stop ends them.
func startBusy(n int) (stop func(), err error) {
	var started []*exec.Cmd
	stop = func() {
		for _, c := range started {
			c.Process.Kill()
			c.Wait()
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for range n {
		c := exec.Command(self, "-spin")
		if err := c.Start(); err != nil {
			stop()
			return nil, err
		}
		started = append(started, c)
	}
	return stop, nil
}

// spin uses one processor until the process that started this one has ended.
func spin() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		for range 1 << 24 {
			continue // the compiler keeps the loop
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

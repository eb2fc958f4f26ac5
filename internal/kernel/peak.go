package kernel

import (
	"math/rand/v2"
	"sync"
	"time"
)

// PeakRate measures how many multiply-adds a second the workers can do: each runs the micro-kernel
// of matrix products on operands that stay in its first-level cache. The result is the best of
// several short runs.
func PeakRate[T Float]() float64 {
	const depth = 256
	e := engineFor[T]()
	var panels []*panel[T]
	for range Workers() {
		panels = append(panels, &panel[T]{
			tiles: tileRows(e.rows, e.rows), a: filled[T](e.rows*depth + slack), k: depth, kc: depth,
			b: filled[T](e.cols*depth + slack), width: e.cols,
			c: make([]T, e.rows*e.cols+slack), ldc: e.cols, cols: e.cols,
		})
	}
	work := float64(e.rows * e.cols * depth * len(panels))
	return work * fastest(func(worker int) { e.mul(panels[worker]) })
}

// CopyRate measures how many bytes a second the workers read and write together when they copy an
// array again and again that has, with its copy, about the given size. A small one stays in a
// cache.
func CopyRate(bytes int) float64 {
	n := max(1, bytes/8/Workers())
	var from, to [][]float32
	for range Workers() {
		from, to = append(from, filled[float32](n)), append(to, make([]float32, n))
	}
	return float64(8*n*Workers()) * fastest(func(worker int) { copy(to[worker], from[worker]) })
}

// fastest returns how many times a second all workers can call f at once: the best of some runs of
// a few milliseconds.
func fastest(f func(worker int)) (perSecond float64) {
	const runs, lasts = 9, 4 * time.Millisecond
	calls := 1
	for run := 0; run < runs; {
		took := together(func(worker int) {
			for range calls {
				f(worker)
			}
		})
		perSecond = max(perSecond, float64(calls)/took.Seconds())
		if took < lasts && calls < 1<<24 {
			calls *= 2
			continue
		}
		run++
	}
	return perSecond
}

// together runs f on as many goroutines as there are workers, at once, and returns the time.
func together(f func(worker int)) time.Duration {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for worker := range Workers() {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			f(worker)
		})
	}
	ready.Wait()
	began := time.Now()
	close(start)
	done.Wait()
	return time.Since(began)
}

func filled[T Float](n int) []T {
	values := make([]T, n)
	for i := range values {
		values[i] = T(rand.Float64())
	}
	return values
}

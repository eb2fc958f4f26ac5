package train

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"convgraph/graph"
	"convgraph/ops"
)

// TestSameBitsOnAnyMachine expects the same parameters and history, to the last bit, for any number
// of workers and processors, with augmentation and dropout.
func TestSameBitsOnAnyMachine(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(procs)
		ops.SetWorkers(0)
	})
	for name, spec := range map[string]func() *graph.Spec{"simpleconvnet": simpleConvNet, "lenet": leNet,
		"alexnet": alexNet, "resnet": resNet} {
		t.Run(name, func(t *testing.T) {
			var first *ending
			for _, procs := range []int{1, 2} {
				runtime.GOMAXPROCS(procs)
				for _, workers := range []int{1, 2, 3, 8} {
					ops.SetWorkers(workers)
					e := finish(t, trainer(t, spec()))
					if first == nil {
						first = &e
					}
					require.True(t, first.equals(e), "%d workers, %d processors", workers, procs)
				}
			}
		})
	}
}

// TestSeedDecidesTheResult expects other parameters from another seed, sampling or schedule.
func TestSeedDecidesTheResult(t *testing.T) {
	want := finish(t, trainer(t, withDropout()))
	require.NotEqual(t, paramBytes(t, trainer(t, withDropout()).Model), want.params)
	for name, change := range map[string]func(*Trainer){
		"seed":     func(tr *Trainer) { tr.Seed++ },
		"sampling": func(tr *Trainer) { tr.Sampling = Replace },
		"schedule": func(tr *Trainer) { tr.Schedule = nil },
	} {
		tr := trainer(t, withDropout())
		change(tr)
		require.NotEqual(t, want.params, finish(t, tr).params, name)
	}
}

func (e ending) equals(other ending) bool {
	return e.params == other.params && e.test == other.test && slices.Equal(e.history, other.history)
}

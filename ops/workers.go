package ops

import "convgraph/internal/kernel"

// SetWorkers sets the number of threads that all ops of the process share; 0 means GOMAXPROCS.
// Results don't depend on it, to the bit.
func SetWorkers(n int) { kernel.SetWorkers(n) }

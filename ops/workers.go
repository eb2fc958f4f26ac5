package ops

import "convgraph/internal/kernel"

// SetWorkers sets how many threads all ops of the process share; 0 is GOMAXPROCS. Results don't depend on it, to the bit.
func SetWorkers(n int) { kernel.SetWorkers(n) }

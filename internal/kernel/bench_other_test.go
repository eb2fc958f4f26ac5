//go:build !linux

package kernel

import "time"

// processorTime returns zero: not measured here.
func processorTime() time.Duration { return 0 }

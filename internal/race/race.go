// Package race tells tests whether the race detector is on, which makes them many times as slow: they do the same less often then.
package race

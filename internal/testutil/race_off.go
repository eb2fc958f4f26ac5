//go:build !race

package testutil

// RaceEnabled reports whether the race detector is on. Tests then do less, because it makes them
// many times slower.
const RaceEnabled = false

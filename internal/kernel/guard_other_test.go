//go:build !linux

package kernel

import "testing"

// guarded returns a copy of s between canaries, at an odd or an even address. The canaries are
// checked when the test ends.
func guarded[T Float](t testing.TB, s []T, atEnd bool) []T {
	t.Helper()
	const canary, margin = -12345.5, 64
	first := margin
	if atEnd {
		first++
	}
	end := first + len(s)
	words := make([]T, end+margin)
	for i := range words {
		words[i] = canary
	}
	copy(words[first:end], s)
	t.Cleanup(func() {
		for _, v := range append(words[:first:first], words[end:]...) {
			if v != canary {
				t.Errorf("a canary beside %d elements is %v", len(s), v)
				break
			}
		}
	})
	return words[first:end:end]
}

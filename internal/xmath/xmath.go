// Package xmath adds to package math what several packages need.
package xmath

// IsFinite reports whether v is neither NaN nor infinite.
func IsFinite[T ~float32 | ~float64](v T) bool { return v-v == 0 }

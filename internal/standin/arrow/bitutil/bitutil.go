// Package bitutil replaces Arrow's package of this name.
package bitutil

// BitIsNotSet reports whether bit i of a mask is 0.
func BitIsNotSet(mask []byte, i int) bool { return mask[i/8]>>(i%8)&1 == 0 }

//go:build arm64 && !purego

package kernel

// supportedISAs returns the portable code and NEON, which every arm64 processor that Go runs on has.
func supportedISAs() []isa { return []isa{isaGeneric, isaNEON} }

//go:build arm64 && !purego

package kernel

// supportedISAs returns the portable code and NEON, which every arm64 processor that runs Go has.
func supportedISAs() []isa { return []isa{isaGeneric, isaNEON} }

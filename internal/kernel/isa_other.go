//go:build !(amd64 || arm64) || purego

package kernel

func supportedISAs() []isa { return []isa{isaGeneric} }

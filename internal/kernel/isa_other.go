//go:build !amd64 || purego

package kernel

func bestISA() isa { return isaGeneric }

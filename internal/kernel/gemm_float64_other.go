//go:build !amd64 || purego

package kernel

func engine64() *engine[float64] { return genericEngine[float64]() }

//go:build !(amd64 || arm64) || purego

package kernel

func engine32() *engine[float32] { return genericEngine[float32]() }

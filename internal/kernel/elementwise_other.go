//go:build !amd64 || purego

package kernel

func avx2Table() table[float32]   { return portableTable[float32]() }
func avx512Table() table[float32] { return portableTable[float32]() }

//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// bestISA returns the widest instruction set that the processor has and whose registers the system saves.
func bestISA() isa {
	x := &cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return isaAVX512
	case x.HasAVX2 && x.HasFMA:
		return isaAVX2
	}
	return isaGeneric
}

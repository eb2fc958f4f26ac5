//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// supportedISAs returns the instruction sets that the processor has and whose registers the system
// saves, narrowest first.
func supportedISAs() []isa {
	x := &cpu.X86
	supported := []isa{isaGeneric}
	if x.HasAVX2 && x.HasFMA {
		supported = append(supported, isaAVX2)
	}
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL {
		supported = append(supported, isaAVX512)
	}
	return supported
}

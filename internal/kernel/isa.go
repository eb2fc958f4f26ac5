package kernel

import "os"

// isa is an instruction set that the float32 kernels are written for.
type isa int

const (
	isaGeneric isa = iota // portable Go
	isaNEON               // arm64's ASIMD, for matrix products and convolutions
	isaAVX2               // AVX2 and FMA
	isaAVX512             // AVX-512 F, BW, DQ and VL
)

var isaNames = [...]string{isaGeneric: "generic", isaNEON: "neon", isaAVX2: "avx2", isaAVX512: "avx512"}

// InstructionSet returns the name of the instruction set that the float32 kernels use. Results of
// two sets differ in their last bits.
func InstructionSet() string { return active.String() }

func (i isa) String() string { return isaNames[i] }

// active is the instruction set in use, chosen once at start: the widest that processor and system
// support, or the one named by the environment variable CONVGRAPH_ISA (generic, neon, avx2 or
// avx512) if they support that. Only tests change it.
var active = chooseISA(os.Getenv("CONVGRAPH_ISA"), supportedISAs())

// chooseISA returns the supported instruction set named want, else the last, widest one.
func chooseISA(want string, supported []isa) isa {
	for _, i := range supported {
		if i.String() == want {
			return i
		}
	}
	return supported[len(supported)-1]
}

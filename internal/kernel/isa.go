package kernel

import "os"

// isa is an instruction set the float32 kernels come in, from the plainest to the widest.
type isa int

const (
	isaGeneric isa = iota // portable Go
	isaAVX2               // AVX2 and FMA
	isaAVX512             // AVX-512 F, BW, DQ and VL
)

var isaNames = [...]string{isaGeneric: "generic", isaAVX2: "avx2", isaAVX512: "avx512"}

func (i isa) String() string { return isaNames[i] }

// active is the instruction set in use. It is chosen once, at start; only tests change it.
var active = chooseISA(os.Getenv("CONVGRAPH_ISA"), bestISA())

// ISA returns the name of the instruction set in use: generic, avx2 or avx512. It is the widest that processor and system support, or the
// one that the environment variable CONVGRAPH_ISA names, if they support it.
func ISA() string { return active.String() }

func chooseISA(want string, best isa) isa {
	for i, name := range isaNames {
		if name == want {
			return min(isa(i), best)
		}
	}
	return best
}

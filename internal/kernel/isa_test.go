package kernel

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

// forEachISA runs f for every instruction set of this machine, or only for the one that the
// environment chooses.
func forEachISA(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv("CONVGRAPH_ISA") != "" {
		t.Run(active.String(), f)
		return
	}
	was := active
	defer func() { active = was }()
	for _, i := range supportedISAs() {
		active = i
		t.Run(i.String(), f)
	}
}

func TestChooseISA(t *testing.T) {
	all, some := []isa{isaGeneric, isaAVX2, isaAVX512}, []isa{isaGeneric, isaAVX2}
	assert.Equal(t, isaAVX512, chooseISA("", all))
	assert.Equal(t, isaAVX2, chooseISA("avx2", all))
	assert.Equal(t, isaGeneric, chooseISA("generic", all))
	assert.Equal(t, isaAVX2, chooseISA("avx512", some), "not supported: the widest")
	assert.Equal(t, isaAVX2, chooseISA("neon", some), "not supported: the widest")
	assert.Equal(t, isaAVX2, chooseISA("mmx", some), "unknown name: the widest")
}

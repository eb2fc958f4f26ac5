package kernel

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// forEachISA runs f once for every instruction set this machine has, forced.
func forEachISA(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	was := active
	defer func() { active = was }()
	for i := isaGeneric; i <= bestISA(); i++ {
		active = i
		t.Run(i.String(), f)
	}
}

func TestChooseISA(t *testing.T) {
	assert.Equal(t, isaAVX512, chooseISA("", isaAVX512))
	assert.Equal(t, isaAVX2, chooseISA("avx2", isaAVX512))
	assert.Equal(t, isaGeneric, chooseISA("generic", isaAVX512))
	assert.Equal(t, isaAVX2, chooseISA("avx512", isaAVX2), "never more than there is")
	assert.Equal(t, isaAVX2, chooseISA("mmx", isaAVX2), "unknown names choose nothing")
	assert.Equal(t, active.String(), ISA())
}

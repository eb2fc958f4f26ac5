package splitmix_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/internal/splitmix"
)

// The numbers are those of the authors' C program (prng.di.unimi.it/splitmix64.c) for the seed
// 1234567.
func TestMix(t *testing.T) {
	state := uint64(1234567)
	for _, want := range []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
	} {
		assert.Equal(t, want, splitmix.Mix(state))
		state += splitmix.Gamma
	}
}

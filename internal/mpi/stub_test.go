//go:build !mpi || !(linux || darwin)

package mpi

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStartSaysHowToBuild(t *testing.T) {
	_, err := Start()
	assert.ErrorContains(t, err, "go build -tags mpi ./cmd/trainmnist")
}

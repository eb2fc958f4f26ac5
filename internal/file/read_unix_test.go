//go:build unix

package file_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/internal/file"
)

func TestReadRefusesDevices(t *testing.T) {
	_, err := file.Read("/dev/zero")
	assert.EqualError(t, err, "/dev/zero is a device: want a file")
}

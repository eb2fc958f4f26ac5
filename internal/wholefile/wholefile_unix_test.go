//go:build unix

package wholefile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/internal/wholefile"
)

func TestReadRefusesDevices(t *testing.T) {
	_, err := wholefile.Read("/dev/zero")
	assert.EqualError(t, err, "/dev/zero is a device: want a file")
}

package training

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
	"convgraph/internal/mpi"
)

// TestMicroBatchChangesNothing computes batches in turns, to the bits of whole batches.
func TestMicroBatchChangesNothing(t *testing.T) {
	params := func(args ...string) []byte {
		dir := filepath.Join(t.TempDir(), "run")
		code, _, stderr := trainmnist(t, append(append(small, "-epochs", "1", "-quiet", "-out", dir), args...)...)
		require.Equal(t, cli.OK, code, stderr)
		data, err := os.ReadFile(filepath.Join(dir, "params.safetensors"))
		require.NoError(t, err)
		return data
	}
	assert.True(t, bytes.Equal(params(), params("-micro-batch", "25")))
}

func TestMicroBatchRefusesBatchNorm(t *testing.T) {
	args := append(small, "-model", "resnet20", "-batch", "64", "-micro-batch", "32", "-quiet", "-out", t.TempDir())
	code, _, stderr := trainmnist(t, args...)
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, "(BatchNorm) needs the mean of the whole batch before it can normalize an image")
}

func TestDetectsMPIBeforeParsing(t *testing.T) {
	for _, args := range [][]string{{"-mpi"}, {"-epochs", "1", "--mpi"}, {"-mpi=true"}} {
		assert.True(t, asksForMPI(args), args)
	}
	for _, args := range [][]string{{}, {"mpi"}, {"-mpi=false"}, {"--", "-mpi"}, {"-out", "mpi"}} {
		assert.False(t, asksForMPI(args), args)
	}
	if _, err := mpi.Start(); err == nil {
		t.Skip("this program is built with MPI")
	}
	var stderr bytes.Buffer
	c := &Command{}
	assert.Equal(t, cli.Failed, Main("trainmnist", c, c, []string{"-mpi", "-nonsense"}, &stderr, &stderr))
	assert.Contains(t, stderr.String(), "trainmnist: -mpi: this program is built without MPI")
}

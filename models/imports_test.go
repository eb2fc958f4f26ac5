package models_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestImportsStaySmall checks that a program which only predicts doesn't import MNIST, training,
// pictures or a command line.
func TestImportsStaySmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "convgraph/graph", "convgraph/models").Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	require.Contains(t, packages, "convgraph/ops")
	for _, p := range packages {
		for _, heavy := range []string{"convgraph/train", "convgraph/viz", "convgraph/web", "convgraph/cmd",
			"gonum.org/v1/plot", "github.com/alecthomas/kong"} {
			assert.False(t, p == heavy || strings.HasPrefix(p, heavy+"/"),
				"%s comes along with convgraph/graph or convgraph/models", p)
		}
	}

	out, err = exec.Command("go", "list", "-deps", "convgraph/examples/classify").Output()
	require.NoError(t, err)
	assert.NotContains(t, strings.Fields(string(out)), "convgraph/train/mnist",
		"a program that reads pictures holds no data set")
}

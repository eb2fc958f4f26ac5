package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"convgraph/internal/cli"
)

// TestServeStaticFailures: flags of a server contradict -static, and without Go's toolchain nothing
// is written. The tests of package static look at the page.
func TestServeStaticFailures(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "page")
	fail(t, cli.BadUsage, "want those flags only for a server", "serve", "-static", folder, "-open")
	fail(t, cli.Failed, "none.safetensors", "serve", "-static", folder, filepath.Join(t.TempDir(), "none.safetensors"))
	t.Setenv("PATH", "")
	fail(t, cli.Failed, "-static: the network is compiled for browsers: want Go's toolchain in PATH", "serve",
		"-static", folder)
	assert.NoDirExists(t, folder)
}

package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFirstBuildStaysSmall holds what the first go run of the main job compiles. Each library here
// was once compiled for nothing, or would cost seconds.
func TestFirstBuildStaysSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	packages := strings.Fields(string(out))
	require.Contains(t, packages, "gorgonia.org/gorgonia")
	for _, p := range packages {
		for _, heavy := range []string{
			"google.golang.org/protobuf/proto", "google.golang.org/protobuf/internal/impl",
			"github.com/gogo/protobuf/proto", "github.com/apache/arrow/go/arrow/internal",
			"convgraph/cmd/convgraph", "convgraph/onnx", "convgraph/web/inspect", "convgraph/web/predict",
			"github.com/stretchr/testify", "github.com/chromedp",
		} {
			assert.False(t, p == heavy || strings.HasPrefix(p, heavy+"/"), "%s is compiled for the main job", p)
		}
	}
	assert.LessOrEqual(t, len(packages), 415, "packages that the first build compiles")
}

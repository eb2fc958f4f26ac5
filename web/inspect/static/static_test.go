package static

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/web/inspect"
)

// TestNeedsTheToolchain: without Go nothing is written.
func TestNeedsTheToolchain(t *testing.T) {
	snapshots, err := inspect.Default()
	require.NoError(t, err)
	folder := filepath.Join(t.TempDir(), "page")
	t.Setenv("PATH", "")
	_, err = Write(t.Context(), folder, snapshots, nil)
	assert.ErrorContains(t, err, "the network is compiled for browsers: want Go's toolchain in PATH")
	assert.NoDirExists(t, folder)
}

// TestNeedsTheSource: outside of a module that has the program's package the error says where to
// go.
func TestNeedsTheSource(t *testing.T) {
	t.Chdir(t.TempDir())
	_, _, err := compile(t.Context())
	assert.ErrorContains(t, err, "want a working directory in convgraph's source, or in a module that requires it")
}

// TestPageWorksBelowAnyPath: no file of the page names another by a path from the host's root.
func TestPageWorksBelowAnyPath(t *testing.T) {
	files := folderFiles{}
	require.NoError(t, files.addPage())
	assert.Contains(t, files, "index.html")
	assert.Contains(t, files, "ui/ui.css")
	assert.Contains(t, string(files["inspect/ask.js"]), "new Worker(")
	assert.Contains(t, string(files["index.html"]), "'wasm-unsafe-eval'")
	absolute := regexp.MustCompile("[\"'`(]/(ui|inspect|api|network)\\b")
	for name, content := range files {
		if !strings.HasSuffix(name, ".png") {
			assert.NotRegexp(t, absolute, string(content), name)
		}
	}
}

func TestWritesFilesWhole(t *testing.T) {
	folder := t.TempDir()
	mine := filepath.Join(folder, "mine.txt")
	require.NoError(t, os.WriteFile(mine, []byte("mine"), 0o644))
	files := folderFiles{"index.html": []byte("page"), "network/a.bin": []byte("a")}
	for range 2 { // the second time over the first
		require.NoError(t, files.write(folder))
		for name, want := range files {
			got, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	}
	assert.FileExists(t, mine)
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "network", "a.bin")))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "network", "a.bin"), 0o755))
	assert.Error(t, files.write(folder))
}

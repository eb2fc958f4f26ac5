package testutil

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ErrorCase is a row of docs/corrupt.md: what is wrong with a file, and the error that a reader
// gave.
type ErrorCase struct {
	What string
	Err  error
}

// page is the document, from the module's root.
const page = "docs/corrupt.md"

// CheckErrorTable compares the cases with a section of docs/corrupt.md, between the comments that
// name it. With update it writes the section. To rewrite all of them:
//
//	for p in graph formats/safetensors formats/npz formats/pickle formats/torch onnx train train/dataset; do
//		go test ./$p -run TestErrorTable -update
//	done
func CheckErrorTable(t *testing.T, section string, update bool, cases []ErrorCase) {
	t.Helper()
	path := filepath.Join(root(t), page)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	start, end := fmt.Sprintf("<!-- %s: written by its test -->\n", section), fmt.Sprintf("<!-- end of %s -->", section)
	before, rest, found := strings.Cut(strings.ReplaceAll(string(data), "\r\n", "\n"), start)
	require.True(t, found, "%s has no line %q", page, start)
	old, after, found := strings.Cut(rest, end)
	require.True(t, found, "%s has no line %q", page, end)
	table := tableOf(t, cases)
	if update {
		require.NoError(t, os.WriteFile(path, []byte(before+start+table+end+after), 0o644))
		return
	}
	assert.Equal(t, old, table, "go test -run TestErrorTable -update rewrites it")
}

func tableOf(t *testing.T, cases []ErrorCase) string {
	t.Helper()
	var table strings.Builder
	table.WriteString("| problem | message |\n|---|---|\n")
	for _, c := range cases {
		require.Error(t, c.Err, c.What)
		require.NotContains(t, c.Err.Error(), "\n", "%s: a message must be one line", c.What)
		require.NotContains(t, c.Err.Error(), "`", "%s: a backquote would end the code in the table", c.What)
		fmt.Fprintf(&table, "| %s | `%s` |\n", c.What, neutral(c.Err.Error()))
	}
	return table.String()
}

var temporary = regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `[/\\]Test[^/\\ ]*[/\\]\d+`)

var checksum = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// neutral replaces the parts of a message that differ between runs: the temporary folder by DIR, a
// checksum by HASH, the system's separators by slashes, and no-break spaces by plain ones. protobuf
// puts the latter into its errors in some builds, to keep programs from comparing them.
func neutral(message string) string {
	message = strings.ReplaceAll(message, "\u00a0", " ")
	message = checksum.ReplaceAllString(temporary.ReplaceAllString(message, "DIR"), "HASH")
	return strings.ReplaceAll(filepath.ToSlash(message), "|", `\|`)
}

// root returns the module's folder, which contains the test's.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "no go.mod above the test")
		dir = parent
	}
}

// WriteFile writes data to a file in a new temporary folder and returns its path.
func WriteFile(t *testing.T, name string, data []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o644))
	return path
}

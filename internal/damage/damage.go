// Package damage keeps docs/damage.md true: each reader's test does the damage that the page lists, and Check compares the messages with
// those that stand there. To write them anew:
//
//	for p in graph formats/safetensors formats/npz formats/pickle formats/torch onnx train train/dataset; do
//		go test ./$p -run TestDamageTable -update
//	done
package damage

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

// Damage is one kind of it, and the error it gave.
type Damage struct {
	What string
	Err  error
}

// page is the document, from the module's root.
const page = "docs/damage.md"

// Check compares the damages with the section of the page, between the comments that name it, or writes it.
func Check(t *testing.T, section string, update bool, damages []Damage) {
	t.Helper()
	path := filepath.Join(root(t), page)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	start, end := fmt.Sprintf("<!-- %s: written by its test -->\n", section), fmt.Sprintf("<!-- end of %s -->", section)
	before, rest, found := strings.Cut(strings.ReplaceAll(string(data), "\r\n", "\n"), start)
	require.True(t, found, "%s has no line %q", page, start)
	old, after, found := strings.Cut(rest, end)
	require.True(t, found, "%s has no line %q", page, end)
	table := tableOf(t, damages)
	if update {
		require.NoError(t, os.WriteFile(path, []byte(before+start+table+end+after), 0o644))
		return
	}
	assert.Equal(t, old, table, "go test -run TestDamageTable -update writes it anew")
}

func tableOf(t *testing.T, damages []Damage) string {
	t.Helper()
	var table strings.Builder
	table.WriteString("| damage | message |\n|---|---|\n")
	for _, d := range damages {
		require.Error(t, d.Err, d.What)
		require.NotContains(t, d.Err.Error(), "\n", "%s: a message is one line", d.What)
		require.NotContains(t, d.Err.Error(), "`", "%s: it would end the code in the table", d.What)
		fmt.Fprintf(&table, "| %s | `%s` |\n", d.What, neutral(d.Err.Error()))
	}
	return table.String()
}

var temporary = regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `[/\\]Test[^/\\ ]*[/\\]\d+`)

var checksum = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// neutral is a message with DIR for the temporary folder, HASH for a checksum, slashes for the system's separators, and plain spaces:
// protobuf's errors have another one in some builds, so that nobody compares them.
func neutral(message string) string {
	message = strings.ReplaceAll(message, "\u00a0", " ")
	message = checksum.ReplaceAllString(temporary.ReplaceAllString(message, "DIR"), "HASH")
	return strings.ReplaceAll(filepath.ToSlash(message), "|", `\|`)
}

// root is the module's folder, which the test's own lies in.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "there is no go.mod above the test")
		dir = parent
	}
}

// File writes data into a new folder of the test's and gives its path.
func File(t *testing.T, name string, data []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o644))
	return path
}

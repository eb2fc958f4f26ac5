package convgraph_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestImportsGoDown holds docs/architecture.md to what the code imports: the page lists every
// folder from the top of the house to the ground, and a folder imports only folders below it.
func TestImportsGoDown(t *testing.T) {
	floors := floorsOf(t, "docs/architecture.md")
	imports := goList(t, `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`)
	folders := map[string]bool{}
	for _, line := range imports {
		fields := strings.Fields(line)
		from, ok := folderOf(fields[0])
		if !ok {
			continue
		}
		folders[from] = true
		require.Contains(t, floors, from, "docs/architecture.md doesn't list the folder")
		for _, path := range fields[1:] {
			to, ok := folderOf(path)
			if ok && to != from {
				assert.Less(t, floors[from], floors[to], "%s imports %s", fields[0], path)
			}
		}
	}
	for folder := range floors {
		assert.Contains(t, folders, folder, "docs/architecture.md lists a folder without Go code")
	}
}

// floorsOf reads the table of folders: the row of each, counted from the top.
func floorsOf(t *testing.T, page string) map[string]int {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	floors := map[string]int{}
	for i, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)/` ").FindAllStringSubmatch(string(text), -1) {
		floors[row[1]] = i
	}
	require.NotEmpty(t, floors)
	return floors
}

// folderOf is the folder at the top of the tree that holds a package of this module.
func folderOf(path string) (string, bool) {
	inside, ok := strings.CutPrefix(path, "convgraph/")
	folder, _, _ := strings.Cut(inside, "/")
	return folder, ok
}

func goList(t *testing.T, format string) []string {
	out, err := exec.Command("go", "list", "-f", format, "./...").Output()
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

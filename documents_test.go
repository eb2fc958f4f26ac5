package convgraph_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPicturesPage runs the ten commands of docs/pictures.md in an empty folder, in their order.
func TestPicturesPage(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("trains a network for half a minute, by a shell's commands")
	}
	commands := shellCommands(t, "docs/pictures.md")
	require.Len(t, commands, 10)
	folder, programs := t.TempDir(), t.TempDir()
	t.Setenv("GOBIN", programs)
	t.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	shell(t, "", commands[0])
	for _, command := range commands[1:9] {
		shell(t, folder, command)
	}
	for _, made := range []string{"tuned/accuracy.png", "confusion/confusion.png", "mistakes/index.html", "why.png",
		"tuned.onnx"} {
		assert.FileExists(t, filepath.Join(folder, made))
	}
	predictions, err := os.ReadFile(filepath.Join(folder, "predictions.csv"))
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(predictions)), "\n")
	assert.Len(t, lines, 1+4*30)
	assert.Greater(t, rightOf(lines[1:]), 4*30*9/10, "of 120 pictures")

	picture, err := os.ReadFile(filepath.Join(folder, "pictures/disc/000.png"))
	require.NoError(t, err)
	assert.Equal(t, "disc", servedAnswer(t, folder, commands[9], picture))
}

// shellCommands returns the lines of a page's blocks of shell commands.
func shellCommands(t *testing.T, page string) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, block := range regexp.MustCompile("(?s)\n```sh\n(.*?)\n```\n").FindAllStringSubmatch(string(text), -1) {
		commands = append(commands, strings.Split(block[1], "\n")...)
	}
	return commands
}

func shell(t *testing.T, folder, command string) {
	t.Helper()
	run := exec.Command("sh", "-c", command)
	run.Dir = folder
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s\n%s", command, out)
}

// rightOf counts the lines of predict -csv whose class is the name of the picture's folder.
func rightOf(lines []string) (right int) {
	for _, line := range lines {
		fields := strings.Split(line, ",")
		if filepath.Base(filepath.Dir(fields[0])) == fields[2] {
			right++
		}
	}
	return right
}

// servedAnswer starts the server on a free port and returns the name that it gives a picture.
func servedAnswer(t *testing.T, folder, command string, picture []byte) string {
	t.Helper()
	serve := exec.Command("sh", "-c", "exec "+command+" -addr 127.0.0.1:0")
	serve.Dir = folder
	stdout, err := serve.StdoutPipe()
	require.NoError(t, err)
	serve.Stderr = serve.Stdout
	require.NoError(t, serve.Start())
	defer serve.Wait()
	defer serve.Process.Signal(os.Interrupt)
	defer time.AfterFunc(time.Minute, func() { serve.Process.Kill() }).Stop()
	scanner := bufio.NewScanner(stdout)
	for scanner.Scan() {
		address := regexp.MustCompile(`http://[\d.:]+`).FindString(scanner.Text())
		if address == "" {
			continue
		}
		response, err := http.Post(address+"/predict", "image/png", bytes.NewReader(picture))
		require.NoError(t, err)
		defer response.Body.Close()
		var answer struct{ Name string }
		require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
		return answer.Name
	}
	require.Fail(t, "the server says no address")
	return ""
}

// TestLibraryPage makes a module of the program of docs/library.md by the page's commands, and a
// workspace of another: both must find all that the program imports, in this module's versions. go
// mod tidy may download what only tests of other modules import. The program itself runs in this
// module, where the same packages are compiled already; another module's path would compile them
// once more.
func TestLibraryPage(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("uses a shell's commands")
	}
	repository, err := os.Getwd()
	require.NoError(t, err)
	program, err := os.ReadFile("examples/library/main.go")
	require.NoError(t, err)
	sums, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.Symlink(repository, filepath.Join(folder, "convgraph")))
	shell(t, repository, "go run ./cmd/convgraph images -train-samples 1000 -test-samples 200 -o "+folder+"/digits")
	shell(t, repository, `set -e
		go build -o `+folder+`/library ./examples/library
		cd `+folder+`
		./library digits digits/test/7/000.png >out
		grep -qx 'digits/test/7/000.png 7' out
		test -s mine.safetensors`)
	const versions = ` -deps -f '{{with .Module}}{{with .Version}}{{$.Module.Path}} {{.}}{{end}}{{end}}'`
	others := " >" + folder + "/all\ngrep -v '^convgraph ' " + folder + "/all | sort -u"
	shell(t, repository, "set -e\ngo list"+versions+" ./examples/library"+others+" >"+folder+"/want")
	t.Setenv("GOFLAGS", "-mod=mod "+os.Getenv("GOFLAGS"))

	module := func(name string, commands ...string) {
		dir := filepath.Join(folder, name)
		require.NoError(t, os.Mkdir(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), program, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644))
		shell(t, dir, strings.Join(commands, "\n"))
	}
	module("mine", append(append([]string{"set -e"}, shellCommands(t, "docs/library.md")...),
		"go list -mod=readonly"+versions+" ."+others+" | diff ../want -")...)
	module("work", "set -e", "go mod init example.com/mine", "go work init . ../convgraph",
		"GOFLAGS=${GOFLAGS#-mod=mod} go list"+versions+" ."+others+" | diff ../want -")
}

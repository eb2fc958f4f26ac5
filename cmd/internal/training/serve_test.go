package training

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/internal/cli"
)

// TestServe runs the real program: its page shows steps, Stop writes a checkpoint, Resume continues
// from it, and a signal ends the program.
func TestServe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	dir := t.TempDir()
	command := program(t, append(tinyTraining(t, 8), "-epochs", "10000000", "-checkpoint-every", "0", "-out", dir,
		"-serve", ":0")...)
	stderr, err := command.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	defer command.Process.Kill() // if the test fails before its end
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Regexp(t, `^watch the training at http://127\.0\.0\.1:\d+/\n$`, line)
	url := strings.TrimSpace(line[strings.Index(line, "http"):])

	states := follow(t, url)
	at := func(phase string, step int) int {
		for s := range states {
			if s.Phase == phase && s.Step > step {
				return s.Step
			}
		}
		t.Fatalf("the page never was at %q after step %d", phase, step)
		return 0
	}
	at("training", 0)
	press(t, url+"dashboard/stop")
	stopped := at("stopped", 0)
	assert.Positive(t, newest(t, dir))
	press(t, url+"dashboard/resume")
	at("training", stopped)

	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	at("interrupted", stopped)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.Error(t, command.Wait())
	assert.Equal(t, cli.Interrupted, command.ProcessState.ExitCode())
	assert.Equal(t, "trainmnist: interrupted; -resume continues from here\n", string(rest))
}

// TestServeToken: the page asks for the token, and no checkpoint stores it.
func TestServeToken(t *testing.T) {
	const token = "0123456789abcdef"
	command := program(t, append(tinyTraining(t, 8), "-epochs", "10000000", "-out", t.TempDir(), "-serve", ":0",
		"-serve-token", token)...)
	stderr, err := command.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	line, err := bufio.NewReader(stderr).ReadString('\n')
	require.NoError(t, err)
	url := strings.TrimSpace(line[strings.Index(line, "http"):])
	for value, want := range map[string]int{"": 401, "Bearer " + token: 200} {
		r, err := http.NewRequest("GET", url, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", value)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, want, answer.StatusCode)
	}
	assert.Contains(t, passing, "serve-token")
	code, _, said := trainmnist(t,
		append(small, "-quiet", "-out", t.TempDir(), "-serve", ":0", "-serve-token", "short")...)
	assert.Equal(t, cli.BadUsage, code)
	assert.Contains(t, said, "-serve-token: got a token of 5 characters")
}

// pageState is what the test reads of a state.
type pageState struct {
	Phase string
	Step  int
}

// follow reads the page's states until its stream ends.
func follow(t *testing.T, url string) <-chan pageState {
	t.Helper()
	answer, err := http.Get(url + "dashboard/events")
	require.NoError(t, err)
	t.Cleanup(func() { answer.Body.Close() })
	states := make(chan pageState)
	go func() {
		defer close(states)
		lines := bufio.NewReader(answer.Body)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			var s pageState
			if data, ok := strings.CutPrefix(line, "data: "); ok && json.Unmarshal([]byte(data), &s) == nil &&
				s.Phase != "" {
				states <- s
			}
		}
	}()
	return states
}

func press(t *testing.T, url string) {
	t.Helper()
	answer, err := http.Post(url, "", nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, string(body))
}

// TestServedTrainingIsTheSame: a page changes neither the bytes nor the last line, and the program
// ends with the training.
func TestServedTrainingIsTheSame(t *testing.T) {
	plain, served := t.TempDir(), t.TempDir()
	code, want, stderr := trainmnist(t, append(small, "-quiet", "-out", plain)...)
	require.Equal(t, cli.OK, code, stderr)
	code, got, stderr := trainmnist(t, append(small, "-quiet", "-out", served, "-serve", "127.0.0.1:0")...)
	require.Equal(t, cli.OK, code, stderr)
	assert.Equal(t, results(t, plain), results(t, served))
	seconds := regexp.MustCompile(`, [0-9.]+ s\n$`)
	assert.Equal(t, seconds.ReplaceAllString(want, ""), seconds.ReplaceAllString(got, ""))
}

func TestServeRefusesTakenAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	dir := t.TempDir()
	code, _, stderr := trainmnist(t, append(small, "-quiet", "-out", dir, "-serve", taken.Addr().String())...)
	assert.Equal(t, cli.Failed, code)
	assert.Contains(t, stderr, `trainmnist: -serve: address "`+taken.Addr().String()+`": listen tcp`)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries, "nothing has been written")
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/classify"
	"convgraph/internal/cli"
)

// TestServe runs the command on a free port, compares its answer with convgraph predict's, and
// stops it by a signal.
func TestServe(t *testing.T) {
	params, path := saved(t, builtIn(t, "lenet-modern")), page(t)
	url, end := serving(t, "lenet-modern", params)
	picture, err := os.ReadFile(path)
	require.NoError(t, err)
	answer, err := http.Post(url+"predict", "image/png", bytes.NewReader(picture))
	require.NoError(t, err)
	defer answer.Body.Close()
	var served classify.Prediction
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&served))
	var said []classify.Prediction
	require.NoError(t, json.Unmarshal([]byte(succeed(t, "predict", params, path, "-json")), &said))
	said[0].Image = ""
	assert.Equal(t, said[0], served)
	end()
}

// TestServeWithoutParameters serves the page without arguments.
func TestServeWithoutParameters(t *testing.T) {
	url, end := serving(t, "simpleconvnet")
	for path, want := range map[string]string{"": "<!doctype html>", "ui/ui.css": "--paper", "api/network": "conv1",
		"metrics": "convgraph_predict_images_total 0\n"} {
		answer, err := http.Get(url + path)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		answer.Body.Close()
		assert.Equal(t, http.StatusOK, answer.StatusCode, path)
		assert.Contains(t, strings.ToLower(string(body)), want, path)
	}
	end()
}

// serving runs the command until end, which requires a clean exit.
func serving(t *testing.T, name string, args ...string) (url string, end func()) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	stdout, out := io.Pipe()
	exited := make(chan int, 1)
	var diagnostics bytes.Buffer
	go func() {
		exited <- run(append([]string{"serve", "-addr", "127.0.0.1:0"}, args...), out, &diagnostics)
		out.Close()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, diagnostics.String())
	require.Regexp(t, `^serving `+name+` at http://127\.0\.0\.1:\d+/\n$`, line)
	return strings.TrimSpace(line[strings.Index(line, "http"):]), func() {
		self, err := os.FindProcess(os.Getpid())
		require.NoError(t, err)
		require.NoError(t, self.Signal(syscall.SIGTERM))
		assert.Equal(t, cli.OK, <-exited)
		assert.Empty(t, diagnostics.String())
	}
}

func TestServeFailures(t *testing.T) {
	params := saved(t, builtIn(t, "lenet-modern"))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	addr := taken.Addr().String()
	fail(t, cli.Failed, `-addr: address "`+addr+`": listen tcp `+addr, "serve", params, "-addr", addr)
	fail(t, cli.Failed, `-addr: address "8080": want HOST:PORT`, "serve", params, "-addr", "8080")
	fail(t, cli.Failed, "no such file", "serve", filepath.Join(t.TempDir(), "p.safetensors"))
	fail(t, cli.BadUsage, "-max-body is 0: want at least 1", "serve", params, "-max-body", "0")
}

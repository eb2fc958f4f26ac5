package main

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/web"
)

// three saves a network of three inputs that predicts class c with certainty.
func three(t *testing.T, class int) *graph.Model {
	t.Helper()
	m, err := graph.New(graph.Sequential("three", tensor.Shape{3}, graph.He(), graph.Affine{Units: 4}, graph.Softmax{}))
	require.NoError(t, err)
	for _, p := range m.Params() {
		v := p.Value.Float32s()
		clear(v)
		if p.Name == "fc1.bias" {
			v[class] = 20
		}
	}
	return m
}

// class requests the class of three zeros; the status is 200 if the server answers.
func class(t *testing.T, url string) (class, status int) {
	t.Helper()
	answer, err := http.Post(url+"predict", "application/json", strings.NewReader(`{"image":[0,0,0]}`))
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	if answer.StatusCode != http.StatusOK {
		return -1, answer.StatusCode
	}
	var p classify.Prediction
	require.NoError(t, json.Unmarshal(body, &p))
	return p.Class, http.StatusOK
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	return answer.StatusCode
}

func eventually(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, 30*time.Second, 2*time.Millisecond)
}

// polling sets the interval of polling for a test.
func polling(t *testing.T, every time.Duration) {
	t.Helper()
	was := pollInterval
	pollInterval = every
	t.Cleanup(func() { pollInterval = was })
}

// hangup sends SIGHUP to this process.
func hangup(t *testing.T) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(syscall.SIGHUP))
}

// TestServeReloads serves a changed parameter file without dropping a request, but not a bad one,
// and reads it at once on SIGHUP.
func TestServeReloads(t *testing.T) {
	polling(t, 5*time.Millisecond)
	path := filepath.Join(t.TempDir(), "params.safetensors")
	require.NoError(t, three(t, 1).Save(path))

	diagnostics := captureStderr(t, func(said func() string) {
		url, end := serving(t, "three", path)
		var over atomic.Bool
		var askers sync.WaitGroup
		for range 4 {
			askers.Go(func() {
				for !over.Load() {
					_, status := class(t, url)
					assert.Equal(t, http.StatusOK, status)
				}
			})
		}
		for _, want := range []int{2, 3, 0} {
			require.NoError(t, three(t, want).Save(path))
			eventually(t, func() bool { got, _ := class(t, url); return got == want })
		}
		spoiled := three(t, 1)
		spoiled.Params()[0].Value.Float32s()[0] = float32(math.NaN())
		require.NoError(t, spoiled.Save(path))
		eventually(t, func() bool { return strings.Contains(said(), "want finite numbers") })
		require.NoError(t, os.WriteFile(path, []byte("junk"), 0o644))
		eventually(t, func() bool { return strings.Contains(said(), "safetensors: ") })
		got, _ := class(t, url)
		assert.Equal(t, 0, got, "a bad file keeps the model before it")
		assert.Equal(t, http.StatusOK, statusOf(t, url+"readyz"))
		over.Store(true)
		askers.Wait()
		require.NoError(t, os.Remove(path))
		time.Sleep(50 * time.Millisecond)
		end()
	})
	assert.Contains(t, diagnostics, "convgraph: serving three from the new "+path+"\n")
	assert.Contains(t, diagnostics,
		"convgraph: the parameters stay as they are: model \"three\": parameter \"fc1.weight\" is NaN at [0 0]: "+
			"want finite numbers\n")
	assert.Contains(t, diagnostics, "convgraph: the parameters stay as they are: "+path+": safetensors: ")
	assert.NotContains(t, diagnostics, "no such file", "a file that is gone is waited for")
}

func TestServeReloadsOnHangup(t *testing.T) {
	polling(t, time.Hour)
	path := filepath.Join(t.TempDir(), "params.safetensors")
	require.NoError(t, three(t, 1).Save(path))
	diagnostics := captureStderr(t, func(said func() string) {
		url, end := serving(t, "three", path)
		require.NoError(t, three(t, 2).Save(path))
		hangup(t)
		eventually(t, func() bool { got, _ := class(t, url); return got == 2 })
		require.NoError(t, os.Remove(path))
		hangup(t)
		eventually(t, func() bool { return strings.Contains(said(), "no such file") })
		got, _ := class(t, url)
		assert.Equal(t, 2, got)
		end()
	})
	assert.Contains(t, diagnostics, "convgraph: the parameters stay as they are: open "+path+": no such file")
}

// TestServeNotFinite: parameters that aren't finite never predict; new parameters make the server
// ready.
func TestServeNotFinite(t *testing.T) {
	polling(t, 5*time.Millisecond)
	path := filepath.Join(t.TempDir(), "params.safetensors")
	spoiled := three(t, 1)
	spoiled.Params()[1].Value.Float32s()[2] = float32(math.Inf(1))
	require.NoError(t, spoiled.Save(path))
	diagnostics := captureStderr(t, func(func() string) {
		url, end := serving(t, "three", path)
		_, status := class(t, url)
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Equal(t, http.StatusServiceUnavailable, statusOf(t, url+"readyz"))
		assert.Equal(t, http.StatusOK, statusOf(t, url+"healthz"))
		require.NoError(t, three(t, 3).Save(path))
		eventually(t, func() bool { return statusOf(t, url+"readyz") == http.StatusOK })
		got, _ := class(t, url)
		assert.Equal(t, 3, got)
		end()
	})
	assert.Contains(t, diagnostics,
		`parameter "fc1.bias" is +Inf at [2]: want finite numbers: /predict and /readyz answer 503 until the `+
			`file is replaced`)
}

// TestWatched: a file has changed when it stays the same for two looks.
func TestWatched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write := func(text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(int64(len(text)), 0)))
	}
	write("a")
	w := &watched{path: path}
	w.take()
	assert.False(t, w.changed())
	write("ab")
	assert.False(t, w.changed(), "it may be being written")
	write("abc")
	assert.False(t, w.changed())
	assert.True(t, w.changed())
	assert.False(t, w.changed(), "once")
	require.NoError(t, os.Remove(path))
	assert.False(t, w.changed())
	old := path + " old"
	require.NoError(t, os.WriteFile(old, nil, 0o644)) // takes the inode
	write("abc")
	require.NoError(t, os.Remove(old))
	w.changed()
	assert.True(t, w.changed(), "another file of the same size and time")
	none := &watched{}
	none.take()
	assert.False(t, none.changed())
}

func TestServeOpenness(t *testing.T) {
	l, err := web.Listen("0.0.0.0:0")
	require.NoError(t, err)
	defer l.Close()
	loopback, err := web.Listen(":0")
	require.NoError(t, err)
	defer loopback.Close()
	for _, c := range []struct {
		serve        serve
		l            *web.Listener
		refused, say string
	}{
		{serve{}, loopback, "", ""},
		{serve{Addr: "0.0.0.0:0"}, l,
			"-addr 0.0.0.0:0 can be reached from other machines: want -token, which requests must carry, " +
				"or -open to answer anyone", ""},
		{serve{Open: true}, l, "", "is open to every machine that reaches this one"},
		{serve{Token: "0123456789abcdef"}, l, "", "the token crosses the network unencrypted"},
		{serve{Token: "0123456789abcdef", TLSCert: "cert.pem"}, l, "", ""},
	} {
		var err error
		said := captureStderr(t, func(func() string) { err = c.serve.checkOpenness(c.l) })
		if c.refused != "" {
			assert.EqualError(t, err, c.refused)
			assert.ErrorAs(t, err, new(cli.Usage))
			continue
		}
		assert.NoError(t, err)
		assert.Contains(t, said, c.say)
		assert.Equal(t, c.say == "", said == "")
	}
}

// TestServeAsksForTheToken takes the token from a flag or from the environment.
func TestServeAsksForTheToken(t *testing.T) {
	const token = "0123456789abcdef"
	ask := func(url, token string) int {
		r, err := http.NewRequest("GET", url+"api/network", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		return answer.StatusCode
	}
	url, end := serving(t, "simpleconvnet", "-token", token)
	assert.Equal(t, []int{200, 401, 401}, []int{ask(url, token), ask(url, token+"0"), statusOf(t, url)})
	end()
	t.Setenv("CONVGRAPH_TOKEN", token+"1")
	url, end = serving(t, "simpleconvnet")
	assert.Equal(t, []int{200, 401, 200}, []int{ask(url, token+"1"), ask(url, token), statusOf(t, url+"healthz")})
	end()

	fail(t, cli.BadUsage, "-token: got a token of 5 characters", "serve", "-token", "short")
	fail(t, cli.BadUsage, "--token: got nothing, want a token of at least 16 characters", "serve", "-token", "")
	fail(t, cli.BadUsage, "want one of them", "serve", "-token", token, "-open")
	require.NoError(t, os.Unsetenv("CONVGRAPH_TOKEN"))
	fail(t, cli.BadUsage, "want both, or neither", "serve", "-open", "-tls-cert", "cert.pem")
	fail(t, cli.BadUsage, "-max-connections is 0: want at least 1", "serve", "-open", "-max-connections", "0")
	fail(t, cli.BadUsage, "-max-client-connections is 0: want at least 1", "serve", "-open", "-max-client-connections",
		"0")
	fail(t, cli.Failed, "-tls-cert: TLS certificate cert.pem with key key.pem: ", "serve", "-open", "-tls-cert",
		"cert.pem", "-tls-key", "key.pem")
}

// captureStderr captures os.Stderr; said returns what has been written so far.
func captureStderr(t *testing.T, during func(said func() string)) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer f.Close()
	said := func() string {
		text, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		return string(text)
	}
	was := os.Stderr
	os.Stderr = f
	defer func() { os.Stderr = was }()
	during(said)
	return said()
}

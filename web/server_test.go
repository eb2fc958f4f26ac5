package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/web"
)

// running is a server on its own port.
type running struct {
	url  string
	log  *lockedBuffer
	stop func() error // waits until it has ended
}

// serve starts a server for a handler.
func serve(t *testing.T, handler http.Handler, o web.Options) running {
	t.Helper()
	l, err := web.Listen("127.0.0.1:0")
	require.NoError(t, err)
	r := running{url: strings.TrimSuffix(l.URL(), "/"), log: &lockedBuffer{}}
	o.Log = r.log
	s := web.NewServer(handler, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { assert.NoError(t, r.stop()) })
	return r
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// send sends a request and returns the status and body.
func send(t *testing.T, method, url string, body io.Reader, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

func reason(t *testing.T, body string) string {
	t.Helper()
	var answer struct{ Error string }
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	return answer.Error
}

// echo answers with the body, and panics on some paths.
func echo() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			web.Error(w, http.StatusRequestEntityTooLarge, err)
			return
		}
		_, _ = w.Write(body)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("out of order") })
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("half ", 1000))
		panic("out of order")
	})
	return mux
}

func TestServe(t *testing.T) {
	s := serve(t, echo(), web.Options{})
	status, body := send(t, "POST", s.url+"/echo", strings.NewReader("hello"))
	assert.Equal(t, 200, status)
	assert.Equal(t, "hello", body)
	status, body = send(t, "GET", s.url+"/healthz", nil)
	assert.Equal(t, 200, status)
	assert.Equal(t, `{"status":"ok"}`+"\n", body)
	status, body = send(t, "POST", s.url+"/healthz", nil)
	assert.Equal(t, 405, status)
	assert.Equal(t, "method: got POST, want GET", reason(t, body))
	status, _ = send(t, "GET", s.url+"/nowhere", nil)
	assert.Equal(t, 404, status)
}

// TestReady: a server is ready unless Options.Ready returns an error.
func TestReady(t *testing.T) {
	s := serve(t, echo(), web.Options{})
	status, body := send(t, "GET", s.url+"/readyz", nil)
	assert.Equal(t, 200, status)
	assert.Equal(t, `{"status":"ready"}`+"\n", body)

	var why error
	s = serve(t, echo(), web.Options{Ready: func() error { return why }})
	status, _ = send(t, "GET", s.url+"/readyz", nil)
	assert.Equal(t, 200, status)
	why = errors.New("the parameters aren't finite")
	status, body = send(t, "GET", s.url+"/readyz", nil)
	assert.Equal(t, 503, status)
	assert.Equal(t, "the parameters aren't finite", reason(t, body))
	status, _ = send(t, "GET", s.url+"/healthz", nil)
	assert.Equal(t, 200, status)
}

// TestMetrics: requests are counted by handler and code, those without a handler together, and Go's
// own metrics are present.
func TestMetrics(t *testing.T) {
	s := serve(t, echo(), web.Options{})
	for range 3 {
		send(t, "GET", s.url+"/echo", nil)
	}
	send(t, "GET", s.url+"/nowhere", nil)
	send(t, "GET", s.url+"/anywhere", nil)
	send(t, "GET", s.url+"/panic", nil)
	status, body := send(t, "GET", s.url+"/metrics", nil)
	assert.Equal(t, 200, status)
	for _, line := range []string{
		"# TYPE convgraph_http_requests_total counter\n",
		`convgraph_http_requests_total{handler="/echo",code="200"} 3` + "\n",
		`convgraph_http_requests_total{handler="none",code="404"} 2` + "\n",
		`convgraph_http_requests_total{handler="/panic",code="500"} 1` + "\n",
		"# TYPE convgraph_http_request_seconds histogram\n",
		`convgraph_http_request_seconds_bucket{handler="/echo",le="+Inf"} 3` + "\n",
		"\ngo_goroutines ", "\ngo_memstats_heap_inuse_bytes ",
	} {
		assert.Contains(t, body, line)
	}
}

// TestPanics: a panic is answered with 500 and logged, and the server keeps running. A half-written
// answer ends in a closed connection.
func TestPanics(t *testing.T) {
	s := serve(t, echo(), web.Options{})
	status, body := send(t, "GET", s.url+"/panic", nil)
	assert.Equal(t, 500, status)
	assert.Equal(t, "an error of the server's, which its log tells about", reason(t, body))
	assert.Contains(t, s.log.String(), "GET /panic: panic: out of order\n")
	assert.Contains(t, s.log.String(), "server_test.go")

	answer, err := http.Get(s.url + "/half")
	if err == nil {
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	assert.Error(t, err)
	status, _ = send(t, "GET", s.url+"/healthz", nil)
	assert.Equal(t, 200, status)
}

func TestBodiesAreBounded(t *testing.T) {
	s := serve(t, echo(), web.Options{MaxBody: 100})
	status, body := send(t, "POST", s.url+"/echo", strings.NewReader(strings.Repeat("x", 100)))
	assert.Equal(t, 200, status, body)
	status, body = send(t, "POST", s.url+"/echo", strings.NewReader(strings.Repeat("x", 101)))
	assert.Equal(t, 413, status)
	assert.Equal(t, "the body: got 101 bytes, want at most 100", reason(t, body))
	// of unknown length
	status, body = send(t, "POST", s.url+"/echo", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 101))})
	assert.Equal(t, 413, status)
	assert.Contains(t, body, "too large")
}

// TestHeadersAreBounded: a header of a megabyte is refused.
func TestHeadersAreBounded(t *testing.T) {
	s := serve(t, echo(), web.Options{})
	status, _ := send(t, "GET", s.url+"/echo", nil, "X-Long", strings.Repeat("x", 100_000))
	assert.Equal(t, 431, status)
}

// TestRefusesOtherSites: pages of other sites can't send, and requests for another host name are
// refused.
func TestRefusesOtherSites(t *testing.T) {
	s := serve(t, echo(), web.Options{})
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.example"},
		{"Origin", "null"},
	} {
		status, body := send(t, "POST", s.url+"/echo", nil, headers...)
		assert.Equal(t, 403, status, headers)
		assert.Contains(t, reason(t, body), "a page of another site")
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", s.url}, nil} {
		status, _ := send(t, "POST", s.url+"/echo", nil, headers...)
		assert.Equal(t, 200, status, headers)
	}
	for host, want := range map[string]int{
		"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421,
		"localhost.evil.example": 421,
		"localhost":              200, "LOCALHOST:99": 200, "net.localhost": 200, "127.0.0.9": 200, "[::1]:80": 200,
		"[::1]": 200, "localhost.": 200,
	} {
		status, _ := send(t, "GET", s.url+"/echo", nil, "Host", host)
		assert.Equal(t, want, status, host)
	}
}

// TestDrains: shutdown finishes running requests, ends streams and refuses new connections.
func TestDrains(t *testing.T) {
	begun, proceed := make(chan struct{}), make(chan struct{})
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-proceed
		_, _ = io.WriteString(w, "done")
	}), web.Options{})
	answer := make(chan string, 1)
	go func() {
		status, body := send(t, "GET", s.url, nil)
		answer <- fmt.Sprint(status, body)
	}()
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	address := strings.TrimPrefix(s.url, "http://")
	for {
		c, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(time.Millisecond)
	}
	close(proceed)
	assert.Equal(t, "200done", <-answer)
	assert.NoError(t, <-ended)
}

func TestOnShutdown(t *testing.T) {
	l, err := web.Listen("127.0.0.1:0")
	require.NoError(t, err)
	over := make(chan struct{})
	s := web.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.NoError(t, http.NewResponseController(w).Flush(), "streams can flush")
		<-over
	}), web.Options{})
	s.OnShutdown(func() { close(over) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	answer, err := http.Get(l.URL())
	require.NoError(t, err)
	cancel()
	_, err = bufio.NewReader(answer.Body).ReadByte()
	assert.ErrorIs(t, err, io.EOF)
	answer.Body.Close()
	assert.NoError(t, <-ended)
}

func TestListen(t *testing.T) {
	for addr, loopback := range map[string]bool{"127.0.0.1:0": true, ":0": true, "localhost:0": true,
		"0.0.0.0:0": false} {
		l, err := web.Listen(addr)
		require.NoError(t, err, addr)
		assert.Equal(t, loopback, l.Loopback(), addr)
		_, port, err := net.SplitHostPort(l.Addr().String())
		require.NoError(t, err)
		assert.Contains(t, l.URL(), ":"+port+"/")
		assert.NotContains(t, l.URL(), "0.0.0.0:")
		_, err = web.Listen(l.Addr().String())
		assert.ErrorContains(t, err, "name another port, or port 0 for one that is free", addr)
		require.NoError(t, l.Close())
	}
	_, err := web.Listen("8080")
	assert.EqualError(t, err, `address "8080": want HOST:PORT, such as 127.0.0.1:8080, or :PORT`)
	_, err = web.Listen("localhost:many")
	assert.ErrorContains(t, err, `address "localhost:many": `)
}

package web_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/web"
)

// connect opens a connection and requests /healthz. It returns the status, 0 if the server closes
// the connection without an answer.
func connect(t *testing.T, s running) (c net.Conn, status int) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil { // closing with the request unread can lose the answer
		return c, 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return c, answer.StatusCode
}

// TestConnectionsAreLimited: connections beyond the total or a client's limit are closed at once; a
// closed connection makes room.
func TestConnectionsAreLimited(t *testing.T) {
	for _, o := range []web.Options{
		{MaxConnections: 2, MaxClientConnections: 9},
		{MaxConnections: 9, MaxClientConnections: 2},
	} {
		s := serve(t, echo(), o)
		first, status := connect(t, s)
		require.Equal(t, 200, status)
		_, status = connect(t, s)
		require.Equal(t, 200, status)
		_, status = connect(t, s)
		assert.Contains(t, []int{0, 503}, status)
		require.NoError(t, first.Close())
		require.Eventually(t, func() bool {
			c, status := connect(t, s)
			c.Close()
			return status == 200
		}, 10*time.Second, time.Millisecond)
	}
}

// TestTooManyConnectionsSayWhy: a client that reads before it writes gets a complete 503.
func TestTooManyConnectionsSayWhy(t *testing.T) {
	s := serve(t, echo(), web.Options{MaxConnections: 1})
	_, status := connect(t, s)
	require.Equal(t, 200, status)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer c.Close()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, 503, answer.StatusCode)
	assert.Equal(t, "1", answer.Header.Get("Retry-After"))
	assert.Equal(t, "too many connections: try again later", reason(t, string(body)))
}

// TestConnectionMetrics: open and refused connections are counted, and the count returns to 0.
func TestConnectionMetrics(t *testing.T) {
	metrics := web.NewMetrics()
	s := serve(t, echo(), web.Options{MaxConnections: 2, Metrics: metrics})
	first, _ := connect(t, s)
	second, _ := connect(t, s)
	connect(t, s)
	assert.Contains(t, figures(metrics), "convgraph_http_connections 2\n")
	assert.Contains(t, figures(metrics), "convgraph_http_connections_refused_total 1\n")
	first.Close()
	second.Close()
	waitForNoConnection(t, metrics)
}

// figures are what /metrics answers.
func figures(m *web.Metrics) string {
	var b strings.Builder
	m.WritePrometheus(&b)
	return b.String()
}

// waitForNoConnection waits until the server has noticed the end of each connection, which happens
// some time after the client has closed it.
func waitForNoConnection(t *testing.T, m *web.Metrics) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(figures(m), "convgraph_http_connections 0\n") },
		10*time.Second, time.Millisecond)
}

func TestClientOf(t *testing.T) {
	client := func(ip string) netip.Prefix {
		return web.ClientOf(net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 1)))
	}
	assert.Equal(t, client("10.0.0.1"), client("::ffff:10.0.0.1"), "IPv4 in IPv6 is IPv4")
	assert.NotEqual(t, client("10.0.0.1"), client("10.0.0.2"))
	assert.Equal(t, client("2001:db8::1"), client("2001:db8::ffff:2"), "a /64 is one client")
	assert.NotEqual(t, client("2001:db8::1"), client("2001:db8:0:1::1"))
	assert.Equal(t, client("fe80::1%eth0"), client("fe80::1%eth1"))
	assert.Equal(t, netip.Prefix{}, web.ClientOf(&net.UnixAddr{}))
}

package web

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// The default limits of simultaneous connections.
const (
	DefaultMaxConnections       = 1024
	DefaultMaxClientConnections = 256
)

// limitedListener closes connections beyond a total, or beyond a number per client.
type limitedListener struct {
	net.Listener
	most, mostOfClient int
	refuse             func(net.Conn) // before it is closed

	mu      sync.Mutex
	open    int
	clients map[netip.Prefix]int
}

func limit(l net.Listener, most, mostOfClient int, refuse func(net.Conn)) *limitedListener {
	return &limitedListener{Listener: l, most: most, mostOfClient: mostOfClient, refuse: refuse,
		clients: map[netip.Prefix]int{}}
}

// Accept returns the next connection within the limits.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientOf(c.RemoteAddr())
		if l.take(client) {
			return &limitedConn{Conn: c, free: sync.OnceFunc(func() { l.free(client) })}, nil
		}
		l.refuse(c)
		_ = c.Close() // it was never used
	}
}

// clientOf returns the address by which connections are counted. A client owns a whole /64 of IPv6,
// so a /64 counts as one client.
func clientOf(addr net.Addr) netip.Prefix {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits) // an address without a family has the zero one
	return prefix
}

func (l *limitedListener) take(client netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.most || l.clients[client] >= l.mostOfClient {
		return false
	}
	l.open++
	l.clients[client]++
	return true
}

func (l *limitedListener) free(client netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.clients[client]--; l.clients[client] == 0 {
		delete(l.clients, client)
	}
}

// connections returns how many are open.
func (l *limitedListener) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// limitedConn releases its count when it is closed.
type limitedConn struct {
	net.Conn
	free func()
}

func (c *limitedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

// CloseWrite lets net/http finish an answer before it closes the connection, so that the client
// receives all of it.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// tooMany is the answer to a connection beyond the limits.
const tooMany = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: " +
	"application/json\r\n" +
	"Content-Length: 50\r\n\r\n" + `{"error":"too many connections: try again later"}` + "\n"

// sayTooMany answers before any request. Over TLS that is impossible: the connection is just
// closed.
func sayTooMany(c net.Conn) {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write([]byte(tooMany)) // a client that has gone needs no answer
}

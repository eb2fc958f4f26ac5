package web

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// A Listener is a TCP address that a [Server] answers at.
type Listener struct{ net.Listener }

// Listen listens at an address such as 127.0.0.1:8080 or localhost:0 (any free port). A bare :8080
// means loopback; 0.0.0.0:8080, [::]:8080 or a network address accept other machines.
func Listen(addr string) (*Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address: got %q, want HOST:PORT, such as 127.0.0.1:8080, or :PORT", addr)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("address %q: %w; name another port, or port 0 for one that is free", addr, err)
	}
	return &Listener{l}, nil
}

// Loopback reports whether only programs on this machine can reach the listener.
func (l *Listener) Loopback() bool {
	tcp, ok := l.Addr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// URL returns the server's address for a browser on this machine.
func (l *Listener) URL() string {
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return "http://" + l.Addr().String() + "/"
	}
	return fmt.Sprintf("http://localhost:%d/", tcp.Port)
}

// isLocalHost reports whether a Host header names this machine: localhost, a subdomain of it, or a
// loopback address, with or without a port.
func isLocalHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.IsLoopback()
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

package web_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/web"
)

// writeCertificate writes a self-signed certificate for 127.0.0.1.
func writeCertificate(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return certFile, keyFile
}

// TestTLS: the server speaks HTTP/2 and 1.1 over TLS, takes a new certificate without a restart,
// and counts no connection after its end.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, "first")
	c, err := web.LoadCertificate(certFile, keyFile)
	require.NoError(t, err)
	l, err := web.Listen("127.0.0.1:0")
	require.NoError(t, err)
	metrics := web.NewMetrics()
	s := web.NewServer(echo(), web.Options{Certificate: c, Token: token, MaxConnections: 1, Metrics: metrics})
	url := s.URL(l)
	require.Regexp(t, `^https://127\.0\.0\.1:\d+/$`, url)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()

	ask := func(http2 bool, want int) (name string) {
		waitForNoConnection(t, metrics)
		config := &tls.Config{InsecureSkipVerify: true, ServerName: "127.0.0.1"} // self-signed
		transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: http2}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequest("POST", url+"echo", strings.NewReader("hello"))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := transport.RoundTrip(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		assert.Equal(t, 200, answer.StatusCode)
		assert.Equal(t, want, answer.ProtoMajor)
		return answer.TLS.PeerCertificates[0].Subject.CommonName
	}
	assert.Equal(t, "first", ask(true, 2))
	assert.Equal(t, "first", ask(false, 1))
	writeCertificate(t, dir, "second")
	require.NoError(t, c.Reload())
	assert.Equal(t, "second", ask(true, 2))
	require.NoError(t, os.WriteFile(certFile, []byte("junk"), 0o644))
	assert.ErrorContains(t, c.Reload(), "TLS certificate "+certFile+" with key "+keyFile+": ")
	assert.Equal(t, "second", ask(true, 2), "a bad file changes nothing")
	_, err = web.LoadCertificate(certFile, keyFile)
	assert.Error(t, err)

	waitForNoConnection(t, metrics)
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11})
	if err == nil {
		conn.Close()
	}
	assert.Error(t, err, "older versions are not spoken")
	cancel()
	assert.NoError(t, <-ended)
}

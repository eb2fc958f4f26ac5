package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"convgraph/internal/cli"
	"convgraph/web"
	predicting "convgraph/web/predict"
	"convgraph/web/ui"
)

// serve is convgraph serve.
type serve struct {
	Params  string `arg:"" optional:"" help:"A trained model's params.safetensors (default: a small built-in SimpleConvNet). The page also shows the epochs that convgraph train -keep-epochs left beside it. The file is read again when it changes, and on SIGHUP."`
	Net     string `enum:",squeezenet" default:"" help:"Instead of PARAMS: squeezenet, the built-in SqueezeNet 1.0 for ImageNet's 1000 classes (BSD license)." placeholder:"squeezenet"`
	Static  string `type:"given" want:"a folder" help:"Don't serve: write the page to a folder for any web host. The network then runs in the browser, compiled by Go's toolchain, so run this in convgraph's source." placeholder:"DIR"`
	Addr    string `default:"127.0.0.1:8080" help:"Address to listen on. :PORT is this machine only, 0.0.0.0:PORT all its networks; port 0 is any free port."`
	MaxBody int64  `default:"8388608" help:"Largest request body in bytes."`

	MaxConnections       int `default:"1024" help:"Most connections at a time; further ones are closed."`
	MaxClientConnections int `default:"256" help:"Most connections from one address, or one /64 of IPv6. Behind a proxy all connections come from the proxy's address."`

	Token   string `type:"given" want:"a token of at least 16 characters" env:"CONVGRAPH_TOKEN" help:"Token that requests must send as Authorization: Bearer TOKEN, and browsers as password. Other users of this machine can see flags but not the variable." placeholder:"TOKEN"`
	Open    bool   `help:"Answer other machines without a token."`
	TLSCert string `name:"tls-cert" type:"given" want:"a PEM file" help:"Certificate chain for HTTPS and HTTP/2. It is read again when it changes." placeholder:"FILE"`
	TLSKey  string `name:"tls-key" type:"given" want:"a PEM file" help:"The certificate's key." placeholder:"FILE"`
}

// Help returns the text below a command's usage.
func (serve) Help() string {
	return `The page at / shows every layer's output for a drawn digit or a picture. POST /predict classifies a ` +
		`picture (PNG, JPEG, GIF, WebP, BMP, TIFF, or a form with one) or numbers (JSON). GET /healthz reports that ` +
		`the server runs, GET /readyz that it can answer, GET /metrics has Prometheus metrics. After an interrupt, ` +
		`running requests finish. An address that other machines can reach needs -token or -open.`
}

// Run serves until the program is interrupted.
func (c *serve) Run(stdout io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Static != "" {
		return c.writeStatic(stdout)
	}
	metrics := web.NewMetrics()
	n, err := newServed(c, metrics)
	if err != nil {
		return err
	}
	defer n.service.Close()
	l, err := web.Listen(c.Addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer l.Close()
	if err := c.checkOpenness(l); err != nil {
		return err
	}
	mux := http.NewServeMux()
	ui.Register(mux)
	n.service.Register(mux)
	mux.Handle("/", n)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := web.NewServer(mux, web.Options{
		MaxBody: c.MaxBody, MaxConnections: c.MaxConnections, MaxClientConnections: c.MaxClientConnections,
		Metrics: metrics, Log: os.Stderr, Ready: n.service.Ready, Token: c.Token, Certificate: n.certificate,
	})
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.reloadOnChange(ctx, hangups)
	}()
	defer func() { stop(); <-ended }()
	fmt.Fprintf(stdout, "serving %s at %s\n", n.name, server.URL(l))
	return server.Serve(ctx, l)
}

// check refuses flags that contradict each other or are out of range.
func (c *serve) check() error {
	switch {
	case c.Net != "" && c.Params != "":
		return cli.Usagef("got -net %s and %s, want one of them", c.Net, c.Params)
	case c.MaxBody < 1:
		return cli.Usagef("-max-body: got %d, want at least 1", c.MaxBody)
	case c.MaxConnections < 1:
		return cli.Usagef("-max-connections: got %d, want at least 1", c.MaxConnections)
	case c.MaxClientConnections < 1:
		return cli.Usagef("-max-client-connections: got %d, want at least 1", c.MaxClientConnections)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return cli.Usagef("got one of -tls-cert and -tls-key, want both, or neither")
	case c.Token != "" && c.Open:
		return cli.Usagef("-token asks who it is, -open answers anyone: want one of them")
	case c.Token != "":
		if err := web.CheckToken(c.Token); err != nil {
			return cli.Usagef("-token: %w", err)
		}
	}
	return c.checkStatic()
}

// named returns the network that the arguments name; "" is the built-in one.
func (c *serve) named() string { return cmp.Or(c.Net, c.Params) }

// checkOpenness refuses an address that other machines reach without -token or -open.
func (c *serve) checkOpenness(l *web.Listener) error {
	switch {
	case l.Loopback():
	case c.Open:
		fmt.Fprintf(os.Stderr, "convgraph: %v is open to every machine that reaches this one\n", l.Addr())
	case c.Token == "":
		return cli.Usagef("-addr %s can be reached from other machines: "+
			"want -token, which requests must carry, or -open to answer anyone", c.Addr)
	case c.TLSCert == "":
		fmt.Fprintln(os.Stderr, "convgraph: the token crosses the network unencrypted: "+
			"-tls-cert and -tls-key, or a proxy in front that has TLS, keep it secret")
	}
	return nil
}

// loadCertificate returns nil without -tls-cert.
func (c *serve) loadCertificate() (*web.Certificate, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	return web.LoadCertificate(c.TLSCert, c.TLSKey)
}

// newServed opens the files that the flags name.
func newServed(c *serve, metrics *web.Metrics) (*served, error) {
	n := &served{params: watched{path: c.named()}, cert: watched{path: c.TLSCert}, key: watched{path: c.TLSKey},
		log: os.Stderr}
	for _, f := range n.files() {
		f.take() // before reading them, so that a change in the meantime is noticed
	}
	certificate, err := c.loadCertificate()
	if err != nil {
		return nil, fmt.Errorf("-tls-cert: %w", err)
	}
	n.certificate = certificate
	m, page, err := n.open()
	if err != nil {
		return nil, err
	}
	n.name = m.Spec().Name
	if n.service, err = predicting.New(m, predicting.Options{Metrics: metrics}); err != nil {
		return nil, err
	}
	n.page.Store(page)
	if err := n.service.Ready(); err != nil {
		fmt.Fprintf(n.log, "convgraph: %v: /predict and /readyz answer 503 until the file is replaced\n", err)
	}
	return n, nil
}

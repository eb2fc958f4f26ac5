package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/web"
	predicting "convgraph/web/predict"
)

// serve is convgraph serve.
type serve struct {
	Params  string `arg:"" help:"The params.safetensors of a trained model."`
	Addr    string `default:"127.0.0.1:8080" help:"Where to listen, HOST:PORT. :PORT is this machine only, 0.0.0.0:PORT every network it is in, port 0 any free one."`
	MaxBody int64  `default:"8388608" help:"The most bytes a request may carry."`
}

// Help is the longer help.
func (serve) Help() string {
	return `POST /predict recognises a picture (PNG, JPEG or a form's) or numbers (JSON), GET /healthz says that the server is there, GET /metrics gives ` +
		`Prometheus its figures. Interrupting the program lets requests under way finish.`
}

// Run serves until the program is interrupted.
func (c *serve) Run(stdout io.Writer) error {
	if c.MaxBody < 1 {
		return cli.Usagef("-max-body is %d: want at least 1", c.MaxBody)
	}
	m, err := graph.Load(c.Params)
	if err != nil {
		return err
	}
	l, err := web.Listen(c.Addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer l.Close()
	metrics := web.NewMetrics()
	service, err := predicting.New(m, predicting.Options{MaxBody: c.MaxBody, Metrics: metrics})
	if err != nil {
		return err
	}
	defer service.Close()
	mux := http.NewServeMux()
	service.Register(mux)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(stdout, "serving %s at %s\n", m.Spec().Name, l.URL())
	if !l.Loopback() {
		fmt.Fprintf(os.Stderr, "convgraph: %v is open to every machine that reaches this one\n", l.Addr())
	}
	return web.NewServer(mux, web.Options{MaxBody: c.MaxBody, Metrics: metrics, Log: os.Stderr}).Serve(ctx, l)
}

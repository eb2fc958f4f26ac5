package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"convgraph/internal/cli"
	"convgraph/web"
	"convgraph/web/explore"
	predicting "convgraph/web/predict"
	"convgraph/web/ui"
)

// serve is convgraph serve.
type serve struct {
	Params  string `arg:"" optional:"" help:"The params.safetensors of a trained model; without it a small SimpleConvNet that comes with the program. What trainmnist -keep-epochs has left beside it is shown, too."`
	Addr    string `default:"127.0.0.1:8080" help:"Where to listen, HOST:PORT. :PORT is this machine only, 0.0.0.0:PORT every network it is in, port 0 any free one."`
	MaxBody int64  `default:"8388608" help:"The most bytes a request may carry."`
}

// Help is the longer help.
func (serve) Help() string {
	return `The page at / draws a digit and shows what every layer makes of it. POST /predict recognises a picture (PNG, JPEG, GIF, WebP, BMP, TIFF, or a form's) or numbers (JSON), GET /healthz says that the server is there, GET /readyz whether it can predict (503 if parameters aren't finite), GET /metrics gives ` +
		`Prometheus its figures. Interrupting the program lets requests under way finish.`
}

// Run serves until the program is interrupted.
func (c *serve) Run(stdout io.Writer) error {
	if c.MaxBody < 1 {
		return cli.Usagef("-max-body is %d: want at least 1", c.MaxBody)
	}
	snapshots, err := c.snapshots()
	if err != nil {
		return err
	}
	l, err := web.Listen(c.Addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer l.Close()
	page, err := explore.New(snapshots)
	if err != nil {
		return err
	}
	m, metrics := snapshots[len(snapshots)-1].Model, web.NewMetrics()
	service, err := predicting.New(m, predicting.Options{Metrics: metrics})
	if err != nil {
		return err
	}
	defer service.Close()
	if err := service.Ready(); err != nil {
		fmt.Fprintf(os.Stderr, "convgraph: %v: every prediction is refused\n", err)
	}
	mux := http.NewServeMux()
	ui.Register(mux)
	page.Register(mux)
	service.Register(mux)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(stdout, "serving %s at %s\n", m.Spec().Name, l.URL())
	if !l.Loopback() {
		fmt.Fprintf(os.Stderr, "convgraph: %v is open to every machine that reaches this one\n", l.Addr())
	}
	return web.NewServer(mux, web.Options{MaxBody: c.MaxBody, Metrics: metrics, Log: os.Stderr, Ready: service.Ready}).Serve(ctx, l)
}

// snapshots are the network's, as it was in its training; the last is the one that predicts.
func (c *serve) snapshots() ([]explore.Snapshot, error) {
	if c.Params == "" {
		return explore.Default()
	}
	return explore.Open(c.Params)
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"convgraph/internal/cli"
	"convgraph/web/inspect/static"
)

// checkStatic refuses flags of a server beside -static.
func (c *serve) checkStatic() error {
	if c.Static != "" && (c.Token != "" || c.Open || c.TLSCert != "") {
		return cli.Usagef("got -static with -token, -open or -tls-cert, want those flags only for a server")
	}
	return nil
}

// writeStatic writes the page as files that need no server.
func (c *serve) writeStatic(stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	n := &served{params: watched{path: c.named()}}
	snapshots, err := n.snapshots()
	if err != nil {
		return err
	}
	samples, err := n.samples()
	if err != nil {
		return err
	}
	size, err := static.Write(ctx, c.Static, snapshots, samples)
	if err != nil {
		return fmt.Errorf("-static: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "wrote %s (%.1f MB): put it on any web host and open its index.html there\n", c.Static,
		float64(size)/1e6)
	return err
}

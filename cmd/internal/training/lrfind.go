package training

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"convgraph/internal/cli"
	"convgraph/train"
	"convgraph/viz"
)

// rateCurve is the file of -lr-find's plot.
const rateCurve = "lr-find.png"

// findRate suggests a learning rate instead of training.
func (c *Command) findRate(stdout io.Writer, t *train.Trainer) error {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	test, err := train.FindRate(ctx, t)
	switch {
	case ctx.Err() != nil:
		return cli.ErrInterrupted
	case err != nil:
		return fmt.Errorf("-lr-find: %w", err)
	}
	if err := os.MkdirAll(c.out(), 0o755); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	path := filepath.Join(c.out(), rateCurve)
	picture := viz.RateCurve{
		Title: t.Model.Spec().Name + ", learning rates", Rates: test.Rates, Losses: test.Losses,
		Suggested: test.Suggested,
	}
	if err := viz.WritePNG(path, picture); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout,
		"learning rate: -lr %.2g, where the loss has fallen half way; it is lowest at %.2g (%s)\n",
		test.Suggested, test.Lowest, path)
	return err
}

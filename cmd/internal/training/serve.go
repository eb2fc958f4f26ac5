package training

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"convgraph/internal/cli"
	"convgraph/models"
	"convgraph/train"
	"convgraph/web"
	"convgraph/web/dashboard"
)

// livePage is the page of -serve and its server.
type livePage struct {
	*dashboard.Page
	end func() error
}

// servePage serves the page before the training begins. It returns nil without -serve.
func (c *Command) servePage(r models.Recipe, t *train.Trainer) (*livePage, error) {
	if c.Serve == "" {
		return nil, nil
	}
	if c.ServeToken != "" {
		if err := web.CheckToken(c.ServeToken); err != nil {
			return nil, cli.Usagef("-serve-token: %w", err)
		}
	}
	l, err := web.Listen(c.Serve)
	if err != nil {
		return nil, fmt.Errorf("-serve: %w", err)
	}
	page := dashboard.New(t.Model.Spec().Name, c.pageSettings(r, t))
	mux := http.NewServeMux()
	page.Register(mux)
	server := web.NewServer(mux, web.Options{Log: os.Stderr, Token: c.ServeToken})
	server.OnShutdown(page.Close)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	fmt.Fprintf(os.Stderr, "watch the training at %s\n", l.URL())
	if !l.Loopback() && c.ServeToken == "" {
		fmt.Fprintf(os.Stderr,
			"%s: %v is open to every machine that reaches this one, and so are its buttons: "+
				"-serve-token protects them\n",
			c.program, l.Addr())
	}
	return &livePage{Page: page, end: func() error { cancel(); return <-ended }}, nil
}

// pageSettings lists the training's settings for the page.
func (c *Command) pageSettings(r models.Recipe, t *train.Trainer) []dashboard.Setting {
	text := func(v any) string { return fmt.Sprint(v) }
	validation := 0
	if t.Validation != nil {
		validation = t.Validation.Len()
	}
	return []dashboard.Setting{
		{Name: "Model", Value: t.Model.Spec().Name},
		{Name: "Training images", Value: text(t.Train.Len())},
		{Name: "Validation images", Value: text(validation)},
		{Name: "Test images", Value: text(t.Test.Len())},
		{Name: "Epochs", Value: text(r.Epochs)},
		{Name: "Images a step", Value: text(r.Batch)},
		{Name: "Optimizer", Value: r.Optimizer},
		{Name: "Learning rate", Value: text(r.LR)},
		{Name: "Schedule", Value: r.Schedule},
		{Name: "Weight decay", Value: text(r.WeightDecay)},
		{Name: "Augmentation", Value: r.Augment},
		{Name: "Seed", Value: text(c.Seed)},
		{Name: "Results", Value: c.out()},
	}
}

// close ends the page after its readers got the last state.
func (p *livePage) close() error {
	if p == nil {
		return nil
	}
	return p.end()
}

// callbacks returns the page, if there is one.
func (p *livePage) callbacks() []train.Callback {
	if p == nil {
		return nil
	}
	return []train.Callback{p.Page}
}

// run trains to the end. With a page, the training may be stopped and continued there.
func (p *livePage) run(ctx context.Context, t *train.Trainer,
	latest func() (*train.Checkpoint, error)) (*train.Result, error) {
	if p == nil {
		return t.Run(ctx)
	}
	return p.Page.Run(ctx, t, latest)
}

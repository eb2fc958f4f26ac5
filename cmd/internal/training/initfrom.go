package training

import (
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/pretrained"
	"convgraph/train"
)

// loadBase reads -init-from's file. Without -model its network is the one to train.
func (c *Command) loadBase() error {
	if c.InitFrom == "" || c.base != nil {
		return nil
	}
	base, err := pretrained.Load(c.InitFrom)
	if err != nil {
		return fmt.Errorf("-init-from: %w", err)
	}
	c.base = base
	return nil
}

// fineTuned returns the network in -init-from's file, with -head with a new last layer for the
// data's classes. A resumed run's network has it already.
func (c *Command) fineTuned(classes int) (*graph.Spec, error) {
	if c.resumed != nil {
		spec := *c.resumed
		return &spec, nil
	}
	spec := *c.base.Spec()
	spec.Layers = slices.Clone(spec.Layers)
	if !c.Head || classes == 0 {
		return &spec, nil
	}
	headed, err := spec.WithOutputs(classes)
	if err != nil {
		return nil, fmt.Errorf("-head: %w", err)
	}
	return headed, nil
}

// loadMatching gives the model the matching parameters of -init-from's file, and writes the names
// of the layers to w.
func (c *Command) loadMatching(m *graph.Model, w io.Writer) error {
	if c.base == nil {
		return nil
	}
	var taken, fresh []string
	for _, l := range m.LoadMatching(c.base) {
		if l.Missing == "" {
			taken = append(taken, l.Layer)
		} else {
			fresh = append(fresh, fmt.Sprintf("%s (%s)", l.Layer, l.Missing))
		}
	}
	if len(taken) == 0 {
		return fmt.Errorf("-init-from: %s has nothing for model %q, whose layers need the same names and shapes: %s; "+
			"\"convgraph summary %s -json-spec\" prints the file's own network",
			c.InitFrom, m.Spec().Name, shortList(fresh), c.InitFrom)
	}
	if c.Quiet {
		return nil
	}
	fmt.Fprintf(w, "from %s: %s\n", c.InitFrom, shortList(taken))
	if len(fresh) > 0 {
		fmt.Fprintf(w, "new: %s\n", shortList(fresh))
	}
	return nil
}

// shortList joins the first names of a list, and says how many more there are.
func shortList(names []string) string {
	const shown = 8
	if len(names) <= shown+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

// freeze freezes the parameters that -freeze names.
func (c *Command) freeze(m *graph.Model, w io.Writer) error {
	frozen := 0
	for _, pattern := range c.Freeze {
		names, err := m.Freeze(pattern)
		if err != nil {
			return cli.Usage{Err: fmt.Errorf("-freeze: %w", err)}
		}
		frozen += len(names)
	}
	if frozen > 0 && !c.Quiet {
		fmt.Fprintf(w, "frozen: %d of %d parameters\n", frozen, len(m.Params()))
	}
	return nil
}

const initFrom = "-init-from"

// start returns the setting of the parameters that a fine-tuning begins with.
func start(m *graph.Model) (train.Setting, error) {
	h := sha256.New()
	if err := m.Write(h); err != nil {
		return train.Setting{}, err
	}
	return train.Setting{Name: initFrom, Value: fmt.Sprintf("parameters %x", h.Sum(nil)[:8])}, nil
}

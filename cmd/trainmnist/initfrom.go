package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	"convgraph/graph"
	"convgraph/train"
)

// inherit starts the model from the parameters of the file that -init-from names, and says on w which layers it found there.
func (c *command) inherit(m *graph.Model, w io.Writer) error {
	if c.InitFrom == "" {
		return nil
	}
	from, err := graph.Load(c.InitFrom)
	if err != nil {
		return fmt.Errorf("-init-from: %w", err)
	}
	var taken, fresh []string
	for _, l := range m.Inherit(from) {
		if l.Missing == "" {
			taken = append(taken, l.Layer)
		} else {
			fresh = append(fresh, fmt.Sprintf("%s (%s)", l.Layer, l.Missing))
		}
	}
	if len(taken) == 0 {
		return fmt.Errorf("-init-from: %s has nothing for model %q, layers must have the same names and shapes: %s; "+
			"\"convgraph summary %s -json-spec\" prints the file's own network", c.InitFrom, m.Spec().Name, strings.Join(fresh, ", "), c.InitFrom)
	}
	if c.Quiet {
		return nil
	}
	fmt.Fprintf(w, "from %s: %s\n", c.InitFrom, strings.Join(taken, ", "))
	if len(fresh) > 0 {
		fmt.Fprintf(w, "starting anew: %s\n", strings.Join(fresh, ", "))
	}
	return nil
}

const initFrom = "-init-from"

// start is the setting of what a training from a file's parameters begins with.
func start(m *graph.Model) (train.Setting, error) {
	h := sha256.New()
	if err := m.Write(h); err != nil {
		return train.Setting{}, err
	}
	return train.Setting{Name: initFrom, Value: fmt.Sprintf("parameters %x", h.Sum(nil)[:8])}, nil
}

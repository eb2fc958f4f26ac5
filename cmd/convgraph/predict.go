package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"convgraph/digit"
	"convgraph/graph"
)

// predict is convgraph predict.
type predict struct {
	Params string   `arg:"" help:"The params.safetensors of a trained model."`
	Images []string `arg:"" name:"image" help:"Pictures to recognise, PNG or JPEG."`
	pictureFlags
	JSON bool `name:"json" help:"The predictions as a JSON array, one object an image."`
}

// Help is the longer help.
func (predict) Help() string {
	return `A line for each IMAGE: the class, its probability, the next two, and what the digit was written in.

` + picturesHelp
}

// A prediction is what a model says about a picture.
type prediction struct {
	Image string `json:"image"`
	guess
	Top []guess `json:"top"` // the likeliest, this one first
	Ink string  `json:"ink,omitempty"`
}

// A guess is a class with its probability.
type guess struct {
	Class       int     `json:"class"`
	Name        string  `json:"name"`
	Probability float32 `json:"probability"`
}

func (g guess) String() string {
	return fmt.Sprintf("%s (%s)", g.Name, percent(float64(g.Probability)))
}

// percent doesn't call certain what isn't.
func percent(p float64) string {
	switch {
	case p < 1 && p >= 0.99995:
		return "> 99.99%"
	case p > 0 && p < 0.00005:
		return "< 0.01%"
	}
	return fmt.Sprintf("%.2f%%", 100*p)
}

// Run predicts one picture after the other and ends at the first that can't be read.
func (c *predict) Run(stdout io.Writer) error {
	m, err := graph.Load(c.Params)
	if err != nil {
		return err
	}
	all := []prediction{}
	for _, path := range c.Images {
		p, err := c.predict(m, path)
		if err != nil {
			return err
		}
		if all = append(all, *p); !c.JSON {
			fmt.Fprintln(stdout, p)
		}
	}
	if c.JSON {
		return writeJSON(stdout, all)
	}
	return nil
}

func (c *predict) predict(m *graph.Model, path string) (*prediction, error) {
	s, err := c.read(m, path)
	if err != nil {
		return nil, err
	}
	top, err := guesses(m, s)
	if err != nil {
		return nil, err
	}
	p := &prediction{Image: path, guess: top[0], Top: top[:min(3, len(top))]}
	if s.ink != digit.Detect {
		p.Ink = s.ink.String()
	}
	return p, nil
}

// String is "seven.png: 7 (99.21%), then 9 (0.62%), 2 (0.11%); dark on light".
func (p prediction) String() string {
	line := fmt.Sprintf("%s: %v", p.Image, p.guess)
	var others []string
	for _, g := range p.Top[1:] {
		others = append(others, g.String())
	}
	if len(others) > 0 {
		line += ", then " + strings.Join(others, ", ")
	}
	if p.Ink != "" {
		line += "; " + p.Ink
	}
	return line
}

// guesses are the classes, the likeliest first.
func guesses(m *graph.Model, s *sample) ([]guess, error) {
	probabilities, err := m.Probabilities(s.x)
	if err != nil {
		return nil, err
	}
	all := make([]guess, m.Classes())
	for i, p := range probabilities.Float32s() {
		all[i] = guess{Class: i, Name: className(m, i), Probability: p}
	}
	slices.SortStableFunc(all, func(a, b guess) int { return cmp.Compare(b.Probability, a.Probability) })
	return all, nil
}

// className is a class's name, or its number.
func className(m *graph.Model, class int) string {
	if names := m.Spec().ClassNames; names != nil {
		return names[class]
	}
	return fmt.Sprint(class)
}

// classNames are the names of all classes.
func classNames(m *graph.Model) []string {
	names := make([]string, m.Classes())
	for i := range names {
		names[i] = className(m, i)
	}
	return names
}

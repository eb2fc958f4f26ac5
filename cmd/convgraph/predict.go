package main

import (
	"fmt"
	"io"

	"convgraph/classify"
	"convgraph/internal/cli"
)

// predict is convgraph predict.
type predict struct {
	Params string   `arg:"" help:"The params.safetensors of a trained model."`
	Images []string `arg:"" name:"image" help:"Pictures to recognise."`
	pictureFlags
	JSON bool `name:"json" help:"The predictions as a JSON array, one object an image that could be read."`
}

// Help is the longer help.
func (predict) Help() string {
	return `A line for each IMAGE: the class, its probability, the next two, and what the digit was written in. An IMAGE that can't be read has a line on ` +
		`stderr instead, and the exit code is then 1.

` + picturesHelp
}

// Run predicts one picture after the other. Those that can't be read don't keep it from the others.
func (c *predict) Run(stdout io.Writer) error {
	m, err := loadFinite(c.Params)
	if err != nil {
		return err
	}
	preprocess, err := c.preprocessing(m.Spec())
	if err != nil {
		return err
	}
	if err := classify.TakesPictures(m.Spec()); err != nil {
		return err
	}
	good, bad := []classify.Prediction{}, cli.Failures{}
	for _, path := range c.Images {
		s, err := preprocess.Read(path, m.Spec().Input)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		p, err := classify.Predict(m, path, s)
		if err != nil {
			return append(bad, err)
		}
		if good = append(good, *p); !c.JSON {
			fmt.Fprintln(stdout, p)
		}
	}
	if c.JSON {
		if err := writeJSON(stdout, good); err != nil {
			return append(bad, err)
		}
	}
	return bad.OrNil()
}

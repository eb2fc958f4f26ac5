package main

import (
	"fmt"
	"io"

	"convgraph/classify"
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

// Run predicts one picture after the other and ends at the first that can't be read.
func (c *predict) Run(stdout io.Writer) error {
	m, err := graph.Load(c.Params)
	if err != nil {
		return err
	}
	all := []classify.Prediction{}
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

func (c *predict) predict(m *graph.Model, path string) (*classify.Prediction, error) {
	s, err := c.read(m, path)
	if err != nil {
		return nil, err
	}
	return classify.Predict(m, path, s)
}

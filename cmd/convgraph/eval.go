package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"convgraph/graph"
	"convgraph/train"
)

// eval is convgraph eval.
type eval struct {
	Params string `arg:"" help:"The params.safetensors of a trained model."`
	Data   string `help:"Folder of IDX files as MNIST has them, gz or not; without it the embedded MNIST." placeholder:"DIR"`
	Train  bool   `help:"Evaluate on the training images instead of the test images."`
	JSON   bool   `name:"json" help:"The figures as JSON."`
}

// Run prints the counts and the per-class table.
func (c *eval) Run(stdout io.Writer) error {
	m, err := graph.Load(c.Params)
	if err != nil {
		return err
	}
	trainSet, set, err := openData(c.Data)
	if err != nil {
		return err
	}
	if c.Train {
		set = trainSet
	}
	confusion, err := train.Confuse(m, set)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(stdout, confusion.Report())
	}
	fmt.Fprintf(stdout, "accuracy %v\n", confusion.Score())
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "class\tright\timages\tprecision\trecall\t")
	for _, class := range confusion.Report().Classes {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f%%\t%.2f%%\t\n", class.Name, class.Right, class.Images, 100*class.Precision, 100*class.Recall)
	}
	return w.Flush()
}

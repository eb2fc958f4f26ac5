package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"convgraph/internal/cli"
	"convgraph/train"
)

// eval is convgraph eval.
type eval struct {
	Params string `arg:"" help:"A trained model's params.safetensors, or squeezenet (built in)."`
	Top    int    `default:"0" help:"Also print the top-K accuracy (0: don't)." placeholder:"K"`
	JSON   bool   `name:"json" help:"Print the figures as JSON."`

	evaluated `embed:""`
}

// report is what eval -json prints.
type report struct {
	*train.Report
	Top *topReport `json:"top,omitempty"`
}

// topReport is the top-K accuracy.
type topReport struct {
	K        int     `json:"k"`
	Right    int     `json:"right"`
	Accuracy float64 `json:"accuracy"`
}

// Run prints the accuracy and a table by class.
func (c *eval) Run(stdout io.Writer) error {
	if c.Top < 0 {
		return cli.Usagef("-top is %d: want at least 0", c.Top)
	}
	m, set, err := c.load(c.Params)
	if err != nil {
		return err
	}
	var top train.Score
	confusion, err := train.Confuse(m, set, func(a train.Prediction) { top.Count(a.Rank() < c.Top) })
	if err != nil {
		return err
	}
	set.reportCorrupt(os.Stderr)
	if c.JSON {
		return writeJSON(stdout, c.report(confusion, top))
	}
	return c.print(stdout, confusion, top)
}

func (c *eval) report(confusion *train.Confusion, top train.Score) report {
	r := report{Report: confusion.Report()}
	if c.Top > 0 {
		r.Top = &topReport{K: c.Top, Right: top.Right, Accuracy: top.Accuracy()}
	}
	return r
}

func (c *eval) print(stdout io.Writer, confusion *train.Confusion, top train.Score) error {
	fmt.Fprintf(stdout, "accuracy %v\n", confusion.Score())
	if c.Top > 0 {
		fmt.Fprintf(stdout, "among the %d likeliest %v\n", c.Top, top)
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "class\tright\timages\tprecision\trecall\t")
	for _, class := range confusion.Report().Classes {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f%%\t%.2f%%\t\n", class.Name, class.Right, class.Images, 100*class.Precision,
			100*class.Recall)
	}
	return w.Flush()
}

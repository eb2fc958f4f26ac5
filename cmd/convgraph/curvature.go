package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"gorgonia.org/tensor"

	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/train/dataset"
	"convgraph/viz"
)

// curvature is convgraph curvature.
type curvature struct {
	Params   string  `arg:"" help:"The params.safetensors of a trained model."`
	Images   int     `default:"100" help:"Number of images, the first ones of the set."`
	Top      int     `default:"3" help:"Number of eigenvalues."`
	Steps    int     `default:"30" help:"Lanczos steps; each takes a Hessian-vector product and memory of all parameters' size."`
	Distance float64 `default:"1" help:"Range of the picture, to both sides of the parameters."`
	Out      pngFile `short:"o" help:"Draw the loss along the eigenvectors." placeholder:"PNG"`
	JSON     bool    `name:"json" help:"Print the figures as JSON."`

	evaluated `embed:""`
}

// Help is the longer help.
func (curvature) Help() string {
	return "Finds the largest eigenvalues of the Hessian of a batch's loss, its curvature along the eigenvectors, " +
		"by Lanczos' method on Hessian-vector products; the Hessian itself is never computed. " +
		"The bound is the largest distance from a figure to the nearest eigenvalue. " +
		"The loss is that of prediction: without dropout, with the running statistics."
}

// curvatureReport is what curvature -json prints.
type curvatureReport struct {
	Images      int               `json:"images"`
	Loss        float64           `json:"loss"`
	Distances   []float64         `json:"distances"`
	Eigenvalues []curvatureFigure `json:"eigenvalues"`
}

type curvatureFigure struct {
	Value  float64   `json:"value"`
	Bound  float64   `json:"bound"`
	Losses []float64 `json:"losses"` // along the eigenvector, at the distances
}

// points is the number of points on each side of the picture.
const points = 20

func (c *curvature) check() error {
	switch {
	case c.Images < 1:
		return cli.Usagef("-images: got %d, want at least 1", c.Images)
	case c.Top < 1 || c.Steps < c.Top:
		return cli.Usagef("-top and -steps: got %d and %d, want at least 1, and as many steps", c.Top, c.Steps)
	case !(c.Distance > 0):
		return cli.Usagef("-distance: got %g, want more than 0", c.Distance)
	}
	return nil
}

// Run finds the eigenvalues and draws the picture.
func (c *curvature) Run(stdout io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	m, set, err := c.load(c.Params)
	if err != nil {
		return err
	}
	r, err := c.measure(m, set)
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := viz.WritePNG(string(c.Out), r.picture(m.Spec().Name)); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeJSON(stdout, r)
	}
	return r.print(stdout)
}

func (c *curvature) measure(m *graph.Model, set dataset.Dataset) (*curvatureReport, error) {
	n := min(c.Images, set.Len())
	h, err := m.NewHessian(n)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i
	}
	if err := dataset.Batch(set, indices, h.Images().Float32s(), h.Targets().Float32s()); err != nil {
		return nil, err
	}
	top, err := h.Largest(c.Top, c.Steps, c.Seed)
	if err != nil {
		return nil, err
	}
	r := &curvatureReport{Images: n}
	for i := -points; i <= points; i++ {
		r.Distances = append(r.Distances, c.Distance*float64(i)/points)
	}
	targets := h.Targets().Clone().(*tensor.Dense)
	for _, e := range top {
		losses, err := m.LossAlong(h.Images(), targets, e.Direction, r.Distances)
		if err != nil {
			return nil, err
		}
		r.Loss = losses[points]
		r.Eigenvalues = append(r.Eigenvalues, curvatureFigure{e.Value, e.Bound, losses})
	}
	return r, nil
}

func (r *curvatureReport) picture(name string) viz.LossLines {
	title := fmt.Sprintf("%s: loss along the directions of largest curvature", name)
	lines := viz.LossLines{Title: title, Distances: r.Distances}
	for _, e := range r.Eigenvalues {
		lines.Lines = append(lines.Lines, viz.LossLine{Name: fmt.Sprintf("curvature %.4g", e.Value), Losses: e.Losses})
	}
	return lines
}

func (r *curvatureReport) print(stdout io.Writer) error {
	fmt.Fprintf(stdout, "loss %.6g on %d images\n", r.Loss, r.Images)
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	last := len(r.Distances) - 1
	fmt.Fprintf(w, "eigenvalue\tbound\tloss at %.3g\tat %.3g\t\n", r.Distances[0], r.Distances[last])
	for _, e := range r.Eigenvalues {
		fmt.Fprintf(w, "%.6g\t%.1e\t%.6g\t%.6g\t\n", e.Value, e.Bound, e.Losses[0], e.Losses[last])
	}
	return w.Flush()
}

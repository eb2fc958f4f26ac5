package viz

import (
	"fmt"
	"image"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"convgraph/internal/xmath"
)

// LossLines shows the loss at points on straight lines through a network's parameters.
type LossLines struct {
	Title     string
	Distances []float64 // from the parameters, ascending
	Lines     []LossLine
}

// A LossLine has the losses along one direction, one for each distance. NaN leaves a gap.
type LossLine struct {
	Name   string
	Losses []float64
}

// Image draws the lines in pixels.
func (l LossLines) Image() (image.Image, error) { return rasterise(l) }

// SVG draws the lines as SVG.
func (l LossLines) SVG(w io.Writer) error { return vectorize(l)(w) }

func (l LossLines) plot() (*plot.Plot, error) {
	if len(l.Distances) < 2 {
		return nil, fmt.Errorf("loss lines: got %d distances, want at least 2", len(l.Distances))
	}
	var values []float64
	for _, line := range l.Lines {
		if len(line.Losses) != len(l.Distances) {
			return nil, fmt.Errorf("loss lines: %q has %d losses, want %d", line.Name, len(line.Losses),
				len(l.Distances))
		}
		for _, v := range line.Losses {
			if xmath.IsFinite(v) {
				values = append(values, v)
			}
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("loss lines: no values to draw")
	}
	least, greatest := extent(values)
	room := max(greatest-least, 1e-9) * 0.05
	p := plot.New()
	chart{title: l.Title, vertical: "loss", legendAbove: true}.style(p)
	p.X.Label.Text = "distance along the direction"
	p.X.Min, p.X.Max = l.Distances[0], l.Distances[len(l.Distances)-1]
	p.Y.Min, p.Y.Max = least-room, greatest+room
	p.Add(faintGrid())
	for i, line := range l.Lines {
		if err := l.add(p, line, i); err != nil {
			return nil, fmt.Errorf("loss lines: %w", err)
		}
	}
	return p, nil
}

func (l LossLines) add(p *plot.Plot, line LossLine, i int) error {
	style := chartStyles[i%len(chartStyles)]
	named := false
	for _, run := range runs(line.Losses) {
		for j := range run {
			run[j].X = l.Distances[int(run[j].X)-1]
		}
		drawn, err := plotter.NewLine(run)
		if err != nil {
			return err
		}
		drawn.Color, drawn.Width, drawn.Dashes = style.color, vg.Points(1.6), style.dashes
		p.Add(drawn)
		if !named {
			p.Legend.Add(line.Name, drawn)
			named = true
		}
	}
	return nil
}

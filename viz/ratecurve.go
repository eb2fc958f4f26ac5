package viz

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"convgraph/internal/xmath"
)

// RateCurve shows the loss over a rising learning rate, on a logarithmic axis, and marks the
// suggested rate.
type RateCurve struct {
	Title         string
	Rates, Losses []float64
	Suggested     float64
}

// Image draws the curve in pixels.
func (c RateCurve) Image() (image.Image, error) { return rasterise(c) }

// SVG draws the curve as SVG.
func (c RateCurve) SVG(w io.Writer) error { return vectorise(c)(w) }

func (c RateCurve) plot() (*plot.Plot, error) {
	points, err := c.points()
	if err != nil {
		return nil, fmt.Errorf("rate curve: %w", err)
	}
	p := plot.New()
	chart{title: c.Title, vertical: "loss of a batch, smoothed"}.style(p)
	p.X.Label.Text = "learning rate"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powerTicks
	p.Add(faintGrid())
	curve, err := plotter.NewLine(points)
	if err != nil {
		return nil, fmt.Errorf("rate curve: %w", err)
	}
	curve.Color, curve.Width = blue, vg.Points(1.6)
	p.Add(curve)
	least, greatest := extent(c.Losses)
	// Losses above twice the first one, which is the untrained network's, only show the divergence.
	p.Y.Min, p.Y.Max = max(0, least-0.1*(greatest-least)), min(greatest, 2*c.Losses[0])
	if p.Y.Max <= p.Y.Min {
		p.Y.Max = p.Y.Min + 1
	}
	p.X.Min, p.X.Max = c.Rates[0], c.Rates[len(c.Rates)-1]
	mark, err := plotter.NewLine(plotter.XYs{{X: c.Suggested, Y: p.Y.Min}, {X: c.Suggested, Y: p.Y.Max}})
	if err != nil {
		return nil, fmt.Errorf("rate curve: %w", err)
	}
	mark.Color, mark.Width, mark.Dashes = color.Gray{Y: 96}, vg.Points(1), []vg.Length{1.5, 2}
	p.Add(mark)
	p.Legend.Left = true
	p.Legend.XOffs = 8
	p.Legend.Add("suggested: "+strconv.FormatFloat(c.Suggested, 'g', 2, 64), mark)
	return p, nil
}

// points checks that the rates fit a logarithmic axis and the losses are numbers.
func (c RateCurve) points() (plotter.XYs, error) {
	if len(c.Rates) < 2 || len(c.Losses) != len(c.Rates) {
		return nil, fmt.Errorf("got %d rates and %d losses, want equal numbers, at least 2",
			len(c.Rates), len(c.Losses))
	}
	points := make(plotter.XYs, len(c.Rates))
	for i, rate := range c.Rates {
		if i > 0 && rate <= c.Rates[i-1] || !(rate > 0) || !xmath.IsFinite(c.Losses[i]) {
			return nil, fmt.Errorf("rate %v with loss %v: want rising rates above 0 and finite losses",
				rate, c.Losses[i])
		}
		points[i] = plotter.XY{X: rate, Y: c.Losses[i]}
	}
	if !(c.Suggested >= c.Rates[0] && c.Suggested <= slices.Max(c.Rates)) {
		return nil, fmt.Errorf("suggested rate %v: want one of the rates", c.Suggested)
	}
	return points, nil
}

// powerTicks labels the powers of ten.
var powerTicks = plot.TickerFunc(func(lower, upper float64) (ticks []plot.Tick) {
	for e := math.Floor(math.Log10(lower)); e <= math.Ceil(math.Log10(upper)); e++ {
		v := math.Pow(10, e)
		if v >= lower*0.999 && v <= upper*1.001 {
			ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', -1, 64)})
		}
	}
	return ticks
})

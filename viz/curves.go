package viz

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"strconv"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"convgraph/internal/xmath"
)

// AccuracyCurve shows the accuracy on the training and the test set by epoch, from 1. Accuracies
// are fractions; NaN marks an epoch without one.
type AccuracyCurve struct {
	Title       string
	Train, Test []float64

	TestName                string // the set of Test; "": test
	TrainImages, TestImages int    // numbers of images, shown if not 0
	Kept                    int    // marks the epoch whose parameters are kept; 0: none
}

// lineNames names both lines with their numbers of images.
func (c AccuracyCurve) lineNames() (train, test string) {
	with := func(name string, images int) string {
		if images == 0 {
			return name
		}
		return fmt.Sprintf("%s (%d images)", name, images)
	}
	return with("train", c.TrainImages), with(cmp.Or(c.TestName, "test"), c.TestImages)
}

// Image draws the curve in pixels.
func (c AccuracyCurve) Image() (image.Image, error) { return rasterise(c.chart()) }

// SVG draws the curve as SVG.
func (c AccuracyCurve) SVG(w io.Writer) error { return vectorize(c.chart())(w) }

func (c AccuracyCurve) chart() chart {
	train, test := c.lineNames()
	return chart{
		what: "accuracy curve", title: c.Title, vertical: "accuracy", kept: c.Kept,
		lines: []line{{train, c.Train}, {test, c.Test}},
		say:   func(v float64) string { return strconv.FormatFloat(100*v, 'f', 2, 64) + "%" },
		limit: func(values []float64) (lower, upper float64, err error) {
			least, greatest := extent(values)
			if least < 0 || greatest > 1 {
				return 0, 0, fmt.Errorf("got accuracies %v … %v, want fractions from 0 to 1", least, greatest)
			}
			return accuracyFloor(least), 1, nil
		},
		ticks: percentTicks,
	}
}

// chart is a curve over epochs.
type chart struct {
	what, title, vertical string
	lines                 []line
	say                   func(float64) string // formats a value in the legend
	limit                 func(values []float64) (lower, upper float64, err error)
	ticks                 plot.Ticker
	legendAbove           bool // the legend is at the top
	kept                  int  // marks this epoch on the last line; 0: none
}

type line struct {
	name   string
	values []float64
}

const (
	chartWidth  = 16 * vg.Centimeter
	chartHeight = 10 * vg.Centimeter
	chartDPI    = 120

	// The chart is laid out with the widths of Liberation Sans. The fallbacks are about as wide.
	chartFonts = "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"
)

// plotted is a picture made with gonum's plot.
type plotted interface{ plot() (*plot.Plot, error) }

func rasterise(c plotted) (image.Image, error) {
	p, err := c.plot()
	if err != nil {
		return nil, err
	}
	canvas := vgimg.NewWith(vgimg.UseWH(chartWidth, chartHeight), vgimg.UseDPI(chartDPI))
	p.Draw(inset(draw.New(canvas)))
	return canvas.Image(), nil
}

func vectorize(c plotted) func(io.Writer) error {
	return func(w io.Writer) error {
		p, err := c.plot()
		if err != nil {
			return err
		}
		canvas := vgsvg.New(chartWidth, chartHeight)
		p.Draw(inset(draw.New(canvas)))
		var b bytes.Buffer
		if _, err := canvas.WriteTo(&b); err != nil {
			return err
		}
		_, err = w.Write(bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"), []byte(chartFonts)))
		return err
	}
}

// inset fills the canvas with white and adds a margin for the title and the last tick's label.
func inset(c draw.Canvas) draw.Canvas {
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	return draw.Crop(c, 8, -16, 8, -10)
}

func (c chart) plot() (*plot.Plot, error) {
	epochs, values := 0, []float64(nil)
	for _, l := range c.lines {
		epochs = max(epochs, len(l.values))
		for _, v := range l.values {
			if xmath.IsFinite(v) {
				values = append(values, v)
			}
		}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%s: no values to draw", c.what)
	}
	lower, upper, err := c.limit(values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.what, err)
	}
	c.legendAbove = c.legendSide(lower, upper)
	p := plot.New()
	c.style(p)
	p.X.Min, p.X.Max = 1, float64(epochs)
	if epochs == 1 {
		p.X.Min, p.X.Max = 0, 2
	}
	p.Y.Min, p.Y.Max = lower, upper
	p.X.Tick.Marker, p.Y.Tick.Marker = epochTicks{epochs}, c.ticks
	p.Add(faintGrid())
	for i, l := range c.lines {
		if err := c.add(p, l, i, epochs); err != nil {
			return nil, fmt.Errorf("%s: %w", c.what, err)
		}
	}
	return p, c.markKept(p)
}

// markKept draws a vertical line at the kept epoch, from the last line's value away from the
// legend, with the value.
func (c chart) markKept(p *plot.Plot) error {
	values := c.lines[len(c.lines)-1].values
	if c.kept < 1 || c.kept > len(values) || !xmath.IsFinite(values[c.kept-1]) {
		return nil
	}
	at, end := float64(c.kept), p.Y.Max
	if c.legendAbove {
		end = p.Y.Min
	}
	mark, err := plotter.NewLine(plotter.XYs{{X: at, Y: values[c.kept-1]}, {X: at, Y: end}})
	if err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	mark.Color, mark.Width, mark.Dashes = color.Gray{Y: 96}, vg.Points(1), []vg.Length{1.5, 2}
	p.Add(mark)
	p.Legend.Add(fmt.Sprintf("kept: epoch %d, %s", c.kept, c.say(values[c.kept-1])), mark)
	return nil
}

// legendSide reports whether the legend goes at the top. It keeps its usual side unless a line runs
// through it there and the other side has more room. The legend takes a good third of the width and
// a sixth of the height.
func (c chart) legendSide(lower, upper float64) bool {
	var end []float64
	for _, l := range c.lines {
		if len(l.values) == 1 { // a single mark in the center
			continue
		}
		for _, v := range l.values[int(0.6*float64(max(0, len(l.values)-1))):] {
			if xmath.IsFinite(v) {
				end = append(end, v)
			}
		}
	}
	least, greatest := extent(end)
	below, above := least-lower, upper-greatest
	room, other := below, above
	if c.legendAbove {
		room, other = above, below
	}
	if room < 0.2*(upper-lower) && other > room {
		return !c.legendAbove
	}
	return c.legendAbove
}

func (c chart) style(p *plot.Plot) {
	sans := func(size vg.Length, weight xfont.Weight) font.Font {
		return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size, Weight: weight}
	}
	const plain, bold = xfont.WeightNormal, xfont.WeightBold
	p.Title.Text, p.Title.TextStyle.Font, p.Title.Padding = c.title, sans(12, bold), 8
	p.X.Label.Text, p.X.Label.TextStyle.Font, p.X.Label.Padding = "epoch", sans(11, plain), 4
	p.Y.Label.Text, p.Y.Label.TextStyle.Font, p.Y.Label.Padding = c.vertical, sans(11, plain), 4
	p.X.Tick.Label.Font, p.Y.Tick.Label.Font = sans(10, plain), sans(10, plain)
	p.X.Padding, p.Y.Padding = 4, 4
	p.Legend.TextStyle.Font = sans(10, plain)
	p.Legend.Top = c.legendAbove
	p.Legend.Padding = 3
	p.Legend.ThumbnailWidth = 24
	p.Legend.XOffs, p.Legend.YOffs = -8, 8
	if c.legendAbove {
		p.Legend.YOffs = -8
	}
}

func faintGrid() *plotter.Grid {
	g := plotter.NewGrid()
	style := draw.LineStyle{Color: color.Gray{Y: 228}, Width: vg.Points(0.5)}
	g.Vertical, g.Horizontal = style, style
	return g
}

var chartStyles = []struct {
	color  color.RGBA
	dashes []vg.Length
	glyph  draw.GlyphDrawer
}{
	{blue, nil, draw.CircleGlyph{}},
	{color.RGBA{214, 96, 16, 255}, []vg.Length{5, 2.5}, draw.BoxGlyph{}},
	{color.RGBA{34, 139, 84, 255}, []vg.Length{1.5, 2}, draw.TriangleGlyph{}},
}

// add draws a line, with a mark for each epoch if there is room. A non-finite value leaves a gap.
func (c chart) add(p *plot.Plot, l line, i, epochs int) error {
	style := chartStyles[i%len(chartStyles)]
	var marks *plotter.Scatter
	var entry []plot.Thumbnailer
	for _, run := range runs(l.values) {
		drawn, err := plotter.NewLine(run)
		if err != nil {
			return err
		}
		drawn.Color, drawn.Width, drawn.Dashes = style.color, vg.Points(1.6), style.dashes
		p.Add(drawn)
		if marks, err = plotter.NewScatter(run); err != nil {
			return err
		}
		marks.GlyphStyle = draw.GlyphStyle{Color: style.color, Radius: vg.Points(2.4), Shape: style.glyph}
		if epochs <= 30 || len(run) == 1 {
			p.Add(marks)
		}
		entry = []plot.Thumbnailer{drawn}
		if epochs <= 30 {
			entry = append(entry, marks)
		}
	}
	if entry == nil {
		return nil
	}
	p.Legend.Add(l.name+", last "+c.say(last(l.values)), entry...)
	return nil
}

// runs splits the values at non-finite ones.
func runs(values []float64) []plotter.XYs {
	var all []plotter.XYs
	open := false
	for i, v := range values {
		if !xmath.IsFinite(v) {
			open = false
			continue
		}
		if !open {
			all = append(all, nil)
		}
		open = true
		all[len(all)-1] = append(all[len(all)-1], plotter.XY{X: float64(i + 1), Y: v})
	}
	return all
}

func last(values []float64) float64 {
	for i := len(values) - 1; i >= 0; i-- {
		if xmath.IsFinite(values[i]) {
			return values[i]
		}
	}
	return math.NaN()
}

func extent(values []float64) (least, greatest float64) {
	least, greatest = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		least, greatest = min(least, v), max(greatest, v)
	}
	return least, greatest
}

// accuracyFloor returns the highest of a few round numbers that leaves space below the least
// accuracy.
func accuracyFloor(least float64) float64 {
	for _, floor := range []float64{0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1} {
		if least >= floor+0.05*(1-floor) {
			return floor
		}
	}
	return 0
}

// percentTicks puts five to ten labeled ticks on an accuracy axis.
var percentTicks = plot.TickerFunc(func(lower, upper float64) []plot.Tick {
	step := 0.002
	for _, s := range []float64{0.005, 0.01, 0.02, 0.05, 0.1} {
		if (upper-lower)/step <= 10.5 {
			break
		}
		step = s
	}
	digits := 0
	if step < 0.01 {
		digits = 1
	}
	var ticks []plot.Tick
	for i := 0; i <= int(math.Round((upper-lower)/step)); i++ {
		v := lower + float64(i)*step
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(100*v, 'f', digits, 64) + "%"})
	}
	return ticks
})

// epochTicks labels only whole epochs.
type epochTicks struct{ epochs int }

// Ticks implements plot.Ticker.
func (t epochTicks) Ticks(float64, float64) []plot.Tick {
	step := 1
	for _, s := range []int{2, 5, 10, 20, 50, 100, 200, 500, 1000} {
		if t.epochs/step <= 12 {
			break
		}
		step = s
	}
	ticks := []plot.Tick{{Value: 1, Label: "1"}}
	for e := step; e <= t.epochs; e += step {
		if e > 1 {
			ticks = append(ticks, plot.Tick{Value: float64(e), Label: strconv.Itoa(e)})
		}
	}
	return ticks
}

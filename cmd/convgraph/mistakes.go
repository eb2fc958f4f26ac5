package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"image"
	"image/draw"
	"io"
	"os"
	"path/filepath"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/insight"
	"convgraph/internal/cli"
	"convgraph/internal/file"
	"convgraph/viz"
)

// mistakes is convgraph mistakes.
type mistakes struct {
	Params string `arg:"" help:"A trained model's params.safetensors, or squeezenet (built in)."`
	Out    string `short:"o" required:"" help:"Folder for the gallery; created if missing." placeholder:"DIR"`
	Most   int    `default:"30" help:"Show at most this many images, the surest first."`
	Method string `default:"grad-cam" enum:"${methods}" help:"Method of the heat maps: ${methods}. A model without maps uses gradient."`
	JSON   bool   `name:"json" help:"Print the mistakes as JSON."`

	evaluated `embed:""`
}

// Help returns the text below a command's usage.
func (mistakes) Help() string {
	return `Shows the misclassified images that the model was surest of: index.html is a page for a browser, ` +
		`mistakes.png the same in one picture. Each image has its file name, its class, the predicted class with its ` +
		`probability, and two heat maps: what speaks for the predicted class, and what speaks for the right one. ` +
		`"convgraph saliency -help" explains the methods.`
}

// shownMistake is a mistake in the gallery.
type shownMistake struct {
	Name        string  `json:"name"`  // the image's file, or its index in the set
	Index       int     `json:"index"` // in the set, from 0
	Class       string  `json:"class"`
	Said        string  `json:"said"`
	Probability float64 `json:"probability"`  // of the predicted class
	OfClass     float64 `json:"of_its_class"` // of the right class

	Picture, HeatOfSaid, HeatOfClass string `json:"-"` // files, relative to the gallery

	label, said int
}

// Run finds the mistakes and writes the gallery.
func (c *mistakes) Run(stdout io.Writer) error {
	if c.Most < 1 {
		return cli.Usagef("-most is %d: want at least 1", c.Most)
	}
	m, set, err := c.load(c.Params)
	if err != nil {
		return err
	}
	counts, wrong, err := confuse(m, set)
	if err != nil {
		return err
	}
	set.reportCorrupt(os.Stderr)
	shown := make([]shownMistake, min(c.Most, len(wrong)))
	for i := range shown {
		w := wrong[i]
		shown[i] = shownMistake{
			Name: set.nameOf(w.index), Index: w.index, Class: counts.Names[w.label], Said: counts.Names[w.predicted],
			Probability: w.probability, label: w.label, said: w.predicted,
		}
	}
	title := fmt.Sprintf("%s on %d %s", m.Spec().Name, counts.Score().Total, set.name)
	if err := c.gallery(m, set, title, shown, len(wrong)); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(stdout, shown)
	}
	_, err = fmt.Fprintf(stdout, "%s in %d images, the %d surest: %s\n",
		count(len(wrong), "mistake"), counts.Score().Total, len(shown), filepath.Join(c.Out, "index.html"))
	return err
}

// nameOf returns an image's file, or its index if it has no file.
func (s *evaluationSet) nameOf(index int) string {
	if s.pictures == nil {
		return fmt.Sprintf("No. %d", index)
	}
	return s.pictures.Path(index)
}

// gallery writes the page and the picture, in place of an earlier gallery.
func (c *mistakes) gallery(m *graph.Model, set *evaluationSet, title string, shown []shownMistake, wrong int) error {
	pictures := filepath.Join(c.Out, "pictures")
	if err := os.RemoveAll(pictures); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	method := insight.Method(c.Method)
	if _, err := insight.LastMaps(m); err != nil && method == insight.GradCAM {
		method = insight.Gradient
	}
	sheet := viz.ContactSheet{
		Title: "The surest mistakes: " + title, Columns: 3, Tile: 360,
		Note: fmt.Sprintf("%s; each image, then the heat for the predicted class, then for the right class (%s)",
			count(wrong, "mistake"), method),
	}
	bar := newBar(len(shown), "images")
	for i := range shown {
		item, err := c.show(m, set, method, i, &shown[i])
		if err != nil {
			return err
		}
		sheet.Items = append(sheet.Items, item)
		bar.add(1)
	}
	bar.end()
	if err := c.page(title, method, shown, wrong); err != nil {
		return err
	}
	path := filepath.Join(c.Out, "mistakes.png")
	if len(shown) == 0 {
		return removeIfThere(path)
	}
	return viz.WritePNG(path, sheet)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// show writes a mistake's pictures, and returns them side by side for the sheet.
func (c *mistakes) show(
	m *graph.Model, set *evaluationSet, method insight.Method, number int, s *shownMistake,
) (item viz.Item, err error) {
	pixels := make([]float32, set.Shape().TotalSize())
	if _, err := set.Sample(s.Index, pixels); err != nil {
		return item, err
	}
	probabilities := make([]float32, m.Classes())
	if err := m.ProbabilitiesInto(probabilities, pixels); err != nil {
		return item, err
	}
	s.OfClass = float64(probabilities[s.label])
	img, err := pictureOf(m.Spec(), pixels)
	if err != nil {
		return item, err
	}
	panels := []image.Image{img}
	for _, class := range []int{s.said, s.label} {
		heat, err := method.Heat(m, pixels, class, insight.Options{Seed: c.Seed})
		if err != nil {
			return item, err
		}
		over, err := viz.Saliency{Input: img, Heat: heatPlanes(heat), Clip: clips[method]}.Overlay()
		if err != nil {
			return item, err
		}
		panels = append(panels, over)
	}
	for i, name := range []*string{&s.Picture, &s.HeatOfSaid, &s.HeatOfClass} {
		*name = fmt.Sprintf("pictures/%03d-%s.png", number+1, []string{"image", "said", "class"}[i])
		if err := viz.WritePNG(filepath.Join(c.Out, filepath.FromSlash(*name)), finished{panels[i]}); err != nil {
			return item, err
		}
	}
	return viz.Item{
		Image: sideBySide(panels), Wrong: true,
		Caption: fmt.Sprintf("%s, predicted %s\n%s, %s", s.Class, s.Said, shortened(filepath.Base(s.Name), 40),
			classify.Percent(s.Probability)),
	}, nil
}

// finished is an image as a viz picture.
type finished struct{ image image.Image }

// Image returns the image.
func (d finished) Image() (image.Image, error) { return d.image, nil }

// sideBySide draws images of the same size in a row.
func sideBySide(images []image.Image) image.Image {
	const gap = 2
	size := images[0].Bounds().Size()
	all := image.NewRGBA(image.Rect(0, 0, len(images)*(size.X+gap)-gap, size.Y))
	draw.Draw(all, all.Bounds(), image.White, image.Point{}, draw.Src)
	for i, img := range images {
		at := image.Pt(i*(size.X+gap), 0)
		draw.Draw(all, image.Rectangle{at, at.Add(size)}, img, img.Bounds().Min, draw.Src)
	}
	return all
}

func shortened(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	return "…" + string(letters[len(letters)-most+1:])
}

//go:embed mistakes.html
var mistakesHTML string

var mistakesPage = template.Must(
	template.New("mistakes").Funcs(template.FuncMap{"percent": classify.Percent}).Parse(mistakesHTML))

func (c *mistakes) page(title string, method insight.Method, shown []shownMistake, wrong int) error {
	return file.Write(filepath.Join(c.Out, "index.html"), func(w io.Writer) error {
		return mistakesPage.Execute(w, map[string]any{
			"Title": title, "Method": method, "Shown": shown, "Wrong": count(wrong, "mistake"),
		})
	})
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/train"
	"convgraph/train/dataset"
	"convgraph/viz"
)

// confusion is convgraph confusion.
type confusion struct {
	Params string `arg:"" help:"A trained model's params.safetensors, or squeezenet (built in)."`
	Out    string `short:"o" required:"" help:"Folder for the pictures; created if missing." placeholder:"DIR"`
	Most   int    `default:"100" help:"Show at most this many misclassified images, the surest first."`
	JSON   bool   `name:"json" help:"Print the figures as JSON."`

	evaluated `embed:""`
}

// Help returns the text below a command's usage.
func (confusion) Help() string {
	return `Writes two pictures to DIR: confusion.png, how often each class was predicted as which, and ` +
		`misclassified.png, the misclassified images, each with its true class, its predicted class, its index and ` +
		`the probability of the predicted class.`
}

// mistake is a misclassified image.
type mistake struct {
	index, label, predicted int
	probability             float64
}

// Run counts the predictions and draws the pictures.
func (c *confusion) Run(stdout io.Writer) error {
	if c.Most < 0 {
		return cli.Usagef("-most is %d: want at least 0", c.Most)
	}
	m, set, err := c.load(c.Params)
	if err != nil {
		return err
	}
	counts, mistakes, err := confuse(m, set)
	if err != nil {
		return err
	}
	set.reportCorrupt(os.Stderr)
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	title := fmt.Sprintf("%s on %d %s", m.Spec().Name, counts.Score().Total, set.name)
	matrix := viz.Confusion{Title: title, Counts: counts.Counts, Labels: counts.Names}
	if err := viz.WritePNG(filepath.Join(c.Out, "confusion.png"), matrix); err != nil {
		return err
	}
	if err := c.sheet(m.Spec(), set, title, counts.Names, mistakes); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(stdout, counts.Report())
	}
	_, err = fmt.Fprintf(stdout, "accuracy %v, %d misclassified; pictures in %s\n", counts.Score(), len(mistakes),
		c.Out)
	return err
}

// confuse predicts every image and returns the counts and the mistakes, the surest first.
func confuse(m *graph.Model, set dataset.Dataset) (*train.Confusion, []mistake, error) {
	if m.Classes() < set.Classes() {
		return nil, nil, fmt.Errorf("model %q has %d classes, the data %d: want a model of the data", m.Spec().Name,
			m.Classes(), set.Classes())
	}
	var mistakes []mistake
	counts, err := train.Confuse(m, set, func(a train.Prediction) {
		if a.Label != a.Predicted {
			mistakes = append(mistakes, mistake{a.Index, a.Label, a.Predicted, a.Probability()})
		}
	})
	slices.SortStableFunc(mistakes, func(a, b mistake) int { return cmp.Compare(b.probability, a.probability) })
	return counts, mistakes, err
}

// sheet draws the mistakes. Without mistakes it removes an older sheet.
func (c *confusion) sheet(
	spec *graph.Spec, set dataset.Dataset, title string, names []string, mistakes []mistake,
) error {
	path := filepath.Join(c.Out, "misclassified.png")
	shown := mistakes[:min(c.Most, len(mistakes))]
	if len(shown) == 0 {
		return removeIfThere(path)
	}
	s := viz.ContactSheet{Title: "Misclassified: " + title, Note: count(len(mistakes), "mistake")}
	if len(shown) < len(mistakes) {
		s.Note += fmt.Sprintf(", the %d surest", len(shown))
	}
	pixels := make([]float32, set.Shape().TotalSize())
	for _, mk := range shown {
		if _, err := set.Sample(mk.index, pixels); err != nil {
			return err
		}
		img, err := pictureOf(spec, pixels)
		if err != nil {
			return err
		}
		s.Items = append(s.Items, viz.Item{
			Image: img, Wrong: true,
			Caption: fmt.Sprintf("%s, predicted %s\nNo. %d, %s", names[mk.label], names[mk.predicted], mk.index,
				classify.Percent(mk.probability)),
		})
	}
	return viz.WritePNG(path, s)
}

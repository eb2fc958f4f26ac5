package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gorgonia.org/tensor"

	"convgraph/classify"
	"convgraph/formats/npz"
	"convgraph/graph"
)

// predictionWriter writes predictions in the chosen format, and collects embeddings.
type predictionWriter struct {
	write func(p *classify.Prediction, outputs []float32) error
	end   func() error

	layer  *graph.Model // the model up to the layer of -embed; nil without -embed
	rows   []float32    // its outputs
	pixels []float32    // a buffer for the pictures to embed
}

// maxEmbedValues bounds the memory of embeddings: 4 GB.
const maxEmbedValues = 1 << 30

// writer returns a writer for at most this many pictures.
func (c *predict) writer(stdout io.Writer, m *graph.Model, pictures int) (*predictionWriter, error) {
	w := c.form(stdout, m)
	if c.Embed == "" {
		return w, nil
	}
	layer, err := m.UpTo(c.Embed)
	if err != nil {
		return nil, fmt.Errorf("-embed: %w", err)
	}
	size := layer.Output().Shape.TotalSize()
	if most := maxEmbedValues / size; pictures > most {
		return nil, fmt.Errorf("-embed: layer %q has %d values for each picture: "+
			"got %d pictures, want at most %d, or a layer with fewer values",
			c.Embed, size, pictures, most)
	}
	w.layer = layer
	finish := w.end
	w.end = func() error {
		if err := finish(); err != nil {
			return err
		}
		shape := append(tensor.Shape{len(w.rows) / size}, layer.Output().Shape...)
		if shape[0] == 0 {
			return fmt.Errorf("-embed: no picture is left, so %s isn't written", c.Out)
		}
		return npz.WriteNPYFile(c.Out, tensor.New(tensor.WithShape(shape...), tensor.WithBacking(w.rows)))
	}
	return w, nil
}

func (c *predict) form(stdout io.Writer, m *graph.Model) *predictionWriter {
	switch {
	case c.JSON:
		all := []*classify.Prediction{}
		return &predictionWriter{
			write: func(p *classify.Prediction, _ []float32) error { all = append(all, p); return nil },
			end:   func() error { return writeJSON(stdout, all) },
		}
	case c.JSONLines:
		encoder := json.NewEncoder(stdout)
		return &predictionWriter{
			write: func(p *classify.Prediction, _ []float32) error { return encoder.Encode(p) },
			end:   func() error { return nil },
		}
	case c.CSV:
		return c.table(stdout, m)
	}
	return &predictionWriter{
		write: func(p *classify.Prediction, _ []float32) error {
			_, err := fmt.Fprintln(stdout, p)
			return err
		},
		end: func() error { return nil },
	}
}

// table writes CSV: the top classes; for a multi-label model the labels and all probabilities; for
// a model without probabilities its outputs.
func (c *predict) table(stdout io.Writer, m *graph.Model) *predictionWriter {
	w := csv.NewWriter(stdout)
	record := c.ranked
	header := []string{"image"}
	switch {
	case !m.HasProbabilities():
		header, record = append(header, outputNames(m)...), numbered
	case m.TrainingLoss() == graph.BinaryCrossEntropy:
		header, record = append(append(header, "labels"), outputNames(m)...), labeled
	default:
		header = append(header, "class", "name", "probability")
		for i := 2; i <= min(c.Top, m.Classes()); i++ {
			header = append(header, fmt.Sprintf("class_%d", i), fmt.Sprintf("name_%d", i),
				fmt.Sprintf("probability_%d", i))
		}
	}
	flush := func() error { w.Flush(); return w.Error() }
	_ = w.Write(header) // flush reports the error
	return &predictionWriter{
		write: func(p *classify.Prediction, outputs []float32) error {
			if err := w.Write(record(p, outputs)); err != nil {
				return err
			}
			return flush()
		},
		end: flush,
	}
}

func outputNames(m *graph.Model) []string {
	names := make([]string, m.Classes())
	for i := range names {
		names[i] = classify.ClassName(m.Spec(), i)
	}
	return names
}

func (c *predict) ranked(p *classify.Prediction, _ []float32) []string {
	fields := []string{p.Image}
	for _, g := range p.Top {
		fields = append(fields, strconv.Itoa(g.Class), g.Name, decimal(g.Probability))
	}
	return fields
}

func numbered(p *classify.Prediction, outputs []float32) []string {
	fields := []string{p.Image}
	for _, v := range outputs {
		fields = append(fields, decimal(v))
	}
	return fields
}

func labeled(p *classify.Prediction, outputs []float32) []string {
	var names []string
	for _, g := range p.Labels {
		names = append(names, g.Name)
	}
	fields := numbered(p, outputs)
	return append([]string{fields[0], strings.Join(names, ";")}, fields[1:]...)
}

func decimal(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }

// embed appends the layer's outputs for the wanted pictures.
func (w *predictionWriter) embed(m *graph.Model, s samples, wanted []int) error {
	if w.layer == nil || len(wanted) == 0 {
		return nil
	}
	size := m.Spec().Input.TotalSize()
	w.pixels = w.pixels[:0]
	for _, i := range wanted {
		w.pixels = append(w.pixels, s.pixels[i*size:][:size]...)
	}
	x := tensor.New(tensor.WithShape(append(tensor.Shape{len(wanted)}, m.Spec().Input...)...),
		tensor.WithBacking(w.pixels))
	values, err := w.layer.Predict(x)
	if err != nil {
		return err
	}
	w.rows = append(w.rows, values.Float32s()...)
	return nil
}

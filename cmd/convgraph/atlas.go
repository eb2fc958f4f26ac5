package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"convgraph/classify"
	"convgraph/cmd/internal/training"
	"convgraph/graph"
	"convgraph/insight"
	"convgraph/internal/cli"
	"convgraph/viz"
)

// atlas is convgraph atlas.
type atlas struct {
	Params string  `arg:"" help:"A model's params.safetensors, or squeezenet (built in)."`
	Out    pngFile `short:"o" required:"" help:"Picture to write." placeholder:"PNG"`
	Data   string  `type:"given" want:"a folder or files" help:"Also show the parts of these images that excite each unit most: a folder of pictures with all its subfolders, or data in any other form that convgraph train -data takes. Without it a model of MNIST's digits is shown the embedded test images." placeholder:"PATH"`
	training.IDXFlags
	Images int      `default:"1000" help:"Search this many images, spread evenly over all (0: all)."`
	Layers []string `name:"layer" help:"Layers to show, as convgraph summary lists them (default: at most 10 convolutions, affine layers or blocks)." placeholder:"NAME,…"`
	Units  int      `default:"8" help:"Units of each layer, spread evenly."`
	Pick   []int    `help:"Units of the last layer: classes by their numbers." placeholder:"N,…"`
	Steps  int      `default:"160" help:"Steps of gradient ascent."`
	Seed   uint64   `default:"1" help:"Seed of the noise that the ascent starts from, and of its random moves."`
	JSON   bool     `name:"json" help:"Print the units, their responses and the images as JSON."`
}

// Help returns the text below a command's usage.
func (atlas) Help() string {
	return `Draws what a network's layers look for, from the first to the last. For some units of each layer it ` +
		`shows the picture that excites the unit most, in the size of the unit's receptive field. The picture is ` +
		`found by gradient ascent on its frequencies in decorrelated colours; each step moves, turns and scales it a ` +
		`little, so that the ascent finds shapes and not noise (Olah, Mordvintsev and Schubert 2017). With -data it ` +
		`adds the nine images that excite the unit most, each cut to the receptive field (Zeiler and Fergus 2014). ` +
		`The same arguments give the same picture.`
}

// atlasEntry is what atlas -json prints for a unit.
type atlasEntry struct {
	Layer  string      `json:"layer"`
	Unit   int         `json:"unit"`
	Name   string      `json:"name,omitempty"` // if the unit is a class
	Answer float64     `json:"answer"`         // to the painted picture
	Images []atlasCrop `json:"images,omitempty"`
}

// Run paints the units' pictures, searches the images and draws the atlas.
func (c *atlas) Run(stdout io.Writer) error {
	if err := c.check(); err != nil {
		return err
	}
	m, err := loadFinite(c.Params)
	if err != nil {
		return err
	}
	if err := classify.TakesPictures(m.Spec()); err != nil {
		return err
	}
	entries, err := c.entries(m)
	if err != nil {
		return err
	}
	search, err := c.search(m, entries)
	if err != nil {
		return err
	}
	pictures, err := c.dream(m, entries)
	if err != nil {
		return err
	}
	picture := viz.Atlas{Title: fmt.Sprintf("%s, layer by layer", m.Spec().Name), Note: c.note(search)}
	for i, e := range entries {
		if i == 0 || e.Layer != entries[i-1].Layer {
			n, err := m.Node(e.Layer)
			if err != nil {
				return err
			}
			picture.Rows = append(picture.Rows, viz.AtlasRow{Name: rowName(m, n), About: rowAbout(m, n)})
		}
		unit := viz.AtlasUnit{Caption: cmp.Or(e.Name, fmt.Sprintf("unit %d", e.Unit))}
		p := pictures[i]
		planes := viz.Planes{Count: p.Channels, Height: p.Height, Width: p.Width, Data: p.Values}
		if unit.Ideal, err = planes.Image(viz.Range{Min: 0, Max: 1}); err != nil {
			return err
		}
		if search != nil {
			if unit.Crops, entries[i].Images, err = search.crops(i); err != nil {
				return err
			}
		}
		last := &picture.Rows[len(picture.Rows)-1]
		last.Units = append(last.Units, unit)
		entries[i].Answer = p.Answer
	}
	if err := viz.WritePNG(string(c.Out), picture); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(stdout, entries)
	}
	_, err = fmt.Fprintf(stdout, "%d units of %d layers: %s\n", len(entries), len(picture.Rows), c.Out)
	return err
}

func (c *atlas) check() error {
	switch {
	case c.Units < 1:
		return cli.Usagef("-units is %d: want at least 1", c.Units)
	case c.Steps < 1:
		return cli.Usagef("-steps is %d: want at least 1", c.Steps)
	case c.Images < 0:
		return cli.Usagef("-images is %d: want at least 0", c.Images)
	}
	return nil
}

func (c *atlas) note(s *atlasSearch) string {
	note := "large: the picture that excites the unit most, by gradient ascent, as much as the unit sees"
	if s != nil {
		note += fmt.Sprintf("; small: the parts of %d images that excite it most", s.seen)
	}
	return note
}

// entries returns the units to show, layer by layer.
func (c *atlas) entries(m *graph.Model) (all []atlasEntry, err error) {
	layers, err := c.layers(m)
	if err != nil {
		return nil, err
	}
	for i, n := range layers {
		units := spread(n.Shape[0], c.Units)
		if i == len(layers)-1 && len(c.Pick) > 0 {
			units = c.Pick
		}
		for _, unit := range units {
			if unit < 0 || unit >= n.Shape[0] {
				return nil, cli.Usagef("-pick has %d: layer %q has units 0 to %d", unit, n.Name, n.Shape[0]-1)
			}
			e := atlasEntry{Layer: n.Name, Unit: unit}
			if n == m.LogitsNode() {
				e.Name = classify.ClassName(m.Spec(), unit)
			}
			all = append(all, e)
		}
	}
	return all, nil
}

// spread returns n numbers below count, evenly spaced.
func spread(count, n int) (all []int) {
	n = min(n, count)
	for i := range n {
		all = append(all, i*count/n)
	}
	return all
}

const mostAtlasLayers = 10

// layers returns the layers to show.
func (c *atlas) layers(m *graph.Model) (all []*graph.Node, err error) {
	for _, name := range c.Layers {
		n, err := m.Node(name)
		if err != nil {
			return nil, cli.Usage{Err: fmt.Errorf("-layer: %w", err)}
		}
		all = append(all, n)
	}
	if len(all) > 0 {
		return all, nil
	}
	block := blockNames(m.Nodes())
	for _, n := range m.Nodes() {
		if n == m.LogitsNode() || block(n.Name) != "" && leaves(n, block) || block(n.Name) == "" && hasWeights(n) {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("the model has no convolutions and no affine layers: there is nothing to show")
	}
	all = withoutSources(all)
	if len(all) > mostAtlasLayers {
		var some []*graph.Node
		for _, i := range spread(len(all)-1, mostAtlasLayers-1) {
			some = append(some, all[i])
		}
		all = append(some, all[len(all)-1])
	}
	return all, nil
}

func hasWeights(n *graph.Node) bool {
	switch n.Layer.(type) {
	case graph.Conv2D, graph.Affine:
		return true
	}
	return false
}

// withoutSources drops the layer whose maps the classes are the means of: its units are the
// classes.
func withoutSources(nodes []*graph.Node) []*graph.Node {
	last := insight.SourceOf(nodes[len(nodes)-1], 0).Node
	return slices.DeleteFunc(nodes, func(n *graph.Node) bool { return n == last && n != nodes[len(nodes)-1] })
}

func rowName(m *graph.Model, n *graph.Node) string {
	if n == m.LogitsNode() && m.HasProbabilities() {
		return "classes"
	}
	if block := blockNames(m.Nodes())(n.Name); block != "" && leaves(n, blockNames(m.Nodes())) {
		return block
	}
	return n.Name
}

func rowAbout(m *graph.Model, n *graph.Node) []string {
	if n == m.LogitsNode() {
		return []string{fmt.Sprintf("%d classes", n.Shape[0]), "see the whole picture"}
	}
	if n.Shape.Dims() != 3 {
		return []string{fmt.Sprintf("%d units", n.Shape[0]), "see the whole picture"}
	}
	field := insight.Sees(m, n, n.Shape[1]/2, n.Shape[2]/2)
	input := m.Spec().Input
	return []string{fmt.Sprintf("%d maps of %d×%d", n.Shape[0], n.Shape[1], n.Shape[2]),
		fmt.Sprintf("a cell sees %d×%d pixels", min(field.Dy(), input[1]), min(field.Dx(), input[2]))}
}

// dream paints the units' pictures on all processors.
func (c *atlas) dream(m *graph.Model, entries []atlasEntry) ([]*insight.Picture, error) {
	options := insight.DreamOptions{Steps: c.Steps, Seed: c.Seed, Preprocessing: classify.Preprocessing(m.Spec())}
	pictures, errs := make([]*insight.Picture, len(entries)), make([]error, len(entries))
	bar := newBar(len(entries), "units")
	next := make(chan int)
	var workers sync.WaitGroup
	var drawing sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				pictures[i], errs[i] = insight.Dream(m, entries[i].Layer, entries[i].Unit, options)
				drawing.Lock()
				bar.describe("%s", entries[i].Layer)
				bar.add(1)
				drawing.Unlock()
			}
		})
	}
	for i := range entries {
		next <- i
	}
	close(next)
	workers.Wait()
	bar.end()
	return pictures, errors.Join(errs...)
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"os"
	"slices"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/insight"
	"convgraph/train/dataset"
)

// mostCrops fills a square of 3×3.
const mostCrops = 9

// atlasCrop is the part of an image that excites a unit.
type atlasCrop struct {
	Image  string  `json:"image"` // its file, or its index in the set
	Answer float64 `json:"answer"`

	row, column int
	pixels      []float32
}

// atlasSearch finds the images that excite each unit most.
type atlasSearch struct {
	model   *graph.Model
	sources []insight.Source // of the units
	best    [][]atlasCrop
	seen    int // images
}

// search runs the model on the images; it returns nil without images.
func (c *atlas) search(m *graph.Model, entries []atlasEntry) (*atlasSearch, error) {
	each, count, err := c.images(m)
	if err != nil || each == nil {
		return nil, err
	}
	s := &atlasSearch{model: m, best: make([][]atlasCrop, len(entries))}
	for _, e := range entries {
		n, err := m.Node(e.Layer)
		if err != nil {
			return nil, err
		}
		s.sources = append(s.sources, insight.SourceOf(n, e.Unit))
	}
	bar := newBar(count, "images")
	bar.describe("images")
	err = each(func(name string, pixels []float32) error {
		bar.add(1)
		return s.look(name, pixels)
	})
	bar.end()
	return s, err
}

// eachImage calls use for one image after another, with its name.
type eachImage func(use func(name string, pixels []float32) error) error

// images opens the images to search; nil if there are none. A folder of pictures needs no classes
// here.
func (c *atlas) images(m *graph.Model) (each eachImage, count int, err error) {
	if c.Data == "" || dataset.HasIDX(c.Data) {
		return c.imagesOfIDX(m)
	}
	if isPicture(c.Data) {
		if paths, err := picturePaths([]string{c.Data}); err == nil {
			each, count = c.imagesOfFiles(m, paths)
			return each, count, nil
		}
	}
	return c.imagesOfSet(m)
}

func (c *atlas) imagesOfFiles(m *graph.Model, paths []string) (each eachImage, count int) {
	input := m.Spec().Input
	if c.Images > 0 {
		paths = some(paths, c.Images)
	}
	return func(use func(string, []float32) error) error {
		for s := range readSamples(paths, classify.FolderPreprocessing(m.Spec()), input) {
			for _, bad := range s.bad {
				fmt.Fprintln(os.Stderr, "left out:", bad)
			}
			for i, path := range s.paths {
				if err := use(path, s.pixels[i*input.TotalSize():][:input.TotalSize()]); err != nil {
					return err
				}
			}
		}
		return nil
	}, len(paths)
}

// imagesOfSet takes the training images of Parquet or tar files or of a list, and then the test
// images.
func (c *atlas) imagesOfSet(m *graph.Model) (each eachImage, count int, err error) {
	input := m.Spec().Input
	training, test, err := dataset.Open(c.Data, dataset.PictureOptions{
		Shape: input, Preprocess: classify.FolderPreprocessing(m.Spec()), TestFraction: -1})
	if err != nil {
		return nil, 0, fmt.Errorf("-data: %w", err)
	}
	total := training.Len() + test.Len()
	indices := spread(total, cmp.Or(c.Images, total))
	return func(use func(string, []float32) error) error {
		for _, i := range indices {
			set := training
			if i >= training.Len() {
				set, i = test, i-training.Len()
			}
			pixels := make([]float32, input.TotalSize())
			_, err := set.Sample(i, pixels)
			if corrupt, ok := errors.AsType[*dataset.CorruptError](err); ok {
				fmt.Fprintln(os.Stderr, "left out:", corrupt)
				continue
			}
			if err != nil {
				return err
			}
			if err := use(set.Path(i), pixels); err != nil {
				return err
			}
		}
		return nil
	}, len(indices), nil
}

func (c *atlas) imagesOfIDX(m *graph.Model) (each eachImage, count int, err error) {
	_, set, err := openData(c.Data, c.IDXFlags)
	if err != nil {
		return nil, 0, err
	}
	if input := m.Spec().Input; !set.Shape().Eq(input) {
		if c.Data == "" {
			return nil, 0, nil
		}
		return nil, 0, fmt.Errorf("model %q takes %s, the images in %s are %s", m.Spec().Name, shapeText(input), c.Data,
			shapeText(set.Shape()))
	}
	indices := spread(set.Len(), cmp.Or(c.Images, set.Len()))
	return func(use func(string, []float32) error) error {
		for _, i := range indices {
			pixels := make([]float32, set.Shape().TotalSize())
			if _, err := set.Sample(i, pixels); err != nil {
				return err
			}
			if err := use(fmt.Sprintf("No. %d", i), pixels); err != nil {
				return err
			}
		}
		return nil
	}, len(indices), nil
}

// some returns n elements, evenly spaced.
func some[T any](all []T, n int) (picked []T) {
	for _, i := range spread(len(all), n) {
		picked = append(picked, all[i])
	}
	return picked
}

// look keeps the image for each unit that it excites more than nine others.
func (s *atlasSearch) look(name string, pixels []float32) error {
	s.seen++
	activations, err := s.model.Activations(asBatch(pixels, s.model.Spec().Input))
	if err != nil {
		return err
	}
	values := map[*graph.Node][]float32{}
	for _, a := range activations {
		values[a.Node] = a.Value.Float32s()
	}
	var kept []float32
	for i, source := range s.sources {
		crop := answerOf(source, values[source.Node])
		crop.Image = name
		rank, _ := slices.BinarySearchFunc(s.best[i], crop, func(a, b atlasCrop) int {
			if a.Answer >= b.Answer { // the earlier of equals first
				return -1
			}
			return 1
		})
		if rank == mostCrops {
			continue
		}
		if kept == nil {
			kept = slices.Clone(pixels)
		}
		crop.pixels = kept
		s.best[i] = slices.Insert(s.best[i], rank, crop)
		s.best[i] = s.best[i][:min(len(s.best[i]), mostCrops)]
	}
	return nil
}

// answerOf returns a unit's strongest response and its cell, or the mean of its map.
func answerOf(source insight.Source, values []float32) (crop atlasCrop) {
	shape := source.Node.Shape
	plane := shape.TotalSize() / shape[0]
	cells := values[source.Unit*plane:][:plane]
	if source.Mean {
		for _, v := range cells {
			crop.Answer += float64(v) / float64(plane)
		}
		return crop
	}
	at := 0
	for i, v := range cells {
		if v > cells[at] {
			at = i
		}
	}
	crop.Answer = float64(cells[at])
	if shape.Dims() == 3 {
		crop.row, crop.column = at/shape[2], at%shape[2]
	}
	return crop
}

// crops draws the unit's receptive field in the images that excite it most.
func (s *atlasSearch) crops(unit int) (images []image.Image, crops []atlasCrop, err error) {
	source := s.sources[unit]
	for _, crop := range s.best[unit] {
		whole, err := pictureOf(s.model.Spec(), crop.pixels)
		if err != nil {
			return nil, nil, err
		}
		field := whole.Bounds()
		if !source.Mean && source.Node.Shape.Dims() == 3 {
			field = cutTo(insight.Sees(s.model, source.Node, crop.row, crop.column), field)
		}
		part := image.NewRGBA(image.Rectangle{Max: field.Size()})
		draw.Draw(part, part.Bounds(), whole, field.Min, draw.Src)
		images = append(images, part)
	}
	return images, s.best[unit], nil
}

// cutTo moves a receptive field that reaches into the padding back into the picture, and keeps its
// size if it fits.
func cutTo(field, picture image.Rectangle) image.Rectangle {
	size := image.Pt(min(field.Dx(), picture.Dx()), min(field.Dy(), picture.Dy()))
	at := image.Pt(
		min(max(field.Min.X, picture.Min.X), picture.Max.X-size.X),
		min(max(field.Min.Y, picture.Min.Y), picture.Max.Y-size.Y))
	return image.Rectangle{at, at.Add(size)}
}

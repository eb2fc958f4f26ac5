package training

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"convgraph/internal/cli"
	"convgraph/picture"
	"convgraph/train/dataset"
	"convgraph/viz"
)

// augmentations lists the changes that -augment knows.
var augmentations = []augmentation{
	{"crop", 2, func(a *augmented, v float64) { a.crop = int(v) }},
	{"shift", 2, func(a *augmented, v float64) { a.distort.Shift = v }},
	{"rotate", 10, func(a *augmented, v float64) { a.distort.Rotate = v }},
	{"scale", 0.1, func(a *augmented, v float64) { a.distort.Scale = v }},
	{"elastic", 34, func(a *augmented, v float64) { a.distort.ElasticAlpha, a.distort.ElasticSigma = v, 4 }},
	{"resized-crop", 0.25, func(a *augmented, v float64) { a.area = v }},
	{"colour", 0.2, func(a *augmented, v float64) { a.colour = v }},
	{"mirror", 1, func(a *augmented, _ float64) { a.mirror = true }},
	{"edge", 1, func(a *augmented, _ float64) { a.edge = true }},
}

// switches lists the augmentations without an amount.
var switches = []string{"mirror", "edge"}

// augmentation is a named change with its default amount.
type augmentation struct {
	name   string
	amount float64
	set    func(a *augmented, amount float64)
}

// augmented is how training images change.
type augmented struct {
	crop    int // margin of zeros, in pixels, within which a crop of the image's size moves
	distort dataset.Distort
	area    float64 // smallest share of the image in a crop that is scaled to its size; 0: off
	colour  float64 // largest change of brightness, contrast and saturation
	mirror  bool
	edge    bool // fill the outside with the image's edge, not zeros
	cutout  int  // side of the covered square
}

// vary changes the training images as -augment or the recipe says.
func (c *Command) vary(s *source, augment string) error {
	a, err := parseAugment(augment)
	if err != nil {
		return err
	}
	if !c.crops() { // which cover the square after the crop
		a.cutout = c.Cutout
	}
	return a.apply(s, c.Seed)
}

// parseAugment reads NAME or NAME=AMOUNT, separated by commas.
func parseAugment(text string) (a augmented, err error) {
	if text == "" {
		return a, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		name, amount, given := strings.Cut(item, "=")
		i := slices.IndexFunc(augmentations, func(known augmentation) bool { return known.name == name })
		if i < 0 {
			return a, cli.Usagef("-augment: got %q, want some of %s", name, augmentationNames())
		}
		v := augmentations[i].amount
		if given {
			if v, err = strconv.ParseFloat(amount, 64); err != nil || !(v >= 0) || slices.Contains(switches, name) {
				return a, cli.Usagef("-augment: got %q, want %s", item, augmentations[i].usage())
			}
		}
		augmentations[i].set(&a, v)
	}
	return a, nil
}

func (a augmentation) usage() string {
	if slices.Contains(switches, a.name) {
		return a.name
	}
	return fmt.Sprintf("%s or %s=AMOUNT, such as %s=%g", a.name, a.name, a.name, a.amount)
}

func augmentationNames() string {
	var names []string
	for _, a := range augmentations {
		names = append(names, a.name)
	}
	return strings.Join(names, ", ")
}

// transforms returns the transforms, in order, for images of the given size and normalisation.
func (a augmented) transforms(height, width int, normalised picture.Preprocessing) (transforms []dataset.Transform) {
	if a.area > 0 {
		transforms = append(transforms, dataset.ResizedCrop{Height: height, Width: width, Area: a.area})
	}
	if a.crop > 0 {
		transforms = append(transforms, dataset.RandomCrop{Height: height, Width: width, Padding: a.crop, Edge: a.edge})
	}
	if a.distort != (dataset.Distort{}) {
		distort := a.distort
		distort.Edge = a.edge
		transforms = append(transforms, distort)
	}
	if a.mirror {
		transforms = append(transforms, dataset.Mirror{})
	}
	if a.colour > 0 {
		transforms = append(transforms,
			dataset.ColourJitter{Amount: a.colour, Mean: normalised.Mean, Std: normalised.Std})
	}
	if a.cutout > 0 {
		transforms = append(transforms, dataset.Cutout{Size: a.cutout})
	}
	return transforms
}

// apply augments the source's training images.
func (a augmented) apply(s *source, seed uint64) error {
	shape := s.train.Shape()
	var normalised picture.Preprocessing
	if s.spec.Preprocess != nil {
		normalised = *s.spec.Preprocess
	}
	transforms := a.transforms(shape[1], shape[2], normalised)
	if len(transforms) == 0 {
		return nil
	}
	varying, err := dataset.Augment(s.train, seed, transforms, nil)
	if err != nil {
		return cli.Usage{Err: fmt.Errorf("%s: %w", a.flags(), err)}
	}
	s.train, s.varies = varying, true
	return nil
}

// flags returns the flags that asked for a change.
func (a augmented) flags() string {
	cutout := a.cutout
	a.cutout = 0
	switch {
	case cutout == 0:
		return "-augment"
	case a == augmented{}:
		return "-cutout"
	}
	return "-augment, -cutout"
}

// The sheet of augmented images has a row for each of this many images, and a column for each of
// this many epochs.
const sheetImages, sheetEpochs = 6, 9

// sheet shows augmented training images, skipping unreadable ones. ok is false if there is nothing
// to show, such as images of neither one nor three channels.
func (s *source) sheet() (sheet viz.ContactSheet, ok bool) {
	sheet = viz.ContactSheet{Title: "training images", Columns: 1 + sheetEpochs}
	for i := range min(sheetImages, s.train.Len()) {
		row, err := sheetRow(s.train, i)
		if err != nil {
			continue
		}
		sheet.Items = append(sheet.Items, row...)
	}
	return sheet, s.varies && len(sheet.Items) > 0
}

func sheetRow(ds dataset.Dataset, i int) (row []viz.Item, err error) {
	for epoch := range 1 + sheetEpochs {
		view, caption := ds, "original"
		if epoch > 0 {
			view, caption = dataset.ForEpoch(ds, epoch), fmt.Sprintf("epoch %d", epoch)
		}
		item, err := sheetItem(view, i)
		if err != nil {
			return nil, err
		}
		item.Caption += "\n" + caption
		row = append(row, item)
	}
	return row, nil
}

func sheetItem(ds dataset.Dataset, i int) (viz.Item, error) {
	shape := ds.Shape()
	planes := viz.Planes{Count: shape[0], Height: shape[1], Width: shape[2], Data: make([]float32, shape.TotalSize())}
	label, err := ds.Sample(i, planes.Data)
	if err != nil {
		return viz.Item{}, err
	}
	img, err := planes.Image(viz.Range{Min: 0, Max: 1})
	return viz.Item{Image: img, Caption: dataset.ClassNames(ds)[label]}, err
}

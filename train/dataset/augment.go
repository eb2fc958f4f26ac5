package dataset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"gorgonia.org/tensor"

	"convgraph/internal/splitmix"
	"convgraph/picture"
)

// Augmented is a training set whose images change with each epoch. Its own samples are those for
// evaluation; [Augmented.Epoch] returns those for training.
type Augmented struct {
	Dataset
	training *transformed
}

// Augment returns ds with the training transforms for training and the evaluation transforms
// otherwise. Both must end in the same shape; either list may be empty.
//
// A training sample depends on seed, epoch and index alone, whatever the order and the number of
// goroutines.
func Augment(ds Dataset, seed uint64, training, evaluation []Transform) (*Augmented, error) {
	plain, err := transform(ds, seed, evaluation)
	if err != nil {
		return nil, fmt.Errorf("evaluation: %w", err)
	}
	changing, err := transform(ds, seed, training)
	if err != nil {
		return nil, fmt.Errorf("training: %w", err)
	}
	if !plain.shape.Eq(changing.shape) {
		return nil, fmt.Errorf("training transforms give images of %v, evaluation transforms %v: want the same",
			changing.shape, plain.shape)
	}
	return &Augmented{Dataset: plain, training: changing}, nil
}

// Epoch returns the set for training in the given epoch.
func (a *Augmented) Epoch(epoch int) Dataset {
	view := *a.training
	view.epoch = epoch
	return &view
}

// ClassNames returns the names in the wrapped set.
func (a *Augmented) ClassNames() []string { return ClassNames(a.Dataset) }

// ForEpoch returns ds for an epoch of training: ds itself, unless it is [Augmented].
func ForEpoch(ds Dataset, epoch int) Dataset {
	if varying, ok := ds.(interface{ Epoch(int) Dataset }); ok {
		return varying.Epoch(epoch)
	}
	return ds
}

// Transformed applies transforms to every sample of ds. Random ones draw the same for a sample each
// time.
func Transformed(ds Dataset, seed uint64, transforms ...Transform) (Dataset, error) {
	return transform(ds, seed, transforms)
}

// transformed applies a chain of transforms in one epoch.
type transformed struct {
	base       Dataset
	transforms []Transform
	shapes     []tensor.Shape // before each transform
	shape      tensor.Shape   // after the last
	seed       uint64
	epoch      int
	workspaces *sync.Pool // *workspace
}

// workspace is the memory of one Sample: the image before and after a transform, and the random
// source.
type workspace struct {
	before, after []float32
	source        *rand.PCG
	rng           *rand.Rand
}

func transform(ds Dataset, seed uint64, transforms []Transform) (*transformed, error) {
	t := &transformed{base: ds, transforms: slices.Clone(transforms), shape: ds.Shape(), seed: seed}
	largest := 0
	for _, step := range transforms {
		t.shapes = append(t.shapes, t.shape)
		largest = max(largest, t.shape.TotalSize())
		var err error
		if t.shape, err = step.Output(t.shape); err != nil {
			return nil, err
		}
		if _, err := sampleSize(t.shape); err != nil {
			return nil, fmt.Errorf("output of transform %d: %w", len(t.shapes)-1, err)
		}
	}
	t.workspaces = &sync.Pool{New: func() any {
		source := rand.NewPCG(0, 0)
		return &workspace{before: make([]float32, largest), after: make([]float32, largest), source: source,
			rng: rand.New(source)}
	}}
	return t, nil
}

func (t *transformed) Len() int             { return t.base.Len() }
func (t *transformed) Shape() tensor.Shape  { return t.shape.Clone() }
func (t *transformed) Classes() int         { return t.base.Classes() }
func (t *transformed) ClassNames() []string { return ClassNames(t.base) }

func (t *transformed) Sample(i int, dst []float32) (int, error) {
	if err := checkLength(dst, t.shape); err != nil {
		return 0, err
	}
	if len(t.transforms) == 0 {
		return t.base.Sample(i, dst)
	}
	w := t.workspaces.Get().(*workspace)
	defer t.workspaces.Put(w)
	src := imageOf(t.shapes[0], w.before)
	label, err := t.base.Sample(i, src.Pixels)
	if err != nil {
		return 0, err
	}
	w.source.Seed(sampleSeeds(t.seed, t.epoch, i))
	t.apply(imageOf(t.shape, dst), src, w)
	return label, nil
}

// apply runs the chain from src, which is in w.before, to dst. Images in between alternate between
// w.after and w.before.
func (t *transformed) apply(dst, src picture.Image, w *workspace) {
	last := len(t.transforms) - 1
	used, free := w.before, w.after
	for k, step := range t.transforms[:last] {
		next := imageOf(t.shapes[k+1], free)
		step.Apply(next, src, w.rng)
		src, used, free = next, free, used
	}
	t.transforms[last].Apply(dst, src, w.rng)
}

// imageOf returns an image of the given shape in the first of the values.
func imageOf(shape tensor.Shape, values []float32) picture.Image {
	return picture.Image{Channels: shape[0], Height: shape[1], Width: shape[2],
		Pixels: values[:shape[0]*shape[1]*shape[2]]}
}

// sampleSeeds seeds a sample's random source. Seed, epoch and index are mixed separately, so that
// neighbours are unrelated.
func sampleSeeds(seed uint64, epoch, index int) (uint64, uint64) {
	stream := splitmix.Mix(splitmix.Mix(seed) + uint64(epoch))
	return stream, splitmix.Mix(stream + uint64(index))
}

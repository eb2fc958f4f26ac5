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

// Augmented is a training set that looks different each epoch. As a Dataset it shows its samples as they are evaluated;
// [Augmented.Epoch] shows them as they are trained on.
type Augmented struct {
	Dataset
	training *transformed
}

// Augment makes ds a set whose samples go through the training transforms for training and through the evaluation
// transforms otherwise. Both must end in the same shape; either list may be empty.
//
// What a training sample becomes depends on seed, epoch and index alone: not on the order in which samples are asked
// for, nor on how many goroutines ask.
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
		return nil, fmt.Errorf("training transforms make images of %v, evaluation transforms %v: expected the same", changing.shape, plain.shape)
	}
	return &Augmented{Dataset: plain, training: changing}, nil
}

// Epoch returns the set as it is trained on in the given epoch.
func (a *Augmented) Epoch(epoch int) Dataset {
	view := *a.training
	view.epoch = epoch
	return &view
}

// ClassNames are those of the set beneath.
func (a *Augmented) ClassNames() []string { return ClassNames(a.Dataset) }

// ForEpoch returns what an epoch of training on ds sees: ds itself, unless it is [Augmented].
func ForEpoch(ds Dataset, epoch int) Dataset {
	if varying, ok := ds.(interface{ Epoch(int) Dataset }); ok {
		return varying.Epoch(epoch)
	}
	return ds
}

// Transformed is ds with the transforms applied to every sample. Random ones draw the same for a sample each time.
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

// workspace is the memory one Sample needs: the image before and after a transform, and the random source.
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
		return &workspace{before: make([]float32, largest), after: make([]float32, largest), source: source, rng: rand.New(source)}
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

// apply runs the chain from src, which lies in w.before, to dst; the images between lie in w.after and w.before in turn.
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

// imageOf is an image of the given shape in the first of the values.
func imageOf(shape tensor.Shape, values []float32) picture.Image {
	return picture.Image{Channels: shape[0], Height: shape[1], Width: shape[2], Pixels: values[:shape[0]*shape[1]*shape[2]]}
}

// sampleSeeds starts a sample's random source. Neighbouring seeds, epochs and indices must not start related ones, so
// that each goes through a mixer of its own.
func sampleSeeds(seed uint64, epoch, index int) (uint64, uint64) {
	stream := splitmix.Mix(splitmix.Mix(seed) + uint64(epoch))
	return stream, splitmix.Mix(stream + uint64(index))
}

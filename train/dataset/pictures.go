package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// PictureOptions configure [Open] and [OpenFolder]. The zero value reads RGB images of 256x256, as
// AlexNet's training does.
type PictureOptions struct {
	// Shape returns the shape (C,H,W) of a sample.
	Shape tensor.Shape
	// Preprocess makes a sample of a picture. The zero value leaves an image of Shape's size
	// unchanged.
	Preprocess picture.Preprocessing
	// TestFraction of each class's images, rounded to the nearest number, is for testing, if the
	// data don't separate them. The choice depends on their names and on Seed alone. 0 means 0.1; a
	// negative fraction keeps all for training.
	TestFraction float64
	Seed         uint64
	// Strict refuses data with anything left out but system files (see [Pictures.LeftOut]), and
	// makes a corrupt image an ordinary error, which nothing skips.
	Strict bool
	// CacheBytes bounds the memory that keeps samples (4·C·H·W bytes each) for the next epoch. The
	// first images read stay. 0 keeps none.
	CacheBytes int64
	// Window is the number of bytes of a Parquet set that are in memory at once to be shuffled; see
	// [Shuffle]. 0 means 256 MiB.
	Window int64
	// AnyPath lets a list name files outside of its folder, by absolute paths or with "..".
	AnyPath bool
	// LabelColumn is the column of the labels, in Parquet files and lists. "" is the one that the
	// data declare, or one of a usual name.
	LabelColumn string
}

func (o PictureOptions) withDefaults() (PictureOptions, error) {
	if o.Shape == nil {
		o.Shape = tensor.Shape{3, 256, 256}
	}
	if o.TestFraction == 0 {
		o.TestFraction = 0.1
	}
	if err := picture.TakesPictures(o.Shape); err != nil {
		return o, fmt.Errorf("image folder: %w", err)
	}
	if err := o.Preprocess.Check(o.Shape); err != nil {
		return o, fmt.Errorf("image folder: preprocessing: %w", err)
	}
	if !(o.TestFraction < 1) {
		return o, fmt.Errorf("image folder: got test fraction %v, want less than 1", o.TestFraction)
	}
	if o.CacheBytes < 0 {
		return o, fmt.Errorf("image folder: got a cache of %d bytes, want 0 or more", o.CacheBytes)
	}
	if o.Window == 0 {
		o.Window = 256 << 20
	}
	if o.Window < 0 {
		return o, fmt.Errorf("image folder: got a window of %d bytes, want 0 or more", o.Window)
	}
	return o, nil
}

// Pictures is a set of encoded pictures, in class folders, tar files, Parquet files, or a list of
// files. Sample decodes them. In memory are their names, the pictures being decoded, the cache, and
// a window of a Parquet file.
type Pictures struct {
	options PictureOptions
	classes []string
	store   store
	leftOut []LeftOut
	budget  *atomic.Int64 // bytes left for the cache, shared by training and test set
	cache   []atomic.Pointer[[]float32]

	mu      sync.Mutex
	corrupt map[int]*CorruptError
}

// CorruptError is a picture that can't be decoded or prepared, or whose file vanished or may not be
// read. A [Loader] can skip it.
type CorruptError struct {
	Path string // of its file, with the place in it if it holds several
	Err  error  // what is wrong with it
}

func (e *CorruptError) Error() string { return fmt.Sprintf("corrupt image %s: %v", e.Path, e.Err) }
func (e *CorruptError) Unwrap() error { return e.Err }

// newPictures makes a training and a test set of two stores.
func newPictures(options PictureOptions, classes []string, training, testing store,
	leftOut, leftOutOfTest []LeftOut) (train, test *Pictures) {
	budget := new(atomic.Int64)
	budget.Store(options.CacheBytes)
	of := func(s store, leftOut []LeftOut) *Pictures {
		p := &Pictures{options: options, classes: classes, store: s, leftOut: leftOut, budget: budget}
		p.corrupt = map[int]*CorruptError{}
		if options.CacheBytes > 0 {
			p.cache = make([]atomic.Pointer[[]float32], s.Len())
		}
		return p
	}
	return of(training, leftOut), of(testing, leftOutOfTest)
}

// Len returns the number of pictures, with corrupt ones.
func (p *Pictures) Len() int { return p.store.Len() }

// Shape is (C,H,W) of one sample.
func (p *Pictures) Shape() tensor.Shape { return p.options.Shape.Clone() }

// Classes returns the number of classes.
func (p *Pictures) Classes() int { return len(p.classes) }

// ClassNames returns the classes' names by label: of class folders in Unicode's normal form C,
// sorted.
func (p *Pictures) ClassNames() []string { return slices.Clone(p.classes) }

// LeftOut lists what is beside the set's pictures and not part of it, by folder or file. If the
// data are divided into a training and a test set, the training set alone reports it.
func (p *Pictures) LeftOut() []LeftOut { return slices.Clone(p.leftOut) }

// Path returns the file of sample i, with the place in it if it has several samples. It returns ""
// if there is no such sample.
func (p *Pictures) Path(i int) string {
	if checkIndex(i, p.Len()) != nil {
		return ""
	}
	return p.store.path(i)
}

// CorruptImages lists the images that Sample has found corrupt so far, by path.
func (p *Pictures) CorruptImages() []*CorruptError {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*CorruptError, 0, len(p.corrupt))
	for _, d := range p.corrupt {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *CorruptError) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// Sample decodes image i and writes it to dst, prepared as the options say. If the image is
// corrupt, or its own file vanished or may not be read, the error is a *[CorruptError], or with
// Strict an ordinary error. Other errors of the file system, and the loss of the whole class
// folder, are ordinary errors: they don't concern a single image.
func (p *Pictures) Sample(i int, dst []float32) (int, error) {
	if err := checkIndex(i, p.Len()); err != nil {
		return 0, err
	}
	if err := checkLength(dst, p.options.Shape); err != nil {
		return 0, err
	}
	label := p.store.label(i)
	if values := p.cached(i); values != nil {
		copy(dst, values)
		return label, nil
	}
	if err := p.prepare(i, dst); err != nil {
		return 0, err
	}
	p.keep(i, dst)
	return label, nil
}

// prepare reads image i into dst.
func (p *Pictures) prepare(i int, dst []float32) error {
	if d := p.knownCorrupt(i); d != nil {
		return p.errorOf(d)
	}
	err := p.read(i, dst)
	if err == nil || errors.Is(err, picture.ErrFile) && !p.store.isAboutOne(i, err) {
		return err
	}
	var path *fs.PathError
	if errors.As(err, &path) { // the message names the file already
		err = fmt.Errorf("%w: %w", picture.ErrFile, path.Err)
	}
	d := &CorruptError{Path: p.Path(i), Err: err}
	p.mu.Lock()
	p.corrupt[i] = d
	p.mu.Unlock()
	return p.errorOf(d)
}

func (p *Pictures) read(i int, dst []float32) error {
	img, err := p.store.decode(i)
	if err != nil {
		return err
	}
	return p.options.Preprocess.ApplyTo(dst, img, p.options.Shape)
}

func (p *Pictures) knownCorrupt(i int) *CorruptError {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.corrupt[i]
}

// errorOf returns Sample's error for d. Strict hides the type, so that nothing skips it.
func (p *Pictures) errorOf(d *CorruptError) error {
	if p.options.Strict {
		return fmt.Errorf("corrupt image %s: %w", d.Path, d.Err)
	}
	return d
}

func (p *Pictures) cached(i int) []float32 {
	if p.cache == nil {
		return nil
	}
	if values := p.cache[i].Load(); values != nil {
		return *values
	}
	return nil
}

// keep caches a copy of image i if there is space. Nothing is ever evicted: an epoch visits every
// image once, so one image is as good as another.
func (p *Pictures) keep(i int, values []float32) {
	if p.cache == nil {
		return
	}
	size := 4 * int64(len(values))
	if p.budget.Add(-size) < 0 {
		p.budget.Add(size)
		return
	}
	kept := slices.Clone(values)
	if !p.cache[i].CompareAndSwap(nil, &kept) { // another goroutine was faster
		p.budget.Add(size)
	}
}

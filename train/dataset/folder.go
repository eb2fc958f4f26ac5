package dataset

import (
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gorgonia.org/tensor"
)

// FolderOptions say how [OpenFolder] reads images. The zero value reads RGB images of 256x256, as AlexNet's training does.
type FolderOptions struct {
	// Size is the side of the square every image is made to: the shorter side scaled to Size, the middle of the longer
	// side kept. An image of that size is not touched. 0 means 256.
	Size int
	// Channels is 3 (red, green, blue) or 1 (brightness). 0 means 3.
	Channels int
	// TestFraction of each class's images, rounded to the nearest number, is for testing, when the folder does not
	// separate them itself. Which ones depends on their names and on Seed alone. 0 means 0.1; a negative fraction keeps
	// all for training.
	TestFraction float64
	Seed         uint64
	// Strict makes a damaged image an ordinary error, which nothing skips.
	Strict bool
	// CacheBytes bounds the memory that keeps decoded images (Size·Size·Channels bytes each) for the next epoch. The
	// first images read stay. 0 keeps none.
	CacheBytes int64
}

// maxSide keeps Size·Size·Channels far from overflow; a network has no use for a larger image.
const maxSide = 1 << 13

func (o FolderOptions) withDefaults() (FolderOptions, error) {
	if o.Size == 0 {
		o.Size = 256
	}
	if o.Channels == 0 {
		o.Channels = 3
	}
	if o.TestFraction == 0 {
		o.TestFraction = 0.1
	}
	switch {
	case o.Size < 1 || o.Size > maxSide:
		return o, fmt.Errorf("image folder: size %d: expected 1 to %d", o.Size, maxSide)
	case o.Channels != 1 && o.Channels != 3:
		return o, fmt.Errorf("image folder: %d channels: expected 1 or 3", o.Channels)
	case !(o.TestFraction < 1):
		return o, fmt.Errorf("image folder: test fraction %v: expected less than 1", o.TestFraction)
	case o.CacheBytes < 0:
		return o, fmt.Errorf("image folder: cache of %d bytes: expected 0 or more", o.CacheBytes)
	}
	return o, nil
}

// Folder is a set of PNG and JPEG files, one class a folder, decoded when a sample is asked for. Its memory is that of
// the names, of the images being decoded, and of the cache.
type Folder struct {
	options FolderOptions
	classes []string
	files   []imageFile
	shape   tensor.Shape
	budget  *atomic.Int64 // bytes left for the cache, shared by training and test set

	cache   []atomic.Pointer[[]uint8]
	buffers sync.Pool // *canvas

	mu      sync.Mutex
	damaged map[int]*DamagedError
}

// imageFile is one image, by the folder it lies in (shared by all of a class) and its name.
type imageFile struct {
	dir, name string
	label     int
}

// canvas is the memory one Sample needs beside its decoder's.
type canvas struct {
	square *image.RGBA
	pixels []uint8
}

// DamagedError is an image file whose content is no PNG or JPEG that can be decoded. A [Loader] can skip it.
type DamagedError struct {
	Path string
	Err  error // what is wrong with it
}

func (e *DamagedError) Error() string { return fmt.Sprintf("damaged image %s: %v", e.Path, e.Err) }
func (e *DamagedError) Unwrap() error { return e.Err }

func newFolder(options FolderOptions, classes []string, files []imageFile, budget *atomic.Int64) *Folder {
	f := &Folder{options: options, classes: classes, files: files, budget: budget, damaged: map[int]*DamagedError{},
		shape: tensor.Shape{options.Channels, options.Size, options.Size}}
	if options.CacheBytes > 0 {
		f.cache = make([]atomic.Pointer[[]uint8], len(files))
	}
	f.buffers.New = func() any {
		return &canvas{square: image.NewRGBA(image.Rect(0, 0, options.Size, options.Size)), pixels: make([]uint8, f.shape.TotalSize())}
	}
	return f
}

// Len is the number of image files, damaged ones included.
func (f *Folder) Len() int { return len(f.files) }

// Shape is (Channels,Size,Size).
func (f *Folder) Shape() tensor.Shape { return f.shape.Clone() }

// Classes is the number of class folders.
func (f *Folder) Classes() int { return len(f.classes) }

// ClassNames are the class folders' names, sorted: a label is an index into them.
func (f *Folder) ClassNames() []string { return slices.Clone(f.classes) }

// Path is the file of sample i, or "" when there is no such sample.
func (f *Folder) Path(i int) string {
	if checkIndex(i, len(f.files)) != nil {
		return ""
	}
	return filepath.Join(f.files[i].dir, f.files[i].name)
}

// Damaged lists the images that Sample has found damaged so far, by path.
func (f *Folder) Damaged() []*DamagedError {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]*DamagedError, 0, len(f.damaged))
	for _, d := range f.damaged {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *DamagedError) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// Sample decodes image i and writes its intensities, in [0, 1], to dst. If the file's content is damaged the error is a
// *[DamagedError], or with Strict one that merely says so; a file that cannot be opened or read is neither.
func (f *Folder) Sample(i int, dst []float32) (int, error) {
	if err := checkIndex(i, len(f.files)); err != nil {
		return 0, err
	}
	if err := checkLength(dst, f.shape); err != nil {
		return 0, err
	}
	label := f.files[i].label
	if pixels := f.cached(i); pixels != nil {
		unitScale(dst, pixels)
		return label, nil
	}
	c := f.buffers.Get().(*canvas)
	defer f.buffers.Put(c)
	if err := f.decode(i, c); err != nil {
		return 0, err
	}
	unitScale(dst, c.pixels)
	f.keep(i, c.pixels)
	return label, nil
}

// decode reads image i into c.pixels, channel by channel.
func (f *Folder) decode(i int, c *canvas) error {
	if d := f.knownDamage(i); d != nil {
		return f.damage(d)
	}
	img, err := decodeFile(f.Path(i))
	if errors.Is(err, errFile) {
		return err
	}
	if err != nil {
		d := &DamagedError{Path: f.Path(i), Err: err}
		f.mu.Lock()
		f.damaged[i] = d
		f.mu.Unlock()
		return f.damage(d)
	}
	fitSquare(c.square, img)
	planes(c.pixels, c.square, f.options.Channels)
	return nil
}

func (f *Folder) knownDamage(i int) *DamagedError {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.damaged[i]
}

// damage is the error Sample returns for d. Strict hides the type, by which others know what may be skipped.
func (f *Folder) damage(d *DamagedError) error {
	if f.options.Strict {
		return fmt.Errorf("damaged image %s: %w", d.Path, d.Err)
	}
	return d
}

func (f *Folder) cached(i int) []uint8 {
	if f.cache == nil {
		return nil
	}
	if pixels := f.cache[i].Load(); pixels != nil {
		return *pixels
	}
	return nil
}

// keep puts a copy of image i into the cache if there is room. Nothing is ever thrown out: an epoch visits every image
// once, so that whatever stays is as good as what would replace it.
func (f *Folder) keep(i int, pixels []uint8) {
	if f.cache == nil {
		return
	}
	size := int64(len(pixels))
	if f.budget.Add(-size) < 0 {
		f.budget.Add(size)
		return
	}
	kept := slices.Clone(pixels)
	if !f.cache[i].CompareAndSwap(nil, &kept) { // another goroutine was faster
		f.budget.Add(size)
	}
}

package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"gorgonia.org/tensor"

	"convgraph/picture"
)

// FolderOptions say how [OpenFolder] reads images. The zero value reads RGB images of 256x256, as
// AlexNet's training does.
type FolderOptions struct {
	// Shape is (C,H,W) of a sample, with 3 channels (red, green, blue) or 1 (brightness). nil means
	// (3,256,256).
	Shape tensor.Shape
	// Preprocess makes a sample of a picture. With the zero value an image of the size of Shape
	// isn't touched.
	Preprocess picture.Preprocessing
	// TestFraction of each class's images, rounded to the nearest number, is for testing, when the
	// folder does not separate them itself. Which ones depends on their names and on Seed alone. 0
	// means 0.1; a negative fraction keeps all for training.
	TestFraction float64
	Seed         uint64
	// Strict refuses a folder of which anything but system files is left out (see
	// [Folder.LeftOut]), and makes a damaged image an ordinary error, which nothing skips.
	Strict bool
	// CacheBytes bounds the memory that keeps samples (4·C·H·W bytes each) for the next epoch. The
	// first images read stay. 0 keeps none.
	CacheBytes int64
}

func (o FolderOptions) withDefaults() (FolderOptions, error) {
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
	return o, nil
}

// Folder is a set of picture files, one class a folder, decoded when a sample is asked for. Its
// memory is that of the names, of the images being decoded, and of the cache.
type Folder struct {
	options FolderOptions
	classes []string
	files   []imageFile
	leftOut []LeftOut
	budget  *atomic.Int64 // bytes left for the cache, shared by training and test set
	cache   []atomic.Pointer[[]float32]

	mu      sync.Mutex
	damaged map[int]*DamagedError
}

// imageFile is one image, by the folder it lies in (shared by all of a class) and its name.
type imageFile struct {
	dir, name string
	label     int
}

// DamagedError is an image file whose content can't be decoded or prepared, or that isn't there any
// more or may not be read. A [Loader] can skip it.
type DamagedError struct {
	Path string
	Err  error // what is wrong with it
}

func (e *DamagedError) Error() string { return fmt.Sprintf("damaged image %s: %v", e.Path, e.Err) }
func (e *DamagedError) Unwrap() error { return e.Err }

func newFolder(options FolderOptions, classes []string, files []imageFile, leftOut []LeftOut, budget *atomic.Int64) *Folder {
	f := &Folder{options: options, classes: classes, files: files, leftOut: leftOut, budget: budget}
	f.damaged = map[int]*DamagedError{}
	if options.CacheBytes > 0 {
		f.cache = make([]atomic.Pointer[[]float32], len(files))
	}
	return f
}

// Len is the number of image files, damaged ones included.
func (f *Folder) Len() int { return len(f.files) }

// Shape is (C,H,W) of one sample.
func (f *Folder) Shape() tensor.Shape { return f.options.Shape.Clone() }

// Classes is the number of class folders.
func (f *Folder) Classes() int { return len(f.classes) }

// ClassNames are the class folders' names in Unicode's normal form C, sorted: a label is an index
// into them.
func (f *Folder) ClassNames() []string { return slices.Clone(f.classes) }

// LeftOut lists what lies in the folder and isn't in the set, by folder. A folder that [OpenFolder]
// divides into a training and a test set is reported by the training set alone.
func (f *Folder) LeftOut() []LeftOut { return slices.Clone(f.leftOut) }

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

// Sample decodes image i and writes it to dst, prepared as the options say. If the file is damaged,
// has vanished or may not be read, the error is a *[DamagedError], or with Strict one that merely
// says so. Any other error of the file system, and the loss of the whole class folder, is neither:
// it isn't about one image.
func (f *Folder) Sample(i int, dst []float32) (int, error) {
	if err := checkIndex(i, len(f.files)); err != nil {
		return 0, err
	}
	if err := checkLength(dst, f.options.Shape); err != nil {
		return 0, err
	}
	label := f.files[i].label
	if values := f.cached(i); values != nil {
		copy(dst, values)
		return label, nil
	}
	if err := f.prepare(i, dst); err != nil {
		return 0, err
	}
	f.keep(i, dst)
	return label, nil
}

// prepare reads image i into dst.
func (f *Folder) prepare(i int, dst []float32) error {
	if d := f.knownDamage(i); d != nil {
		return f.damage(d)
	}
	err := f.read(i, dst)
	if err == nil || errors.Is(err, picture.ErrFile) && !f.isAboutOne(i, err) {
		return err
	}
	var path *fs.PathError
	if errors.As(err, &path) { // the message names the file already
		err = fmt.Errorf("%w: %w", picture.ErrFile, path.Err)
	}
	d := &DamagedError{Path: f.Path(i), Err: err}
	f.mu.Lock()
	f.damaged[i] = d
	f.mu.Unlock()
	return f.damage(d)
}

func (f *Folder) read(i int, dst []float32) error {
	img, err := picture.Open(f.Path(i))
	if err != nil {
		return err
	}
	return f.options.Preprocess.ApplyTo(dst, img, f.options.Shape)
}

// isAboutOne reports whether an error of the file system concerns image i alone. If its folder is
// gone too, a disk was probably unmounted, and skipping every image would hide that.
func (f *Folder) isAboutOne(i int, err error) bool {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		return false
	}
	dir, err := os.Open(f.files[i].dir)
	return err == nil && dir.Close() == nil
}

func (f *Folder) knownDamage(i int) *DamagedError {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.damaged[i]
}

// damage is the error Sample returns for d. Strict hides the type, by which others know what may be
// skipped.
func (f *Folder) damage(d *DamagedError) error {
	if f.options.Strict {
		return fmt.Errorf("damaged image %s: %w", d.Path, d.Err)
	}
	return d
}

func (f *Folder) cached(i int) []float32 {
	if f.cache == nil {
		return nil
	}
	if values := f.cache[i].Load(); values != nil {
		return *values
	}
	return nil
}

// keep puts a copy of image i into the cache if there is room. Nothing is ever thrown out: an epoch
// visits every image once, so that whatever stays is as good as what would replace it.
func (f *Folder) keep(i int, values []float32) {
	if f.cache == nil {
		return
	}
	size := 4 * int64(len(values))
	if f.budget.Add(-size) < 0 {
		f.budget.Add(size)
		return
	}
	kept := slices.Clone(values)
	if !f.cache[i].CompareAndSwap(nil, &kept) { // another goroutine was faster
		f.budget.Add(size)
	}
}

package dataset

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Export writes ds to the folder dir as DIR/CLASS/NUMBER.png, 8-bit RGB images that [OpenFolder] reads back in the order
// of class and index. Classes bear their [ClassNames]. Samples have one channel (written as grey) or three, and
// intensities in [0, 1].
//
// The folder appears whole or not at all: the images go to a temporary folder beside it, which is renamed at the end and
// removed after an error. dir must not exist, or be empty.
func Export(ds Dataset, dir string) error {
	return exportWhole(dir, func(temporary string) error { return writeClasses(ds, temporary) })
}

// ExportSplit is [Export] of a training and a test set to DIR/train and DIR/test, both or none.
func ExportSplit(train, test Dataset, dir string) error {
	return exportWhole(dir, func(temporary string) error {
		if err := writeClasses(train, filepath.Join(temporary, "train")); err != nil {
			return err
		}
		return writeClasses(test, filepath.Join(temporary, "test"))
	})
}

func exportWhole(dir string, write func(temporary string) error) (err error) {
	dir = filepath.Clean(dir)
	if err := checkTarget(dir); err != nil {
		return err
	}
	parent, name := filepath.Dir(dir), filepath.Base(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	temporary, err := os.MkdirTemp(parent, "."+name+".tmp-")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temporary))
		}
	}()
	if err := write(temporary); err != nil {
		return fmt.Errorf("export to %s: %w", dir, err)
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("export: %w", err)
	}
	if err := os.Rename(temporary, dir); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func checkTarget(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("export: %s is not empty: expected a new folder, found %s in it", dir, entries[0].Name())
	}
	return nil
}

// writeClasses writes the class folders of ds to dir, with as many images at a time as there are processors.
func writeClasses(ds Dataset, dir string) error {
	folders, err := makeClassFolders(ds, dir)
	if err != nil {
		return err
	}
	var (
		next    atomic.Int64
		failed  atomic.Bool
		workers sync.WaitGroup
		errs    = make([]error, runtime.GOMAXPROCS(0))
		digits  = len(strconv.Itoa(max(ds.Len()-1, 0)))
	)
	for w := range errs {
		workers.Go(func() {
			writer := newImageWriter(ds, folders, digits)
			for i := int(next.Add(1)) - 1; i < ds.Len() && !failed.Load(); i = int(next.Add(1)) - 1 {
				if errs[w] = writer.write(i); errs[w] != nil {
					failed.Store(true)
					return
				}
			}
		})
	}
	workers.Wait()
	return cmp.Or(errs...)
}

// makeClassFolders makes a folder for each class and returns their paths by label.
func makeClassFolders(ds Dataset, dir string) ([]string, error) {
	shape := ds.Shape()
	if _, err := sampleSize(shape); err != nil {
		return nil, err
	}
	if shape[0] != 1 && shape[0] != 3 {
		return nil, fmt.Errorf("samples %v have %d channels: expected 1 (grey) or 3 (red, green, blue)", shape, shape[0])
	}
	folders := ClassNames(ds)
	for label, name := range folders {
		if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
			return nil, fmt.Errorf("class %q cannot be the name of a folder", name)
		}
		folders[label] = filepath.Join(dir, name)
		if err := os.MkdirAll(folders[label], 0o755); err != nil {
			return nil, err
		}
	}
	return folders, nil
}

// imageWriter writes single samples and owns the memory that takes.
type imageWriter struct {
	ds      Dataset
	folders []string
	digits  int
	sample  []float32
	picture *image.NRGBA
	encoder png.Encoder
}

func newImageWriter(ds Dataset, folders []string, digits int) *imageWriter {
	shape := ds.Shape()
	return &imageWriter{ds: ds, folders: folders, digits: digits,
		sample:  make([]float32, shape.TotalSize()),
		picture: image.NewNRGBA(image.Rect(0, 0, shape[2], shape[1])),
		encoder: png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: new(singleBuffer)}, // twice as fast for 5% more bytes on MNIST
	}
}

// singleBuffer keeps the encoder's buffer from one image to the next.
type singleBuffer struct{ buffer *png.EncoderBuffer }

func (s *singleBuffer) Get() *png.EncoderBuffer  { return s.buffer }
func (s *singleBuffer) Put(b *png.EncoderBuffer) { s.buffer = b }

func (w *imageWriter) write(i int) error {
	label, err := w.ds.Sample(i, w.sample)
	if err != nil {
		return fmt.Errorf("sample %d: %w", i, err)
	}
	if label < 0 || label >= len(w.folders) {
		return fmt.Errorf("sample %d: label %d is out of range: the set has classes 0 to %d", i, label, len(w.folders)-1)
	}
	paint(w.picture, w.sample)
	return w.save(filepath.Join(w.folders[label], fmt.Sprintf("%0*d.png", w.digits, i)))
}

func (w *imageWriter) save(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	return cmp.Or(w.encoder.Encode(buffered, w.picture), buffered.Flush(), file.Close())
}

// paint sets the opaque picture's pixels to the intensities of a sample, one channel or three.
func paint(picture *image.NRGBA, sample []float32) {
	plane := len(picture.Pix) / 4
	green, blue := 0, 0
	if len(sample) == 3*plane {
		green, blue = plane, 2*plane
	}
	for i := range plane {
		pixel := picture.Pix[4*i : 4*i+4 : 4*i+4]
		pixel[0], pixel[1], pixel[2], pixel[3] = level(sample[i]), level(sample[green+i]), level(sample[blue+i]), 255
	}
}

// level is the 8-bit level nearest to an intensity; what is outside [0, 1] is clipped, and NaN is black.
func level(v float32) uint8 {
	if !(v > 0) {
		return 0
	}
	return uint8(min(v, 1)*255 + 0.5)
}

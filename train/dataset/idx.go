package dataset

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"gorgonia.org/tensor"
)

// Source is an IDX file, plain or gzip-compressed (its content tells), and its name for errors.
type Source struct {
	Name   string
	Reader io.Reader
}

// OpenIDX reads a training and a test set from the four files of MNIST's distribution in dir:
// train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
// t10k-labels-idx1-ubyte, each also with a dot for the second hyphen (train-images.idx3-ubyte) and
// with .gz appended. A plain file wins over a compressed one. The names may have a prefix, and test
// instead of t10k, as EMNIST's do. The files may be up to two folders below dir, as torchvision's
// are in MNIST/raw. Of several sets dir chooses one by its folder and its prefix:
// EMNIST/raw/emnist-letters. Images of EMNIST's files are turned upright; [FindIDX] gives the choice.
//
// Both sets have as many classes as the largest label of either implies. Errors name the file and
// the byte.
func OpenIDX(dir string) (train, test Dataset, err error) {
	files, err := FindIDX(dir)
	if err != nil {
		return nil, nil, err
	}
	return files.Open()
}

// IDXFiles are the four files of a training and a test set.
type IDXFiles struct {
	// Name is the path that chooses these files among several sets: their folder and their prefix.
	Name string

	// Transpose exchanges the rows and the columns of every image. FindIDX sets it for files with
	// the prefix emnist: EMNIST's hold the columns as rows, since they were made from Matlab's arrays
	// (Cohen et al. 2017).
	Transpose bool

	paths [4]string // in the order of idxFiles
}

// FindIDX finds the files that [OpenIDX] reads.
func FindIDX(dir string) (*IDXFiles, error) {
	set, err := findIDX(dir)
	if err != nil {
		return nil, err
	}
	return &IDXFiles{Name: set.name(), Transpose: set.isEMNIST(), paths: set.paths}, nil
}

// Open reads the sets.
func (f *IDXFiles) Open() (train, test Dataset, err error) {
	paths := f.paths
	first, err := readIDXFiles(paths[0], paths[1])
	if err != nil {
		return nil, nil, err
	}
	second, err := readIDXFiles(paths[2], paths[3])
	if err != nil {
		return nil, nil, err
	}
	if !first.shape.Eq(second.shape) {
		return nil, nil, fmt.Errorf("%s: test images are %dx%d, want %dx%d as in %s",
			paths[2], second.shape[1], second.shape[2], first.shape[1], first.shape[2], paths[0])
	}
	classes := max(first.classes, second.classes)
	first.classes, second.classes = classes, classes
	if f.Transpose {
		first.transpose()
		second.transpose()
	}
	return first, second, nil
}

func readIDXFiles(images, labels string) (*Images, error) {
	imagesFile, err := os.Open(images)
	if err != nil {
		return nil, err
	}
	defer imagesFile.Close()
	labelsFile, err := os.Open(labels)
	if err != nil {
		return nil, err
	}
	defer labelsFile.Close()
	return ReadIDX(Source{images, imagesFile}, Source{labels, labelsFile}, 0)
}

// ReadIDX reads a set of images and their labels: IDX files of three dimensions (count, height,
// width) and of one, both of unsigned bytes. With classes 0 the largest label determines the number
// of classes.
//
// It reads at most one byte more than the headers claim. Its memory is a small multiple of the
// bytes that were there, whatever the headers claim: it reads the labels first, to check the count
// of the images.
func ReadIDX(images, labels Source, classes int) (*Images, error) {
	if classes < 0 || classes > 256 {
		return nil, fmt.Errorf("%d classes: want 1 to 256, or 0 for as many as the labels say", classes)
	}
	labelBytes, err := readLabels(labels)
	if err != nil {
		return nil, err
	}
	if classes, err = countClasses(labels.Name, labelBytes, classes); err != nil {
		return nil, err
	}
	stream, err := newIDXStream(images)
	if err != nil {
		return nil, err
	}
	dims, err := stream.header(imagesMagic)
	if err != nil {
		return nil, err
	}
	if dims[0] != len(labelBytes) {
		return nil, fmt.Errorf("%s: byte 4 (count): got %d images, want %d as %s has labels",
			images.Name, dims[0], len(labelBytes), labels.Name)
	}
	pixels, err := stream.body(dims)
	if err != nil {
		return nil, err
	}
	return NewImages(tensor.Shape{1, dims[1], dims[2]}, pixels, labelBytes, classes)
}

func readLabels(labels Source) ([]uint8, error) {
	stream, err := newIDXStream(labels)
	if err != nil {
		return nil, err
	}
	dims, err := stream.header(labelsMagic)
	if err != nil {
		return nil, err
	}
	return stream.body(dims)
}

// labelsHeader is the size of a label file's header: label i is the byte labelsHeader+i.
const labelsHeader = 8

// countClasses checks the labels against the number of classes, or determines it if it is 0.
func countClasses(name string, labels []uint8, classes int) (int, error) {
	var seen [256]bool
	largest, occurring := 0, 0
	for i, label := range labels {
		if classes > 0 && int(label) >= classes {
			return 0, fmt.Errorf("%s: byte %d (label of image %d): got %d, want 0 to %d",
				name, labelsHeader+i, i, label, classes-1)
		}
		if label > labels[largest] {
			largest = i
		}
		if !seen[label] {
			seen[label] = true
			occurring++
		}
	}
	if classes > 0 {
		return classes, nil
	}
	// A stray byte makes a class far above the others. In a large set most classes occur: if half
	// of them don't, the labels are corrupt.
	classes = int(labels[largest]) + 1
	if len(labels) >= 10*classes && 2*occurring <= classes {
		return 0, fmt.Errorf("%s: byte %d (label of image %d): got %d, but only %d of the labels 0 to %d occur: "+
			"corrupt, or not numbered from 0",
			name, labelsHeader+largest, largest, labels[largest], occurring, classes-1)
	}
	return classes, nil
}

// The magic number is two zero bytes, the element type (8: unsigned byte) and the number of
// dimensions.
const (
	imagesMagic = 0x00000803
	labelsMagic = 0x00000801
)

var magicNames = map[uint32]string{imagesMagic: "images", labelsMagic: "labels"}

// header reads the magic number, which must be want, and the dimensions: each at least 1, their
// product an int.
func (s *idxStream) header(want uint32) ([]int, error) {
	magic, err := s.uint32("magic number")
	if err != nil {
		return nil, err
	}
	if magic != want {
		return nil, s.errorAt(0, "magic number", "got %s, want %s", describeMagic(magic), describeMagic(want))
	}
	names := []string{"count", "height", "width"}[:magic&0xff]
	dims := make([]int, len(names))
	product := uint64(1)
	for i, name := range names {
		v, err := s.uint32(name)
		if err != nil {
			return nil, err
		}
		if v == 0 {
			return nil, s.errorAt(s.offset-4, name, "got 0, want at least 1")
		}
		// product fits 62 bits before and v 32, so the comparison is made by division.
		if product > maxBody/uint64(v) {
			return nil, s.errorAt(s.offset-4, name, "got %d: the size overflows int", v)
		}
		dims[i], product = int(v), product*uint64(v)
	}
	return dims, nil
}

// maxBody lets a length double without overflow.
const maxBody = math.MaxInt / 2

func describeMagic(magic uint32) string {
	if name, ok := magicNames[magic]; ok {
		return fmt.Sprintf("0x%08x (%s)", magic, name)
	}
	return fmt.Sprintf("0x%08x", magic)
}

// body reads the elements of the dimensions, which must be the rest of the file.
func (s *idxStream) body(dims []int) ([]uint8, error) {
	want := 1
	for _, d := range dims {
		want *= d
	}
	data, err := s.read(want)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, s.errorAt(s.offset, "data", "truncated: the header promises %s = %d bytes, got %d",
			joinDims(dims), want, len(data))
	}
	if err != nil {
		return nil, s.readError(err)
	}
	switch err := s.end(); {
	case errors.Is(err, errTrailing):
		return nil, s.errorAt(s.offset, "end", "got trailing bytes: the header promises %s = %d bytes",
			joinDims(dims), want)
	case err != nil:
		return nil, s.readError(err)
	}
	return data, nil
}

func joinDims(dims []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(dims), "[]"), " ", "x")
}

package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"convgraph/picture"
)

// store holds the encoded pictures of a set: the files of a folder or a list, members of tar files,
// rows of Parquet files. [Pictures] has everything that doesn't depend on the form of storage. Its
// methods are safe for concurrent use.
type store interface {
	Len() int
	label(i int) int
	// path names picture i in messages.
	path(i int) string
	// key names picture i independently of where the data are. With the label it selects the test
	// pictures.
	key(i int) string
	// size is the approximate number of bytes of the encoded picture i, or -1 if its file is gone.
	size(i int) int64
	// decode decodes picture i. Errors of the file system are picture.ErrFile.
	decode(i int) (image.Image, error)
	// copyTo writes the encoded picture i, or nothing if its file is gone.
	copyTo(w io.Writer, i int) error
	// isAboutOne reports whether an error of the file system concerns picture i alone.
	isAboutOne(i int, err error) bool
	// pick returns a store of some of the pictures.
	pick(indices []int) store
}

// divide reserves a fraction of each class for testing: the first ones by the hash of their key.
// Both parts keep the order. At least one image of a class stays for training.
func divide(place string, s store, options PictureOptions) (train, test []int, err error) {
	all := make([]int, s.Len())
	hashes := make([]uint64, s.Len())
	classes := map[int][]uint64{}
	for i := range all {
		all[i], hashes[i] = i, keyHash(s.key(i), options.Seed)
		classes[s.label(i)] = append(classes[s.label(i)], hashes[i])
	}
	if options.TestFraction < 0 {
		return all, nil, nil
	}
	limits := map[int]uint64{}
	for label, hashes := range classes {
		limits[label] = testLimit(hashes, options.TestFraction)
	}
	for i := range all {
		if limit := limits[s.label(i)]; limit > 0 && hashes[i] <= limit {
			test = append(test, i)
		} else {
			train = append(train, i)
		}
	}
	if len(test) == 0 {
		return nil, nil,
			fmt.Errorf("%s: %d images leave none for testing at fraction %v: want more images, a larger fraction, "+
				"or folders train and test",
				place, s.Len(), options.TestFraction)
	}
	return train, test, nil
}

// testLimit returns the largest hash of a class's images for testing, or 0 if there are none. It
// sorts the hashes.
func testLimit(hashes []uint64, fraction float64) uint64 {
	count := min(int(math.Round(fraction*float64(len(hashes)))), len(hashes)-1)
	if count < 1 {
		return 0
	}
	slices.Sort(hashes)
	return hashes[count-1]
}

func keyHash(key string, seed uint64) uint64 {
	data := binary.LittleEndian.AppendUint64(nil, seed)
	sum := sha256.Sum256(append(data, key...))
	return binary.LittleEndian.Uint64(sum[:])
}

// imageFile is an image file: its folder (a string shared by the class) and its name.
type imageFile struct {
	dir, name string
	label     int
}

// imageFiles is the store of a folder of class folders.
type imageFiles []imageFile

func (f imageFiles) Len() int          { return len(f) }
func (f imageFiles) label(i int) int   { return f[i].label }
func (f imageFiles) path(i int) string { return filepath.Join(f[i].dir, f[i].name) }
func (f imageFiles) key(i int) string  { return filepath.Base(f[i].dir) + "/" + f[i].name }

func (f imageFiles) size(i int) int64 { return sizeOf(f.path(i)) }

func (f imageFiles) decode(i int) (image.Image, error) { return picture.Open(f.path(i)) }

func (f imageFiles) copyTo(w io.Writer, i int) error { return copyFile(w, f.path(i)) }

func (f imageFiles) isAboutOne(i int, err error) bool { return isAboutFile(f[i].dir, err) }

func (f imageFiles) some(indices []int) imageFiles { return pickFrom(f, indices) }

func (f imageFiles) pick(indices []int) store { return f.some(indices) }

// pickFrom returns the elements at the given indices.
func pickFrom[S ~[]E, E any](all S, indices []int) S {
	some := make(S, len(indices))
	for k, i := range indices {
		some[k] = all[i]
	}
	return some
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}

// isAboutFile reports whether an error concerns a single file of a folder. If the folder has gone
// too, a disk was probably unmounted, and skipping every image would hide that.
func isAboutFile(folder string, err error) bool {
	if !isAboutName(err) {
		return false
	}
	dir, err := os.Open(folder)
	return err == nil && dir.Close() == nil
}

// isAboutName reports whether no regular file can be read under a name. A list may contain any
// name.
func isAboutName(err error) bool {
	for _, cause := range []error{
		fs.ErrNotExist, fs.ErrPermission, syscall.EISDIR, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// copyFile writes a file's contents, or nothing for a name that can't be read.
func copyFile(w io.Writer, path string) error {
	file, err := os.Open(path)
	if err == nil {
		_, err = io.Copy(w, file)
		err = errors.Join(err, file.Close())
	}
	if isAboutName(err) {
		return nil
	}
	return err
}

package dataset_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"convgraph/internal/testutil"
	"convgraph/train/dataset"
)

// idx lays out an IDX file: the magic number, the dimensions, the data.
func idx(magic uint32, dims []uint32, data []byte) []byte {
	file := binary.BigEndian.AppendUint32(nil, magic)
	for _, d := range dims {
		file = binary.BigEndian.AppendUint32(file, d)
	}
	return append(file, data...)
}

func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// pair is a set of n images (height,width) and its labels, as files.
func pair(n, height, width int) (images, labels []byte) {
	pixels := make([]byte, n*height*width)
	for i := range pixels {
		pixels[i] = byte(i*37 + i>>8)
	}
	classes := make([]byte, n)
	for i := range classes {
		classes[i] = byte(i % 10)
	}
	return idx(0x803, []uint32{uint32(n), uint32(height), uint32(width)}, pixels),
		idx(0x801, []uint32{uint32(n)}, classes)
}

func readIDX(images, labels []byte) (*dataset.Images, error) {
	return dataset.ReadIDX(dataset.Source{Name: "images", Reader: bytes.NewReader(images)},
		dataset.Source{Name: "labels", Reader: bytes.NewReader(labels)}, 0)
}

func TestReadIDX(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, h, w := rapid.IntRange(1, 12).Draw(t, "n"), rapid.IntRange(1, 9).Draw(t, "h"),
			rapid.IntRange(1, 9).Draw(t, "w")
		pixels := rapid.SliceOfN(rapid.Byte(), n*h*w, n*h*w).Draw(t, "pixels")
		labels := rapid.SliceOfN(rapid.ByteRange(0, 9), n, n).Draw(t, "labels")
		set, err := readIDX(idx(0x803, []uint32{uint32(n), uint32(h), uint32(w)}, pixels),
			idx(0x801, []uint32{uint32(n)}, labels))
		require.NoError(t, err)
		require.Equal(t, n, set.Len())
		require.Equal(t, tensor.Shape{1, h, w}, set.Shape())
		x := make([]float32, h*w)
		for i := range n {
			label, err := set.Sample(i, x)
			require.NoError(t, err)
			require.Equal(t, int(labels[i]), label)
			for j, v := range x {
				require.Equal(t, float32(pixels[i*h*w+j])/255, v)
			}
		}
	})
}

func TestReadIDXFromAnyReader(t *testing.T) {
	images, labels := pair(200, 28, 28) // larger than the first chunk, so that the buffer grows
	want, err := readIDX(images, labels)
	require.NoError(t, err)
	for name, r := range map[string]io.Reader{
		"gzip":        bytes.NewReader(packed(t, images)),
		"two members": bytes.NewReader(append(packed(t, images[:5000]), packed(t, images[5000:])...)),
		"half reads":  iotest.HalfReader(bytes.NewReader(images)),
		"data and EOF": iotest.DataErrReader(
			bytes.NewReader(images)),
	} {
		got, err := dataset.ReadIDX(dataset.Source{Name: name, Reader: r},
			dataset.Source{Name: "labels", Reader: bytes.NewReader(labels)}, 0)
		require.NoError(t, err, name)
		assert.Equal(t, want, got, name)
	}
}

func TestReadIDXReportsReadErrors(t *testing.T) {
	images, labels := pair(200, 28, 28)
	for _, cut := range []int{0, 3, 17, 100000} {
		_, err := dataset.ReadIDX(
			dataset.Source{Name: "images",
				Reader: io.MultiReader(bytes.NewReader(images[:cut]), iotest.ErrReader(errBroken))},
			dataset.Source{Name: "labels", Reader: bytes.NewReader(labels)}, 0)
		require.ErrorIs(t, err, errBroken)
		assert.ErrorContains(t, err, "images: reading after byte")
	}
}

func TestReadIDXWithClasses(t *testing.T) {
	images, labels := pair(20, 2, 2)
	read := func(classes int) (*dataset.Images, error) {
		return dataset.ReadIDX(dataset.Source{Name: "images", Reader: bytes.NewReader(images)},
			dataset.Source{Name: "labels", Reader: bytes.NewReader(labels)}, classes)
	}
	set, err := read(12)
	require.NoError(t, err)
	assert.Equal(t, 12, set.Classes())
	_, err = read(7)
	assert.EqualError(t, err, "labels: byte 15 (label of image 7): got 7, want 0 to 6")
	_, err = read(257)
	assert.ErrorContains(t, err, "257 classes: want 1 to 256")
}

// Every cut of a small pair of files is an error that says it, and none of them is taken for the
// whole.
func TestReadIDXDetectsEveryTruncation(t *testing.T) {
	images, labels := pair(3, 2, 3)
	for cut := range len(images) {
		_, err := readIDX(images[:cut], labels)
		assert.ErrorContains(t, err, "images: byte", "images cut to %d bytes", cut)
		assert.ErrorContains(t, err, "truncated", "images cut to %d bytes", cut)
	}
	for cut := range len(labels) {
		_, err := readIDX(images, labels[:cut])
		assert.ErrorContains(t, err, "labels: byte", "labels cut to %d bytes", cut)
	}
	small := packed(t, images)
	for cut := 2; cut < len(small); cut++ { // with one byte it is no gzip file
		_, err := readIDX(small[:cut], labels)
		require.Error(t, err, "compressed images cut to %d bytes", cut)
		assert.Regexp(t, "truncated|cut off|lack their checksum", err.Error())
	}
}

func TestReadIDXDetectsEveryCorruptCompressedByte(t *testing.T) {
	images, labels := pair(3, 2, 3)
	whole, err := readIDX(images, labels)
	require.NoError(t, err)
	for i := range packed(t, images) {
		corrupt := packed(t, images)
		corrupt[i] ^= 0xff
		set, err := readIDX(corrupt, labels)
		if err == nil {
			assert.Equal(t, whole, set, "byte %d is of no consequence (time, system), or it is an error", i)
		}
	}
}

// A header that claims gigabytes costs no more memory than what came.
func TestReadIDXMemoryIsBoundedByTheInput(t *testing.T) {
	_, labels := pair(10, 1, 1)
	huge := idx(0x801, []uint32{1 << 30}, make([]byte, 100))
	wide := idx(0x803, []uint32{10, 1 << 13, 1 << 13}, make([]byte, 100))
	for name, read := range map[string]func() error{
		"labels": func() error { _, err := readIDX(nil, huge); return err },
		"images": func() error { _, err := readIDX(wide, labels); return err },
		"packed": func() error { _, err := readIDX(packed(t, wide), labels); return err },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := read()
		runtime.ReadMemStats(&after)
		assert.ErrorContains(t, err, "truncated", name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), name)
	}
}

// A gzip file whose header is honest about gigabytes of zeros is refused once it is clear what it
// is.
func TestReadIDXRejectsGzipBombs(t *testing.T) {
	mebibyte := packed(t, make([]byte, 1<<20))
	bomb := append(packed(t, idx(0x803, []uint32{10, 1 << 13, 1 << 13}, nil)), bytes.Repeat(mebibyte, 130)...)
	_, labels := pair(10, 1, 1)
	_, err := readIDX(bomb, labels)
	assert.ErrorContains(t, err, "refused as made to exhaust memory")
}

func TestSparseLabelsInLargeSets(t *testing.T) {
	images, labels := pair(3000, 1, 1)
	labels[8+1234] = 200
	_, err := readIDX(images, labels)
	assert.EqualError(t, err,
		"labels: byte 1242 (label of image 1234): got 200, but only 11 of the labels 0 to 200 occur: "+
			"corrupt, or not numbered from 0")

	images, labels = pair(30, 1, 1)
	labels[8+12] = 200
	set, err := readIDX(images, labels)
	require.NoError(t, err)
	assert.Equal(t, 201, set.Classes())
}

func writeFiles(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	return dir
}

func TestOpenIDXSpellings(t *testing.T) {
	images, labels := pair(20, 4, 5)
	testImages, testLabels := pair(7, 4, 5)
	for name, files := range map[string]map[string][]byte{
		"plain": {"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels,
			"t10k-images-idx3-ubyte": testImages, "t10k-labels-idx1-ubyte": testLabels},
		"dots and gz": {"train-images.idx3-ubyte": images, "train-labels.idx1-ubyte.gz": packed(t, labels),
			"t10k-images-idx3-ubyte.gz": packed(t, testImages), "t10k-labels.idx1-ubyte": testLabels},
		"content, not name": {"train-images-idx3-ubyte": packed(t, images), "train-labels-idx1-ubyte.gz": labels,
			"t10k-images-idx3-ubyte": testImages, "t10k-labels-idx1-ubyte": testLabels},
	} {
		train, test, err := dataset.OpenIDX(writeFiles(t, files))
		require.NoError(t, err, name)
		assert.Equal(t, 20, train.Len(), name)
		assert.Equal(t, 7, test.Len(), name)
		assert.Equal(t, tensor.Shape{1, 4, 5}, test.Shape(), name)
		assert.Equal(t, 10, test.Classes(), "%s: the training labels' count, though the test labels end at 6", name)
	}
}

// TestOpenIDXLayouts finds what is plainly there: as torchvision's folders and EMNIST's names have
// it. Of several sets it wants to be told which.
func TestOpenIDXLayouts(t *testing.T) {
	images, labels := pair(20, 4, 5)
	testImages, testLabels := pair(7, 4, 5)
	set := func(prefix, test string) map[string][]byte {
		return map[string][]byte{
			prefix + "train-images-idx3-ubyte": images, prefix + "train-labels-idx1-ubyte": labels,
			prefix + test + "-images-idx3-ubyte.gz": packed(t, testImages),
			prefix + test + "-labels-idx1-ubyte.gz": packed(t, testLabels),
		}
	}
	open := func(dir string) {
		t.Helper()
		assert.True(t, dataset.HasIDX(dir), dir)
		train, test, err := dataset.OpenIDX(dir)
		require.NoError(t, err, dir)
		assert.Equal(t, 20, train.Len(), dir)
		assert.Equal(t, 7, test.Len(), dir)
	}
	for _, files := range []map[string][]byte{
		set("raw/", "t10k"), set("MNIST/raw/", "t10k"), set("FashionMNIST/raw/", "t10k"),
		set("gzip/emnist-letters-", "test"), set("EMNIST/raw/emnist-digits-", "test"),
		set("my-own-", "t10k"), set("", "test"),
	} {
		open(writeFiles(t, files))
	}

	several := set("EMNIST/raw/emnist-letters-", "test")
	maps.Copy(several, set("EMNIST/raw/emnist-digits-", "test"))
	dir := writeFiles(t, several)
	_, _, err := dataset.OpenIDX(dir)
	raw := filepath.Join(dir, "EMNIST", "raw")
	assert.EqualError(t, err, fmt.Sprintf("%s: got 2 sets of IDX files: want one, or one of their names: %s, %s",
		dir, filepath.Join(raw, "emnist-digits"), filepath.Join(raw, "emnist-letters")))
	open(filepath.Join(raw, "emnist-letters"))
	assert.False(t, dataset.HasIDX(filepath.Join(raw, "emnist-let")))

	part := set("emnist-letters-", "test")
	delete(part, "emnist-letters-test-labels-idx1-ubyte.gz")
	dir = writeFiles(t, part)
	_, _, err = dataset.OpenIDX(dir)
	assert.EqualError(t, err, dir+": found no emnist-letters-test-labels-idx1-ubyte (with or without .gz)")
}

// TestOpenIDXTransposesEMNIST transposes the images of sets that are called emnist, and no
// others.
func TestOpenIDXTransposesEMNIST(t *testing.T) {
	images, labels := pair(3, 2, 3)
	folder := func(prefix string) string {
		return writeFiles(t, map[string][]byte{
			prefix + "train-images-idx3-ubyte": images, prefix + "train-labels-idx1-ubyte": labels,
			prefix + "test-images-idx3-ubyte": images, prefix + "test-labels-idx1-ubyte": labels,
		})
	}
	stored, _, err := dataset.OpenIDX(folder("qmnist-"))
	require.NoError(t, err)
	for _, prefix := range []string{"emnist-letters-", "EMNIST-"} {
		dir := folder(prefix)
		upright, test, err := dataset.OpenIDX(dir)
		require.NoError(t, err)
		require.Equal(t, test, upright)
		files, err := dataset.FindIDX(dir)
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(dir, strings.TrimSuffix(prefix, "-")), files.Name)
		assert.True(t, files.Transpose)
		files.Transpose = false
		left, test, err := files.Open()
		require.NoError(t, err)
		assert.Equal(t, stored, left)
		assert.Equal(t, stored, test)
		require.Equal(t, tensor.Shape{1, 3, 2}, upright.Shape())
		for i := range 3 {
			x, y := make([]float32, 6), make([]float32, 6)
			_, err := stored.Sample(i, x)
			require.NoError(t, err)
			_, err = upright.Sample(i, y)
			require.NoError(t, err)
			assert.Equal(t, []float32{x[0], x[3], x[1], x[4], x[2], x[5]}, y)
		}
	}
}

func TestHasIDX(t *testing.T) {
	assert.True(t, dataset.HasIDX(writeFiles(t, map[string][]byte{"t10k-labels.idx1-ubyte.gz": nil})))
	assert.False(t, dataset.HasIDX(writeFiles(t, map[string][]byte{"train-images": nil})))
	assert.False(t, dataset.HasIDX(filepath.Join(t.TempDir(), "absent")))
}

func TestOpenIDXRefuses(t *testing.T) {
	images, labels := pair(20, 4, 5)
	other, otherLabels := pair(20, 5, 5)
	dir := writeFiles(t, map[string][]byte{"train-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels})
	_, _, err := dataset.OpenIDX(dir)
	assert.EqualError(t, err, dir+": found no train-labels-idx1-ubyte, no t10k-images-idx3-ubyte (with or without .gz)")

	_, _, err = dataset.OpenIDX(filepath.Join(dir, "train-images-idx3-ubyte"))
	assert.ErrorContains(t, err, "is a file: want a folder that holds the four IDX files")

	_, _, err = dataset.OpenIDX(filepath.Join(dir, "absent"))
	assert.ErrorIs(t, err, os.ErrNotExist)

	dir = writeFiles(t, map[string][]byte{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels,
		"t10k-images-idx3-ubyte": other, "t10k-labels-idx1-ubyte": otherLabels})
	_, _, err = dataset.OpenIDX(dir)
	assert.ErrorContains(t, err, "test images are 5x5, want 4x5 as in")
}

// FuzzReadIDX: whatever comes is a set that can be read or an error, and no panic.
func FuzzReadIDX(f *testing.F) {
	images, labels := pair(3, 2, 3)
	f.Add(images, labels)
	f.Add(packed(f, images), packed(f, labels))
	f.Add(images[:len(images)-1], labels)
	f.Add(append(packed(f, images), 0), labels)
	f.Add(idx(0x803, []uint32{3, 1 << 31, 1 << 31}, nil), labels)
	f.Add(labels, images)
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		set, err := readIDX(images, labels)
		if err != nil {
			return
		}
		x := make([]float32, set.Shape().TotalSize())
		for i := range set.Len() {
			label, err := set.Sample(i, x)
			if err != nil || label >= set.Classes() {
				t.Fatalf("sample %d: label %d of %d, %v", i, label, set.Classes(), err)
			}
		}
		if _, err := set.Sample(set.Len(), x); err == nil {
			t.Fatal(errors.New("a sample behind the last"))
		}
	})
}

// Debian's package dataset-fashion-mnist installs Zalando's files here.
func TestOpenIDXReadsFashionMNIST(t *testing.T) {
	if testutil.RaceEnabled {
		t.Skip("decompressing all of it takes the race detector long, and nothing here is concurrent")
	}
	const dir = "/usr/share/datasets/fashion-mnist"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the Debian package dataset-fashion-mnist is not installed")
	}
	train, test, err := dataset.OpenIDX(dir)
	require.NoError(t, err)
	assert.Equal(t, 60000, train.Len())
	assert.Equal(t, tensor.Shape{1, 28, 28}, train.Shape())
	assert.Equal(t, 10, train.Classes())
	var counts [10]int
	for i := range test.Len() {
		label, _ := sampleOf(t, test, i)
		counts[label]++
	}
	assert.Equal(t, [10]int{1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000}, counts)
}

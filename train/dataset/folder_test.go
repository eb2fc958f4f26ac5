package dataset_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/picture"
	"convgraph/train/dataset"
)

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}))
	return b.Bytes()
}

// square is the shape of square colour images.
func square(side int) tensor.Shape { return tensor.Shape{3, side, side} }

// stripes is a picture of three vertical stripes: red, green, blue.
func stripes(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.NRGBA{A: 255}
			switch 3 * x / width {
			case 0:
				c.R = 255
			case 1:
				c.G = 255
			default:
				c.B = 255
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// tree writes files, given by slash-separated paths, to a new folder. A path that ends in a slash
// is a folder.
func tree(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(path, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	return dir
}

func sampleOf(t testing.TB, ds dataset.Dataset, i int) (label int, x []float32) {
	t.Helper()
	x = make([]float32, ds.Shape().TotalSize())
	label, err := ds.Sample(i, x)
	require.NoError(t, err)
	return label, x
}

func TestOpenFolderListsClassesSorted(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	dir := tree(t, map[string][]byte{
		"zebra/2.png": one, "zebra/1.PNG": one, "ant/a.jpeg": jpegOf(t, stripes(3, 3)), "cat/": nil,
		"ant/notes.txt": []byte("no image"), "ant/.hidden.png": one, "ant/deeper/x.png": one, ".git/x.png": one,
		"README.md": nil,
	})
	train, test, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), TestFraction: -1})
	require.NoError(t, err)
	assert.Equal(t, []string{"ant", "cat", "zebra"}, dataset.ClassNames(train))
	assert.Equal(t, 3, train.Classes())
	assert.Equal(t, tensor.Shape{3, 3, 3}, train.Shape())
	require.Equal(t, 3, train.Len())
	var got []string
	for i := range train.Len() {
		label, _ := sampleOf(t, train, i)
		got = append(got, fmt.Sprint(label, " ", filepath.Base(train.Path(i))))
	}
	assert.Equal(t, []string{"0 a.jpeg", "2 1.PNG", "2 2.png"}, got)
	assert.Zero(t, test.Len())
	assert.Empty(t, train.Path(3))
}

func TestOpenFolderSplitBySubfolders(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	for _, name := range []string{"test", "val"} {
		dir := tree(t, map[string][]byte{"train/a/1.png": one, "train/b/1.png": one, "train/c/1.png": one,
			name + "/c/1.png": one, name + "/a/1.png": one})
		train, test, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3)})
		require.NoError(t, err)
		assert.Equal(t, 3, train.Len())
		assert.Equal(t, []string{"a", "b", "c"}, test.ClassNames())
		label, _ := sampleOf(t, test, 1)
		assert.Equal(t, 2, label, "the label of c in the training folder, though the second class here")
	}
}

func TestClassNamedTrain(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	dir := tree(t, map[string][]byte{"train/1.png": one, "test/1.png": one, "ship/1.png": one})
	train, _, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), TestFraction: -1})
	require.NoError(t, err)
	assert.Equal(t, []string{"ship", "test", "train"}, train.ClassNames())
}

func TestOpenFolderSplitIsDeterministic(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	files := map[string][]byte{"few/1.png": one}
	for i := range 20 {
		files[fmt.Sprintf("a/%02d.png", i)] = one
		files[fmt.Sprintf("b/%02d.png", i)] = one
	}
	divide := func(seed uint64) (names []string) {
		train, test, err := dataset.OpenFolder(tree(t, files),
			dataset.PictureOptions{Shape: square(3), TestFraction: 0.25, Seed: seed})
		require.NoError(t, err)
		assert.Equal(t, 31, train.Len(), "15 of a, 15 of b, and the only one of few")
		assert.Equal(t, 10, test.Len())
		seen := map[string]bool{}
		for _, set := range []*dataset.Pictures{train, test} {
			for i := range set.Len() {
				class := filepath.Base(filepath.Dir(set.Path(i)))
				name := class + "/" + filepath.Base(set.Path(i))
				assert.False(t, seen[name], "%s is in both sets", name)
				seen[name] = true
				if set == test {
					names = append(names, name)
				}
			}
		}
		assert.Len(t, seen, 41)
		return names
	}
	first := divide(1)
	assert.Equal(t, first, divide(1))
	assert.NotEqual(t, first, divide(2))
}

func TestSplitKeepsATrainingImageOfEachClass(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	dir := tree(t, map[string][]byte{"a/1.png": one, "b/1.png": one, "b/2.png": one})
	train, test, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), TestFraction: 0.9})
	require.NoError(t, err)
	assert.Equal(t, 2, train.Len())
	assert.Equal(t, 1, test.Len())
}

func TestOpenFolderRefuses(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	for name, c := range map[string]struct {
		files   map[string][]byte
		options dataset.PictureOptions
		want    string
	}{
		"empty": {map[string][]byte{"x.txt": nil}, dataset.PictureOptions{},
			"found no image in 0 class folders: want files such as"},
		"no test": {map[string][]byte{"train/a/1.png": one}, dataset.PictureOptions{}, "val beside it"},
		"unknown class": {map[string][]byte{"train/a/1.png": one, "test/b/1.png": one}, dataset.PictureOptions{},
			`class "b" is not in`},
		"too few to test": {map[string][]byte{"a/1.png": one, "b/1.png": one}, dataset.PictureOptions{},
			"2 images leave none for testing at fraction 0.1"},
		"size": {nil, dataset.PictureOptions{Shape: square(0)},
			"got input [3 0 0], want a height and a width from 1 to 8192"},
		"channels": {nil, dataset.PictureOptions{Shape: tensor.Shape{4, 8, 8}},
			"got input [4 8 8], want (channels, height, width)"},
		"preprocessing": {nil, dataset.PictureOptions{Preprocess: picture.Preprocessing{Fit: "crop"}},
			`preprocessing: fit: got "crop"`},
		"fraction": {nil, dataset.PictureOptions{TestFraction: 1}, "got test fraction 1, want less than 1"},
		"cache":    {nil, dataset.PictureOptions{CacheBytes: -1}, "got a cache of -1 bytes"},
	} {
		_, _, err := dataset.OpenFolder(tree(t, c.files), c.options)
		assert.ErrorContains(t, err, c.want, name)
	}
	_, _, err := dataset.OpenFolder(filepath.Join(t.TempDir(), "absent"), dataset.PictureOptions{})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// only is a set of one image file, in a class of its own.
func only(t testing.TB, name string, data []byte, options dataset.PictureOptions) *dataset.Pictures {
	t.Helper()
	options.TestFraction = -1
	set, _, err := dataset.OpenFolder(tree(t, map[string][]byte{"class/" + name: data}), options)
	require.NoError(t, err)
	return set
}

func TestImagesOfTheRightSizeAreUnchanged(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 5, 5))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * 11)
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	_, x := sampleOf(t, only(t, "a.png", pngOf(t, img), dataset.PictureOptions{Shape: square(5)}), 0)
	for c := range 3 {
		for p := range 25 {
			assert.Equal(t, float32(img.Pix[4*p+c])/255, x[25*c+p], "channel %d, pixel %d", c, p)
		}
	}
}

func TestGrayImages(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range img.Pix {
		img.Pix[i] = uint8(i)
	}
	for channels := 1; channels <= 3; channels += 2 {
		_, x := sampleOf(t,
			only(t, "a.png", pngOf(t, img), dataset.PictureOptions{Shape: tensor.Shape{channels, 16, 16}}), 0)
		for i, v := range x {
			require.Equal(t, float32(i%256)/255, v, "%d channels, value %d", channels, i)
		}
	}
}

// A wide picture keeps its middle, the green stripe; a tall one is scaled to the same.
func TestScalesShorterSideAndCropsCenter(t *testing.T) {
	for name, data := range map[string][]byte{
		"a.png": pngOf(t, stripes(90, 30)), "b.jpg": jpegOf(t, stripes(96, 32)),
		"narrow.png": pngOf(t, stripes(60000, 7)),
	} {
		_, x := sampleOf(t, only(t, name, data, dataset.PictureOptions{Shape: square(8)}), 0)
		for i, v := range x {
			want := float32(0)
			if i/64 == 1 {
				want = 1
			}
			assert.InDelta(t, want, v, 0.04, "%s: value %d", name, i)
		}
	}
	_, x := sampleOf(t, only(t, "a.png", pngOf(t, stripes(30, 60)), dataset.PictureOptions{Shape: square(3)}), 0)
	for i, v := range []float32{1, 0, 0} {
		assert.InDelta(t, v, x[i], 0.2, "the red channel of the upper row: three stripes remain")
	}
}

func TestTransparencyOverBlack(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	img.SetNRGBA(0, 0, color.NRGBA{R: 255, G: 255, B: 255, A: 51})
	_, x := sampleOf(t, only(t, "a.png", pngOf(t, img), dataset.PictureOptions{Shape: square(1)}), 0)
	assert.Equal(t, []float32{0.2, 0.2, 0.2}, x)
}

func TestFormatComesFromContent(t *testing.T) {
	_, x := sampleOf(t, only(t, "really-a-jpeg.png", jpegOf(t, image.NewGray(image.Rect(0, 0, 4, 4))),
		dataset.PictureOptions{Shape: square(4)}), 0)
	assert.InDeltaSlice(t, make([]float32, 48), x, 0.01)
}

// hugePNG is a PNG of a few bytes whose header claims width x height.
func hugePNG(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	header = append(binary.BigEndian.AppendUint32(header, height), 8, 2, 0, 0, 0)
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	file = binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
	return append(file, "\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e"...)
}

// sizedJPEG is the start of a progressive JPEG of one channel, whose header claims side x side
// pixels.
func sizedJPEG(side uint16) []byte {
	file := []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc2\x00\x0b\x08")
	file = binary.BigEndian.AppendUint16(file, side)
	file = binary.BigEndian.AppendUint16(file, side)
	return append(file, 1, 1, 0x11, 0)
}

func TestCorruptImagesAreNamed(t *testing.T) {
	whole, photo := pngOf(t, stripes(30, 30)), jpegOf(t, stripes(30, 30))
	wrongSum := bytes.Clone(whole)
	wrongSum[len(wrongSum)-20] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty.png": {nil, "the file is empty"},
		"text.jpg": {[]byte("PK\x03\x04"),
			"got a file that starts with 50 4b 03 04, want PNG, JPEG, GIF, WebP, BMP or TIFF"},
		"cut.png":     {whole[:len(whole)-30], "PNG: not enough pixel data"},
		"header.png":  {whole[:20], "PNG cut off"},
		"cut.jpg":     {photo[:len(photo)-60], "JPEG: short Huffman data"},
		"sum.png":     {wrongSum, "invalid checksum"},
		"huge.png":    {hugePNG(1<<20, 1<<20), "PNG header: got 1048576x1048576 pixels, want at most"},
		"nothing.jpg": {sizedJPEG(0), "0x0 pixels, want at least 1x1"},
		"huge.jpg":    {sizedJPEG(1<<16 - 1), "JPEG header: got 65535x65535 pixels, want at most"},
	} {
		set := only(t, name, c.data, dataset.PictureOptions{Shape: square(8)})
		_, err := set.Sample(0, make([]float32, 3*64))
		var corrupt *dataset.CorruptError
		require.ErrorAs(t, err, &corrupt, name)
		assert.Equal(t, set.Path(0), corrupt.Path)
		assert.ErrorContains(t, err, "corrupt image "+set.Path(0)+": ")
		assert.ErrorContains(t, err, c.want, name)
		_, again := set.Sample(0, make([]float32, 3*64))
		assert.Same(t, err, again, "found once, remembered")
		assert.Equal(t, []*dataset.CorruptError{corrupt}, set.CorruptImages())
	}
}

// Every cut PNG is corrupt; a JPEG may lose its end marker and no more.
func TestEveryTruncationIsCorrupt(t *testing.T) {
	for name, whole := range map[string][]byte{"a.png": pngOf(t, stripes(6, 6)), "a.jpg": jpegOf(t, stripes(6, 6))} {
		for cut := 0; cut < len(whole)-2; cut += 3 {
			set := only(t, name, whole[:cut], dataset.PictureOptions{Shape: square(6)})
			_, err := set.Sample(0, make([]float32, 3*36))
			var corrupt *dataset.CorruptError
			assert.ErrorAs(t, err, &corrupt, "%s cut to %d bytes", name, cut)
		}
	}
}

func TestStrictErrorIsOrdinary(t *testing.T) {
	set := only(t, "a.png", nil, dataset.PictureOptions{Shape: square(8), Strict: true})
	_, err := set.Sample(0, make([]float32, 3*64))
	var corrupt *dataset.CorruptError
	assert.False(t, errors.As(err, &corrupt))
	assert.ErrorContains(t, err, "corrupt image "+set.Path(0)+": the file is empty")
}

// An image that vanishes is one corrupt image, however it was found; a folder that vanishes is an
// error of its own.
func TestVanishedImageIsCorrupt(t *testing.T) {
	one := pngOf(t, stripes(8, 8))
	dir := tree(t, map[string][]byte{"cat/1.png": one, "cat/2.png": one, "cat/3.png": one})
	set, _, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(8), TestFraction: -1})
	require.NoError(t, err)
	require.NoError(t, os.Remove(set.Path(1)))
	images := 0
	loader := newLoader(t, dataset.LoaderOptions{Batch: 3, OnCorrupt: dataset.ReplaceCorrupt})
	for batch, err := range loader.Epoch(set, []int{0, 1, 2}) {
		require.NoError(t, err)
		assert.Equal(t, []int{0, 2, 2}, batch.Indices)
		images += len(batch.Labels)
	}
	assert.Equal(t, 3, images)
	require.Len(t, set.CorruptImages(), 1)
	assert.Equal(t, set.Path(1), set.CorruptImages()[0].Path)
	assert.ErrorIs(t, set.CorruptImages()[0], os.ErrNotExist)
	assert.NoError(t, dataset.Digest(set, io.Discard))

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "cat")))
	_, err = set.Sample(0, make([]float32, 3*64))
	var corrupt *dataset.CorruptError
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.False(t, errors.As(err, &corrupt))
}

func TestUnreadableImageIsCorrupt(t *testing.T) {
	set := only(t, "a.png", pngOf(t, stripes(8, 8)), dataset.PictureOptions{Shape: square(8)})
	require.NoError(t, os.Chmod(set.Path(0), 0))
	if f, err := os.Open(set.Path(0)); err == nil {
		f.Close()
		t.Skip("this user may read any file")
	}
	_, err := set.Sample(0, make([]float32, 3*64))
	var corrupt *dataset.CorruptError
	require.ErrorAs(t, err, &corrupt)
	assert.ErrorIs(t, err, os.ErrPermission)
}

func TestFolderCacheIsBounded(t *testing.T) {
	files := map[string][]byte{}
	for i := range 6 {
		files[fmt.Sprintf("a/%d.png", i)] = pngOf(t, stripes(4+i, 4))
	}
	dir := tree(t, files)
	const sample = 4 * 3 * 16 // bytes
	set, _, err := dataset.OpenFolder(dir,
		dataset.PictureOptions{Shape: square(4), TestFraction: -1, CacheBytes: 2*sample + sample/2})
	require.NoError(t, err)
	var want [6][]float32
	for i := range want {
		_, want[i] = sampleOf(t, set, i)
	}
	require.NoError(t, os.RemoveAll(dir))
	for i := range want {
		x := make([]float32, sample/4)
		_, err := set.Sample(i, x)
		if i < 2 {
			require.NoError(t, err, "sample %d is in the cache", i)
			assert.Equal(t, want[i], x)
		} else {
			assert.ErrorIs(t, err, os.ErrNotExist, "sample %d had no room", i)
		}
	}
}

func TestFolderSamplesConcurrently(t *testing.T) {
	files := map[string][]byte{"a/corrupt.png": nil}
	for i := range 8 {
		files[fmt.Sprintf("a/%d.png", i)] = pngOf(t, stripes(5+i, 9))
	}
	set, _, err := dataset.OpenFolder(tree(t, files),
		dataset.PictureOptions{Shape: square(5), TestFraction: -1, CacheBytes: 1200})
	require.NoError(t, err)
	var want [8][]float32
	for i := range want {
		_, want[i] = sampleOf(t, set, i)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			x := make([]float32, 75)
			for i := range 9 {
				if _, err := set.Sample(i, x); i < 8 {
					assert.NoError(t, err)
					assert.Equal(t, want[i], x)
				}
			}
		})
	}
	group.Wait()
	assert.Len(t, set.CorruptImages(), 1)
}

package dataset_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/picture"
	"convgraph/train/dataset"
)

func leftOut(t *testing.T, f *dataset.Pictures, dir string) (lines []string) {
	t.Helper()
	for _, l := range f.LeftOut() {
		relative, err := filepath.Rel(dir, l.Folder)
		require.NoError(t, err)
		l.Folder = filepath.ToSlash(relative)
		lines = append(lines, fmt.Sprint(l, " ", l.Expected))
	}
	return lines
}

// What isn't part of the set is named, with counts and the first names.
func TestLeftOut(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	dir := tree(t, map[string][]byte{
		"cat/1.png": one, "cat/notes.txt": nil, "cat/a.heic": nil, "cat/b.heic": nil, "cat/c.heic": nil,
		"cat/deeper/2.png": one,
		"cat/.DS_Store":    nil, "cat/Thumbs.db": nil, "dog/1.svg": nil, "empty/": nil, "__MACOSX/cat/._1.png": nil,
		".git/x.png": one, "loose.png": one, "README.md": nil,
	})
	train, test, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), TestFraction: -1})
	require.NoError(t, err)
	assert.Equal(t, 1, train.Len())
	assert.Equal(t, []string{"cat", "dog", "empty"}, train.ClassNames())
	assert.Equal(t, []string{
		".: 2 hidden or system files: .git, __MACOSX true",
		".: 1 pictures outside of the class folders: loose.png false",
		"cat: 2 hidden or system files: .DS_Store, Thumbs.db true",
		"cat: 4 files that aren't named as a picture of a known format: a.heic, b.heic, c.heic, … false",
		"cat: 1 folders within a class folder: deeper false",
		"dog: 1 files that aren't named as a picture of a known format: 1.svg false",
		".: 2 class folders without a picture: dog, empty false",
	}, leftOut(t, train, dir))
	assert.Empty(t, test.LeftOut(), "the training set reports it")
	lines := dataset.LeftOutLines(train, test)
	require.Len(t, lines, 6)
	assert.Equal(t, "left out: "+dir+": 1 pictures outside of the class folders: loose.png", lines[0])
	assert.Equal(t, "left out: 4 hidden or system files: .git, __MACOSX, .DS_Store, …", lines[5])

	_, _, err = dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), TestFraction: -1, Strict: true})
	require.ErrorContains(t, err, "want class folders of pictures only (PNG, JPEG, GIF, WebP, BMP or TIFF), got ")
	assert.ErrorContains(t, err, "loose.png; ")
	assert.ErrorContains(t, err, "2 class folders without a picture: dog, empty")
	assert.NotContains(t, err.Error(), ".DS_Store")
}

// A thousand class folders with stray files are not a thousand lines.
func TestLeftOutIsSummarized(t *testing.T) {
	files := map[string][]byte{}
	for i := range 30 {
		files[fmt.Sprintf("%02d/1.png", i)] = pngOf(t, stripes(3, 3))
		files[fmt.Sprintf("%02d/1.txt", i)] = nil
		files[fmt.Sprintf("%02d/2.txt", i)] = nil
	}
	train, _, err := dataset.OpenFolder(tree(t, files), dataset.PictureOptions{Shape: square(3), TestFraction: -1})
	require.NoError(t, err)
	lines := dataset.LeftOutLines(train)
	require.Len(t, lines, 21)
	assert.Equal(t, "left out: 20 more in other folders", lines[20])
}

// A test set reports its own folder; folders beside the two sets are named, too.
func TestLeftOutOfATestSet(t *testing.T) {
	one := pngOf(t, stripes(3, 3))
	dir := tree(t, map[string][]byte{"train/a/1.png": one, "test/a/1.png": one, "test/a/x.txt": nil, "val/a/1.png": one,
		".cache/x": nil})
	train, test, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3)})
	require.NoError(t, err)
	assert.Equal(t, []string{".: 1 folders beside the training and the test set: val true"}, leftOut(t, train, dir))
	assert.Equal(t, []string{"test/a: 1 files that aren't named as a picture of a known format: x.txt false"},
		leftOut(t, test, dir))
	require.NoError(t, os.Remove(filepath.Join(dir, "test", "a", "x.txt")))
	_, _, err = dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3), Strict: true})
	assert.NoError(t, err, "system files and other sets are nobody's mistake")
}

// A name that isn't UTF-8 is refused before a training, not after it.
func TestClassNamesAreUTF8(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the file system takes no such name")
	}
	one := pngOf(t, stripes(3, 3))
	dir := tree(t, map[string][]byte{"row/1.png": one, "caf\xe9/1.png": one})
	_, _, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3)})
	assert.EqualError(t, err, dir+`: got a class folder "caf\xe9", want a name in UTF-8: rename it`)
}

// A class has the same name and label whichever normal form its folder's name is stored in.
func TestClassNamesInEitherNormalForm(t *testing.T) {
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	one := pngOf(t, stripes(3, 3))
	for _, stored := range []string{composed, decomposed} {
		// Byte by byte, the decomposed name comes before "caff" and the composed one after it.
		dir := tree(t, map[string][]byte{"train/" + stored + "/1.png": one, "train/caff/1.png": one,
			"test/" + decomposed + "/1.png": one})
		train, test, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3)})
		require.NoError(t, err)
		assert.Equal(t, []string{"caff", composed}, train.ClassNames())
		label, _ := sampleOf(t, test, 0)
		assert.Equal(t, 1, label)
	}
	assert.True(t, dataset.SameClasses([]string{"a", composed}, []string{"a", decomposed}))
	assert.False(t, dataset.SameClasses([]string{"a", composed}, []string{"a"}))
	assert.False(t, dataset.SameClasses([]string{"a"}, []string{"b"}))
	if runtime.GOOS == "darwin" {
		return // the file system takes the two for one
	}
	dir := tree(t, map[string][]byte{composed + "/1.png": one, decomposed + "/1.png": one})
	_, _, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: square(3)})
	assert.EqualError(t, err,
		dir+`: got class folders "cafe\u0301" and "caf\u00e9", whose names are the same but for the Unicode normal `+
			`form: rename one`)
}

// A folder's samples are what the same preprocessing makes of the same files elsewhere.
func TestFolderPreprocesses(t *testing.T) {
	img := stripes(40, 60)
	for _, c := range []struct {
		p     picture.Preprocessing
		shape tensor.Shape
	}{
		{picture.Preprocessing{}, tensor.Shape{3, 5, 9}},
		{picture.Preprocessing{Fit: picture.Shorter, Resize: 12, Mean: []float64{0.5, 0.5, 0.5},
			Std: []float64{0.1, 0.2, 0.3}}, tensor.Shape{3, 8, 8}},
		{picture.Preprocessing{Digit: picture.Detect}, tensor.Shape{1, 28, 28}},
	} {
		set := only(t, "a.png", pngOf(t, img),
			dataset.PictureOptions{Shape: c.shape, Preprocess: c.p, CacheBytes: 1 << 20})
		want, err := c.p.Apply(img, c.shape)
		require.NoError(t, err)
		for range 2 { // read, then from the cache
			_, x := sampleOf(t, set, 0)
			assert.Equal(t, want.Pixels, x)
		}
	}
	blank := only(t, "a.png", pngOf(t, stripes(1, 1)), dataset.PictureOptions{Shape: tensor.Shape{1, 28, 28},
		Preprocess: picture.Preprocessing{Digit: picture.Detect}})
	_, err := blank.Sample(0, make([]float32, 28*28))
	var corrupt *dataset.CorruptError
	require.ErrorAs(t, err, &corrupt)
	assert.ErrorContains(t, err, "nothing is drawn in the picture")
}

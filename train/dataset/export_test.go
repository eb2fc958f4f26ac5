package dataset_test

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

func ExampleExport() {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	set, _ := dataset.NewImages(tensor.Shape{1, 2, 2}, []uint8{0, 10, 20, 30, 200, 210, 220, 230}, []uint8{1, 0}, 2)
	if err := dataset.Export(set, filepath.Join(dir, "digits")); err != nil {
		fmt.Println(err)
		return
	}
	names, _ := filepath.Glob(filepath.Join(dir, "digits", "*", "*"))
	for _, name := range names {
		name, _ = filepath.Rel(dir, name)
		fmt.Println(filepath.ToSlash(name))
	}
	// Output:
	// digits/0/1.png
	// digits/1/0.png
}

func TestExportRoundTrip(t *testing.T) {
	for _, channels := range []int{1, 3} {
		train, test := counting(t, 23, channels, 6, 6), counting(t, 11, channels, 6, 6)
		dir := filepath.Join(t.TempDir(), "new", "set")
		require.NoError(t, dataset.ExportSplit(train, test, dir))
		gotTrain, gotTest, err := dataset.OpenFolder(dir, dataset.PictureOptions{Shape: tensor.Shape{channels, 6, 6}})
		require.NoError(t, err)
		assertSameByClass(t, train, gotTrain)
		assertSameByClass(t, test, gotTest)
	}
}

// assertSameByClass compares got, sorted by class, with want, whose labels are counting's.
func assertSameByClass(t *testing.T, want, got dataset.Dataset) {
	t.Helper()
	require.Equal(t, want.Len(), got.Len())
	row := 0
	for class := range 10 {
		for i := class; i < want.Len(); i += 10 {
			label, x := sampleOf(t, got, row)
			wantLabel, wantX := sampleOf(t, want, i)
			require.Equal(t, wantLabel, label)
			require.Equal(t, wantX, x, "sample %d", i)
			row++
		}
	}
}

func TestExportWritesPlainRGB(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	require.NoError(t, dataset.Export(counting(t, 1, 1, 4, 4), dir))
	data, err := os.ReadFile(filepath.Join(dir, "0", "0.png"))
	require.NoError(t, err)
	assert.Equal(t, byte(2), data[25], "colour type 2: red, green, blue")
	assert.Equal(t, byte(8), data[24], "8 bits each")
	img, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	r, g, b, _ := img.At(3, 0).RGBA()
	assert.Equal(t, []uint32{21 * 257, 21 * 257, 21 * 257}, []uint32{r, g, b})
}

// Intensities between two levels go to the nearer one, those outside [0, 1] to its ends.
func TestExportRoundsAndClips(t *testing.T) {
	black, err := dataset.NewImages(tensor.Shape{3, 1, 2}, make([]uint8, 6), []uint8{0}, 1)
	require.NoError(t, err)
	nan := float32(math.NaN())
	shifted, err := dataset.Transformed(black, 1,
		dataset.SubtractMean{Mean: []float32{-0.4 / 255, -7, -1.6 / 255, -254.5 / 255, nan, 3}})
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "set")
	require.NoError(t, dataset.Export(shifted, dir))
	file, err := os.Open(filepath.Join(dir, "0", "0.png"))
	require.NoError(t, err)
	defer file.Close()
	img, err := png.Decode(file)
	require.NoError(t, err)
	assert.Equal(t, color.RGBA{R: 0, G: 2, B: 0, A: 255}, img.At(0, 0))
	assert.Equal(t, color.RGBA{R: 255, G: 255, B: 0, A: 255}, img.At(1, 0))
}

// fails gives an error at one of its samples.
type fails struct {
	*dataset.Images
	at int
}

func (f fails) Sample(i int, dst []float32) (int, error) {
	if i == f.at {
		return 0, errBroken
	}
	return f.Images.Sample(i, dst)
}

func TestExportIsAtomic(t *testing.T) {
	parent := t.TempDir()
	set := counting(t, 200, 1, 4, 4)
	for _, at := range []int{0, 199} {
		err := dataset.ExportSplit(set, fails{set, at}, filepath.Join(parent, "set"))
		require.ErrorIs(t, err, errBroken)
		assert.ErrorContains(t, err, fmt.Sprintf("sample %d: broken", at))
		left, err := os.ReadDir(parent)
		require.NoError(t, err)
		assert.Empty(t, left)
	}
}

func TestExportRefuses(t *testing.T) {
	set := counting(t, 2, 1, 4, 4)
	taken := writeFiles(t, map[string][]byte{"thesis.txt": []byte("dear")})
	assert.ErrorContains(t, dataset.Export(set, taken), "is not empty: want a new folder, got thesis.txt in it")
	assert.FileExists(t, filepath.Join(taken, "thesis.txt"))
	assert.Error(t, dataset.Export(set, filepath.Join(taken, "thesis.txt")))

	fresh := filepath.Join(t.TempDir(), "set")
	assert.ErrorContains(t, dataset.Export(counting(t, 2, 2, 4, 4), fresh), "have 2 channels: want 1 (grey) or 3")
	assert.ErrorContains(t, dataset.Export(faulty{set}, fresh), "label 1")
	assert.ErrorContains(t, dataset.Export(hostileNames{set}, fresh), `class "../up" cannot be the name of a folder`)
	assert.NoDirExists(t, fresh)
}

type hostileNames struct{ *dataset.Images }

func (hostileNames) ClassNames() []string { return []string{"fine", "../up"} }

func TestExportToAnEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, dataset.Export(counting(t, 2, 1, 4, 4), dir))
	assert.FileExists(t, filepath.Join(dir, "1", "1.png"))
}

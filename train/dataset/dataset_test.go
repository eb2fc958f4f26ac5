package dataset_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"convgraph/train/dataset"
)

// counting is a set of n images (channels,height,width) whose pixels count up through the set, with
// labels 0 to 9 in turn.
func counting(t testing.TB, n, channels, height, width int) *dataset.Images {
	t.Helper()
	pixels := make([]uint8, n*channels*height*width)
	for i := range pixels {
		pixels[i] = uint8(i * 7)
	}
	labels := make([]uint8, n)
	for i := range labels {
		labels[i] = uint8(i % 10)
	}
	set, err := dataset.NewImages(tensor.Shape{channels, height, width}, pixels, labels, 10)
	require.NoError(t, err)
	return set
}

func ExampleNewImages() {
	pixels := []uint8{0, 51, 102, 255}
	set, err := dataset.NewImages(tensor.Shape{1, 1, 2}, pixels, []uint8{1, 0}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := make([]float32, 2)
	label, err := set.Sample(1, x)
	fmt.Println(set.Len(), set.Shape(), label, x, err)
	// Output: 2 (1, 1, 2) 0 [0.4 1] <nil>
}

func ExampleTake() {
	set, _ := dataset.NewImages(tensor.Shape{1, 1, 1}, []uint8{1, 2, 3}, []uint8{0, 1, 2}, 3)
	first := dataset.Take(set, 2)
	_, err := first.Sample(2, make([]float32, 1))
	fmt.Println(first.Len(), dataset.Take(set, 9).Len(), err)
	// Output: 2 3 index 2 is out of range: the set has 2 samples
}

func ExampleBatch() {
	set, _ := dataset.NewImages(tensor.Shape{1, 1, 1}, []uint8{0, 51, 255}, []uint8{0, 1, 2}, 3)
	x, t := make([]float32, 2), make([]float32, 2*3)
	err := dataset.Batch(set, []int{2, 1}, x, t)
	fmt.Println(x, t, err)
	// Output: [1 0.2] [0 0 1 0 1 0] <nil>
}

func TestNewImagesRefuses(t *testing.T) {
	shape := tensor.Shape{1, 2, 2}
	for name, c := range map[string]struct {
		shape          tensor.Shape
		pixels, labels int
		label          uint8
		classes        int
		want           string
	}{
		"no height":       {tensor.Shape{1, 0, 2}, 4, 1, 0, 10, "each at least 1"},
		"two dimensions":  {tensor.Shape{2, 2}, 4, 1, 0, 10, "want channels, height and width"},
		"a pixel short":   {shape, 7, 2, 0, 10, "2 labels and 7 pixels: want 4 pixels an image (1, 2, 2)"},
		"an image short":  {shape, 4, 2, 0, 10, "2 labels and 4 pixels"},
		"a label too big": {shape, 4, 1, 10, 10, "label 10 of image 0 is out of range: want 0 to 9"},
		"no classes":      {shape, 4, 1, 0, 0, "0 classes: want 1 to 256"},
	} {
		labels := make([]uint8, c.labels)
		labels[0] = c.label
		_, err := dataset.NewImages(c.shape, make([]uint8, c.pixels), labels, c.classes)
		assert.ErrorContains(t, err, c.want, name)
	}
}

func TestSampleRefusesWrongArguments(t *testing.T) {
	set := counting(t, 3, 1, 2, 2)
	for _, i := range []int{-1, 3} {
		_, err := set.Sample(i, make([]float32, 4))
		assert.ErrorContains(t, err, "out of range: the set has 3 samples")
	}
	_, err := set.Sample(0, make([]float32, 5))
	assert.ErrorContains(t, err, "dst holds 5 values, a sample (1, 2, 2) has 4")
}

func TestShapeIsACopy(t *testing.T) {
	set := counting(t, 1, 1, 2, 2)
	set.Shape()[0] = 9
	assert.Equal(t, tensor.Shape{1, 2, 2}, set.Shape())
}

func TestTakeNegativeIsEmpty(t *testing.T) {
	assert.Zero(t, dataset.Take(counting(t, 3, 1, 1, 1), -1).Len())
}

func TestBatchRefuses(t *testing.T) {
	set := counting(t, 3, 1, 2, 2)
	assert.ErrorContains(t, dataset.Batch(set, []int{0}, make([]float32, 3), nil), "x holds 3 values, want 4")
	assert.ErrorContains(t, dataset.Batch(set, []int{0}, make([]float32, 4), make([]float32, 9)),
		"t holds 9 values, want 10")
	assert.ErrorContains(t, dataset.Batch(set, []int{0, 3}, make([]float32, 8), nil),
		"sample 3: index 3 is out of range")
	assert.ErrorContains(t, dataset.Batch(faulty{set}, []int{2}, make([]float32, 4), make([]float32, 10)),
		"sample 2: label 12 is out of range: the set has classes 0 to 9")
}

// faulty breaks the contract of Dataset: its labels are not below its classes.
type faulty struct{ *dataset.Images }

func (f faulty) Sample(i int, dst []float32) (int, error) {
	label, err := f.Images.Sample(i, dst)
	return label + 10, err
}

func TestBatchOverwritesOldLabels(t *testing.T) {
	set := counting(t, 3, 1, 1, 1)
	target := make([]float32, 10)
	for _, i := range []int{1, 2} {
		require.NoError(t, dataset.Batch(set, []int{i}, make([]float32, 1), target))
	}
	assert.Equal(t, []float32{0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, target)
}

func TestClassNames(t *testing.T) {
	set, err := dataset.NewImages(tensor.Shape{1, 1, 1}, []uint8{0}, []uint8{0}, 11)
	require.NoError(t, err)
	names := dataset.ClassNames(set)
	assert.Equal(t, []string{"00", "01", "09", "10"}, []string{names[0], names[1], names[9], names[10]})
	assert.Equal(t, "9", dataset.ClassNames(counting(t, 1, 1, 1, 1))[9])
	named := dataset.Take(withNames{set}, 1)
	assert.Equal(t, []string{"cat", "dog"}, dataset.ClassNames(named), "the names pass through a wrapper")
}

type withNames struct{ *dataset.Images }

func (withNames) ClassNames() []string { return []string{"cat", "dog"} }

var errBroken = errors.New("broken")

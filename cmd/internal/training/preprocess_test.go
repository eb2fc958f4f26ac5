package training

import (
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"convgraph/classify"
	"convgraph/graph"
	"convgraph/internal/cli"
	"convgraph/picture"
	"convgraph/train/dataset"
	"convgraph/train/mnist"
)

func embedded(t *testing.T) (training, test dataset.Dataset) {
	t.Helper()
	training, test, err := mnist.Load()
	require.NoError(t, err)
	return training, test
}

// writeDigits writes the first images of a set whose class is below the given one.
func writeDigits(t *testing.T, dir, name string, set dataset.Dataset, below, most int) {
	t.Helper()
	var images, labels []byte
	pixels := make([]float32, 28*28)
	for i := 0; i < set.Len() && len(labels) < most; i++ {
		label, err := set.Sample(i, pixels)
		require.NoError(t, err)
		if label >= below {
			continue
		}
		labels = append(labels, byte(label))
		for _, p := range pixels {
			images = append(images, byte(255*p+0.5))
		}
	}
	n := binary.BigEndian.AppendUint32(nil, uint32(len(labels)))
	header := append(append([]byte{0, 0, 8, 3}, n...), 0, 0, 0, 28, 0, 0, 0, 28)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+"-images-idx3-ubyte"), append(header, images...), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+"-labels-idx1-ubyte"),
		append(append([]byte{0, 0, 8, 1}, n...), labels...), 0o644))
}

// TestPreprocessIsWritten expects parameter files to declare how pictures become like the training
// images.
func TestPreprocessIsWritten(t *testing.T) {
	dir := t.TempDir()
	spec, three, declared := filepath.Join(dir, "mine.json"), filepath.Join(dir, "three.json"),
		filepath.Join(dir, "declared.json")
	writeSpec(t, spec, 4, 10)
	writeSpec(t, three, 4, 3)
	require.NoError(t, os.WriteFile(declared, []byte(`{"name": "mine",
		"input": [1, 28, 28], "preprocess": {"mean": [0.5], "std": [0.25]},
		"layers": [{"kind": "affine", "units": 3}, {"kind": "softmax"}]}`), 0o644))
	for name, c := range map[string]struct {
		args []string
		want picture.Preprocessing
	}{
		"the embedded MNIST": {[]string{"-model", spec}, picture.Preprocessing{Digit: picture.Detect}},
		"other images of its": {[]string{"-model", spec, "-data", someClasses(t, 10, 200, 100)},
			picture.Preprocessing{}},
		"drawings in folders": {[]string{"-model", three, "-data", drawings(t)}, picture.Preprocessing{}},
		"pictures in folders": {[]string{"-model", "alexnet", "-size", "67", "-width", "0.1", "-data", imageFolder(t)},
			picture.Preprocessing{Resize: 76}},
		"a spec that says so": {[]string{"-model", declared, "-data", drawings(t)},
			picture.Preprocessing{Mean: []float64{0.5}, Std: []float64{0.25}}},
	} {
		out := t.TempDir()
		code, _, stderr := trainmnist(t, append(c.args, "-quiet", "-out", out, "-epochs", "1", "-train-samples", "60",
			"-test-samples", "30", "-batch", "6")...)
		require.Equal(t, cli.OK, code, "%s: %s", name, stderr)
		m, err := graph.Load(filepath.Join(out, "params.safetensors"))
		require.NoError(t, err)
		require.NotNil(t, m.Spec().Preprocess, name)
		assert.Equal(t, c.want, *m.Spec().Preprocess, name)
	}
}

// drawings makes class folders of grey 28x28 pictures: a bar at the left, in the middle or at the
// right, whose class its place alone says. What centres a drawing takes the class away.
func drawings(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for half, n := range map[string]int{"train": 40, "test": 10} {
		for class, name := range []string{"left", "middle", "right"} {
			folder := filepath.Join(dir, half, name)
			require.NoError(t, os.MkdirAll(folder, 0o755))
			for i := range n {
				img := image.NewGray(image.Rect(0, 0, 28, 28))
				for p := range 6 * 12 {
					img.SetGray(1+10*class+i%4+p%6, 4+i%9+p/6, color.Gray{Y: 255})
				}
				f, err := os.Create(filepath.Join(folder, strconv.Itoa(i)+".png"))
				require.NoError(t, err)
				require.NoError(t, png.Encode(f, img))
				require.NoError(t, f.Close())
			}
		}
	}
	return dir
}

// TestPredictionsAgreeWithTheTest predicts the pictures that a network was tested on, and expects
// the test's accuracy.
func TestPredictionsAgreeWithTheTest(t *testing.T) {
	data, out := drawings(t), t.TempDir()
	spec := filepath.Join(out, "where.json")
	writeSpec(t, spec, 12, 3)
	args := []string{"-quiet", "-model", spec, "-data", data, "-out", out, "-epochs", "10", "-batch", "12",
		"-lr", "0.01"}
	assert.Equal(t, 100., accuracyOf(t, args...))

	m, err := graph.Load(filepath.Join(out, "params.safetensors"))
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(data, "test", "*", "*.png"))
	require.NoError(t, err)
	require.Len(t, files, 30)
	for _, path := range files {
		sample, err := classify.Preprocessing(m.Spec()).Read(path, m.Spec().Input)
		require.NoError(t, err)
		p, err := classify.Predict(m, path, sample)
		require.NoError(t, err)
		assert.Equal(t, filepath.Base(filepath.Dir(path)), p.Name, path)
	}
}
